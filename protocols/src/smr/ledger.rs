//! What a log of slots has made of the application, and snapshots of it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, PartyId, Reject};

use super::{Block, KeyValue, RequestId};
use crate::{
    Context, Durable, Reply,
    durable::{put, take},
};

/// The digest of a log up to a slot, from that of the log before it and what the slot decided.
/// The log without slots has [`Digest::ZERO`].
pub fn log_digest(before: Digest, decided: Digest) -> Digest {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&before.0);
    both[32..].copy_from_slice(&decided.0);
    Digest::of("byzlab/smr/log/1", &both)
}

/// What is known of one client: which of its requests were executed, as ranges that neither touch
/// nor overlap, and the last answer, in case it was lost on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Client {
    ranges: BTreeMap<u64, u64>,
    last: (u64, u64, Vec<u8>),
}

impl Client {
    fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, end)| *end >= seq)
    }

    /// Adds a number; says whether it is new.
    fn insert(&mut self, seq: u64) -> bool {
        if self.contains(seq) {
            return false;
        }
        let after = seq.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let end = after.unwrap_or(seq);
        let before = self.ranges.range_mut(..seq).next_back();
        match before.filter(|(_, before)| before.checked_add(1) == Some(seq)) {
            Some((_, before)) => *before = end,
            None => {
                self.ranges.insert(seq, end);
            }
        }
        true
    }
}

/// The application after all slots of a log up to one: what a party that has no log needs to go on
/// from there. The same at every correct party, to the byte.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Ledger {
    slot: u64,
    log: Digest,
    application: KeyValue,
    clients: BTreeMap<PartyId, Client>,
}

impl Ledger {
    /// The last slot that was executed; 0 for none.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The digest of the log up to there.
    pub fn log(&self) -> Digest {
        self.log
    }

    /// How many requests were executed.
    pub fn executed(&self) -> u64 {
        let ranges = self.clients.values().flat_map(|client| &client.ranges);
        ranges.fold(0_u64, |sum, (start, end)| sum.saturating_add((end - start).saturating_add(1)))
    }

    /// Whether a request was executed.
    pub fn is_executed(&self, id: &RequestId) -> bool {
        self.clients.get(&id.client).is_some_and(|client| client.contains(id.seq))
    }

    /// The answer to a request, if it is the last one that its client was given.
    pub fn answer(&self, id: &RequestId) -> Option<Reply> {
        let (seq, slot, result) = &self.clients.get(&id.client)?.last;
        let known = self.is_executed(id) && *seq == id.seq;
        known.then(|| Reply { request: *id, slot: *slot, result: Cow::Owned(result.clone()) })
    }

    /// Executes the next slot, whose decided value has this digest; no block stands for a request
    /// that does nothing. `again` says whether a request is executed, given whether it is new.
    pub fn execute(
        &mut self,
        digest: Digest,
        block: Option<&Block>,
        again: fn(fresh: bool) -> bool,
    ) -> Vec<Reply> {
        self.slot += 1;
        self.log = log_digest(self.log, digest);
        let mut replies = Vec::new();
        for command in block.map_or(&[][..], Block::commands) {
            let client = self.clients.entry(command.by).or_default();
            let seq = command.body.seq;
            if !again(client.insert(seq)) {
                continue;
            }
            let result = self.application.apply(&command.body.payload);
            client.last = (seq, self.slot, result.to_vec());
            let request = RequestId { client: command.by, seq };
            replies.push(Reply { request, slot: self.slot, result });
        }
        replies
    }

    /// The requests that were executed here and not in an earlier ledger, by client and number.
    pub fn since(&self, earlier: &Ledger) -> Vec<RequestId> {
        let all = self.clients.iter().flat_map(|(client, known)| {
            let numbers = known.ranges.iter().flat_map(|(start, end)| *start..=*end);
            numbers.map(|seq| RequestId { client: *client, seq })
        });
        all.filter(|id| !earlier.is_executed(id)).collect()
    }
}

/// A ledger in its canonical bytes, which its digest covers. Shared: a copy costs nothing.
#[derive(Clone)]
pub struct Snapshot {
    slot: u64,
    bytes: Arc<Vec<u8>>,
    digest: Digest,
}

impl Snapshot {
    /// A snapshot of a ledger.
    pub fn of(ledger: &Ledger) -> Snapshot {
        let bytes = borsh::to_vec(ledger).expect("writing to a vector cannot fail");
        let digest = state_digest(&bytes);
        Snapshot { slot: ledger.slot, bytes: Arc::new(bytes), digest }
    }

    /// Takes bytes for what a digest stands for. Nothing is decoded before they are known to be.
    ///
    /// # Errors
    /// If they are not that.
    pub fn check(bytes: &Arc<Vec<u8>>, digest: Digest) -> Result<Snapshot, Reject> {
        if state_digest(bytes) != digest {
            return Err(Reject::Malformed("the state differs from its digest"));
        }
        let ledger: Ledger = borsh::from_slice(bytes).map_err(|_| Reject::Undecodable)?;
        Ok(Snapshot { slot: ledger.slot, bytes: bytes.clone(), digest })
    }

    /// The last slot that it covers.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.bytes
    }

    /// What it is of, decoded: most snapshots are never needed.
    pub fn ledger(&self) -> Ledger {
        borsh::from_slice(&self.bytes).expect("the bytes of a ledger, or taken for one")
    }
}

/// Its digest, and the bytes that it covers. That it is one's own is known by the certificate of its
/// checkpoint.
impl Durable for Snapshot {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.digest, to);
        put(&self.bytes, to);
    }

    fn load(_context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        let digest = take(from)?;
        Snapshot::check(&take(from)?, digest)
    }
}

fn state_digest(bytes: &[u8]) -> Digest {
    Digest::of("byzlab/smr/snapshot/1", bytes)
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Snapshot {}

impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {} of slot {}", self.digest, self.slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_each_number_once_in_whatever_order() {
        let mut client = Client::default();
        for seq in [5, 3, 4, 9, 0, u64::MAX, 8] {
            assert!(!client.contains(seq) && client.insert(seq) && !client.insert(seq));
        }
        let ranges: Vec<_> = client.ranges.clone().into_iter().collect();
        assert_eq!(ranges, [(0, 0), (3, 5), (8, 9), (u64::MAX, u64::MAX)]);
        assert!(!client.contains(1) && !client.contains(6) && client.contains(4));
        let clients = BTreeMap::from([(PartyId(0), client.clone()), (PartyId(1), client)]);
        assert_eq!(Ledger { clients, ..Ledger::default() }.executed(), 2 * 7);
    }

    #[test]
    fn a_snapshot_is_what_its_digest_stands_for() {
        let mut ledger = Ledger::default();
        ledger.execute(Digest([1; 32]), None, |fresh| fresh);
        let snapshot = Snapshot::of(&ledger);
        let taken = Snapshot::check(snapshot.bytes(), snapshot.digest()).unwrap();
        assert_eq!((taken.ledger(), taken.slot()), (ledger.clone(), 1));
        let mut other = ledger.clone();
        other.execute(Digest([2; 32]), None, |fresh| fresh);
        let wrong = Snapshot::of(&other);
        assert!(Snapshot::check(wrong.bytes(), snapshot.digest()).is_err());
        assert_ne!(ledger.log(), other.log(), "an empty slot is a slot");
    }
}
