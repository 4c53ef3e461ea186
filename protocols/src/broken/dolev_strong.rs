//! Broken twins of the rules of Dolev-Strong.

use crate::dolev_strong::Rules;

const P: Rules = Rules::published();

/// What there is: id and what is wrong.
///
/// M18 replaces `timely` and `due` together: each of them alone keeps late chains out, so that one
/// without the other is the same protocol.
pub const PIECES: &[(&str, &str)] = &[
    ("M17", "f rounds instead of f + 1"),
    ("M18", "a chain may be shorter than the round"),
    ("M19", "a signer may stand in a chain twice"),
    ("M20", "the budget is two messages, not two values: the post read literally"),
    ("M21", "a chain need not begin with the sender"),
    ("M22", "only the first value is relayed"),
    ("M23", "of several values the smallest is decided"),
    ("M24", "a chain of another broadcast counts"),
    ("M25", "a chain must be longer than the round"),
    ("one-value", "V holds one value at the most"),
    ("one-chain", "of each length one chain is kept, whatever its value"),
    ("round-begun", "a chain of k signatures is late once round k has begun"),
];

/// The rules of a piece.
pub fn rules(id: &str) -> Option<&'static Rules> {
    ALL.iter().find(|rules| rules.name == id)
}

static ALL: &[Rules] = &[
    Rules { name: "M17", rounds: |f| if f == 0 { 1 } else { f }, ..P },
    Rules { name: "M18", timely: |_, _| true, due: |length, round| length <= round, ..P },
    Rules { name: "M19", distinct: |_| true, ..P },
    Rules { name: "M20", keeps: |_, kept| kept < 4096, extracts: |_, _, sent| sent < 2, ..P },
    Rules { name: "M21", begins: |_, _| true, ..P },
    Rules { name: "M22", relays: |count| count == 1, ..P },
    Rules { name: "M23", chooses: |extracted| extracted.iter().min().copied(), ..P },
    Rules { name: "M24", belongs: |_, _| true, ..P },
    Rules { name: "M25", due: |length, round| length == round + 1, ..P },
    Rules { name: "one-value", extracts: |new, extracted, _| new && extracted < 1, ..P },
    Rules { name: "one-chain", keeps: |new, kept| new && kept < 1, ..P },
    Rules { name: "round-begun", timely: |length, ended| length > ended + 1, ..P },
];
