//! What steps bring, on its way to the disk and out of the node.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use byzlab_crypto::Digest;
use byzlab_protocols::{Block, Reply, smr::Snapshot};

use super::Status;
use crate::{
    journal::{Entry, Happened},
    link::Outgoing,
    store::Change,
};

/// How many bytes of batches wait for the disk, about; one in any case.
const BYTES: usize = 64 << 20;
/// With so many bytes nobody rests.
const MANY: usize = BYTES / 2;
/// What a batch counts for beside what it holds.
const PLACE: usize = 16 << 10;

/// The record in its sealed bytes, made when they are needed: another one may come before.
pub(super) type Seal = Box<dyn FnOnce() -> Vec<u8> + Send>;

/// What must survive a crash.
#[derive(Default)]
pub(super) struct Durables {
    pub(super) record: Option<Seal>,
    /// Blocks that are kept, and those that are forgotten.
    pub(super) blocks: BTreeMap<Digest, Option<Block>>,
    pub(super) snapshot: Option<Snapshot>,
}

impl Durables {
    pub(super) fn is_empty(&self) -> bool {
        self.record.is_none() && self.blocks.is_empty() && self.snapshot.is_none()
    }

    fn then(&mut self, later: Durables) {
        self.record = later.record.or(self.record.take());
        self.blocks.extend(later.blocks);
        self.snapshot = later.snapshot.or(self.snapshot.take());
    }

    /// The same as bytes.
    pub(super) fn change(self) -> Change {
        let mut change = Change { record: self.record.map(|seal| seal()), ..Change::default() };
        for (hash, block) in self.blocks {
            match block {
                Some(block) => change.keep(&block),
                None => change.forget(hash),
            }
        }
        self.snapshot.iter().for_each(|snapshot| change.save(snapshot));
        change
    }
}

/// What is let go.
#[derive(Default)]
pub(super) struct Leaves {
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) replies: Vec<Reply>,
    pub(super) status: Status,
}

/// What steps brought, to be written down and then let go.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) durables: Durables,
    pub(super) leaves: Leaves,
    /// The last of all.
    pub(super) last: bool,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        let Leaves { outgoing, replies, .. } = &self.leaves;
        let nothing = outgoing.is_empty() && replies.is_empty();
        nothing && self.entries.is_empty() && self.durables.is_empty()
    }

    pub(super) fn then(&mut self, later: Batch) {
        self.entries.extend(later.entries);
        self.durables.then(later.durables);
        self.leaves.outgoing.extend(later.leaves.outgoing);
        self.leaves.replies.extend(later.leaves.replies);
        self.leaves.status = later.leaves.status;
        self.last |= later.last;
    }

    /// About how many bytes it holds.
    fn bytes(&self) -> usize {
        // Of a record the last one is left.
        let entry = |entry: &Entry| match &entry.happened {
            Happened::Packet { bytes, .. } => bytes.len(),
            Happened::Command(request) => request.body.payload.len(),
            _ => 0,
        };
        let blocks = self.durables.blocks.values().flatten().filter_map(Block::wire);
        let outgoing = self.leaves.outgoing.iter().map(|outgoing| outgoing.frame.len());
        let replies = self.leaves.replies.iter().map(|reply| reply.result.len());
        let snapshot = self.durables.snapshot.iter().map(|snapshot| snapshot.bytes().len());
        let entries = self.entries.iter().map(entry);
        let blocks = blocks.map(|wire| wire.bytes());
        let all = entries.chain(blocks).chain(outgoing).chain(replies).chain(snapshot);
        PLACE + all.sum::<usize>()
    }
}

/// Batches that wait for the disk. Whoever puts one waits until there is room, so that a disk that
/// stands still stops the party, and does not fill its memory.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// All that was put, as one.
    batch: Option<Batch>,
    bytes: usize,
    /// Whoever takes them sleeps until there are many.
    rests: bool,
    closed: bool,
}

impl Backlog {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a batch, once there is room; says whether anybody takes it.
    pub(super) fn put(&self, batch: Batch) -> bool {
        let bytes = batch.bytes();
        let full = |waiting: &mut Waiting| {
            !waiting.closed && waiting.batch.is_some() && waiting.bytes + bytes > BYTES
        };
        let waiting = self.changed.wait_while(self.lock(), full);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.closed {
            return false;
        }
        waiting.bytes += bytes;
        match &mut waiting.batch {
            Some(before) => before.then(batch),
            None => waiting.batch = Some(batch),
        }
        if !waiting.rests || waiting.bytes >= MANY {
            self.changed.notify_all();
        }
        true
    }

    /// Waits for batches and takes all of them as one; nothing once it is closed and empty. Whoever
    /// puts them does not wait for this one, but for room.
    pub(super) fn take(&self) -> Option<Batch> {
        let empty = |waiting: &mut Waiting| waiting.batch.is_none() && !waiting.closed;
        let waiting = self.changed.wait_while(self.lock(), empty);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.bytes = 0;
        self.changed.notify_all();
        waiting.batch.take()
    }

    /// Waits for a while, or until it is closed: what is put meanwhile is taken as one.
    pub(super) fn rest(&self, time: Duration) {
        let mut waiting = self.lock();
        waiting.rests = true;
        let few = |waiting: &mut Waiting| !waiting.closed && waiting.bytes < MANY;
        let rested = self.changed.wait_timeout_while(waiting, time, few);
        rested.unwrap_or_else(PoisonError::into_inner).0.rests = false;
    }

    /// One end is gone.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn batch(length: usize) -> Batch {
        let bytes = vec![0; length];
        let happened = Happened::Packet { from: 0, incarnation: 0, number: 0, bytes };
        Batch { entries: vec![Entry { at: 0, happened, effects: None }], ..Batch::default() }
    }

    /// Nobody takes anything for a while: who puts waits, and holds no more than there is room for.
    #[test]
    fn what_waits_for_a_disk_is_bounded_in_number_and_in_bytes() {
        for (length, most) in [(0, BYTES / PLACE), (BYTES / 4 - PLACE, 4), (BYTES + 1, 1)] {
            let (backlog, put) = (Arc::new(Backlog::default()), Arc::new(AtomicUsize::new(0)));
            let (here, count) = (backlog.clone(), put.clone());
            let puts = std::thread::spawn(move || {
                while here.put(batch(length)) {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            while put.load(Ordering::SeqCst) < most {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_millis(30));
            assert_eq!(put.load(Ordering::SeqCst), most, "batches of {length} bytes");
            let taken = backlog.take().expect("some wait").entries.len();
            assert_eq!(taken, most, "all as one");
            while put.load(Ordering::SeqCst) < most + 1 {
                std::thread::yield_now();
            }
            backlog.close();
            puts.join().expect("whoever waits for room hears that there is none");
        }
    }

    #[test]
    fn what_was_put_before_the_end_is_taken() {
        let backlog = Backlog::default();
        assert!(backlog.put(batch(1)) && backlog.put(batch(2)));
        backlog.close();
        assert!(!backlog.put(batch(3)));
        // Whoever rests hears of the end at once.
        backlog.rest(Duration::from_secs(3600));
        assert_eq!(backlog.take().map(|batch| batch.entries.len()), Some(2));
        assert!(backlog.take().is_none());
    }

    #[test]
    fn whoever_rests_goes_on_once_there_are_many_bytes() {
        let backlog = Arc::new(Backlog::default());
        let here = backlog.clone();
        let rests = std::thread::spawn(move || here.rest(Duration::from_secs(3600)));
        while !backlog.lock().rests {
            std::thread::yield_now();
        }
        assert!(backlog.put(batch(1)) && backlog.lock().rests);
        assert!(backlog.put(batch(MANY)));
        rests.join().expect("it wakes up");
        assert!(!backlog.lock().rests);
    }
}
