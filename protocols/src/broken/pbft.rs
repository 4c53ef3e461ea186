//! Broken twins of the rules of PBFT.

use crate::pbft::Rules;

const P: Rules = Rules::published();

/// What there is: id and what is wrong.
///
/// M32 refuses an equal lock as well. A party that refuses for a *higher* lock alone loses nothing
/// that is promised: after GST an honest leader holds the status of every honest party, with the
/// bodies below its lock, so that nobody's lock is higher than the highest of S.
pub const PIECES: &[(&str, &str)] = &[
    ("M26", "a party votes for every proposal of a view"),
    ("M27", "no lock is set when a certificate forms"),
    ("M28", "a status counts for any view"),
    ("M29", "f + 1 statuses are enough"),
    ("M30", "the lowest lock is built on"),
    ("M31", "any block is justified, whatever the statuses say"),
    ("M32", "a party refuses a justified block because its own lock is as high, or higher"),
    ("M33", "a certificate need not be the one that the status names"),
    ("M37", "a request that is on the chain may be ordered again"),
    ("M50", "a block of anybody is voted for"),
    ("M59", "voting lowers a lock to the highest of the statuses"),
    ("late-vote2", "vote2 is sent when the quorum completes, however late"),
];

/// The rules of a piece.
pub fn rules(id: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.name == id)
}

static ALL: &[Rules] = &[
    Rules { name: "M26", may_vote: |voted, view| voted <= view, ..P },
    Rules { name: "M27", locks: |_, _| false, ..P },
    Rules { name: "M28", speaks_for: |_, _| true, ..P },
    Rules { name: "M29", enough: |committee, count| count >= committee.one_honest(), ..P },
    Rules { name: "M30", highest: |locks| locks.iter().min_by_key(|lock| lock.0).copied(), ..P },
    Rules { name: "M31", justified: |_, _, _| true, ..P },
    Rules { name: "M32", yields: |own, highest| highest > own, ..P },
    Rules { name: "M33", shows_lock: |status, _, _| status.lock_view < status.view, ..P },
    Rules { name: "M37", valid_payload: |_| true, ..P },
    Rules { name: "M50", from_leader: |_, _| true, ..P },
    Rules { name: "M59", raises: |_, _| true, ..P },
    Rules { name: "late-vote2", may_vote2: |_, _, _| true, ..P },
];
