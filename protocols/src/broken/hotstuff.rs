//! Broken twins of the rules of HotStuff.

use crate::hotstuff::{Phase, Rules};

const P: Rules = Rules::published();

/// What there is: id and what is wrong.
///
/// Two changes that one may think of break nothing, and are not here. A justification of the
/// block's own view, or of a later one, needs a quorum that voted there, and by `may_vote` none of
/// its honest members votes for the block any more. And f + 1 new-views instead of a quorum cost
/// the views in which the leader does not know the last certificate: safeNode keeps agreement, and
/// the timeouts of such a view bring the certificate. No scenario here breaks a deadline by it;
/// that none does, for every n and length of run, is not shown.
pub const PIECES: &[(&str, &str)] = &[
    ("M37", "a request that is on the chain may be ordered again"),
    ("M39", "no lock is set"),
    ("M40", "a block must extend the lock AND be justified from a higher view"),
    ("M41", "a block is decided when the lock is set"),
    ("M43", "the parent need not be the certified block"),
    ("M45", "a block without a certificate counts as one on genesis, at any view"),
    ("M46", "a party votes in a view below the last one it voted in"),
    ("M47", "certificates that new-views bring are ignored"),
    ("M50", "a block of anybody is voted for"),
    ("double-vote", "a party votes in a phase of a view as often as it is asked"),
    ("any-branch", "a block of any branch is voted for, whatever the lock"),
    ("all-new-views", "the leader waits for the new-views of all parties"),
];

/// The rules of a piece.
pub fn rules(id: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.name == id)
}

static ALL: &[Rules] = &[
    Rules { name: "M37", valid_payload: |_| true, ..P },
    Rules { name: "M39", locks: |_, _| false, ..P },
    Rules { name: "M40", safe: |extends, justify, lock| extends && justify > lock, ..P },
    Rules { name: "M41", decides: |phase| phase >= Phase::PreCommit, ..P },
    Rules {
        name: "M43",
        justified: |basis| {
            basis.certified.map(|(view, _)| view).unwrap_or_default() == basis.justify_view
        },
        ..P
    },
    Rules {
        name: "M45",
        justified: |basis| {
            basis.certified.is_none_or(|qc| qc == (basis.justify_view, basis.parent))
        },
        ..P
    },
    Rules {
        name: "M46",
        may_vote: |signed, view| view != signed.same_phase && view <= signed.present,
        ..P
    },
    Rules { name: "M47", adopts: |_, _| false, ..P },
    Rules { name: "M50", from_leader: |_, _| true, ..P },
    Rules {
        name: "double-vote",
        considers: |_| true,
        may_vote: |signed, view| {
            view == signed.present && view >= signed.any_phase && view > signed.timed_out
        },
        ..P
    },
    Rules { name: "any-branch", safe: |_, _, _| true, ..P },
    Rules { name: "all-new-views", enough: |committee, new_views| new_views >= committee.n(), ..P },
];
