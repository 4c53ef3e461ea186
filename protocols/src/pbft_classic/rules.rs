//! The conditions that protect agreement and liveness in classic PBFT, as plain functions of plain
//! data.
//!
//! Handlers call them through [`Rules`]; a museum piece is [`Rules::published`] with one of them
//! replaced.

use byzlab_crypto::{Committee, Digest, PartyId};

use super::statements::{Prepare, null};
use crate::{Span, View, broken::named_rules};

/// A slot, and what is to be proposed for it.
pub type Place = (u64, Digest);

/// The rules of the protocol.
pub struct Rules {
    /// The id of the broken twin, or `published`.
    pub name: &'static str,
    /// Whether a pre-prepare or new-view of this party counts in a view with this primary.
    pub from_primary: fn(by: PartyId, primary: PartyId) -> bool,
    /// Whether a slot is between the watermarks, `window` apart.
    pub in_window: fn(slot: u64, low: u64, high: u64) -> bool,
    /// Whether a batch may be accepted for a slot for which, in this view, this one was.
    pub accepts: fn(before: Option<Digest>, digest: Digest) -> bool,
    /// Whether a party takes part in a view that it has left, or not.
    pub takes_part: fn(left: bool) -> bool,
    /// Whether what a view change lists is what its certificates show.
    pub shows: fn(listed: &[Prepare], certified: &[Prepare]) -> bool,
    /// Whether a view change speaks for a view.
    pub speaks_for: fn(change: View, view: View) -> bool,
    /// Whether so many view changes are enough to open a view.
    pub enough: fn(committee: &Committee, changes: usize) -> bool,
    /// What is to be proposed of what was prepared for a slot.
    pub chooses: fn(prepared: &[&Prepare]) -> Option<Digest>,
    /// What is to be proposed for a slot below the highest prepared one, given what was chosen.
    pub fills: fn(chosen: Option<Digest>) -> Option<Digest>,
    /// Whether the new primary proposes what the view changes say.
    pub justified: fn(proposed: &[Place], computed: &[Place]) -> bool,
    /// To which view a party goes because others are beyond its own: their views, ascending.
    pub joins: fn(committee: &Committee, beyond: &[View]) -> Option<View>,
    /// Whether a view change for this view says that its sender waits for the other view, or has
    /// given it up as well.
    pub asks: fn(change: View, view: View) -> bool,
    /// How long a primary is trusted after so many views without progress.
    pub timeout: fn(base: Span, failures: u64) -> Span,
    /// Whether a request that is new, or is not, is executed.
    pub executes: fn(fresh: bool) -> bool,
}

named_rules!(Rules);

/// The protocol.
pub static PUBLISHED: Rules = Rules::published();

/// How often the time for a view is doubled at the most (corrections A5).
pub(super) const MAX_DOUBLINGS: u64 = 6;

impl Rules {
    /// The rules of Castro and Liskov as corrected.
    pub const fn published() -> Rules {
        Rules {
            name: "published",
            from_primary,
            in_window,
            accepts,
            takes_part,
            shows,
            speaks_for,
            enough,
            chooses,
            fills,
            justified,
            joins,
            asks,
            timeout,
            executes,
        }
    }
}

/// Protocols.md 2.9, step 1: nobody else proposes.
fn from_primary(by: PartyId, primary: PartyId) -> bool {
    by == primary
}

/// Protocols.md 2.9, A5: a faulty primary must not be able to exhaust the sequence numbers.
fn in_window(slot: u64, low: u64, high: u64) -> bool {
    low < slot && slot <= high
}

/// Protocols.md 2.9, step 2: one batch for a slot in a view.
fn accepts(before: Option<Digest>, digest: Digest) -> bool {
    before.is_none_or(|before| before == digest)
}

/// Corrections A10: after the view change no prepare and no commit of an earlier view, or what is
/// decided by it stands in no view change.
fn takes_part(left: bool) -> bool {
    !left
}

/// Corrections A5, "VIEW-CHANGE validity": what is listed is what is signed, so it must be shown.
fn shows(listed: &[Prepare], certified: &[Prepare]) -> bool {
    listed == certified
}

/// Protocols.md 2.9, V: else a primary replays old view changes and hides what was prepared since.
fn speaks_for(change: View, view: View) -> bool {
    change == view
}

/// Protocols.md 2.9, V: a quorum meets every quorum of commits in an honest party, which lists what
/// it committed.
fn enough(committee: &Committee, changes: usize) -> bool {
    changes >= committee.quorum()
}

/// Protocols.md 2.9, O: of the latest view. Of one view there is one, since two prepared
/// certificates share an honest party; where there are two, nothing is justified.
fn chooses(prepared: &[&Prepare]) -> Option<Digest> {
    prepared.iter().max_by_key(|prepared| prepared.view).map(|prepared| prepared.digest)
}

/// Protocols.md 2.9, O: a gap is filled with a null request, or nothing above it is ever executed.
fn fills(chosen: Option<Digest>) -> Option<Digest> {
    Some(chosen.unwrap_or_else(null))
}

/// Protocols.md 2.9: backups recompute O and refuse what differs.
fn justified(proposed: &[Place], computed: &[Place]) -> bool {
    proposed == computed
}

/// Castro and Liskov, 4.5.2, and corrections B7: f + 1 parties beyond the own view, in whatever
/// views, move it to the smallest of these: one honest party is there or beyond.
fn joins(committee: &Committee, beyond: &[View]) -> Option<View> {
    (beyond.len() >= committee.one_honest()).then(|| beyond[0])
}

/// Corrections A5, timers, made precise: who asks for a later view has left this one too. If only
/// those counted that ask for this very view, the clocks of those who are behind would stop.
fn asks(change: View, view: View) -> bool {
    change >= view
}

/// Corrections A5: doubled for each view without progress, up to a limit.
fn timeout(base: Span, failures: u64) -> Span {
    base * (1 << failures.min(MAX_DOUBLINGS))
}

/// Protocols.md 2.9, client: each request is executed at most once, however often it is ordered.
fn executes(fresh: bool) -> bool {
    fresh
}
