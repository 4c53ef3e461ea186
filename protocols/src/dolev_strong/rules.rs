//! The conditions that protect agreement in Dolev-Strong, as plain functions of plain data.

use byzlab_crypto::{Digest, PartyId, PartySet};

use crate::{View, broken::named_rules};

/// The rules of the protocol.
pub struct Rules {
    /// The id of the broken twin, or `published`.
    pub name: &'static str,
    /// The number of rounds.
    pub rounds: fn(f: u64) -> u64,
    /// Whether a chain is of the broadcast that is going on.
    pub belongs: fn(chain: View, present: View) -> bool,
    /// Whether the first signer is right.
    pub begins: fn(first: PartyId, sender: PartyId) -> bool,
    /// Whether the signers are.
    pub distinct: fn(signers: &[PartyId]) -> bool,
    /// Whether a chain of this length is in time, when so many rounds have ended.
    pub timely: fn(length: u64, ended: u64) -> bool,
    /// Whether a chain is kept: whether its value is new, and how many of its length are kept.
    pub keeps: fn(new: bool, kept: usize) -> bool,
    /// Whether a kept chain of this length is judged at the end of this round.
    pub due: fn(length: u64, round: u64) -> bool,
    /// Whether a value is extracted: whether it is new, how many are in V, and how many messages
    /// this party has sent.
    pub extracts: fn(new: bool, extracted: usize, sent: usize) -> bool,
    /// Whether the value that came into V as the k-th is relayed.
    pub relays: fn(count: usize) -> bool,
    /// What is decided; nothing is the default value.
    pub chooses: fn(extracted: &[Digest]) -> Option<Digest>,
}

named_rules!(Rules);

/// The protocol.
pub static PUBLISHED: Rules = Rules::published();

impl Rules {
    /// The rules of the post as corrected.
    pub const fn published() -> Rules {
        Rules {
            name: "published",
            rounds: |f| f + 1,
            belongs: |chain, present| chain == present,
            begins: |first, sender| first == sender,
            distinct,
            timely,
            keeps: |new, kept| new && kept < 2,
            due: |length, round| length == round,
            extracts,
            relays: |_| true,
            chooses,
        }
    }
}

/// Post: "all signers in the chain are distinct".
fn distinct(signers: &[PartyId]) -> bool {
    let mut seen = PartySet::EMPTY;
    signers.iter().all(|signer| seen.insert(*signer))
}

/// Post: "the validity of a message is a function also of the time it is received". A chain of k
/// signatures is late once round k has ended; early it never is (corrections A6).
fn timely(length: u64, ended: u64) -> bool {
    length > ended
}

/// Protocols.md 2.1, rules: on *values*, two of them. Messages and echoes do not count.
fn extracts(new: bool, extracted: usize, _sent: usize) -> bool {
    new && extracted < 2
}

/// Post, decision rule: the only value, or the default.
fn chooses(extracted: &[Digest]) -> Option<Digest> {
    match extracted {
        [only] => Some(*only),
        _ => None,
    }
}
