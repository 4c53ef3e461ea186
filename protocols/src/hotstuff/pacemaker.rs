//! The pacemaker (corrections A4): how parties come into the same view, and stay there long
//! enough.

use byzlab_crypto::{PartyId, PartySet, Verified};

use super::{
    machine::{HotStuff, Timer, point},
    wire::{
        CheckedTimeout, Entry, Message, NewView, Qc, Timeout, TimeoutCertificate, Wire,
        WireNewView, WireTimeout, certify, wire_qc,
    },
};
use crate::{Effects, View};

impl HotStuff {
    /// Line 1: a party enters a view and tells its leader. `passed_on` says that a leader learnt
    /// of its view from somebody else than the leader before: it tells the others, once.
    pub(super) fn enter(
        &mut self,
        view: View,
        entry: Option<Entry>,
        passed_on: bool,
        fx: &mut Effects<Self>,
    ) {
        if view <= self.view {
            return;
        }
        self.view = view;
        self.record.entry = entry;
        self.tallies = Default::default();
        self.proposal = None;
        self.waiting = None;
        self.waiting_qc = None;
        self.new_views.retain(|_, new_view| new_view.body().view >= view);
        self.timeouts.retain(|_, (timeout, _)| timeout.body().view >= view);
        self.armed = false;
        fx.enter(view);
        fx.note(1);
        match &self.record.entry {
            Some(Entry::TimedOut(certificate)) => {
                fx.broadcast(Wire::TimeoutCertificate(certificate.wire()));
            }
            Some(Entry::Decided(qc)) if self.leads() => {
                if passed_on {
                    fx.broadcast(Wire::Certificate(qc.claim().clone()));
                } else {
                    fx.set_timer(Timer::Relay(view), fx.now().after(self.context.delta * 2));
                }
            }
            Some(Entry::Decided(_)) | None => {}
        }
        let high_view = self.high().0;
        let new_view = self.me.sign(NewView { view, high_view }).into_signed();
        let high = wire_qc(self.record.high.as_ref());
        let entry = self.record.entry.as_ref().map(Entry::wire);
        let message = WireNewView { new_view, high, entry };
        fx.send(self.context.leader(view), Wire::NewView(message.into()));

        // The clock of the new view starts now, whatever was left of the old one's.
        fx.cancel_timer(Timer::View);
        self.watch(fx);
        self.want_high(fx);
        for message in std::mem::take(&mut self.early) {
            match &message {
                Message::Prepare(block, high) => {
                    self.on_prepare(block, high.as_ref(), &message, fx);
                }
                Message::Certificate(qc) => self.on_certificate(qc, &message, fx),
                _ => {}
            }
        }
    }

    /// Line 14, rule 1: the view takes too long. The party stops voting in it and says so, again
    /// and again while it is still there.
    pub(super) fn give_up(&mut self, fx: &mut Effects<Self>) {
        fx.note(14);
        self.send_timeout(fx);
        self.gave_up = self.view;
    }

    /// Line 1: the leader of the view before may have shown its decision to some only. Whoever
    /// did not report is told: faulty parties may have reported, so that a quorum of new-views is
    /// no quorum of voters.
    pub(super) fn relay(&mut self, view: View, fx: &mut Effects<Self>) {
        let Some(Entry::Decided(qc)) = &self.record.entry else { return };
        if view != self.view {
            return;
        }
        let present: PartySet = self.present().map(Verified::by).collect();
        for party in self.context.committee.parties().filter(|party| !present.contains(*party)) {
            fx.send(party, Wire::Certificate(qc.claim().clone()));
        }
    }

    /// Line 11: a decision is known here. If all who know it fall silent, whoever does not, and
    /// knows of no request either, never asks: see [`HotStuff::share`].
    pub(super) fn share_later(&mut self, fx: &mut Effects<Self>) {
        if self.context.committee.f() > 1 {
            fx.set_timer(Timer::Share, fx.now().after(self.context.delta * 2));
        }
    }

    /// Nothing waits since the last decision. Only a faulty leader leaves anybody out of it, so
    /// that one of the `f` leaders after it is honest. The first of them has the new-views; the
    /// others are told, and tell all.
    pub(super) fn share(&mut self, fx: &mut Effects<Self>) {
        let Some(commit) = self.record.commits.highest().filter(|_| !self.undecided()) else {
            return;
        };
        let view = commit.statement().view;
        let (f, me) = (self.context.committee.f() as u64, self.me.party());
        let views = (2..=f).map(|later| View(view.0.saturating_add(later)));
        let next: PartySet = views.map(|view| self.context.leader(view)).collect();
        let commit = wire_qc(Some(commit));
        let message = Wire::Help { answers: 0, high: None, entry: None, commit };
        if next.contains(me) {
            return fx.broadcast(message);
        }
        for leader in next.iter() {
            fx.send(leader, message.clone());
        }
    }

    /// What brought somebody into a view is taken for what it shows, and opens the view.
    pub(super) fn follow(&mut self, entry: &Entry, fx: &mut Effects<Self>) {
        match entry {
            Entry::Decided(qc) => self.on_commit(qc, fx),
            Entry::TimedOut(certificate) => self.adopt(certificate.high.as_ref(), fx),
        }
        if entry.opens() > self.view {
            self.enter(entry.opens(), Some(entry.clone()), true, fx);
        }
    }

    /// Says that the present view is given up: durable before it leaves.
    pub(super) fn send_timeout(&mut self, fx: &mut Effects<Self>) {
        self.record.timed_out = self.record.timed_out.max(self.view);
        self.persist(fx);
        let high_view = self.high().0;
        let timeout = self.me.sign(Timeout { view: self.view, high_view }).into_signed();
        let high = wire_qc(self.record.high.as_ref());
        let request = self.replica.pool.oldest();
        let message = WireTimeout {
            timeout,
            high,
            entry: self.record.entry.as_ref().map(Entry::wire),
            committed: self.committed(),
            asks: self.asking.as_ref().map_or(0, |_| self.record.restarts),
            request: request.map(|request| request.signed().clone()),
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
        let CheckedTimeout { timeout, high, entry, committed, asks, request } = message;
        let view = timeout.body().view;
        self.adopt(high.as_ref(), fx);
        if let Some(entry) = entry {
            self.follow(entry, fx);
        }
        if let Some(request) = request {
            self.submit(request, fx);
        }
        if view < self.view || *committed < self.committed() || *asks > 0 {
            self.help(from, *asks, fx);
        }
        if view < self.view {
            return;
        }
        let latest = (timeout.clone(), high.clone());
        let slot = self.timeouts.entry(timeout.by()).or_insert_with(|| latest.clone());
        // One slot for each party, the highest view counts.
        if slot.0.body().view <= view {
            *slot = latest;
        }
        self.amplify(fx);
        self.certify_timeouts(view, fx);
    }

    /// Line 15, rule 2: where f + 1 parties are, at least one honest party is.
    fn amplify(&mut self, fx: &mut Effects<Self>) {
        let mut views: Vec<View> =
            self.timeouts.values().map(|(timeout, _)| timeout.body().view).collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        let Some(view) = views.get(self.context.committee.f()).copied() else { return };
        if view < self.view || (view == self.view && self.gave_up == view) {
            return;
        }
        fx.note(15);
        self.enter(view, None, false, fx);
        if self.gave_up < self.view && view == self.view {
            self.gave_up = view;
            self.send_timeout(fx);
        }
    }

    /// Rule 3: a quorum of timeouts ends the view.
    fn certify_timeouts(&mut self, view: View, fx: &mut Effects<Self>) {
        if view < self.view {
            return;
        }
        let genesis = self.replica.chain.genesis();
        let of_view = || self.timeouts.values().filter(|(timeout, _)| timeout.body().view == view);
        if of_view().count() < self.context.committee.quorum() {
            return;
        }
        let high = of_view().filter_map(|(_, high)| high.as_ref());
        let high = high.max_by_key(|high| point(Some(high), genesis).0);
        let timeouts = of_view().map(|(timeout, _)| timeout.clone());
        if let Some(certificate) = certify(&self.context.committee, timeouts, high) {
            self.on_timeout_certificate(&certificate, fx);
        }
    }

    /// A timeout certificate, made or received, opens the next view.
    pub(super) fn on_timeout_certificate(
        &mut self,
        certificate: &TimeoutCertificate,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(certificate.high.as_ref(), fx);
        if certificate.view >= self.view {
            let entry = Entry::TimedOut(certificate.clone());
            self.enter(certificate.view.next(), Some(entry), false, fx);
        }
    }

    /// Line 12, rule 4: whoever is behind, in views or in decisions, or asks after a restart, is
    /// told how to come up, once in T at the most.
    fn help(&mut self, party: PartyId, asks: u64, fx: &mut Effects<Self>) {
        let last = self.helped.get(&party).copied();
        if party == self.me.party() || last.is_some_and(|last| fx.now().since(last) < self.patience)
        {
            return;
        }
        self.helped.insert(party, fx.now());
        fx.note(12);
        fx.send(
            party,
            Wire::Help {
                answers: asks,
                high: wire_qc(self.record.high.as_ref()),
                entry: self.record.entry.as_ref().map(Entry::wire),
                commit: wire_qc(self.record.commits.highest()),
            },
        );
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
        entry: Option<&Entry>,
        commit: Option<&Qc>,
        fx: &mut Effects<Self>,
    ) {
        self.adopt(high, fx);
        if let Some(commit) = commit {
            self.on_commit(commit, fx);
            let view = commit.statement().view;
            if view >= self.view {
                self.enter(view.next(), Some(Entry::Decided(commit.clone())), true, fx);
            }
        }
        if let Some(entry) = entry {
            self.follow(entry, fx);
        }
    }
}
