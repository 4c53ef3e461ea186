//! How a primary that gets nothing done is replaced.

use std::sync::Arc;

use byzlab_crypto::{Evidence, Verified};

use super::{
    machine::PbftClassic,
    rules::Place,
    statements::{NewView, Prepare, ViewChange},
    wire::{Change, MAX_SLOTS, Opening, Wire, contents},
};
use crate::{Effects, Target, View};

/// What view changes say is to be proposed, by ascending slot, and the slot below.
pub(super) type Outcome = (u64, Vec<Place>);

impl PbftClassic {
    /// Line 13: leaves the view: no prepare and no commit of it any more. What was prepared is told,
    /// durable before it is.
    pub(super) fn leave(&mut self, view: View, fx: &mut Effects<Self>) {
        if view <= self.record.view {
            return;
        }
        self.record.view = view;
        self.record.proposed = None;
        let change = Arc::new(self.view_change(view));
        self.record.change = Some(change.clone());
        self.persist(fx);
        fx.enter(view);
        fx.note(13);
        self.suspect.disarm(super::Timer::Suspect, fx);
        self.repeat.pause();
        fx.broadcast(Wire::ViewChange(change.wire().into()));
        // Those who do not know what waits have no reason to leave; the batches of the view that was
        // left promise nothing.
        self.taken.clear();
        self.forward_requests(Target::All, fx);
    }

    fn view_change(&self, view: View) -> Change {
        let stable = self.stable();
        let above = self.record.slots.range(stable + 1..).map(|(_, entry)| entry);
        let prepared: Vec<_> = above.filter_map(|entry| entry.prepared.clone()).collect();
        let listed = prepared.iter().map(|prepared| prepared.statement().clone()).collect();
        let change = self.me.sign(ViewChange { view, stable, prepared: listed });
        Change { change, checkpoint: self.record.stable.clone(), prepared }
    }

    /// Somebody has left its view.
    pub(super) fn on_view_change(&mut self, change: &Change, fx: &mut Effects<Self>) {
        let (view, by) = (change.view(), change.by());
        if view <= self.record.opened {
            return self.help_view(by, fx);
        }
        if !self.is_sound(change) {
            return fx.refuse("the view change does not show what it lists");
        }
        if self.changes.get(&by).is_some_and(|before| before.view() >= view) {
            return;
        }
        self.hold_against(change, fx);
        self.changes.insert(by, change.clone());
        if let Some(stable) = &change.checkpoint
            && stable.statement().slot <= self.ledger.slot()
        {
            self.on_stable(stable, fx);
        }
        self.join(fx);
        self.open_as_primary(fx);
    }

    /// Line 20: what its sender committed stands in it, or there is proof.
    fn hold_against(&mut self, change: &Change, fx: &mut Effects<Self>) {
        let commits = self.votes.values().filter_map(|votes| votes.commits.vote(change.by()));
        let proof = commits.filter_map(|commit| Evidence::pair(&commit, &change.change)).next();
        if let Some(evidence) = proof {
            self.accuse(evidence, fx);
        }
    }

    /// Whether the certificates are those that are listed, between the watermarks of the sender.
    fn is_sound(&self, change: &Change) -> bool {
        let ViewChange { stable, prepared, .. } = change.change.body();
        let certified: Vec<_> =
            change.prepared.iter().map(|prepared| prepared.statement().clone()).collect();
        let high = stable.saturating_add(self.window());
        (self.rules.shows)(prepared, &certified)
            && prepared.iter().all(|listed| (self.rules.in_window)(listed.slot, *stable, high))
    }

    /// Line 14: goes where an honest party is.
    fn join(&mut self, fx: &mut Effects<Self>) {
        loop {
            let all = self.changes.values().map(Change::view);
            let mut beyond: Vec<_> = all.filter(|view| *view > self.record.view).collect();
            beyond.sort_unstable();
            match (self.rules.joins)(&self.context.committee, &beyond) {
                Some(view) => {
                    fx.note(14);
                    self.leave(view, fx);
                }
                None => return,
            }
        }
    }

    /// The view changes for the view that this party has asked for.
    fn present(&self) -> impl Iterator<Item = &Change> {
        let view = self.record.view;
        self.changes.values().filter(move |change| (self.rules.speaks_for)(change.view(), view))
    }

    /// Whether a quorum has asked for the view, or for a later one, having left this one too: the
    /// time of its primary has begun.
    pub(super) fn is_asked_for(&self) -> bool {
        let view = self.record.view;
        let asked = self.changes.values().filter(|of| (self.rules.asks)(of.view(), view));
        asked.count() >= self.context.committee.quorum()
    }

    /// Line 15: the new primary opens the view.
    fn open_as_primary(&mut self, fx: &mut Effects<Self>) {
        let view = self.record.view;
        let leads = self.context.leader(view) == self.me.party();
        if self.is_open() || !leads || self.record.proposed.is_some() {
            return;
        }
        let changes: Vec<_> = self.present().cloned().collect();
        if !(self.rules.enough)(&self.context.committee, changes.len()) {
            return;
        }
        let Some((_, computed)) = self.outcome(&changes, fx) else { return };
        let sign = |(slot, digest)| self.me.sign(Prepare { view, slot, digest });
        let proposals: Vec<Verified<Prepare>> = computed.into_iter().map(sign).collect();
        let wires: Vec<_> = changes.iter().map(Change::wire).collect();
        let signed: Vec<_> = proposals.iter().map(|vote| vote.signed().clone()).collect();
        let [about, proposed] = contents(&wires, &signed);
        let new_view = self.me.sign(NewView { view, changes: about, proposals: proposed });
        let opening = Arc::new(Opening { new_view, changes, proposals });
        self.record.proposed = Some(opening.clone());
        self.persist(fx);
        fx.note(15);
        fx.broadcast(Wire::NewView(opening.wire().into()));
    }

    /// What view changes say is to be proposed: for each slot above the highest stable checkpoint, up
    /// to the highest one that was prepared, what was prepared last, or the null request.
    ///
    /// Nothing if the slots are more than there can be between watermarks.
    fn outcome(&self, changes: &[Change], fx: &mut Effects<Self>) -> Option<Outcome> {
        let bodies = || changes.iter().map(|change| change.change.body());
        let low = bodies().map(|change| change.stable).max().unwrap_or(0);
        let listed = || bodies().flat_map(|change| &change.prepared);
        let high = listed().map(|prepared| prepared.slot).max().unwrap_or(0).max(low);
        if high - low > MAX_SLOTS as u64 {
            return None;
        }
        let mut outcome = Vec::new();
        for slot in low + 1..=high {
            let prepared: Vec<_> = listed().filter(|prepared| prepared.slot == slot).collect();
            let chosen = (self.rules.chooses)(&prepared);
            if chosen.is_none() {
                fx.note(16);
            }
            outcome.extend((self.rules.fills)(chosen).map(|digest| (slot, digest)));
        }
        Some((low, outcome))
    }

    /// A new view comes. Safety hangs on this: nobody takes the primary's word for what was prepared.
    pub(super) fn on_new_view(&mut self, opening: &Arc<Opening>, fx: &mut Effects<Self>) {
        let view = opening.view();
        if view <= self.record.opened || view < self.record.view {
            return fx.refuse("new-view of a past view");
        }
        if !(self.rules.from_primary)(opening.new_view.by(), self.context.leader(view)) {
            return fx.refuse("new-view of another party than the primary");
        }
        let changes = &opening.changes;
        let speak = changes
            .iter()
            .all(|change| (self.rules.speaks_for)(change.view(), view) && self.is_sound(change));
        if !speak || !(self.rules.enough)(&self.context.committee, changes.len()) {
            return fx.refuse("no quorum of view changes");
        }
        let Some((low, computed)) = self.outcome(changes, fx) else {
            return fx.refuse("more slots than between watermarks");
        };
        let proposed = opening.proposals.iter().map(Verified::body);
        let proposed: Vec<_> = proposed.map(|vote| (vote.slot, vote.digest)).collect();
        if !(self.rules.justified)(&proposed, &computed) {
            return fx.refuse("the proposals are not what the view changes say");
        }
        self.open(opening, low, fx);
    }

    /// Line 19: enters the view and accepts its proposals.
    fn open(&mut self, opening: &Arc<Opening>, low: u64, fx: &mut Effects<Self>) {
        let view = opening.view();
        if view > self.record.view {
            fx.enter(view);
            // What ran was the time of an earlier primary.
            self.suspect.pause();
        }
        fx.note(19);
        self.record.view = view;
        self.record.opened = view;
        self.record.opening = Some(opening.clone());
        self.record.change = None;
        self.record.proposed = None;
        self.votes.clear();
        self.claims.clear();
        self.taken.clear();
        self.changes.retain(|_, change| change.view() > view);
        let checkpoints = opening.changes.iter().filter_map(|change| change.checkpoint.as_ref());
        let highest = checkpoints.max_by_key(|stable| stable.statement().slot);
        let raised = highest.is_some_and(|stable| self.raise(stable, fx));
        let last = opening.proposals.last().map_or(low, |vote| vote.body().slot);
        self.record.assigned = last.max(low);
        for vote in &opening.proposals {
            self.accept_proposal(vote, fx);
        }
        self.persist(fx);
        self.prune(fx);
        for vote in &opening.proposals {
            self.prepare_proposal(vote, fx);
        }
        self.want_lacking(fx);
        if raised && self.stable() > self.ledger.slot() {
            self.ask(false, fx);
        }
        self.take_early(fx);
        self.repeat.pause();
        self.forward.pause();
    }

    fn accept_proposal(&mut self, vote: &Verified<Prepare>, fx: &mut Effects<Self>) {
        let Prepare { view, slot, digest } = *vote.body();
        if !(self.rules.in_window)(slot, self.stable(), self.high()) {
            return;
        }
        self.count_prepare(vote, fx);
        let entry = self.entry(slot);
        // Whoever has decided another batch never votes for this one (corrections B2).
        if entry.committed.as_ref().is_none_or(|of| of.statement().digest == digest) {
            entry.accepted = Some((view, digest));
        }
    }

    fn prepare_proposal(&mut self, vote: &Verified<Prepare>, fx: &mut Effects<Self>) {
        let Prepare { view, slot, digest } = *vote.body();
        let accepted = self.record.slots.get(&slot).and_then(|entry| entry.accepted);
        if accepted != Some((view, digest)) {
            return;
        }
        if let Some(block) = self.bodies.get(&(slot, digest)) {
            let ids = block.requests().iter().copied();
            self.taken.extend(ids.filter(|id| !self.ledger.is_executed(id)));
        }
        self.send_prepare(slot, fx);
        self.check_prepared(slot, fx);
    }
}
