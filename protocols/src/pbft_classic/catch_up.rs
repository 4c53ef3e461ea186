//! How a party comes to what it lacks (corrections A5): whoever lacks something says so again and
//! again, and whoever has it answers.

use byzlab_crypto::{Digest, PartyId};

use super::{
    machine::{PbftClassic, Timer},
    statements::Committed,
    wire::{MAX_FORWARDED, Progress, Wire},
};
use crate::{
    Effects, Target, Time,
    smr::{Block, MAX_BLOCK_BYTES, Sync},
};

impl PbftClassic {
    /// Line 11: something has been lacking for a while.
    pub(super) fn repeat(&mut self, fx: &mut Effects<Self>) {
        self.ask(self.asking.is_some(), fx);
        // Nobody may have got enough of them, and the watermarks stay until somebody does.
        for snapshot in self.snapshots.range(self.stable() + 1..).map(|(_, snapshot)| snapshot) {
            self.send_checkpoint(snapshot, fx);
        }
        if let Some(change) = self.record.change.clone().filter(|_| !self.is_open()) {
            fx.broadcast(Wire::ViewChange(change.wire().into()));
            self.forward_requests(Target::All, fx);
        }
    }

    /// Tells all how far this party is.
    pub(super) fn ask(&self, asks: bool, fx: &mut Effects<Self>) {
        fx.note(11);
        fx.broadcast(Wire::Progress(self.progress(asks)));
    }

    fn progress(&self, asks: bool) -> Progress {
        let (stable, executed) = (self.stable(), self.ledger.slot());
        Progress { view: self.record.opened, stable, executed, asks }
    }

    /// Line 10: sends on the requests that wait longest and are in no batch that was accepted.
    pub(super) fn forward_requests(&mut self, to: Target, fx: &mut Effects<Self>) {
        let taken = |id: &_| self.taken.contains(id);
        let requests = self.pool.next(MAX_FORWARDED, MAX_BLOCK_BYTES, Time::NEVER, taken);
        if requests.is_empty() {
            return;
        }
        fx.note(10);
        let requests = requests.iter().map(|request| request.signed().clone()).collect();
        let wire = Wire::Forward(requests);
        match to {
            Target::One(party) => fx.send(party, wire),
            Target::All => fx.broadcast(wire),
        }
    }

    /// Whether a party may be helped again; notes that it is.
    fn may_help(&mut self, party: PartyId, with_view: bool, fx: &mut Effects<Self>) -> bool {
        let last = self.helped.get(&(party, with_view)).copied();
        let soon = last.is_some_and(|last| fx.now().since(last) < self.context.delta * 2);
        if soon || party == self.me.party() {
            return false;
        }
        self.helped.insert((party, with_view), fx.now());
        true
    }

    /// Shows a party that is in an earlier view what opened this one.
    pub(super) fn help_view(&mut self, party: PartyId, fx: &mut Effects<Self>) {
        let Some(opening) = self.record.opening.clone() else { return };
        if self.may_help(party, true, fx) {
            fx.note(21);
            fx.send(party, Wire::NewView(opening.wire().into()));
        }
    }

    /// Somebody tells how far it is. Line 21: whoever is behind gets the slots that it lacks, or the
    /// state if they are gone.
    pub(super) fn on_progress(
        &mut self,
        from: PartyId,
        progress: Progress,
        fx: &mut Effects<Self>,
    ) {
        let Progress { view, stable, executed, asks } = progress;
        self.claim(from, executed);
        if let Some(asking) = &mut self.asking {
            asking.insert(from);
            if asking.len() >= self.context.committee.quorum() {
                self.asking = None;
            }
        }
        if view < self.record.opened {
            self.help_view(from, fx);
        }
        let behind = executed < self.ledger.slot() || stable.min(executed) < self.stable();
        if !(behind || asks) || !self.may_help(from, false, fx) {
            return;
        }
        if asks {
            fx.send(from, Wire::Progress(self.progress(false)));
        }
        if behind {
            fx.note(21);
            self.tell(from, progress, fx);
        }
    }

    /// The certificate of the checkpoint moves the watermarks of whoever has executed as much, but
    /// does not know that others have: without it what comes after is outside of them.
    fn tell(&self, to: PartyId, progress: Progress, fx: &mut Effects<Self>) {
        let stable = self.stable();
        let mut above = progress.executed;
        if progress.stable.min(progress.executed) < stable
            && let Some(checkpoint) = &self.record.stable
        {
            let lacks = progress.executed < stable;
            let snapshot = self.snapshots.get(&stable).filter(|_| lacks);
            above = above.max(if snapshot.is_some() { stable } else { 0 });
            let snapshot = snapshot.map(|snapshot| snapshot.bytes().clone());
            fx.send(to, Wire::State { checkpoint: checkpoint.claim().clone(), snapshot });
        }
        let executed = self.record.slots.range(..=self.ledger.slot());
        for (slot, entry) in executed.filter(|(slot, _)| **slot > above) {
            let Some(committed) = &entry.committed else { continue };
            let block = self.bodies.get(&(*slot, committed.statement().digest));
            let block = block.and_then(|block| block.wire().cloned());
            let certificate = committed.claim().clone();
            fx.send(to, Wire::Committed { certificate, block });
        }
    }

    /// A slot that this party may lack.
    pub(super) fn on_committed(
        &mut self,
        committed: &Committed,
        block: Option<&Block>,
        fx: &mut Effects<Self>,
    ) {
        let slot = committed.statement().slot;
        if !(self.rules.in_window)(slot, self.low(), self.high()) {
            return fx.refuse("outside the watermarks");
        }
        if let Some(block) = block.filter(|_| slot > self.ledger.slot()) {
            self.hold(block, fx);
        }
        self.take_committed(committed, fx);
        self.execute(fx);
    }

    /// Looks for the batches that are decided or accepted and not held, the lowest slots first, as
    /// many as may be looked for at once.
    pub(super) fn want_lacking(&mut self, fx: &mut Effects<Self>) {
        let view = self.record.opened;
        let above = self.record.slots.range(self.ledger.slot() + 1..);
        let named = above.filter_map(|(slot, entry)| {
            let decided = entry.committed.as_ref().map(|of| of.statement().digest);
            let accepted = entry.accepted.filter(|(of, _)| *of == view).map(|(_, digest)| digest);
            Some((*slot, decided.or(accepted)?))
        });
        let lacking = |(slot, digest): &(u64, Digest)| {
            !self.holds(*slot, digest) && self.fetcher.wants(digest).is_none()
        };
        for (slot, digest) in named.filter(lacking).collect::<Vec<_>>() {
            if self.fetcher.is_full() {
                return;
            }
            let sources = self.holders(slot, &digest);
            self.want(slot, digest, sources, fx);
        }
    }

    /// Those who signed for a batch in what opened the view or decided the slot.
    fn holders(&self, slot: u64, digest: &Digest) -> Vec<PartyId> {
        let changes = self.record.opening.iter().flat_map(|opening| &opening.changes);
        let prepared = changes.flat_map(|change| &change.prepared);
        let prepared = prepared.filter(|of| of.statement().digest == *digest);
        let decided = self.record.slots.get(&slot).and_then(|entry| entry.committed.as_ref());
        let decided = decided.filter(|of| of.statement().digest == *digest);
        let signers = prepared.map(|of| of.signers()).chain(decided.map(|of| of.signers()));
        signers.flat_map(|signers| signers.iter().collect::<Vec<_>>()).collect()
    }

    /// Asks for a batch.
    pub(super) fn fetch(&self, hash: Digest, sources: Vec<PartyId>, fx: &mut Effects<Self>) {
        for source in sources {
            fx.send(source, Wire::Sync(Sync::Fetch { hash, above: 0 }));
        }
        fx.set_timer(Timer::Fetch(hash), fx.now().after(self.context.delta * 2));
    }

    /// Asks others, since the batch did not come in 2Δ.
    pub(super) fn fetch_again(&mut self, digest: Digest, fx: &mut Effects<Self>) {
        let committee = &self.context.committee;
        let (n, at_once) = (committee.n(), committee.one_honest());
        let next = self.fetcher.next(&digest, self.me.party(), n, at_once);
        if !next.is_empty() {
            self.fetch(digest, next, fx);
        }
    }

    /// Answers who asks for a batch, if it is held.
    pub(super) fn answer_fetch(&self, from: PartyId, digest: &Digest, fx: &mut Effects<Self>) {
        let held = self.bodies.iter().find(|((_, held), _)| held == digest);
        if let Some(wire) = held.and_then(|(_, block)| block.wire()) {
            fx.send(from, Wire::Sync(Sync::Blocks(vec![wire.clone()])));
        }
    }

    /// Batches come that this party looked for: what waited for them goes on.
    pub(super) fn on_blocks(&mut self, blocks: &[Block], fx: &mut Effects<Self>) {
        for block in blocks {
            let (slot, digest) = (block.height(), block.hash());
            // A false certificate may name a batch for a slot that it is not made for. What is held
            // answers that no better the second time: to ask again at once would never end.
            if self.fetcher.wants(&digest).is_none() || self.holds(slot, &digest) {
                continue;
            }
            self.hold(block, fx);
            let accepted = self.record.slots.get(&slot).and_then(|entry| entry.accepted);
            if accepted == Some((self.record.opened, digest)) {
                self.taken.extend(block.requests().iter().copied());
                self.send_prepare(slot, fx);
                self.check_prepared(slot, fx);
            }
        }
        self.execute(fx);
    }

    /// After a restart: says again what was said of the slots that are not executed. Nothing of it
    /// is new.
    pub(super) fn say_again(&mut self, fx: &mut Effects<Self>) {
        if let Some(opening) = &self.record.proposed {
            fx.broadcast(Wire::NewView(opening.wire().into()));
        }
        if !self.is_open() {
            if let Some(change) = &self.record.change {
                fx.broadcast(Wire::ViewChange(change.wire().into()));
            }
            return;
        }
        let (view, leads) = (self.record.opened, self.primary() == self.me.party());
        if leads && let Some(opening) = &self.record.opening {
            fx.broadcast(Wire::NewView(opening.wire().into()));
        }
        let slots: Vec<_> = self.record.slots.range(self.ledger.slot() + 1..).collect();
        for (slot, entry) in slots {
            let Some((_, digest)) = entry.accepted.filter(|(of, _)| *of == view) else { continue };
            let block = self.bodies.get(&(*slot, digest)).filter(|block| block.view() == view);
            match block.filter(|_| leads) {
                Some(block) => self.send_pre_prepare(view, block, fx),
                None => self.send_prepare(*slot, fx),
            }
            self.send_commit(*slot, fx);
        }
    }
}
