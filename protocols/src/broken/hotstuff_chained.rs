//! Broken twins of the rules of chained HotStuff.

use crate::hotstuff_chained::Rules;

const P: Rules = Rules::published();

/// What there is: id and what is wrong.
///
/// Three changes that one may think of are not here. A vote in a view that was given up breaks two
/// phases, not three (attacks HS19): the lock of its voters is below the certificates that count. A
/// block of a past view is not even looked at, so that no rule on votes could let one through. And
/// a timeout certificate of f + 1 would be refused by everybody who checks it.
pub const PIECES: &[(&str, &str)] = &[
    ("M37", "a request that is on the chain may be ordered again"),
    ("M39", "no lock is set"),
    ("M40", "a block must extend the lock AND be justified from a higher view"),
    ("M41", "a block is decided by two in a row, when the lock is set"),
    ("M42", "the views of the three blocks need not be consecutive"),
    ("M43", "the parent need not be the certified block"),
    ("M45", "a block without a certificate counts as one on genesis, at any view"),
    ("M47", "a highest certificate never gives way"),
    ("M50", "a block of anybody is voted for"),
    ("double-vote", "a party votes in a view as often as it is asked"),
    ("any-branch", "a block of any branch is voted for, whatever the lock"),
    ("lowered-lock", "the lock follows the last certificate seen, down as well"),
    ("all-timeouts", "a view ends by the timeouts of all parties"),
];

/// The rules of a piece.
pub fn rules(id: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.name == id)
}

static ALL: &[Rules] = &[
    Rules { name: "M37", valid_payload: |_| true, ..P },
    Rules { name: "M39", locks: |_, _| false, ..P },
    Rules { name: "M40", safe: |extends, justify, lock| extends && justify > lock, ..P },
    Rules {
        name: "M41",
        decides: |views| (views.len() > 1 && views[0] == views[1].next()).then_some(1),
        ..P
    },
    Rules { name: "M42", decides: |views| (views.len() == 3).then_some(2), ..P },
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
    Rules { name: "M47", adopts: |_, _| false, ..P },
    Rules { name: "M50", from_leader: |_, _| true, ..P },
    Rules {
        name: "double-vote",
        considers: |_| true,
        may_vote: |signed, view| {
            view == signed.present && view >= signed.voted && view > signed.timed_out
        },
        ..P
    },
    Rules { name: "any-branch", safe: |_, _, _| true, ..P },
    Rules { name: "lowered-lock", locks: |_, _| true, ..P },
    Rules { name: "all-timeouts", ends_view: |committee, timeouts| timeouts >= committee.n(), ..P },
];
