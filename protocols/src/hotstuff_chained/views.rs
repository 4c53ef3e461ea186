//! A view: the proposal, the vote; and what a certificate shows.

use byzlab_crypto::{Added, Certificate, Digest, PartyId, Verified};

use super::{
    machine::{ChainedHotStuff, Timer},
    rules::{Basis, Signed},
    wire::{Decided, Qc, Vote, Wire, wire_qc},
};
use crate::{
    Effect, Effects, View,
    smr::{Batch, Block, Commit, Request, Taken, conflict},
};

/// How many views ahead of its own a party counts votes: whoever is further behind is helped.
const AHEAD: u64 = 3;

impl ChainedHotStuff {
    /// A request comes, from a client or from a party that cannot get it decided alone.
    pub(super) fn submit(&mut self, request: &Request, fx: &mut Effects<Self>) {
        if self.replica.submit(request, fx) {
            if let Some(turn) = self.pace.gathers(fx.now()) {
                fx.set_timer(Timer::Pace, turn);
            }
            self.propose(fx);
        }
    }

    /// Line 1: with something to decide, or to tell, the leader proposes on the highest
    /// certificate as soon as it is in the view.
    pub(super) fn propose(&mut self, fx: &mut Effects<Self>) {
        let done = self.record.proposed.is_some_and(|(view, _)| view >= self.view);
        if !self.leads() || done || self.record.timed_out >= self.view {
            return;
        }
        let (justify_view, hash) = self.high();
        let by = self.pace.by(fx.now());
        let gathered = by.filter(|by| self.replica.pool.waits_since(*by));
        let waits = gathered.is_some() || self.open_requests().next().is_some();
        if !(waits || self.news == Some(justify_view)) {
            return;
        }
        if !self.replica.chain.holds_path(&hash) {
            return;
        }
        let Some(parent) = self.replica.chain.get(&hash).cloned() else { return };
        let requests = gathered.map_or_else(Vec::new, |by| self.replica.batch(&parent, by));
        fx.note(1);
        let justify = (justify_view, Digest::ZERO);
        let batch = Batch::of(&self.context.clients, &requests);
        let block = Block::propose(&self.me, &parent, self.view, justify, batch);
        self.record.proposed = Some((self.view, block.hash()));
        self.replica.keep(&block, &self.context, fx);
        self.persist(fx);
        let wire = block.wire().expect("a proposed block has a wire form").clone();
        fx.broadcast(Wire::Propose { block: wire, justify: wire_qc(self.record.high.as_ref()) });
    }

    /// Line 2: a proposal arrives.
    pub(super) fn on_propose(
        &mut self,
        block: &Block,
        justify: Option<&Qc>,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(justify, fx);
        let header = block.header();
        if !(self.rules.from_leader)(header.proposer, self.context.leader(header.view)) {
            return fx.refuse("proposer does not lead the view");
        }
        let basis = Basis {
            parent: header.parent,
            view: header.view,
            justify_view: header.justify_view,
            certified: justify.map(|qc| (qc.statement().view, qc.statement().hash)),
            genesis: self.replica.chain.genesis(),
        };
        // Before it is kept for later: anybody may pass on a block beside another certificate.
        if !(self.rules.justified)(&basis) {
            return fx.refuse("the certificate does not justify the block");
        }
        if header.view > self.view {
            if header.view != self.view.next() || self.early.is_some() {
                return fx.refuse("proposal of a future view");
            }
            self.early = Some((block.clone(), justify.cloned()));
            return;
        }
        self.replica.witness(block, &self.context, fx);
        if header.view < self.view {
            if block.hash() != self.high().1 {
                return fx.refuse("proposal of a past view");
            }
            // Its votes were faster than the block itself.
            self.replica.keep(block, &self.context, fx);
            return self.came(fx);
        }
        let second = *self.proposal.get_or_insert(block.hash()) != block.hash();
        if !(self.rules.considers)(second) {
            return fx.refuse("second proposal of a view");
        }
        fx.note(2);
        let sources = justify.map(Certificate::signers).unwrap_or_default();
        let sources = sources.iter().chain([header.proposer]);
        let view = header.justify_view;
        self.replica.want(&header.parent, view, sources, &self.context, fx);
        self.replica.keep(block, &self.context, fx);
        self.waiting = Some((block.clone(), basis.certified));
        self.resume(fx);
    }

    /// A proposal that waited for bodies is voted on if they are here.
    fn resume(&mut self, fx: &mut Effects<Self>) {
        let chain = &self.replica.chain;
        let held = |(block, _): &mut (Block, _)| chain.holds_path(&block.hash());
        if let Some((block, certified)) = self.waiting.take_if(held) {
            self.vote(&block, certified, fx);
        }
    }

    /// Lines 3 to 5: safeNode, then lock and vote in one step.
    fn vote(&mut self, block: &Block, certified: Option<(View, Digest)>, fx: &mut Effects<Self>) {
        let chain = &self.replica.chain;
        let header = block.header();
        let (lock_view, lock) = self.lock();
        let Some(parent) = chain.get(&header.parent).cloned() else { return };
        let sound = parent.is_just_below(header.height)
            && certified.is_none_or(|(view, hash)| self.proposed_in(&hash, view))
            && chain.extends(&header.parent, &chain.decided())
            && (self.rules.valid_payload)(chain.fresh(block));
        if !sound {
            return fx.refuse("the block does not fit the chain");
        }
        let extends_lock = chain.extends(&block.hash(), &lock);
        if !(self.rules.safe)(extends_lock, header.justify_view, lock_view) {
            fx.note(4);
            return fx.refuse("the block is not safe against the lock");
        }
        fx.note(3);
        let (view, hash, justify_view) = (header.view, block.hash(), header.justify_view);
        let signed = Signed {
            voted: self.record.voted.as_ref().map_or(View::GENESIS, |vote| vote.view),
            timed_out: self.record.timed_out,
            present: self.view,
        };
        if !(self.rules.may_vote)(&signed, view) {
            return fx.refuse("not lawful to vote for");
        }
        self.lock_below(&parent, fx);
        let vote = Vote { view, hash, justify_view, locks: parent.header().justify_view };
        self.record.voted = Some(vote.clone());
        self.persist(fx);
        fx.note(5);
        fx.send(self.context.leader(view.next()), Wire::Vote(self.me.sign(vote).into_signed()));
    }

    /// Whether a block that is held was proposed in this view. A certificate of another view needs
    /// n - f faulty parties; if it were followed, views would not grow along a chain, and a vote that
    /// obeys the lock could look like one against it.
    fn proposed_in(&self, hash: &Digest, view: View) -> bool {
        self.replica.chain.get(hash).is_none_or(|block| block.view() == view)
    }

    /// Line 6: a vote comes to whoever leads the next view.
    pub(super) fn on_vote(&mut self, vote: &Verified<Vote>, fx: &mut Effects<Self>) {
        if !self.counts(vote.body().view) {
            return fx.refuse("vote of a past view or of a far one");
        }
        self.count(Some(vote), true, fx);
    }

    fn counts(&self, view: View) -> bool {
        view.next() >= self.view && view.0.saturating_sub(self.view.0) <= AHEAD
    }

    /// Line 6: counts a vote, whoever brings it; a quorum makes the certificate. `collecting` says
    /// that it came by itself: then the block is likely to be on its way too.
    pub(super) fn count(
        &mut self,
        vote: Option<&Verified<Vote>>,
        collecting: bool,
        fx: &mut Effects<Self>,
    ) {
        let Some(vote) = vote.filter(|vote| self.counts(vote.body().view)) else { return };
        let tally = self.tallies.entry(vote.body().view).or_default();
        let count = match tally.add(vote) {
            Added::Counted(count) => count,
            Added::Conflicting(count, evidence) => {
                fx.note(15);
                fx.accuse(*evidence);
                count
            }
            Added::Repeated | Added::Ignored => return,
        };
        if count == self.context.committee.quorum()
            && let Some(qc) = tally.certificate(&self.context.committee, vote.body())
        {
            fx.note(6);
            self.take(&qc, fx);
            if !collecting {
                self.want_high(fx);
            } else if !self.replica.chain.holds_path(&self.high().1) {
                fx.set_timer(Timer::Body, fx.now().after(self.context.delta));
            }
        }
    }

    /// Lines 7 to 9: a certificate, from wherever it comes (corrections A4, rule 6).
    pub(super) fn adopt(&mut self, qc: Option<&Qc>, fx: &mut Effects<Self>) {
        if let Some(qc) = qc {
            self.take(qc, fx);
            self.want_high(fx);
        }
    }

    fn take(&mut self, qc: &Qc, fx: &mut Effects<Self>) {
        let view = qc.statement().view;
        if (self.rules.adopts)(self.high().0, view) {
            fx.note(7);
            self.record.high = Some(qc.clone());
        }
        self.settle(qc, fx);
        if view >= self.view {
            self.enter(view.next(), None, fx);
        }
    }

    /// Lines 8 and 9: what a certificate means for the blocks below its own, if they are held.
    fn settle(&mut self, qc: &Qc, fx: &mut Effects<Self>) {
        let chain = &self.replica.chain;
        let Vote { view, hash, .. } = *qc.statement();
        let Some(top) = chain.get(&hash).cloned() else { return };
        // A certificate of another view needs n - f faulty parties.
        if top.view() != view || !chain.holds_path(&hash) {
            return;
        }
        let path: Vec<Block> = std::iter::successors(Some(top.clone()), |block| {
            (block.height() > 0).then(|| chain.get(&block.parent()).cloned()).flatten()
        })
        .take(3)
        .collect();
        let views: Vec<View> = path.iter().map(Block::view).collect();
        let decided = (self.rules.decides)(&views).filter(|below| path[*below].height() > 0);
        self.lock_below(&top, fx);
        if let Some(below) = decided {
            let above = path[..below].iter().map(|block| block.header().clone()).collect();
            self.on_commit(&Decided { certificate: qc.clone(), above }, fx);
        }
    }

    /// Line 8: a certified block shows the certificate on which it stands.
    fn lock_below(&mut self, certified: &Block, fx: &mut Effects<Self>) {
        let header = certified.header();
        if (self.rules.locks)(self.lock().0, header.justify_view) {
            fx.note(8);
            self.record.locked = Some((header.justify_view, header.parent));
        }
    }

    /// Line 9: a decision, seen here or told by others, whatever its view.
    pub(super) fn on_commit(&mut self, decided: &Decided, fx: &mut Effects<Self>) {
        let taken = self.record.commits.take(&self.replica.chain, decided);
        self.taken(decided, taken, fx);
    }

    fn taken(&mut self, decided: &Decided, taken: Taken, fx: &mut Effects<Self>) {
        match taken {
            Taken::Known => {}
            Taken::Conflict => {
                fx.push(Effect::Conflict(conflict(&self.replica.chain, decided).into()));
            }
            Taken::Pending => {
                fx.note(10);
                self.persist(fx);
                let (hash, view) = (decided.block(), decided.view());
                let sources = decided.certificate.signers();
                self.replica.want(&hash, view, sources.iter(), &self.context, fx);
            }
            Taken::Decided => {
                fx.note(9);
                self.persist(fx);
                let before = self.replica.chain.decided_height();
                self.replica.decide(decided, fx);
                let chain = &self.replica.chain;
                let mut new = (before + 1..=chain.decided_height())
                    .filter_map(|height| chain.decided_at(height));
                if new.any(|block| !block.requests().is_empty()) {
                    self.news = Some(self.high().0);
                }
                self.share_later(fx);
                self.retry(&[], fx);
            }
        }
    }

    /// The decision that waits for bodies may wait no longer.
    fn retry(&mut self, came: &[Block], fx: &mut Effects<Self>) {
        if let Some((decided, taken)) = self.record.commits.retry(&self.replica.chain, came) {
            self.taken(&decided, taken, fx);
        }
    }

    /// Line 10: looks for the block of the highest certificate.
    pub(super) fn want_high(&mut self, fx: &mut Effects<Self>) {
        let Some(high) = self.record.high.clone() else { return };
        let Vote { view, hash, .. } = *high.statement();
        if !self.replica.chain.holds_path(&hash) {
            fx.note(10);
            self.replica.want(&hash, view, high.signers().iter(), &self.context, fx);
        }
    }

    /// Bodies came: whatever waited for them goes on.
    pub(super) fn on_blocks(&mut self, from: PartyId, blocks: &[Block], fx: &mut Effects<Self>) {
        self.replica.blocks(from, blocks, &self.context, fx);
        self.retry(blocks, fx);
        self.came(fx);
    }

    /// A block is held now that was not.
    fn came(&mut self, fx: &mut Effects<Self>) {
        self.adopt(self.record.high.clone().as_ref(), fx);
        self.resume(fx);
        self.propose(fx);
    }
}
