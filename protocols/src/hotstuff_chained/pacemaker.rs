//! The pacemaker (corrections A4): how parties come into the same view, and stay there long
//! enough.

use byzlab_crypto::{PartyId, PartySet, Signed};

use super::{
    machine::{ChainedHotStuff, Timer, point},
    wire::{
        CheckedTimeout, Decided, Qc, Timeout, TimeoutCertificate, Vote, Wire, WireTimeout, certify,
        wire_qc,
    },
};
use crate::{Effects, View, smr::Commit};

/// How many views it takes to propose a block, to decide it, and to show that to all.
const SHOWN_IN: u64 = 4;

impl ChainedHotStuff {
    /// A party enters a view: by a certificate of the view before, by a timeout certificate, or
    /// because others are there. What the leader said early is heard now.
    pub(super) fn enter(
        &mut self,
        view: View,
        entry: Option<TimeoutCertificate>,
        fx: &mut Effects<Self>,
    ) {
        if view <= self.view {
            return;
        }
        self.view = view;
        self.record.entry = entry;
        self.tallies.retain(|of, _| of.next() >= view);
        self.proposal = None;
        self.waiting = None;
        self.timeouts.retain(|_, (timeout, _)| timeout.body().view >= view);
        self.armed = false;
        fx.enter(view);
        if let Some(certificate) = &self.record.entry {
            let certificate = certificate.wire();
            fx.broadcast(Wire::TimeoutCertificate { certificate, vote: self.last_vote() });
        }
        // The clock of the new view starts now, whatever was left of the old one's.
        fx.cancel_timer(Timer::View);
        self.watch(fx);
        self.propose(fx);
        if let Some((block, justify)) = self.early.take_if(|(block, _)| block.view() <= view) {
            self.on_propose(&block, justify.as_ref(), fx);
        }
    }

    /// The last vote, to go with what is said to all: whoever should have collected it may be
    /// silent.
    fn last_vote(&self) -> Option<Signed<Vote>> {
        let vote = self.record.voted.clone().filter(|_| self.salvage);
        vote.map(|vote| self.me.sign(vote).into_signed())
    }

    /// Line 11, rule 1: the view takes too long. The party stops voting in it and says so, again
    /// and again while it is still there.
    pub(super) fn give_up(&mut self, fx: &mut Effects<Self>) {
        fx.note(11);
        self.send_timeout(fx);
        self.gave_up = self.view;
    }

    /// Says that the present view is given up: durable before it leaves.
    pub(super) fn send_timeout(&mut self, fx: &mut Effects<Self>) {
        self.record.timed_out = self.record.timed_out.max(self.view);
        self.persist(fx);
        let high_view = self.high().0;
        let timeout = self.me.sign(Timeout { view: self.view, high_view }).into_signed();
        let oldest = self.replica.pool.oldest().map(|request| request.signed().clone());
        let open = || self.open_requests().next().map(|(block, at)| block.commands()[at].clone());
        let message = WireTimeout {
            timeout,
            high: wire_qc(self.record.high.as_ref()),
            entry: self.record.entry.as_ref().map(TimeoutCertificate::wire),
            vote: self.last_vote(),
            committed: self.committed(),
            asks: self.asking.as_ref().map_or(0, |_| self.record.restarts),
            request: oldest.or_else(open),
        };
        fx.broadcast(Wire::Timeout(message.into()));
    }

    /// A party says that it gave up a view.
    pub(super) fn on_timeout(
        &mut self,
        from: PartyId,
        message: &CheckedTimeout,
        fx: &mut Effects<Self>,
    ) {
        let CheckedTimeout { timeout, high, entry, vote, committed, asks, request } = message;
        let view = timeout.body().view;
        self.adopt(high.as_ref(), fx);
        if let Some(entry) = entry {
            self.on_timeout_certificate(entry, fx);
        }
        if let Some(request) = request {
            self.submit(request, fx);
        }
        if view < self.view || *committed < self.committed() || *asks > 0 {
            self.help(from, *asks, fx);
        }
        if view >= self.view {
            let latest = (timeout.clone(), high.clone());
            let slot = self.timeouts.entry(timeout.by()).or_insert_with(|| latest.clone());
            // One slot for each party, the highest view counts.
            if slot.0.body().view <= view {
                *slot = latest;
            }
            self.amplify(fx);
            self.certify_timeouts(view, fx);
        }
        // After the timeout itself: who ends the view by it passes the certificate on.
        self.count(vote.as_ref(), false, fx);
    }

    /// Line 12, rule 2: where f + 1 parties are, at least one honest party is.
    fn amplify(&mut self, fx: &mut Effects<Self>) {
        let mut views: Vec<View> =
            self.timeouts.values().map(|(timeout, _)| timeout.body().view).collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        let Some(view) = views.get(self.context.committee.f()).copied() else { return };
        if view < self.view || (view == self.view && self.gave_up == view) {
            return;
        }
        fx.note(12);
        // Given up before it is entered: nothing is proposed or voted for in it.
        self.record.timed_out = self.record.timed_out.max(view);
        self.enter(view, None, fx);
        if self.gave_up < self.view && view == self.view {
            self.gave_up = view;
            self.send_timeout(fx);
        }
    }

    /// Line 13, rule 3: a quorum of timeouts ends the view.
    fn certify_timeouts(&mut self, view: View, fx: &mut Effects<Self>) {
        if view < self.view {
            return;
        }
        let genesis = self.replica.chain.genesis();
        let of_view = || self.timeouts.values().filter(|(timeout, _)| timeout.body().view == view);
        if !(self.rules.ends_view)(&self.context.committee, of_view().count()) {
            return;
        }
        let high = of_view().filter_map(|(_, high)| high.as_ref());
        let high = high.max_by_key(|high| point(Some(high), genesis).0);
        let timeouts = of_view().map(|(timeout, _)| timeout.clone());
        if let Some(certificate) = certify(&self.context.committee, timeouts, high) {
            fx.note(13);
            self.on_timeout_certificate(&certificate, fx);
        }
    }

    /// Line 13: a timeout certificate, made or received, opens the next view.
    pub(super) fn on_timeout_certificate(
        &mut self,
        certificate: &TimeoutCertificate,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(certificate.high.as_ref(), fx);
        if certificate.view >= self.view {
            self.enter(certificate.view.next(), Some(certificate.clone()), fx);
        }
    }

    /// Line 14, rule 4: whoever is behind, in views or in decisions, or asks after a restart, is
    /// told how to come up, once in T at the most.
    fn help(&mut self, party: PartyId, asks: u64, fx: &mut Effects<Self>) {
        let last = self.helped.get(&party).copied();
        if party == self.me.party() || last.is_some_and(|last| fx.now().since(last) < self.patience)
        {
            return;
        }
        self.helped.insert(party, fx.now());
        fx.note(14);
        fx.send(
            party,
            Wire::Help {
                answers: asks,
                high: wire_qc(self.record.high.as_ref()),
                entry: self.record.entry.as_ref().map(TimeoutCertificate::wire),
                commit: self.record.commits.highest().map(Decided::wire),
            },
        );
    }

    /// Line 9: a decision is known here. If all who know it fall silent, whoever does not, and
    /// knows of no request either, never asks: see [`ChainedHotStuff::share`].
    pub(super) fn share_later(&mut self, fx: &mut Effects<Self>) {
        if self.context.committee.f() as u64 >= SHOWN_IN {
            fx.set_timer(Timer::Share, fx.now().after(self.context.delta * 2));
        }
    }

    /// Line 9: nothing waits since the last decision. An honest leader of one of the views in which
    /// it was made shows its block to all, and they ask; after `f` faulty ones comes an honest one,
    /// who is told, and tells all.
    pub(super) fn share(&mut self, fx: &mut Effects<Self>) {
        let Some(commit) = self.record.commits.highest().filter(|_| !self.undecided()) else {
            return;
        };
        let (f, view) = (self.context.committee.f() as u64, commit.view());
        let views = (SHOWN_IN..=f).map(|later| View(view.0.saturating_add(later)));
        let next: PartySet = views.map(|view| self.context.leader(view)).collect();
        let commit = Some(commit.wire());
        let message = Wire::Help { answers: 0, high: None, entry: None, commit };
        if next.contains(self.me.party()) {
            return fx.broadcast(message);
        }
        for leader in next.iter() {
            fx.send(leader, message.clone());
        }
    }

    /// An answer after a restart. A quorum is enough: every decision has a party in it that voted
    /// for it last and keeps its certificates.
    pub(super) fn on_answer(&mut self, from: PartyId, answers: u64) {
        let Some(asking) = self.asking.as_mut().filter(|_| answers == self.record.restarts) else {
            return;
        };
        asking.insert(from);
        if asking.len() >= self.context.committee.quorum() {
            self.asking = None;
        }
    }

    /// Somebody who is ahead helps.
    pub(super) fn on_help(
        &mut self,
        high: Option<&Qc>,
        entry: Option<&TimeoutCertificate>,
        commit: Option<&Decided>,
        fx: &mut Effects<Self>,
    ) {
        if let Some(commit) = commit {
            self.on_commit(commit, fx);
            self.adopt(Some(&commit.certificate), fx);
        }
        self.adopt(high, fx);
        if let Some(entry) = entry {
            self.on_timeout_certificate(entry, fx);
        }
    }
}
