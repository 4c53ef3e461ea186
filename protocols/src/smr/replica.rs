//! One party's share in replication: chain, requests, application, and the bodies it lacks.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, Evidence, PartyId, Proof, Reject, Verified};
use serde::{Deserialize, Serialize};

use super::{
    Block, Chain, Commit, Fetcher, Header, KeyValue, MAX_PAYLOAD, Pool, Request, WINDOW, WireBlock,
};
use crate::{Context, Decision, Effect, Effects, Protocol, Reply, RequestId, Tag, Time, View};

/// The most bytes of blocks in one message beside what it is about.
pub const MAX_BODIES_BYTES: usize = 16 << 20;

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
    /// The line of the pseudo-code in which a party accuses.
    const ACCUSES: u8;

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

/// The wire forms of the newest blocks of a path, as many as go into one message.
pub fn bodies(path: &[Block]) -> Vec<Arc<WireBlock>> {
    let mut bytes = 0;
    let newest = path.iter().rev().take(WINDOW).filter_map(|block| block.wire().cloned());
    let mut bodies: Vec<_> = newest
        .take_while(|wire| {
            bytes += wire.bytes();
            bytes <= MAX_BODIES_BYTES
        })
        .collect();
    bodies.reverse();
    bodies
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
    /// The first header seen of each view's leader, for the last [`WINDOW`] views.
    headers: BTreeMap<View, Verified<Header>>,
    /// The views of those whose leader was accused.
    accused: BTreeSet<View>,
}

impl Replica {
    /// A party that has decided nothing.
    pub fn new(context: &Context, me: PartyId, batch: usize) -> Replica {
        Replica {
            me,
            batch,
            chain: Chain::new(context.committee.instance()),
            pool: Pool::new(context),
            fetcher: Fetcher::default(),
            application: KeyValue::default(),
            headers: BTreeMap::new(),
            accused: BTreeSet::new(),
        }
    }

    /// Takes back the blocks that were on disk.
    pub fn recover(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.chain.insert(block.clone());
        }
    }

    /// The digest of the application's state.
    pub fn state(&self) -> Digest {
        self.application.digest()
    }

    /// Takes a request in; says whether it waits now and did not before.
    pub fn submit<P: Protocol>(&mut self, request: &Request, fx: &Effects<P>) -> bool {
        request.body().payload.len() <= MAX_PAYLOAD
            && !self.chain.is_executed(&RequestId::of(request))
            && self.pool.submit(request, fx.now())
    }

    /// The requests for a block on `parent`: of those that came by a time.
    pub fn batch(&self, parent: &Block, by: Time) -> Vec<Request> {
        self.pool.batch(&self.chain, parent, self.batch, by)
    }

    /// Sees a block of a leader, of a view that has begun; accuses the leader if it proposed
    /// another one in that view.
    pub fn witness<P: Ordered>(&mut self, block: &Block, context: &Context, fx: &mut Effects<P>) {
        let view = block.view();
        if context.leader(view) != block.header().proposer || self.accused.contains(&view) {
            return;
        }
        if self.headers.get(&view).is_some_and(|first| *first.body() == *block.header()) {
            return;
        }
        let Some(header) = block.signed_header() else { return };
        let first = self.headers.entry(view).or_insert_with(|| header.clone());
        if let Some(evidence) = Evidence::pair(first, header) {
            self.accused.insert(view);
            fx.note(P::ACCUSES);
            fx.accuse(evidence);
        }
        while self.headers.len() > WINDOW {
            self.headers.pop_first();
        }
        while self.accused.len() > WINDOW {
            self.accused.pop_first();
        }
    }

    /// Holds a block of a view that has begun, durably. Says whether it is new.
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
        // A block that cannot be held is asked for again when the timer says, and not at once: two
        // answers that each make two questions would be a flood.
        if self.chain.get(&block.hash()).is_some() && self.fetcher.came(&block.hash()) {
            fx.cancel_timer(P::sync_timer(block.hash()));
        }
        new
    }

    /// Holds those of the blocks that lie on the path down from `tip`, which an honest party
    /// holds: they are what a hash that we know stands for. Says whether any was new.
    pub fn adopt<P: Ordered>(
        &mut self,
        tip: &Digest,
        blocks: &[Block],
        context: &Context,
        fx: &mut Effects<P>,
    ) -> bool {
        let mut hash = *tip;
        let mut path = Vec::new();
        for _ in 0..=WINDOW + blocks.len() {
            if let Some(held) = self.chain.get(&hash) {
                if held.height() <= self.chain.decided_height() {
                    break;
                }
                hash = held.parent();
            } else if let Some(block) = blocks.iter().find(|block| block.hash() == hash) {
                path.push(block);
                hash = block.parent();
            } else {
                break;
            }
        }
        // From below, so that each finds its parent.
        path.into_iter().rev().filter(|block| self.keep(block, context, fx)).count() > 0
    }

    /// Looks for what is missing on the path to `tip`, of which something of view `view` spoke
    /// that shows that an honest party holds it. `sources` are likely to.
    pub fn want<P: Ordered>(
        &mut self,
        tip: &Digest,
        view: View,
        sources: impl IntoIterator<Item = PartyId>,
        context: &Context,
        fx: &mut Effects<P>,
    ) {
        let Some(missing) = self.chain.missing(tip) else { return };
        if view <= self.chain.decided_view() {
            return;
        }
        let me = self.me;
        let sources = sources.into_iter().filter(|source| *source != me);
        let at_once = context.committee.one_honest();
        let asked = self.fetcher.want(missing, view, sources, at_once);
        if self.fetcher.wants(&missing).is_some() && !asked.is_empty() {
            self.ask(missing, asked, context, fx);
        }
    }

    fn ask<P: Ordered>(
        &mut self,
        hash: Digest,
        sources: Vec<PartyId>,
        context: &Context,
        fx: &mut Effects<P>,
    ) {
        let above = self.chain.decided_height();
        for source in sources {
            fx.send(source, P::sync(Sync::Fetch { hash, above }));
        }
        fx.set_timer(P::sync_timer(hash), fx.now().after(context.delta * 2));
    }

    /// Asks the next sources, since the answer did not come in 2Δ.
    pub fn ask_again<P: Ordered>(&mut self, hash: Digest, context: &Context, fx: &mut Effects<P>) {
        let committee = &context.committee;
        let next = self.fetcher.next(&hash, self.me, committee.n(), committee.one_honest());
        if !next.is_empty() {
            self.ask(hash, next, context, fx);
        }
    }

    /// Answers a fetch from what is held: the block, and those below it down to what the asker
    /// has; the highest of them, so that the asker can check each by a hash that it knows.
    pub fn answer<P: Ordered>(
        &self,
        from: PartyId,
        hash: &Digest,
        above: u64,
        fx: &mut Effects<P>,
    ) {
        let Some(asked) = self.chain.get(hash) else { return };
        // The block itself in any case: it may be one that the asker cannot place.
        let above = above.min(asked.height().saturating_sub(1));
        let blocks = bodies(&self.chain.path(hash, above, WINDOW));
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
        let mut new = false;
        for tip in blocks.iter().map(Block::hash) {
            if let Some(view) = self.fetcher.wants(&tip) {
                new |= self.adopt(&tip, blocks, context, fx);
                if self.chain.get(&tip).is_some() {
                    self.fetcher.came(&tip);
                    self.want(&tip, view, [from], context, fx);
                }
            }
        }
        new
    }

    /// Decides a block and its ancestors by a commit certificate that [`super::Commits::take`]
    /// called decided, executes them and answers the clients.
    pub fn decide<P: Ordered>(&mut self, certificate: &impl Commit, fx: &mut Effects<P>) {
        let proof = certificate.proof();
        let (decided, forgotten) = self.chain.commit(&certificate.block());
        for block in &decided {
            let committed = certificate.committed(block);
            fx.push(Effect::Decide(decision(block, committed, &proof).into()));
            self.execute(block, fx);
        }
        forgotten.into_iter().for_each(|hash| fx.push(Effect::Forget(hash)));
        for hash in self.fetcher.decided(certificate.view()) {
            fx.cancel_timer(P::sync_timer(hash));
        }
    }

    fn execute<P: Ordered>(&mut self, block: &Block, fx: &mut Effects<P>) {
        for (id, command) in block.requests().iter().zip(block.commands()) {
            let result = self.application.apply(&command.body.payload);
            fx.push(Effect::Reply(Reply { request: *id, slot: block.height(), result }));
        }
        self.pool.executed(block);
    }
}

fn decision(block: &Block, committed: View, proof: &Arc<dyn Proof>) -> Decision {
    Decision {
        slot: block.height(),
        view: block.view(),
        committed,
        digest: block.hash(),
        parent: block.parent(),
        requests: block.requests().clone(),
        proof: Some(proof.clone()),
        rounds: None,
    }
}
