//! The conditions that protect agreement in HotStuff, as plain functions of plain data.

use byzlab_crypto::{Committee, Digest, PartyId};

use super::wire::Phase;
use crate::{View, broken::named_rules};

/// What a proposal rests on, as plain data.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    /// The parent of the proposed block.
    pub parent: Digest,
    /// The view in which it was proposed.
    pub view: View,
    /// The view of its justification, as its header says.
    pub justify_view: View,
    /// View and block of the certificate that came with it; none for genesis.
    pub certified: Option<(View, Digest)>,
    /// The hash of genesis.
    pub genesis: Digest,
}

/// What a party has signed so far, as plain data.
#[derive(Clone, Copy, Debug)]
pub struct Signed {
    /// The last view in which it voted in the same phase.
    pub same_phase: View,
    /// The highest view in which it voted at all.
    pub any_phase: View,
    /// The highest view that it gave up.
    pub timed_out: View,
    /// The view that it is in.
    pub present: View,
}

/// The rules of the protocol.
pub struct Rules {
    /// The id of the broken twin, or `published`.
    pub name: &'static str,
    /// Whether a block of this proposer may be voted for in a view with this leader.
    pub from_leader: fn(proposer: PartyId, leader: PartyId) -> bool,
    /// Whether a proposal is considered that is not the first of its view (or is).
    pub considers: fn(second: bool) -> bool,
    /// Whether so many new-views are enough to propose on.
    pub enough: fn(committee: &Committee, new_views: usize) -> bool,
    /// Whether the certificate justifies the block.
    pub justified: fn(basis: &Basis) -> bool,
    /// safeNode: whether a party with a lock of this view votes for a block that extends the
    /// lock's block (or does not) and is justified from this view.
    pub safe: fn(extends_lock: bool, justify_view: View, lock: View) -> bool,
    /// Whether a party that signed this may vote in this view.
    pub may_vote: fn(signed: &Signed, view: View) -> bool,
    /// Whether a highest certificate gives way to another one.
    pub adopts: fn(own: View, other: View) -> bool,
    /// Whether a lock gives way to a pre-commit certificate.
    pub locks: fn(own: View, certified: View) -> bool,
    /// Whether a certificate of this phase decides.
    pub decides: fn(phase: Phase) -> bool,
    /// Whether a block whose requests are all new (or are not) may be voted for.
    pub valid_payload: fn(fresh: bool) -> bool,
}

named_rules!(Rules);

/// The protocol.
pub static PUBLISHED: Rules = Rules::published();

impl Rules {
    /// The rules of three-phase HotStuff.
    pub const fn published() -> Rules {
        Rules {
            name: "published",
            from_leader: |proposer, leader| proposer == leader,
            considers: |second| !second,
            enough: |committee, new_views| new_views >= committee.quorum(),
            justified,
            safe,
            may_vote,
            adopts: |own, other| other > own,
            locks: |own, certified| certified > own,
            decides: |phase| phase == Phase::Commit,
            valid_payload: |fresh| fresh,
        }
    }
}

/// Corrections A8: the parent is the certified block, and the header names the certificate's
/// view, which is a past one. Genesis needs no certificate: at view 0 and nowhere else.
fn justified(basis: &Basis) -> bool {
    let certified = basis.certified.unwrap_or((View::GENESIS, basis.genesis));
    (basis.justify_view, basis.parent) == certified && basis.justify_view < basis.view
}

/// Protocols.md 2.12, step 2: safety by the branch of the lock, or liveness by a certificate
/// that is newer than the lock. Views grow along a chain, so that what extends the lock is not
/// justified from before it; if n - f faulty parties certify a chain where they do not, a vote for
/// it would look like one against the lock.
fn safe(extends_lock: bool, justify_view: View, lock: View) -> bool {
    justify_view > lock || (extends_lock && justify_view == lock)
}

/// Corrections A8: one vote in a phase of a view, none in a view below the highest one voted in,
/// and none in a view that was given up.
fn may_vote(signed: &Signed, view: View) -> bool {
    view == signed.present
        && view > signed.same_phase
        && view >= signed.any_phase
        && view > signed.timed_out
}
