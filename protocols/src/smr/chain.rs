//! The blocks that a party holds and the log that it decided.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

use byzlab_crypto::Digest;

use super::{Block, RequestId};
use crate::View;

/// The blocks that a party holds: a tree rooted in genesis, and loose blocks whose ancestors are
/// still missing. The decided log is a path from the root.
///
/// Views and heights grow along a chain: what is not above the log's end in both can never be
/// decided and is forgotten, so that only blocks of later views are held beside the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    /// The decided blocks by height, genesis first.
    log: Vec<Block>,
    /// Their heights by hash.
    heights: BTreeMap<Digest, u64>,
    /// The blocks that are not decided: few, mostly none or one.
    undecided: BTreeMap<Digest, Block>,
    /// Those of them that are loose, by their parents: nobody walks a path to see that it is held.
    loose: BTreeMap<Digest, BTreeSet<Digest>>,
    executed: BTreeSet<RequestId>,
}

impl Chain {
    /// The chain of an instance: genesis, decided.
    pub fn new(instance: Digest) -> Chain {
        let genesis = Block::genesis(instance);
        Chain {
            heights: BTreeMap::from([(genesis.hash(), 0)]),
            log: vec![genesis],
            undecided: BTreeMap::new(),
            loose: BTreeMap::new(),
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
        let undecided = self.undecided.get(hash);
        undecided.or_else(|| self.log.get(*self.heights.get(hash)? as usize))
    }

    /// Holds a block from now on, unless it can never be decided or does not fit its parent. Says
    /// whether it is new.
    pub fn insert(&mut self, block: Block) -> bool {
        let hash = block.hash();
        let fits = self.get(&block.parent()).is_none_or(|parent| {
            parent.is_just_below(block.height()) && parent.view() < block.view()
        });
        if !self.is_open(&block) || !fits || self.undecided.contains_key(&hash) {
            return false;
        }
        self.place(hash, block);
        true
    }

    /// Puts a block where it belongs: it is loose, or those that wait for it no longer are.
    fn place(&mut self, hash: Digest, block: Block) {
        let parent = block.parent();
        self.undecided.insert(hash, block);
        if !self.holds_path(&parent) {
            self.loose.entry(parent).or_default().insert(hash);
            return;
        }
        let mut rooted = vec![hash];
        while let Some(hash) = rooted.pop() {
            rooted.extend(self.loose.remove(&hash).unwrap_or_default());
        }
    }

    /// Whether a block may still be decided, by its height and view.
    fn is_open(&self, block: &Block) -> bool {
        block.height() > self.decided_height() && block.view() > self.decided_view()
    }

    /// Whether a block is in the log.
    pub fn is_decided(&self, hash: &Digest) -> bool {
        self.heights.contains_key(hash)
    }

    /// The height of the log's end.
    pub fn decided_height(&self) -> u64 {
        self.log.len() as u64 - 1
    }

    /// The hash of the log's end.
    pub fn decided(&self) -> Digest {
        self.log[self.log.len() - 1].hash()
    }

    /// The view of the log's end.
    pub fn decided_view(&self) -> View {
        self.log[self.log.len() - 1].view()
    }

    /// The decided block of a height.
    pub fn decided_at(&self, height: u64) -> Option<&Block> {
        self.log.get(usize::try_from(height).ok()?)
    }

    /// The first block that is missing on the way from `tip` down to the log; nothing if the
    /// whole path back to genesis is held.
    pub fn missing(&self, tip: &Digest) -> Option<Digest> {
        let mut hash = *tip;
        while !self.holds_path(&hash) {
            let Some(block) = self.get(&hash) else { return Some(hash) };
            hash = block.parent();
        }
        None
    }

    /// Whether a block and all its ancestors back to genesis are held.
    pub fn holds_path(&self, tip: &Digest) -> bool {
        self.get(tip).is_some_and(|block| {
            let decided = block.height() <= self.decided_height();
            decided || !self.loose.contains_key(&block.parent())
        })
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
        self.path(tip, self.decided_height(), usize::MAX)
    }

    /// The blocks of the path to `tip` that are higher than `above`, by ascending height, as far
    /// down as blocks are held, the highest `limit` of them.
    pub fn path(&self, tip: &Digest, above: u64, limit: usize) -> Vec<Block> {
        let mut path = Vec::new();
        let mut hash = *tip;
        while let Some(block) = self.get(&hash).filter(|block| block.height() > above) {
            if path.len() >= limit {
                break;
            }
            path.push(block.clone());
            hash = block.parent();
        }
        path.reverse();
        path
    }

    /// The blocks that are held and not decided, those of lost branches included.
    pub fn open(&self) -> impl Iterator<Item = &Block> {
        self.undecided.values()
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

    /// Decides a block and all its ancestors, if the path is held and extends the log. Gives
    /// what is decided now, by ascending height, and the hashes of what can no longer be decided
    /// and is forgotten.
    pub fn commit(&mut self, tip: &Digest) -> (Vec<Block>, Vec<Digest>) {
        if !self.holds_path(tip) || !self.extends(tip, &self.decided()) {
            return (Vec::new(), Vec::new());
        }
        let path = self.undecided(tip);
        for block in &path {
            let (height, hash) = (block.height(), block.hash());
            self.heights.insert(hash, height);
            self.undecided.remove(&hash);
            self.log.push(block.clone());
            self.executed.extend(block.requests().iter().copied());
        }
        (path, self.prune())
    }

    /// Forgets blocks that can no longer be decided; what stood on them is loose from now on.
    fn prune(&mut self) -> Vec<Digest> {
        if self.undecided.values().all(|block| self.is_open(block)) {
            return Vec::new();
        }
        self.loose.clear();
        let mut lost = Vec::new();
        for (hash, block) in mem::take(&mut self.undecided) {
            if self.is_open(&block) {
                self.place(hash, block);
            } else {
                lost.push(hash);
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{KeyRing, Scheme, Signer};

    use super::*;
    use crate::{Stream, smr::Batch};

    fn signer() -> Signer {
        let (_, mut signers) =
            KeyRing::insecure_from_seed(Scheme::Ideal, Digest::ZERO, "test", 1, &[0; 32]).unwrap();
        signers.remove(0)
    }

    fn child(parent: &Block, view: u64) -> Block {
        Block::propose(&signer(), parent, View(view), (parent.view(), Digest::ZERO), Batch::empty())
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
        assert_eq!(chain.commit(&blocks[3].hash()).0, blocks[1..]);
        assert_eq!(chain.commit(&blocks[2].hash()).0, [], "decided before");
        assert_eq!(chain.decided_height(), 3);
        assert!(blocks.iter().all(|block| chain.get(&block.hash()) == Some(block)));
    }

    #[test]
    fn a_block_is_not_decided_while_an_ancestor_is_missing() {
        let (full, blocks) = chain_of(3);
        let mut chain = Chain::new(Digest::ZERO);
        chain.insert(blocks[3].clone());
        assert_eq!(chain.missing(&blocks[3].hash()), Some(blocks[2].hash()));
        assert_eq!(chain.commit(&blocks[3].hash()).0, []);
        assert_eq!(chain.commit(&blocks[1].hash()).0, []);
        assert!(full.holds_path(&blocks[3].hash()));
        assert_eq!(full.path(&blocks[3].hash(), 0, 2), blocks[2..]);
    }

    /// What `missing` says, found by walking all the way.
    fn walked(chain: &Chain, tip: &Digest) -> Option<Digest> {
        let mut hash = *tip;
        while !chain.is_decided(&hash) {
            let Some(block) = chain.get(&hash) else { return Some(hash) };
            hash = block.parent();
        }
        None
    }

    /// A path of undecided blocks may be long, and is asked about with every message: only what is
    /// loose is walked. A tree comes in many orders, and now and then some of it is decided.
    #[test]
    fn what_is_missing_is_known_without_a_walk() {
        let (_, mut blocks) = chain_of(6);
        let (fork, deep) = (child(&blocks[2], 9), child(&blocks[3], 10));
        blocks.extend([child(&fork, 11), child(&deep, 12), fork, deep]);
        blocks.extend([child(&blocks[6], 13), child(&blocks[6], 14)]);
        let mut stream = Stream::named(1, "orders");
        for _ in 0..200 {
            let mut chain = Chain::new(Digest::ZERO);
            let mut left = blocks[1..].to_vec();
            while !left.is_empty() {
                let at = stream.below(left.len() as u64) as usize;
                chain.insert(left.swap_remove(at));
                if stream.below(6) == 0 {
                    let tip = stream.pick(&blocks).unwrap().hash();
                    chain.commit(&tip);
                }
                for hash in blocks.iter().map(Block::hash) {
                    assert_eq!(chain.missing(&hash), walked(&chain, &hash));
                }
                let loose = chain.loose.values().flatten().count();
                let missing = chain.open().filter(|block| !chain.holds_path(&block.hash()));
                assert_eq!(missing.count(), loose, "nothing else is walked");
            }
        }
    }

    #[test]
    fn a_lost_fork_is_forgotten_and_a_conflicting_block_is_not_decided() {
        let (mut chain, blocks) = chain_of(2);
        let fork = child(&blocks[1], 7);
        let deep = child(&fork, 8);
        chain.insert(fork.clone());
        chain.insert(deep.clone());
        let (_, forgotten) = chain.commit(&blocks[2].hash());
        assert_eq!(forgotten, [fork.hash()]);
        assert_eq!(chain.missing(&deep.hash()), Some(fork.hash()));
        assert!(!chain.insert(fork.clone()), "too low to be decided");
        let rival = child(&blocks[0], 9);
        assert!(!chain.insert(rival.clone()) && !chain.is_decided(&rival.hash()));
        assert!(!chain.insert(child(&deep, 2)), "of a view that is decided");
    }

    #[test]
    fn a_block_whose_height_or_view_does_not_fit_its_parent_is_not_held() {
        let (mut chain, blocks) = chain_of(1);
        assert!(!chain.insert(child(&blocks[1], 1)), "views grow along a chain");
        assert!(chain.insert(child(&blocks[1], 2)));
    }
}
