//! One party's share in replication: chain, requests, application, and the bodies it lacks.

use std::{collections::BTreeMap, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, Evidence, PartyId, Proof, Reject};
use serde::{Deserialize, Serialize};

use super::{Block, Chain, Commit, Fetcher, KeyValue, Pool, Request, WINDOW, WireBlock};
use crate::{Context, Decision, Effect, Effects, Protocol, Reply, RequestId, Tag, View};

/// Messages by which parties bring each other up to date. They carry no authority: a body is
/// accepted by its hash, whoever sent it.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum Sync {
    /// Asks for a block and those below it.
    Fetch {
        /// The block.
        hash: Digest,
        /// The height down to which the sender has them.
        above: u64,
    },
    /// Blocks on one path, by ascending height, [`WINDOW`] at the most.
    Blocks(Vec<Arc<WireBlock>>),
}

/// A protocol that orders requests in blocks.
pub trait Ordered: Protocol {
    /// The wire form of a message of replication.
    fn sync(message: Sync) -> Self::Wire;

    /// The timer for asking again for a body.
    fn sync_timer(hash: Digest) -> Self::Timer;
}

/// Checks the blocks of an answer.
///
/// # Errors
/// Too many blocks, or the first that fails [`Block::check`].
pub fn check_sync(context: &Context, blocks: &[Arc<WireBlock>]) -> Result<Vec<Block>, Reject> {
    if blocks.len() > WINDOW {
        return Err(Reject::Oversize);
    }
    blocks.iter().map(|wire| Block::check(context, wire)).collect()
}

/// The tag of a message of replication.
pub fn sync_tag(message: &Sync) -> Tag {
    let none = |kind, digest| Tag { kind, view: View::GENESIS, slot: 0, digest, signatures: 0 };
    match message {
        Sync::Fetch { hash, .. } => none("fetch", *hash),
        Sync::Blocks(blocks) => Tag {
            signatures: blocks.iter().map(|block| 1 + block.requests.len() as u32).sum(),
            ..none("blocks", blocks.last().map_or(Digest::ZERO, |block| block.header.body.hash()))
        },
    }
}

/// One party's share in replication.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Replica {
    me: PartyId,
    /// The most requests in a block.
    batch: usize,
    /// The blocks and the log.
    pub chain: Chain,
    /// The requests that wait.
    pub pool: Pool,
    fetcher: Fetcher,
    application: KeyValue,
    /// The first block seen of each view and proposer, the last [`WINDOW`] of them.
    authored: BTreeMap<(View, PartyId), Block>,
}

impl Replica {
    /// A party that has decided nothing.
    pub fn new(context: &Context, me: PartyId, batch: usize) -> Replica {
        Replica {
            me,
            batch,
            chain: Chain::new(context.committee.instance()),
            pool: Pool::default(),
            fetcher: Fetcher::default(),
            application: KeyValue::default(),
            authored: BTreeMap::new(),
        }
    }

    /// Takes back the blocks that were on disk.
    pub fn recover(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.chain.insert(block.clone());
            self.authored.insert((block.view(), block.header().proposer), block.clone());
        }
    }

    /// The digest of the application's state.
    pub fn state(&self) -> Digest {
        self.application.digest()
    }

    /// Takes a request in; says whether it waits now and did not before.
    pub fn submit<P: Protocol>(&mut self, request: &Request, fx: &Effects<P>) -> bool {
        !self.chain.is_executed(&RequestId::of(request)) && self.pool.submit(request, fx.now())
    }

    /// The requests for a block on `parent`.
    pub fn batch(&self, parent: &Block) -> Vec<Request> {
        self.pool.batch(&self.chain, parent, self.batch)
    }

    /// Sees a block; accuses its proposer if it proposed another one in that view.
    pub fn witness<P: Protocol>(&mut self, block: &Block, context: &Context, fx: &mut Effects<P>) {
        let first = self.authored.entry((block.view(), block.header().proposer));
        let first = first.or_insert_with(|| block.clone());
        if first != block {
            let pair = first.signed_header(context).zip(block.signed_header(context));
            let evidence = pair.and_then(|(first, second)| Evidence::pair(&first, &second));
            evidence.into_iter().for_each(|evidence| fx.accuse(evidence));
        }
        while self.authored.len() > WINDOW {
            self.authored.pop_first();
        }
    }

    /// Holds a block, durably. Says whether it is new.
    pub fn keep<P: Ordered>(
        &mut self,
        block: &Block,
        context: &Context,
        fx: &mut Effects<P>,
    ) -> bool {
        self.witness(block, context, fx);
        let new = self.chain.insert(block.clone());
        if new {
            fx.push(Effect::Keep(block.clone()));
        }
        if self.fetcher.came(&block.hash()) {
            fx.cancel_timer(P::sync_timer(block.hash()));
        }
        new
    }

    /// Holds those of the blocks that lie on the path down from `tip`: they are what a hash that
    /// we know stands for. Says whether any was new.
    pub fn adopt<P: Ordered>(
        &mut self,
        tip: &Digest,
        blocks: &[Block],
        context: &Context,
        fx: &mut Effects<P>,
    ) -> bool {
        let mut hash = *tip;
        let mut any = false;
        for _ in 0..=blocks.len() {
            if let Some(held) = self.chain.get(&hash) {
                hash = held.parent();
            } else if let Some(block) = blocks.iter().find(|block| block.hash() == hash) {
                any |= self.keep(block, context, fx);
                hash = block.parent();
            } else {
                break;
            }
        }
        any
    }

    /// Looks for what is missing on the path to `tip`, which `sources` spoke of.
    pub fn want<P: Ordered>(
        &mut self,
        tip: &Digest,
        certified: bool,
        sources: impl IntoIterator<Item = PartyId>,
        context: &Context,
        fx: &mut Effects<P>,
    ) {
        let Some(missing) = self.chain.missing(tip) else { return };
        let me = self.me;
        let sources = sources.into_iter().filter(|source| *source != me);
        if let Some(source) = self.fetcher.want(missing, certified, sources) {
            self.ask(missing, source, context, fx);
        }
    }

    fn ask<P: Ordered>(
        &mut self,
        hash: Digest,
        source: PartyId,
        context: &Context,
        fx: &mut Effects<P>,
    ) {
        let above = self.chain.decided_height();
        fx.send(source, P::sync(Sync::Fetch { hash, above }));
        fx.set_timer(P::sync_timer(hash), fx.now().after(context.delta * 2));
    }

    /// Asks the next source, since the answer did not come in 2Δ.
    pub fn ask_again<P: Ordered>(&mut self, hash: Digest, context: &Context, fx: &mut Effects<P>) {
        if let Some(source) = self.fetcher.next(&hash, self.me, context.committee.n()) {
            self.ask(hash, source, context, fx);
        }
    }

    /// Answers a fetch from what is held: the blocks up to the asked one, the highest
    /// [`WINDOW`] of them, so that the asker can check each by a hash that it knows.
    pub fn answer<P: Ordered>(
        &self,
        from: PartyId,
        hash: &Digest,
        above: u64,
        fx: &mut Effects<P>,
    ) {
        let path = self.chain.path_above(hash, above);
        let newest = &path[path.len().saturating_sub(WINDOW)..];
        let blocks: Vec<_> = newest.iter().filter_map(|block| block.wire().cloned()).collect();
        if !blocks.is_empty() {
            fx.send(from, P::sync(Sync::Blocks(blocks)));
        }
    }

    /// Takes an answer: only blocks that were looked for, and those below them. Says whether any
    /// was new.
    pub fn blocks<P: Ordered>(
        &mut self,
        from: PartyId,
        blocks: &[Block],
        context: &Context,
        fx: &mut Effects<P>,
    ) -> bool {
        let Some(tip) = blocks.iter().map(Block::hash).find(|hash| self.fetcher.wants(hash)) else {
            return false;
        };
        let new = self.adopt(&tip, blocks, context, fx);
        self.want(&tip, true, [from], context, fx);
        new
    }

    /// Decides a block and its ancestors, executes them and answers the clients.
    pub fn decide<P: Ordered>(
        &mut self,
        tip: &Digest,
        proof: &Arc<dyn Proof>,
        fx: &mut Effects<P>,
    ) -> Commit {
        let (commit, forgotten) = self.chain.commit(tip);
        match &commit {
            Commit::Decided(blocks) => {
                for block in blocks {
                    fx.push(Effect::Decide(decision(block, proof).into()));
                    self.execute(block, fx);
                }
                forgotten.into_iter().for_each(|hash| fx.push(Effect::Forget(hash)));
            }
            Commit::Conflict => {
                let block = self.chain.get(tip).cloned();
                let conflict = block.map(|block| decision(&block, proof));
                conflict.into_iter().for_each(|other| fx.push(Effect::Conflict(other.into())));
            }
            Commit::Missing(_) => {}
        }
        commit
    }

    fn execute<P: Ordered>(&mut self, block: &Block, fx: &mut Effects<P>) {
        for (id, command) in block.requests().iter().zip(block.commands()) {
            let result = self.application.apply(&command.body.payload);
            fx.push(Effect::Reply(Reply { request: *id, slot: block.height(), result }));
        }
        self.pool.executed(block);
    }
}

fn decision(block: &Block, proof: &Arc<dyn Proof>) -> Decision {
    Decision {
        slot: block.height(),
        view: block.view(),
        digest: block.hash(),
        parent: block.parent(),
        requests: block.requests().clone(),
        proof: Some(proof.clone()),
        rounds: None,
    }
}
