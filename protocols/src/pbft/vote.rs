//! Votes, second votes, commit certificates: locking a quorum before committing.

use byzlab_crypto::{Added, Certificate, PartyId, Verified};

use super::{
    machine::{Pbft, VIEWS_KEPT, lock_of},
    wire::{Proposal, Vote, Vote2, Wire},
};
use crate::{
    Effect, Effects, View,
    smr::{Block, Taken, conflict},
};

impl Pbft {
    /// Line 7: at (4v+2)Δ, for the first proposal of the view that is justified and whose path
    /// is held.
    pub(super) fn vote(&mut self, view: View, fx: &mut Effects<Self>) {
        if view != self.view {
            return;
        }
        for proposal in self.proposals.clone() {
            let voted = self.record.voted.map_or(View::GENESIS, |(voted, _)| voted);
            if (self.rules.may_vote)(voted, view) && self.can_vote(&proposal) {
                self.cast_vote(view, &proposal, fx);
            }
        }
    }

    /// What can only be told with the chain at hand (corrections A1, AV1; B2: a party that has
    /// decided votes for nothing that conflicts).
    fn can_vote(&self, proposal: &Proposal) -> bool {
        let rules = self.rules;
        let chain = &self.replica.chain;
        let block = &proposal.block;
        let parent = block.parent();
        chain.holds_path(&block.hash())
            && chain.get(&parent).is_some_and(|parent| parent.is_just_below(block.height()))
            && chain.extends(&parent, &chain.decided())
            && (rules.valid_payload)(chain.fresh(block))
            && (rules.yields)(self.lock().0, block.header().justify_view)
    }

    fn cast_vote(&mut self, view: View, proposal: &Proposal, fx: &mut Effects<Self>) {
        let genesis = self.replica.chain.genesis();
        let highest = proposal.reports.iter().filter_map(|report| report.lock.as_ref());
        if let Some(highest) = highest.max_by_key(|lock| lock.statement().view)
            && (self.rules.raises)(self.lock().0, lock_of(Some(highest), genesis).0)
        {
            fx.note(8);
            self.record.lock = Some(highest.clone());
        }
        let block = &proposal.block;
        self.record.voted = Some((view, block.hash()));
        self.persist(fx);
        fx.note(7);
        let justify_view = block.header().justify_view;
        let vote = self.me.sign(Vote { view, hash: block.hash(), justify_view });
        fx.broadcast(Wire::Vote(vote.into_signed()));
    }

    /// Counts a vote of this view or one of the last.
    pub(super) fn on_vote(&mut self, vote: &Verified<Vote>, fx: &mut Effects<Self>) {
        let view = vote.body().view;
        if !self.keeps(view) {
            return fx.refuse("vote of a view that is not kept");
        }
        let added = self.votes.entry(view).or_default().add(vote);
        let Some(count) = self.counted(added, fx) else { return };
        let hash = vote.body().hash;
        if count == self.context.committee.one_honest() && !self.replica.chain.holds_path(&hash) {
            fx.note(15);
            let voters = self.votes[&view].voters(vote.body());
            self.replica.want(&hash, view, voters.iter(), &self.context, fx);
        }
        if count == self.context.committee.quorum() && fx.now() > self.phase(view, 3) {
            // A quorum that completes late is too late for vote2: the rule says no.
            self.vote2(view, false, fx);
        }
    }

    /// The number of votes for a statement, if the vote is a new one. Accuses double voters.
    fn counted(&mut self, added: Added, fx: &mut Effects<Self>) -> Option<usize> {
        match added {
            Added::Counted(count) => Some(count),
            Added::Conflicting(count, evidence) => {
                self.accuse(*evidence, fx);
                Some(count)
            }
            Added::Repeated | Added::Ignored => None,
        }
    }

    /// Votes are kept for the present view and the last few.
    fn keeps(&self, view: View) -> bool {
        View::GENESIS < view && view <= self.view && self.view.0 - view.0 <= VIEWS_KEPT
    }

    /// Lines 9 and 10: at (4v+3)Δ, a quorum of votes makes a certificate; lock, then say so.
    pub(super) fn vote2(&mut self, view: View, on_time: bool, fx: &mut Effects<Self>) {
        let rules = self.rules;
        if view <= self.record.voted2 || !(rules.may_vote2)(view, self.record.status, on_time) {
            return;
        }
        let tally = self.votes.get(&view);
        let certificate = tally.and_then(|tally| tally.any_certificate(&self.context.committee));
        let Some(certificate) = certificate else { return };
        let hash = certificate.statement().hash;
        let chain = &self.replica.chain;
        if !chain.holds_path(&hash) || !chain.extends(&hash, &chain.decided()) {
            return;
        }
        fx.note(9);
        if (rules.locks)(self.lock().0, view) {
            self.record.lock = Some(certificate.clone());
        }
        self.record.voted2 = view;
        self.persist(fx);
        fx.note(10);
        let vote = self.me.sign(Vote2 { view, hash }).into_signed();
        fx.broadcast(Wire::Vote2 { vote, certificate: certificate.claim().clone() });
    }

    /// Line 11: counts a second vote; a quorum of them is a commit certificate.
    pub(super) fn on_vote2(
        &mut self,
        vote: &Verified<Vote2>,
        certificate: &Certificate<Vote>,
        fx: &mut Effects<Self>,
    ) {
        let Vote2 { view, hash } = *vote.body();
        if !self.keeps(view) {
            return fx.refuse("vote2 of a view that is not kept");
        }
        let last = &mut self.last_vote2[vote.by().index()];
        if last.as_ref().is_none_or(|last| last.body().view < view) {
            *last = Some(vote.clone());
        }
        let added = self.votes2.entry(view).or_default().add(vote);
        let Some(count) = self.counted(added, fx) else { return };
        if count == 1 {
            self.replica.want(&hash, view, certificate.signers().iter(), &self.context, fx);
        }
        if count != self.context.committee.quorum() {
            return;
        }
        let tally = self.votes2.get(&view);
        let commit =
            tally.and_then(|tally| tally.certificate(&self.context.committee, vote.body()));
        if let Some(commit) = commit {
            fx.note(11);
            self.on_commit(&commit, fx);
        }
    }

    /// Lines 12 and 13: a commit certificate, made or received, is passed on once and decides.
    pub(super) fn on_commit(&mut self, commit: &Certificate<Vote2>, fx: &mut Effects<Self>) {
        let taken = self.record.commits.take(&self.replica.chain, commit);
        self.taken(commit, taken, fx);
    }

    fn taken(&mut self, commit: &Certificate<Vote2>, taken: Taken, fx: &mut Effects<Self>) {
        let Vote2 { view, hash } = *commit.statement();
        match taken {
            Taken::Known => return,
            Taken::Conflict => {
                return fx.push(Effect::Conflict(conflict(&self.replica.chain, commit).into()));
            }
            Taken::Decided | Taken::Pending => self.persist(fx),
        }
        if view > self.passed_on {
            self.passed_on = view;
            fx.note(12);
            fx.broadcast(Wire::Commit(commit.claim().clone()));
        }
        if taken == Taken::Decided {
            fx.note(13);
            self.replica.decide(commit, fx);
            self.retry(&[], fx);
        } else {
            self.replica.want(&hash, view, commit.signers().iter(), &self.context, fx);
        }
    }

    /// The commit certificate that waits for bodies may wait no longer.
    pub(super) fn retry(&mut self, came: &[Block], fx: &mut Effects<Self>) {
        if let Some((commit, taken)) = self.record.commits.retry(&self.replica.chain, came) {
            self.taken(&commit, taken, fx);
        }
    }

    /// Bodies came.
    pub(super) fn on_blocks(&mut self, from: PartyId, blocks: &[Block], fx: &mut Effects<Self>) {
        self.replica.blocks(from, blocks, &self.context, fx);
        self.retry(blocks, fx);
    }
}
