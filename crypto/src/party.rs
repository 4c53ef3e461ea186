//! Who takes part: party numbers and sets of them.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::MAX_PARTIES;

/// The number of a party (or of a client), counted from 0.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct PartyId(pub u16);

impl PartyId {
    /// The number as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All parties of a committee of `n`, in order.
    pub fn all(n: usize) -> impl DoubleEndedIterator<Item = PartyId> + ExactSizeIterator {
        (0..n).map(|index| PartyId(u16::try_from(index).expect("a committee has a u16 of parties")))
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

const WORDS: usize = MAX_PARTIES / 64;

/// A set of parties below [`MAX_PARTIES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartySet {
    words: [u64; WORDS],
}

impl PartySet {
    /// The empty set.
    pub const EMPTY: PartySet = PartySet { words: [0; WORDS] };

    /// Adds a party; says whether it is new.
    ///
    /// # Panics
    /// If the party is [`MAX_PARTIES`] or above: nobody has such a number.
    pub fn insert(&mut self, party: PartyId) -> bool {
        let (word, bit) = (party.index() / 64, 1 << (party.index() % 64));
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }

    /// Removes a party.
    pub fn remove(&mut self, party: PartyId) {
        if let Some(word) = self.words.get_mut(party.index() / 64) {
            *word &= !(1 << (party.index() % 64));
        }
    }

    /// Whether the party is in the set.
    pub fn contains(&self, party: PartyId) -> bool {
        let word = self.words.get(party.index() / 64).copied().unwrap_or(0);
        word & (1 << (party.index() % 64)) != 0
    }

    /// How many parties are in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The parties in order.
    pub fn iter(&self) -> impl Iterator<Item = PartyId> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(PartyId((64 * at + bit) as u16))
            })
        })
    }

    /// Those who are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &PartySet) -> PartySet {
        let mut both = *self;
        both.words.iter_mut().zip(other.words).for_each(|(word, other)| *word &= other);
        both
    }
}

impl FromIterator<PartyId> for PartySet {
    fn from_iter<I: IntoIterator<Item = PartyId>>(parties: I) -> Self {
        let mut set = PartySet::EMPTY;
        parties.into_iter().for_each(|party| {
            set.insert(party);
        });
        set
    }
}

impl fmt::Debug for PartySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|party| party.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set: PartySet = [0, 63, 64, 1023].map(PartyId).into_iter().collect();
        assert_eq!(set.len(), 4);
        assert!(!set.insert(PartyId(64)));
        set.remove(PartyId(64));
        assert_eq!(set.iter().map(|party| party.0).collect::<Vec<_>>(), [0, 63, 1023]);
        assert!(!set.contains(PartyId(u16::MAX)), "a number that nobody has is in no set");
    }
}
