//! The disk of a party: what it persisted survives, what it did not is gone.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::Digest;
use byzlab_protocols::{Block, Stored, smr::Snapshot};

/// What a party finds after a crash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DiskAfter {
    /// All that it persisted.
    Kept,
    /// Nothing.
    Lost,
    /// What it had persisted at half of the time until the crash: an old backup.
    Stale,
}

/// A simulated disk.
#[derive(Clone, Debug)]
pub struct Disk<R> {
    record: Option<Arc<R>>,
    blocks: BTreeMap<Digest, Block>,
    snapshot: Option<Snapshot>,
}

impl<R> Disk<R> {
    /// An empty disk.
    pub fn new() -> Self {
        Disk { record: None, blocks: BTreeMap::new(), snapshot: None }
    }

    /// Replaces the record.
    pub fn persist(&mut self, record: Arc<R>) {
        self.record = Some(record);
    }

    /// Stores a block.
    pub fn keep(&mut self, block: Block) {
        self.blocks.insert(block.hash(), block);
    }

    /// Removes a block.
    pub fn forget(&mut self, hash: &Digest) {
        self.blocks.remove(hash);
    }

    /// Stores a snapshot in place of the one before.
    pub fn save(&mut self, snapshot: Snapshot) {
        self.snapshot = Some(snapshot);
    }

    /// What a party finds on it: nothing if no record was ever persisted.
    pub fn read(&self) -> Option<Stored<R>> {
        let record = self.record.clone()?;
        let mut blocks: Vec<_> = self.blocks.values().cloned().collect();
        blocks.sort_by_key(|block| (block.height(), block.hash()));
        Some(Stored { record, blocks, snapshot: self.snapshot.clone() })
    }
}

impl<R> Default for Disk<R> {
    fn default() -> Self {
        Disk::new()
    }
}
