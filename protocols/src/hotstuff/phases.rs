//! A view: new-views, the proposal, three votes, the decision.

use byzlab_crypto::{Added, Certificate, Digest, PartyId, Verified};

use super::{
    machine::HotStuff,
    rules::{Basis, Signed},
    wire::{Entry, Message, NewView, Phase, Qc, Vote, Wire, wire_qc},
};
use crate::{
    Effect, Effects, Time, View,
    smr::{Batch, Block, Request, Taken, conflict},
};

impl HotStuff {
    /// Line 2: the leader gathers new-views.
    pub(super) fn on_new_view(
        &mut self,
        new_view: &Verified<NewView>,
        high: Option<&Qc>,
        entry: Option<&Entry>,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(high, fx);
        let view = new_view.body().view;
        if view < self.view {
            return fx.refuse("new-view of a past view");
        }
        if let Some(entry) = entry {
            self.follow(entry, fx);
        }
        if self.context.leader(view) != self.me.party() {
            return fx.refuse("new-view for another leader");
        }
        let slot = self.new_views.entry(new_view.by()).or_insert_with(|| new_view.clone());
        if slot.body().view < view {
            *slot = new_view.clone();
        }
        fx.note(2);
        self.propose(fx);
    }

    /// Leader: the new-views for the present view.
    pub(super) fn present(&self) -> impl Iterator<Item = &Verified<NewView>> {
        self.new_views.values().filter(|new_view| new_view.body().view == self.view)
    }

    /// A request comes, from a client or from a party that cannot get it decided alone.
    pub(super) fn submit(&mut self, request: &Request, fx: &mut Effects<Self>) {
        if self.replica.submit(request, fx) {
            self.propose(fx);
        }
    }

    /// Lines 3 and 4: with a quorum of new-views and something to decide, the leader proposes on
    /// the highest prepare certificate.
    pub(super) fn propose(&mut self, fx: &mut Effects<Self>) {
        let done = self.record.proposed.is_some_and(|(view, _)| view >= self.view);
        if !self.leads() || done || self.record.timed_out >= self.view {
            return;
        }
        if !(self.rules.enough)(&self.context.committee, self.present().count()) {
            return;
        }
        let (justify_view, hash) = self.high();
        if !self.replica.chain.holds_path(&hash) {
            return self.want_high(fx);
        }
        let Some(parent) = self.replica.chain.get(&hash).cloned() else { return };
        let requests = self.replica.batch(&parent, Time::NEVER);
        let unfinished = parent.height() > self.replica.chain.decided_height();
        if requests.is_empty() && !unfinished {
            return;
        }
        fx.note(3);
        let justify = (justify_view, Digest::ZERO);
        let batch = Batch::of(&self.context.clients, &requests);
        let block = Block::propose(&self.me, &parent, self.view, justify, batch);
        self.record.proposed = Some((self.view, block.hash()));
        self.replica.keep(&block, &self.context, fx);
        self.persist(fx);
        fx.note(4);
        let wire = block.wire().expect("a proposed block has a wire form").clone();
        fx.broadcast(Wire::Prepare { block: wire, high: wire_qc(self.record.high.as_ref()) });
    }

    /// Line 5: a proposal arrives.
    pub(super) fn on_prepare(
        &mut self,
        block: &Block,
        high: Option<&Qc>,
        message: &Message,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(high, fx);
        let header = block.header();
        if !(self.rules.from_leader)(header.proposer, self.context.leader(header.view)) {
            return fx.refuse("proposer does not lead the view");
        }
        let basis = Basis {
            parent: header.parent,
            view: header.view,
            justify_view: header.justify_view,
            certified: high.map(|qc| (qc.statement().view, qc.statement().hash)),
            genesis: self.replica.chain.genesis(),
        };
        // Before it is kept for later: anybody may pass on a block beside another certificate.
        if !(self.rules.justified)(&basis) {
            return fx.refuse("the certificate does not justify the block");
        }
        if header.view > self.view {
            return self.keep_early(header.view, message, fx);
        }
        self.replica.witness(block, &self.context, fx);
        if header.view < self.view {
            return fx.refuse("proposal of a past view");
        }
        let second = *self.proposal.get_or_insert(block.hash()) != block.hash();
        if !(self.rules.considers)(second) {
            return fx.refuse("second proposal of a view");
        }
        let sources = high.map(Certificate::signers).unwrap_or_default();
        let sources = sources.iter().chain([header.proposer]);
        let view = header.justify_view;
        self.replica.want(&header.parent, view, sources, &self.context, fx);
        self.replica.keep(block, &self.context, fx);
        self.waiting = Some((block.clone(), basis.certified));
        self.resume(fx);
    }

    /// What waited for bodies goes on if they are here.
    fn resume(&mut self, fx: &mut Effects<Self>) {
        let chain = &self.replica.chain;
        let held = |(block, _): &mut (Block, _)| chain.holds_path(&block.hash());
        if let Some((block, certified)) = self.waiting.take_if(held) {
            self.vote_prepare(&block, certified, fx);
        }
        if let Some(qc) = self.waiting_qc.take() {
            self.vote_certified(&qc, fx);
        }
    }

    /// Lines 5 to 7: safeNode, then the first vote.
    fn vote_prepare(
        &mut self,
        block: &Block,
        certified: Option<(View, Digest)>,
        fx: &mut Effects<Self>,
    ) {
        let chain = &self.replica.chain;
        let header = block.header();
        let (lock_view, lock) = self.lock();
        let parent = chain.get(&header.parent);
        let sound = parent.is_some_and(|parent| parent.is_just_below(header.height))
            && certified.is_none_or(|(view, hash)| self.proposed_in(&hash, view))
            && chain.extends(&header.parent, &chain.decided())
            && (self.rules.valid_payload)(chain.fresh(block));
        if !sound {
            return fx.refuse("the block does not fit the chain");
        }
        let extends_lock = chain.extends(&block.hash(), &lock);
        if !(self.rules.safe)(extends_lock, header.justify_view, lock_view) {
            fx.note(6);
            return fx.refuse("the block is not safe against the lock");
        }
        fx.note(5);
        let (view, hash, justify_view) = (header.view, block.hash(), header.justify_view);
        self.vote(Vote { phase: Phase::Prepare, view, hash, justify_view }, 7, fx);
    }

    /// Whether a block that is held was proposed in this view. A certificate of another view needs
    /// n - f faulty parties; if it were followed, views would not grow along a chain, and a vote that
    /// obeys the lock could look like one against it.
    fn proposed_in(&self, hash: &Digest, view: View) -> bool {
        self.replica.chain.get(hash).is_none_or(|block| block.view() == view)
    }

    /// Votes, durably, if what was signed before allows it.
    fn vote(&mut self, vote: Vote, line: u8, fx: &mut Effects<Self>) -> bool {
        let Vote { phase, view, hash, .. } = vote;
        if !self.may_vote(phase, view) {
            fx.refuse("not lawful to vote for");
            return false;
        }
        self.record.voted[phase as usize] = Some((view, hash));
        self.persist(fx);
        fx.note(line);
        let vote = self.me.sign(vote).into_signed();
        fx.send(self.context.leader(view), Wire::Vote(vote));
        true
    }

    /// Whether what was signed before allows a vote in this phase of this view.
    fn may_vote(&self, phase: Phase, view: View) -> bool {
        let view_of = |vote: &Option<(View, Digest)>| vote.map_or(View::GENESIS, |(view, _)| view);
        let voted = &self.record.voted;
        let signed = Signed {
            same_phase: view_of(&voted[phase as usize]),
            any_phase: voted.iter().map(view_of).max().unwrap_or_default(),
            timed_out: self.record.timed_out,
            present: self.view,
        };
        (self.rules.may_vote)(&signed, view)
    }

    /// Line 8: the leader counts votes; a quorum makes the certificate of the phase.
    pub(super) fn on_vote(&mut self, vote: &Verified<Vote>, fx: &mut Effects<Self>) {
        let Vote { phase, view, .. } = *vote.body();
        if view != self.view || !self.leads() {
            return fx.refuse("vote for another leader or view");
        }
        let tally = &mut self.tallies[phase as usize];
        let count = match tally.add(vote) {
            Added::Counted(count) => count,
            Added::Conflicting(count, evidence) => {
                fx.note(16);
                fx.accuse(*evidence);
                count
            }
            Added::Repeated | Added::Ignored => return,
        };
        if count == self.context.committee.quorum()
            && let Some(qc) = tally.certificate(&self.context.committee, vote.body())
        {
            fx.note(8);
            fx.broadcast(Wire::Certificate(qc.claim().clone()));
        }
    }

    /// Lines 9 to 12: a certificate arrives; what it means its phase says.
    pub(super) fn on_certificate(&mut self, qc: &Qc, message: &Message, fx: &mut Effects<Self>) {
        let Vote { phase, view, .. } = *qc.statement();
        if (self.rules.decides)(phase) {
            self.on_commit(qc, fx);
        }
        match phase {
            Phase::Commit => {
                if view >= self.view {
                    self.enter(view.next(), Some(Entry::Decided(qc.clone())), false, fx);
                }
            }
            Phase::Prepare | Phase::PreCommit => {
                if phase == Phase::Prepare {
                    self.adopt(Some(qc), fx);
                }
                if view > self.view {
                    self.keep_early(view, message, fx);
                } else {
                    self.vote_certified(qc, fx);
                }
            }
        }
    }

    /// Lines 9 and 10, for a block whose path is held (corrections A1, AV1).
    fn vote_certified(&mut self, qc: &Qc, fx: &mut Effects<Self>) {
        let Vote { phase, view, hash, justify_view } = *qc.statement();
        let answer = match phase {
            Phase::Prepare => Phase::PreCommit,
            Phase::PreCommit | Phase::Commit => Phase::Commit,
        };
        if view < self.view && !self.may_vote(answer, view) {
            return fx.refuse("certificate of a past view");
        }
        let chain = &self.replica.chain;
        if !chain.holds_path(&hash) {
            fx.note(13);
            self.replica.want(&hash, view, qc.signers().iter(), &self.context, fx);
            // Who sends the certificate of an earlier phase again takes nothing away.
            if self.waiting_qc.as_ref().is_none_or(|held| held.statement().phase < phase) {
                self.waiting_qc = Some(qc.clone());
            }
            return;
        }
        if !chain.extends(&hash, &chain.decided()) {
            return fx.refuse("the certificate conflicts with what is decided");
        }
        if !self.proposed_in(&hash, view) {
            return fx.refuse("the block was not proposed in the view of the certificate");
        }
        match phase {
            Phase::Prepare => {
                self.vote(Vote { phase: Phase::PreCommit, view, hash, justify_view }, 9, fx);
            }
            Phase::PreCommit => {
                // The lock is durable with the vote: both or neither.
                let before = self.record.locked.clone();
                if (self.rules.locks)(self.lock().0, view) {
                    self.record.locked = Some(qc.clone());
                }
                if !self.vote(Vote { phase: Phase::Commit, view, hash, justify_view }, 10, fx) {
                    self.record.locked = before;
                }
            }
            Phase::Commit => {}
        }
    }

    /// Line 11: a commit certificate decides its block and all below it, whatever its view.
    pub(super) fn on_commit(&mut self, qc: &Qc, fx: &mut Effects<Self>) {
        let taken = self.record.commits.take(&self.replica.chain, qc);
        self.taken(qc, taken, fx);
    }

    fn taken(&mut self, qc: &Qc, taken: Taken, fx: &mut Effects<Self>) {
        let Vote { view, hash, .. } = *qc.statement();
        match taken {
            Taken::Known => {}
            Taken::Conflict => {
                fx.push(Effect::Conflict(conflict(&self.replica.chain, qc).into()));
            }
            Taken::Pending => {
                fx.note(13);
                self.persist(fx);
                self.replica.want(&hash, view, qc.signers().iter(), &self.context, fx);
            }
            Taken::Decided => {
                fx.note(11);
                self.persist(fx);
                self.replica.decide(qc, fx);
                self.share_later(fx);
                self.retry(&[], fx);
            }
        }
    }

    /// The commit certificate that waits for bodies may wait no longer.
    fn retry(&mut self, came: &[Block], fx: &mut Effects<Self>) {
        if let Some((qc, taken)) = self.record.commits.retry(&self.replica.chain, came) {
            self.taken(&qc, taken, fx);
        }
    }

    /// The highest prepare certificate, from wherever it comes (corrections A4, rule 6).
    pub(super) fn adopt(&mut self, qc: Option<&Qc>, fx: &mut Effects<Self>) {
        let Some(qc) = qc else { return };
        if (self.rules.adopts)(self.high().0, qc.statement().view) {
            self.record.high = Some(qc.clone());
            self.want_high(fx);
        }
    }

    /// Looks for the block of the highest certificate, once its view is over: until then its
    /// proposal is likely to be on its way.
    pub(super) fn want_high(&mut self, fx: &mut Effects<Self>) {
        let Some(high) = self.record.high.clone() else { return };
        let Vote { view, hash, .. } = *high.statement();
        if view < self.view {
            self.replica.want(&hash, view, high.signers().iter(), &self.context, fx);
        }
    }

    /// What the leader of the next view sends before this party has entered it.
    fn keep_early(&mut self, view: View, message: &Message, fx: &mut Effects<Self>) {
        let same = |other: &Message| match (other, message) {
            (Message::Prepare(..), Message::Prepare(..)) => true,
            (Message::Certificate(one), Message::Certificate(other)) => {
                one.statement().phase == other.statement().phase
            }
            _ => false,
        };
        if view != self.view.next() || self.early.iter().any(same) {
            return fx.refuse("message of a future view");
        }
        self.early.push(message.clone());
    }

    /// Bodies came: whatever waited for them goes on.
    pub(super) fn on_blocks(&mut self, from: PartyId, blocks: &[Block], fx: &mut Effects<Self>) {
        self.replica.blocks(from, blocks, &self.context, fx);
        self.retry(blocks, fx);
        self.resume(fx);
        self.propose(fx);
    }
}
