//! The conditions that protect agreement in PBFT, as plain functions of plain data.
//!
//! Handlers call them through [`Rules`]; a museum piece is [`Rules::published`] with one of them
//! replaced.

use byzlab_crypto::{Committee, Digest, PartyId};

use super::wire::Status;
use crate::{View, broken::named_rules};

/// A lock as plain data: its rank and the block that it certifies.
pub type Lock = (View, Digest);

/// The rules of the protocol.
pub struct Rules {
    /// The id of the broken twin, or `published`.
    pub name: &'static str,
    /// Whether a block of this proposer may be voted for in a view with this leader.
    pub from_leader: fn(proposer: PartyId, leader: PartyId) -> bool,
    /// Whether a status speaks for the view.
    pub speaks_for: fn(status: &Status, view: View) -> bool,
    /// Whether the certificate that came with a status is the one that it names, of a rank below
    /// the view. Genesis needs none.
    pub shows_lock: fn(status: &Status, certified: Option<Lock>, genesis: Digest) -> bool,
    /// Whether so many statuses are enough to propose on and to vote for.
    pub enough: fn(committee: &Committee, statuses: usize) -> bool,
    /// The lock to build on.
    pub highest: fn(locks: &[Lock]) -> Option<Lock>,
    /// Whether a block that extends `parent`, justified by rank `justify_view`, is one that the
    /// statuses with this highest lock justify.
    pub justified: fn(parent: &Digest, justify_view: View, highest: &Lock) -> bool,
    /// Whether a party that voted last in view `voted` may vote in `view`.
    pub may_vote: fn(voted: View, view: View) -> bool,
    /// Whether a party with a lock of rank `own` votes for a block on rank `highest`.
    pub yields: fn(own: View, highest: View) -> bool,
    /// Whether a lock of rank `own` gives way to the highest lock of S when voting.
    pub raises: fn(own: View, highest: View) -> bool,
    /// Whether a lock of rank `own` gives way to a certificate of rank `certified` at vote2.
    pub locks: fn(own: View, certified: View) -> bool,
    /// Whether vote2 of `view` may be sent by a party whose last status was for `status`, at the
    /// time for it or not.
    pub may_vote2: fn(view: View, status: View, on_time: bool) -> bool,
    /// Whether a block whose requests are all new (or are not) may be voted for.
    pub valid_payload: fn(fresh: bool) -> bool,
}

named_rules!(Rules);

/// The protocol.
pub static PUBLISHED: Rules = Rules::published();

impl Rules {
    /// The rules of the post as corrected.
    pub const fn published() -> Rules {
        Rules {
            name: "published",
            from_leader,
            speaks_for,
            shows_lock,
            enough,
            highest,
            justified,
            may_vote,
            yields,
            raises,
            locks,
            may_vote2,
            valid_payload,
        }
    }
}

/// Post, "the leader is v mod n": nobody else proposes.
fn from_leader(proposer: PartyId, leader: PartyId) -> bool {
    proposer == leader
}

/// Protocols.md 2.7, pitfall 3: else a leader replays old statuses and hides newer locks.
fn speaks_for(status: &Status, view: View) -> bool {
    status.view == view
}

/// Corrections C2: the certificate is the one that the status names, and older than the view;
/// rank 0 is genesis and nothing else.
fn shows_lock(status: &Status, certified: Option<Lock>, genesis: Digest) -> bool {
    let named = (status.lock_view, status.lock_hash);
    status.lock_view < status.view && certified.unwrap_or((View::GENESIS, genesis)) == named
}

/// Post, propose phase: n - t statuses meet every commit quorum in an honest party that is
/// locked on what it committed.
fn enough(committee: &Committee, statuses: usize) -> bool {
    statuses >= committee.quorum()
}

/// Post, "certified blocks are ranked by the views in which they are certified". Two different
/// blocks of the highest rank justify nothing (corrections A3).
fn highest(locks: &[Lock]) -> Option<Lock> {
    let highest = locks.iter().max_by_key(|(rank, _)| *rank)?;
    let unique = locks.iter().all(|lock| lock.0 < highest.0 || lock == highest);
    unique.then_some(*highest)
}

/// Post, "extending the lock of the highest rank".
fn justified(parent: &Digest, justify_view: View, highest: &Lock) -> bool {
    (justify_view, *parent) == *highest
}

/// Post, line 20: one vote in a view; and never one for the past.
fn may_vote(voted: View, view: View) -> bool {
    voted < view
}

/// Protocols.md 2.7, pitfall 4: S proves that nothing on a conflicting branch can have been
/// committed, so a lock never stands against it (corrections A3).
fn yields(_own: View, _highest: View) -> bool {
    true
}

/// Corrections A3: a lock is never lowered.
fn raises(own: View, highest: View) -> bool {
    highest > own
}

/// Post, vote2 phase: a quorum locks before anybody commits.
fn locks(own: View, certified: View) -> bool {
    certified > own
}

/// Protocols.md 2.7, pitfall 1: at (4v+3)Δ and not later, so that the status of every later view
/// reports the lock.
fn may_vote2(view: View, status: View, on_time: bool) -> bool {
    on_time && view == status
}

/// Post, "each request can be uniquely mapped to a valid client request" (corrections D3).
fn valid_payload(fresh: bool) -> bool {
    fresh
}
