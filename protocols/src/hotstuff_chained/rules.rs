//! The conditions that protect agreement in chained HotStuff, as plain functions of plain data.

use byzlab_crypto::{Committee, Digest, PartyId};

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
    /// The highest view in which it voted.
    pub voted: View,
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
    /// Whether the certificate justifies the block.
    pub justified: fn(basis: &Basis) -> bool,
    /// safeNode: whether a party with a lock of this view votes for a block that extends the
    /// locked block (or does not) and is justified from this view.
    pub safe: fn(extends_lock: bool, justify_view: View, lock: View) -> bool,
    /// Whether a party that signed this may vote in this view.
    pub may_vote: fn(signed: &Signed, view: View) -> bool,
    /// Whether a highest certificate gives way to another one.
    pub adopts: fn(own: View, other: View) -> bool,
    /// Whether a lock gives way to the certificate below a certified block.
    pub locks: fn(own: View, certified: View) -> bool,
    /// Given the views of a certified block, its parent, its grandparent: how far below the
    /// certified block the one is that is decided now, if there is one.
    pub decides: fn(views: &[View]) -> Option<usize>,
    /// Whether so many timeouts of a view are a timeout certificate.
    pub ends_view: fn(committee: &Committee, timeouts: usize) -> bool,
    /// Whether a block whose requests are all new (or are not) may be voted for.
    pub valid_payload: fn(fresh: bool) -> bool,
}

named_rules!(Rules);

/// The protocol.
pub static PUBLISHED: Rules = Rules::published();

impl Rules {
    /// The rules of chained HotStuff.
    pub const fn published() -> Rules {
        Rules {
            name: "published",
            from_leader: |proposer, leader| proposer == leader,
            considers: |second| !second,
            justified,
            safe,
            may_vote,
            adopts: |own, other| other > own,
            locks: |own, certified| certified > own,
            decides,
            ends_view: |committee, timeouts| timeouts >= committee.quorum(),
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

/// Protocols.md 2.12: safety by the branch of the lock, or liveness by a certificate that is newer
/// than the lock. Views grow along a chain, so that what extends the lock is not justified from
/// before it; if n - f faulty parties certify a chain where they do not, a vote for it would look
/// like one against the lock.
fn safe(extends_lock: bool, justify_view: View, lock: View) -> bool {
    justify_view > lock || (extends_lock && justify_view == lock)
}

/// Corrections A8: one vote in a view, in ascending order, and none in a view that was given up.
fn may_vote(signed: &Signed, view: View) -> bool {
    view == signed.present && view > signed.voted && view > signed.timed_out
}

/// Corrections A8: three blocks of consecutive views, each the parent of the next, the last one
/// certified. There are no dummy blocks here, so that the views have to be compared.
fn decides(views: &[View]) -> Option<usize> {
    let [top, middle, base] = views else { return None };
    (*top == middle.next() && *middle == base.next()).then_some(2)
}
