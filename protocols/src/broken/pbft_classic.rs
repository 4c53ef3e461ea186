//! Broken twins of the rules of classic PBFT.

use crate::pbft_classic::Rules;

const P: Rules = Rules::published();

/// What there is: id and what is wrong.
///
/// The quorums of prepares, commits and checkpoints are those of certificates: what they are good for
/// is shown by patches of the crypto crate, M01 and M02. M38, nobody joins a view change, breaks
/// nothing that is promised: whoever waits leaves on its own and counts all who have left, for
/// whatever view, and whoever does not wait answers those who do.
pub const PIECES: &[(&str, &str)] = &[
    ("M26", "a backup accepts every batch of the primary for a slot"),
    ("M28", "a view change counts for any view"),
    ("M29", "f + 1 view changes are enough"),
    ("M30", "what was prepared first is proposed again, not what was prepared last"),
    ("M31", "any proposals of a new primary are accepted, whatever the view changes say"),
    ("M33", "a view change need not show what it lists"),
    ("M34", "one view change moves everybody"),
    ("M35", "the time for a view is never doubled"),
    ("M37", "a request is executed as often as it is ordered"),
    ("M50", "a batch of anybody is accepted"),
    ("exact-views", "only those who ask for the very view count when its time begins"),
    ("late-votes", "a party still prepares and commits in a view that it has left"),
    ("no-null", "gaps are left open"),
    ("no-watermarks", "any slot may be proposed"),
];

/// The rules of a piece.
pub fn rules(id: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.name == id)
}

static ALL: &[Rules] = &[
    Rules { name: "M26", accepts: |_, _| true, ..P },
    Rules { name: "M28", speaks_for: |_, _| true, ..P },
    Rules { name: "M29", enough: |committee, changes| changes >= committee.one_honest(), ..P },
    Rules {
        name: "M30",
        chooses: |prepared| {
            prepared.iter().min_by_key(|prepared| prepared.view).map(|prepared| prepared.digest)
        },
        ..P
    },
    Rules { name: "M31", justified: |_, _| true, ..P },
    Rules { name: "M33", shows: |_, _| true, ..P },
    Rules { name: "M34", joins: |_, beyond| beyond.first().copied(), ..P },
    Rules { name: "M35", timeout: |base, _| base, ..P },
    Rules { name: "M37", executes: |_| true, ..P },
    Rules { name: "M50", from_primary: |_, _| true, ..P },
    Rules { name: "exact-views", asks: |change, view| change == view, ..P },
    Rules { name: "late-votes", takes_part: |_| true, ..P },
    Rules { name: "no-null", fills: |chosen| chosen, ..P },
    Rules { name: "no-watermarks", in_window: |_, _, _| true, ..P },
];
