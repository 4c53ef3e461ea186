//! The blocks that a party holds and the log that it decided.

use std::collections::{BTreeMap, BTreeSet};

use byzlab_crypto::Digest;

use super::{Block, RequestId};

/// The blocks that a party holds: a tree rooted in genesis, and loose blocks whose ancestors are
/// still missing. The decided log is a path from the root.
///
/// What is below the log's end and not on it is forgotten, so that only undecided blocks (of
/// which a leader makes one a view) are held beside the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    /// The decided blocks by height, genesis first.
    log: Vec<Block>,
    /// Their heights by hash.
    heights: BTreeMap<Digest, u64>,
    /// The blocks that are not decided: few, mostly none or one.
    undecided: BTreeMap<(u64, Digest), Block>,
    executed: BTreeSet<RequestId>,
}

/// What came of an attempt to decide a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Commit {
    /// These blocks are decided now, by ascending height; none if they were decided before.
    Decided(Vec<Block>),
    /// This ancestor, or the block itself, is not held.
    Missing(Digest),
    /// The block is not on one path with the log: two quorums disagree.
    Conflict,
}

impl Chain {
    /// The chain of an instance: genesis, decided.
    pub fn new(instance: Digest) -> Chain {
        let genesis = Block::genesis(instance);
        Chain {
            heights: BTreeMap::from([(genesis.hash(), 0)]),
            log: vec![genesis],
            undecided: BTreeMap::new(),
            executed: BTreeSet::new(),
        }
    }

    /// The hash of genesis.
    pub fn genesis(&self) -> Digest {
        self.log[0].hash()
    }

    /// A block that is held.
    pub fn get(&self, hash: &Digest) -> Option<&Block> {
        // Nearly always it is the end of the log or what comes right after it.
        let last = &self.log[self.log.len() - 1];
        if last.hash() == *hash {
            return Some(last);
        }
        let undecided = self.undecided.values().find(|block| block.hash() == *hash);
        undecided.or_else(|| self.log.get(*self.heights.get(hash)? as usize))
    }

    /// Holds a block from now on, unless it is too low to be decided. Says whether it is new.
    pub fn insert(&mut self, block: Block) -> bool {
        let (height, hash) = (block.height(), block.hash());
        height > self.decided_height() && self.undecided.insert((height, hash), block).is_none()
    }

    /// The height of the log's end.
    pub fn decided_height(&self) -> u64 {
        self.log.len() as u64 - 1
    }

    /// The hash of the log's end.
    pub fn decided(&self) -> Digest {
        self.log[self.log.len() - 1].hash()
    }

    /// The decided block of a height.
    pub fn decided_at(&self, height: u64) -> Option<&Block> {
        self.log.get(usize::try_from(height).ok()?)
    }

    /// The first block that is missing on the way from `tip` down to the log; nothing if the
    /// whole path back to genesis is held.
    pub fn missing(&self, tip: &Digest) -> Option<Digest> {
        let mut hash = *tip;
        loop {
            let Some(block) = self.get(&hash) else { return Some(hash) };
            if block.height() <= self.decided_height() {
                return None;
            }
            hash = block.parent();
        }
    }

    /// Whether a block and all its ancestors back to genesis are held.
    pub fn holds_path(&self, tip: &Digest) -> bool {
        self.missing(tip).is_none()
    }

    /// Whether `tip` is `ancestor` or extends it, as far as blocks are held.
    pub fn extends(&self, tip: &Digest, ancestor: &Digest) -> bool {
        let Some(lowest) = self.get(ancestor).map(Block::height) else { return tip == ancestor };
        let mut hash = *tip;
        while let Some(block) = self.get(&hash) {
            if hash == *ancestor {
                return true;
            }
            if block.height() <= lowest {
                return false;
            }
            hash = block.parent();
        }
        false
    }

    /// The undecided blocks from above the log up to `tip`, by ascending height.
    pub fn undecided(&self, tip: &Digest) -> Vec<Block> {
        let above = self.decided_height();
        self.path_above(tip, above)
    }

    /// The blocks of the path to `tip` that are higher than `above`, by ascending height, as far
    /// down as blocks are held.
    pub fn path_above(&self, tip: &Digest, above: u64) -> Vec<Block> {
        let mut path = Vec::new();
        let mut hash = *tip;
        while let Some(block) = self.get(&hash).filter(|block| block.height() > above) {
            path.push(block.clone());
            hash = block.parent();
        }
        path.reverse();
        path
    }

    /// The requests of the undecided blocks up to `tip`.
    pub fn undecided_requests(&self, tip: &Block) -> BTreeSet<RequestId> {
        let path = self.undecided(&tip.hash());
        path.iter().flat_map(|block| block.requests().iter().copied()).collect()
    }

    /// Whether every request of a block stands once in it and nowhere on the chain below it.
    pub fn fresh(&self, block: &Block) -> bool {
        let Some(parent) = self.get(&block.parent()) else { return false };
        let mut seen = self.undecided_requests(parent);
        block.requests().iter().all(|id| !self.executed.contains(id) && seen.insert(*id))
    }

    /// Whether a request is in the log.
    pub fn is_executed(&self, id: &RequestId) -> bool {
        self.executed.contains(id)
    }

    /// Decides a block and all its ancestors. Forgets what can no longer be decided; those
    /// hashes come second.
    pub fn commit(&mut self, tip: &Digest) -> (Commit, Vec<Digest>) {
        let path = self.undecided(tip);
        let below = match path.first() {
            Some(first) => first.parent(),
            None => *tip,
        };
        let Some(base) = self.get(&below) else { return (Commit::Missing(below), Vec::new()) };
        let (base_height, base_hash) = (base.height(), base.hash());
        if base_height > self.decided_height() {
            return (Commit::Missing(base.parent()), Vec::new());
        }
        let on_log = self.decided_at(base_height).is_some_and(|block| block.hash() == base_hash);
        if !on_log || (!path.is_empty() && base_height != self.decided_height()) {
            return (Commit::Conflict, Vec::new());
        }
        for block in &path {
            self.heights.insert(block.hash(), block.height());
            self.undecided.remove(&(block.height(), block.hash()));
            self.log.push(block.clone());
            self.executed.extend(block.requests().iter().copied());
        }
        let forgotten = self.prune();
        (Commit::Decided(path), forgotten)
    }

    /// Forgets blocks that are too low to be decided and are not in the log.
    fn prune(&mut self) -> Vec<Digest> {
        let above = self.undecided.split_off(&(self.decided_height() + 1, Digest::ZERO));
        let lost = std::mem::replace(&mut self.undecided, above);
        lost.into_keys().map(|(_, hash)| hash).collect()
    }
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{KeyRing, Scheme, Signer};

    use super::*;
    use crate::View;

    fn signer() -> Signer {
        let (_, mut signers) =
            KeyRing::insecure_from_seed(Scheme::Ideal, Digest::ZERO, "test", 1, &[0; 32]).unwrap();
        signers.remove(0)
    }

    fn child(parent: &Block, view: u64) -> Block {
        Block::propose(&signer(), parent, View(view), (parent.view(), Digest::ZERO), &[])
    }

    fn chain_of(length: u64) -> (Chain, Vec<Block>) {
        let mut chain = Chain::new(Digest::ZERO);
        let mut blocks = vec![chain.get(&chain.genesis()).unwrap().clone()];
        for view in 1..=length {
            blocks.push(child(&blocks[blocks.len() - 1], view));
        }
        blocks[1..].iter().for_each(|block| assert!(chain.insert(block.clone())));
        (chain, blocks)
    }

    #[test]
    fn a_block_is_decided_with_all_its_ancestors_in_order() {
        let (mut chain, blocks) = chain_of(3);
        let (commit, _) = chain.commit(&blocks[3].hash());
        assert_eq!(commit, Commit::Decided(blocks[1..].to_vec()));
        assert_eq!(chain.commit(&blocks[2].hash()).0, Commit::Decided(vec![]), "decided before");
        assert_eq!(chain.decided_height(), 3);
    }

    #[test]
    fn a_block_is_not_decided_while_an_ancestor_is_missing() {
        let (full, blocks) = chain_of(3);
        let mut chain = Chain::new(Digest::ZERO);
        chain.insert(blocks[3].clone());
        assert_eq!(chain.missing(&blocks[3].hash()), Some(blocks[2].hash()));
        assert_eq!(chain.commit(&blocks[3].hash()).0, Commit::Missing(blocks[2].hash()));
        assert_eq!(chain.commit(&blocks[1].hash()).0, Commit::Missing(blocks[1].hash()));
        assert!(full.holds_path(&blocks[3].hash()));
    }

    #[test]
    fn a_conflicting_block_is_reported_and_a_lost_fork_is_forgotten() {
        let (mut chain, blocks) = chain_of(2);
        let fork = child(&blocks[1], 7);
        let deep = child(&fork, 8);
        chain.insert(fork.clone());
        chain.insert(deep.clone());
        let (_, forgotten) = chain.commit(&blocks[2].hash());
        assert_eq!(forgotten, [fork.hash()]);
        assert_eq!(chain.missing(&deep.hash()), Some(fork.hash()));
        assert!(!chain.insert(fork.clone()), "too low to be decided");
        let mut other = Chain::new(Digest::ZERO);
        for block in [&blocks[1], &blocks[2], &fork, &deep] {
            other.insert(block.clone());
        }
        other.commit(&blocks[1].hash());
        assert!(other.extends(&deep.hash(), &blocks[1].hash()));
        assert!(!other.extends(&deep.hash(), &blocks[2].hash()));
        other.commit(&deep.hash());
        let rival = child(&blocks[2], 9);
        other.insert(rival.clone());
        assert_eq!(other.decided_height(), 3);
    }
}
