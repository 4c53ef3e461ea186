//! Statuses and proposals: reading a quorum before proposing.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Certificate, Evidence, PartyId};

use super::{
    machine::{Pbft, lock_of},
    rules::Lock,
    wire::{Proposal, Report, Status, Vote, Wire, WireReport, justification},
};
use crate::{
    Effects, Time, View,
    smr::{Batch, Block, WINDOW, WireBlock, bodies},
};

impl Pbft {
    /// Line 1: the status, durable before it leaves.
    pub(super) fn send_status(&mut self, view: View, leader: PartyId, fx: &mut Effects<Self>) {
        let (lock_view, lock_hash) = self.lock();
        self.record.status = view;
        self.persist(fx);
        let status = self.me.sign(Status { view, lock_view, lock_hash }).into_signed();
        let lock = self.record.lock.as_ref().map(|lock| lock.claim().clone());
        let commit = self.record.commits.highest().map(|commit| commit.claim().clone());
        let decided = self.replica.chain.decided_height();
        let bodies = bodies(&self.replica.chain.undecided(&lock_hash));
        let report = WireReport { status, lock };
        fx.send(leader, Wire::Status { report, commit, decided, bodies });
    }

    /// Line 2: the leader gathers the statuses of its view, one of each party.
    pub(super) fn on_status(
        &mut self,
        report: &Report,
        decided: u64,
        bodies: &[Block],
        fx: &mut Effects<Self>,
    ) {
        let status = report.status.body();
        self.compare_with_vote2(report, fx);
        if status.view != self.view || self.context.leader(self.view) != self.me.party() {
            return fx.refuse("status for another leader or view");
        }
        let certified = report.lock.is_some().then(|| self.certified(report));
        let genesis = self.replica.chain.genesis();
        if !(self.rules.shows_lock)(status, certified, genesis) {
            return fx.refuse("status names another lock");
        }
        fx.note(2);
        self.replica.adopt(&status.lock_hash, bodies, &self.context, fx);
        self.retry(&[], fx);
        let lock = (status.lock_view, status.lock_hash);
        self.replica.want(&lock.1, lock.0, [report.status.by()], &self.context, fx);
        let by = report.status.by();
        let seen = self.reports.entry(by).or_insert_with(|| (report.clone(), decided));
        // The height is not signed: the lowest that anybody tells asks for most bodies.
        seen.1 = seen.1.min(decided);
    }

    fn certified(&self, report: &Report) -> Lock {
        lock_of(report.lock.as_ref(), self.replica.chain.genesis())
    }

    /// Line 16: a party that sent vote2 and later reports a lower lock forgot what it signed.
    fn compare_with_vote2(&mut self, report: &Report, fx: &mut Effects<Self>) {
        let vote2 = self.last_vote2[report.status.by().index()].as_ref();
        let evidence = vote2.and_then(|vote2| Evidence::pair(vote2, &report.status));
        if let Some(evidence) = evidence {
            self.accuse(evidence, fx);
        }
    }

    /// Lines 3 to 5: the leader builds on the highest lock that a quorum reports.
    pub(super) fn propose(&mut self, view: View, fx: &mut Effects<Self>) {
        let done = self.record.proposed.is_some_and(|(last, _)| last >= view);
        if view != self.view || done {
            return;
        }
        let Some((reports, highest)) = self.select(fx) else {
            fx.note(4);
            return;
        };
        let Some(parent) = self.replica.chain.get(&highest.1).cloned() else { return };
        fx.note(3);
        let statuses: Vec<_> =
            reports.iter().map(|report| report.status.signed().clone()).collect();
        let requests = self.replica.batch(&parent, Time::NEVER);
        let justify = (highest.0, justification(&statuses));
        let batch = Batch::of(&self.context.clients, &requests);
        let block = Block::propose(&self.me, &parent, view, justify, batch);

        self.record.proposed = Some((view, block.hash()));
        self.replica.keep(&block, &self.context, fx);
        self.persist(fx);
        fx.note(5);
        let reports = reports.iter().map(Report::wire).collect();
        let bodies = self.bodies_for(&parent);
        let block = block.wire().expect("a proposed block has a wire form").clone();
        fx.broadcast(Wire::Propose { block, reports, bodies });
    }

    /// Line 14 (corrections A1, AV2): the statuses to build on. As long as the highest of them
    /// names a block whose path is not held, that one is left out and its body fetched.
    fn select(&mut self, fx: &mut Effects<Self>) -> Option<(Vec<Report>, Lock)> {
        let mut reports: Vec<Report> =
            self.reports.values().map(|(report, _)| report.clone()).collect();
        loop {
            if !(self.rules.enough)(&self.context.committee, reports.len()) {
                return None;
            }
            let locks: Vec<_> = reports.iter().map(|report| self.certified(report)).collect();
            let highest = (self.rules.highest)(&locks)?;
            if self.replica.chain.holds_path(&highest.1) {
                return Some((reports, highest));
            }
            fx.note(14);
            let (left_out, rest): (Vec<_>, Vec<_>) =
                reports.into_iter().partition(|report| self.certified(report) == highest);
            let sources = left_out.iter().map(|report| report.status.by());
            self.replica.want(&highest.1, highest.0, sources, &self.context, fx);
            reports = rest;
        }
    }

    /// Corrections A1, AV3: the bodies that some party that reported may lack.
    fn bodies_for(&self, parent: &Block) -> Vec<Arc<WireBlock>> {
        let lowest = self.reports.values().map(|(_, decided)| *decided).min().unwrap_or(0);
        bodies(&self.replica.chain.path(&parent.hash(), lowest, WINDOW))
    }

    /// Line 6: a proposal is kept if it is justified; it is voted for when its time comes.
    pub(super) fn on_propose(&mut self, proposal: &Arc<Proposal>, fx: &mut Effects<Self>) {
        let block = &proposal.block;
        if block.view() > self.view {
            return fx.refuse("proposal of a future view");
        }
        proposal.reports.iter().for_each(|report| self.compare_with_vote2(report, fx));
        self.replica.witness(block, &self.context, fx);
        if block.view() < self.view {
            return fx.refuse("proposal of a past view");
        }
        if let Err(reason) = self.justified(proposal) {
            self.accuse_double_voters(proposal, fx);
            return fx.refuse(reason);
        }
        let known = self.proposals.iter().any(|seen| seen.block == *block);
        if !known && self.proposals.len() >= 2 {
            return fx.refuse("third proposal of a view");
        }
        // Another copy may bring bodies that the first one did not.
        let (parent, rank) = (block.parent(), block.header().justify_view);
        self.replica.adopt(&parent, &proposal.bodies, &self.context, fx);
        self.replica.want(&parent, rank, [block.header().proposer], &self.context, fx);
        self.replica.keep(block, &self.context, fx);
        if !known {
            fx.note(6);
            self.proposals.push(proposal.clone());
        }
        self.retry(&[], fx);
    }

    /// Whether S justifies the block, as far as that can be told from the proposal alone.
    fn justified(&self, proposal: &Proposal) -> Result<(), &'static str> {
        let rules = self.rules;
        let header = proposal.block.header();
        let genesis = self.replica.chain.genesis();
        if !(rules.from_leader)(header.proposer, self.context.leader(header.view)) {
            return Err("proposer does not lead the view");
        }
        let mut locks = Vec::with_capacity(proposal.reports.len());
        for report in &proposal.reports {
            let status = report.status.body();
            let certified = report.lock.is_some().then(|| self.certified(report));
            if !(rules.speaks_for)(status, header.view) {
                return Err("status for another view");
            }
            if !(rules.shows_lock)(status, certified, genesis) {
                return Err("status names another lock");
            }
            locks.push(certified.unwrap_or((View::GENESIS, genesis)));
        }
        if !(rules.enough)(&self.context.committee, locks.len()) {
            return Err("too few statuses");
        }
        let highest = (rules.highest)(&locks).ok_or("two blocks of the highest rank")?;
        if !(rules.justified)(&header.parent, header.justify_view, &highest) {
            return Err("does not extend the highest lock");
        }
        Ok(())
    }

    /// Two certificates of one rank for two blocks: whoever signed both voted twice (corrections
    /// A3).
    fn accuse_double_voters(&mut self, proposal: &Proposal, fx: &mut Effects<Self>) {
        let mut first: BTreeMap<View, &Certificate<Vote>> = BTreeMap::new();
        for lock in proposal.reports.iter().filter_map(|report| report.lock.as_ref()) {
            let one = *first.entry(lock.statement().view).or_insert(lock);
            if one.statement() == lock.statement() {
                continue;
            }
            let signers = one.signers();
            let votes = signers.iter().filter_map(|by| one.vote(by).zip(lock.vote(by)));
            for evidence in votes.filter_map(|(vote, other)| Evidence::pair(&vote, &other)) {
                self.accuse(evidence, fx);
            }
        }
    }
}
