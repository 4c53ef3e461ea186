//! Execution in order, checkpoints, and what is thrown away after them.

use std::sync::Arc;

use byzlab_crypto::{
    Added, Certificate, Claim, Committee, Digest, PartySet, Proof, Reject, Verified,
};

use super::{
    machine::{PbftClassic, Timer},
    statements::{Checkpoint, Commit, Committed, Stable, null},
    wire::Wire,
};
use crate::{
    Decision, Effect, Effects, Installed, View,
    smr::{Block, Snapshot},
};

impl PbftClassic {
    /// Lines 5 and 6: a slot is decided, in whatever view.
    pub(super) fn take_committed(&mut self, committed: &Committed, fx: &mut Effects<Self>) {
        let Commit { slot, digest, .. } = *committed.statement();
        if !(self.rules.in_window)(slot, self.low(), self.high()) {
            return;
        }
        if let Some(before) = &self.entry(slot).committed {
            if before.statement().digest != digest {
                fx.push(Effect::Conflict(decision(committed, None, Vec::new()).into()));
            }
            return;
        }
        fx.note(5);
        self.entry(slot).committed = Some(committed.clone());
        self.persist(fx);
        self.tidy(slot, fx);
        self.want(slot, digest, committed.signers().iter(), fx);
        self.execute(fx);
    }

    /// Line 6: executes what is decided, in order, as far as it goes.
    pub(super) fn execute(&mut self, fx: &mut Effects<Self>) {
        let (before, mut fresh) = (self.ledger.slot(), false);
        loop {
            let slot = self.ledger.slot() + 1;
            let entry = self.record.slots.get(&slot);
            let Some(committed) = entry.and_then(|entry| entry.committed.clone()) else { break };
            let digest = committed.statement().digest;
            let block = self.bodies.get(&(slot, digest)).cloned();
            if block.is_none() && digest != null() {
                break;
            }
            fx.note(6);
            let replies = self.ledger.execute(digest, block.as_ref(), self.rules.executes);
            let requests = replies.iter().map(|reply| reply.request).collect();
            fx.push(Effect::Decide(decision(&committed, block.as_ref(), requests).into()));
            for id in block.iter().flat_map(|block| block.requests().iter()) {
                self.pool.remove(id);
                self.taken.remove(id);
            }
            fresh |= !replies.is_empty();
            replies.into_iter().for_each(|reply| fx.push(Effect::Reply(reply)));
            if slot.is_multiple_of(self.params.checkpoint) {
                self.checkpoint(fx);
            }
        }
        if fresh {
            self.progressed();
        }
        if self.ledger.slot() > before {
            self.prune(fx);
        }
    }

    /// A request was executed: whoever is waited for gets time again. Not for a slot that brings
    /// nothing new, or a primary could order one request for ever, and no other.
    fn progressed(&mut self) {
        self.fruitful = self.record.opened;
        self.suspect.pause();
        self.repeat.pause();
        self.forward.pause();
    }

    /// Line 7: tells the state after every so many slots.
    fn checkpoint(&mut self, fx: &mut Effects<Self>) {
        let snapshot = Snapshot::of(&self.ledger);
        fx.note(7);
        self.send_checkpoint(&snapshot, fx);
        self.snapshots.insert(snapshot.slot(), snapshot);
    }

    pub(super) fn send_checkpoint(&self, snapshot: &Snapshot, fx: &mut Effects<Self>) {
        let (slot, state) = (snapshot.slot(), snapshot.digest());
        let vote = self.me.sign(Checkpoint { slot, state }).into_signed();
        fx.broadcast(Wire::Checkpoint(vote));
    }

    /// Line 8: a quorum of equal checkpoints is stable.
    pub(super) fn on_checkpoint(&mut self, vote: &Verified<Checkpoint>, fx: &mut Effects<Self>) {
        let slot = vote.body().slot;
        self.claim(vote.by(), slot);
        let known = slot.is_multiple_of(self.params.checkpoint);
        if !known || !(self.rules.in_window)(slot, self.stable(), self.high()) {
            return fx.refuse("not a checkpoint between the watermarks");
        }
        let tally = self.checkpoints.entry(slot).or_default();
        if let Added::Conflicting(_, evidence) = tally.add(vote) {
            self.accuse(*evidence, fx);
        }
        let tally = self.checkpoints.entry(slot).or_default();
        if let Some(stable) = tally.certificate(&self.context.committee, vote.body()) {
            self.on_stable(&stable, fx);
        }
    }

    /// The low watermark rises.
    pub(super) fn on_stable(&mut self, stable: &Stable, fx: &mut Effects<Self>) {
        if self.raise(stable, fx) {
            self.persist(fx);
            self.prune(fx);
            self.take_early(fx);
        }
    }

    /// Takes a stable checkpoint for the low watermark, if it is higher; says whether it is.
    pub(super) fn raise(&mut self, stable: &Stable, fx: &mut Effects<Self>) -> bool {
        let slot = stable.statement().slot;
        if slot <= self.stable() {
            return false;
        }
        fx.note(8);
        self.record.stable = Some(stable.clone());
        self.checkpoints = self.checkpoints.split_off(&slot.saturating_add(1));
        true
    }

    /// Line 9: forgets what is both stable and executed, and what is too far behind. Whatever of it
    /// was executed is in a snapshot that is durable before.
    pub(super) fn prune(&mut self, fx: &mut Effects<Self>) {
        let (stable, executed) = (self.stable(), self.ledger.slot());
        let oldest = stable.saturating_sub(self.window());
        self.snapshots = self.snapshots.split_off(&stable.min(executed));
        if executed >= stable {
            let snapshot = self.snapshots.get(&stable).filter(|_| self.saved < stable);
            snapshot.cloned().into_iter().for_each(|snapshot| self.save(snapshot, fx));
        } else if self.saved < executed && self.saved < oldest {
            self.save(Snapshot::of(&self.ledger), fx);
        }
        let low = self.saved.max(oldest);
        if self.record.slots.first_key_value().is_none_or(|(first, _)| *first > low) {
            return;
        }
        fx.note(9);
        self.record.slots = self.record.slots.split_off(&(low + 1));
        self.votes = self.votes.split_off(&(low + 1));
        self.persist(fx);
        let kept = self.bodies.split_off(&(low + 1, Digest::ZERO));
        for (_, digest) in std::mem::replace(&mut self.bodies, kept).into_keys() {
            fx.push(Effect::Forget(digest));
        }
        for digest in self.fetcher.decided(View(low)) {
            fx.cancel_timer(Timer::Fetch(digest));
        }
    }

    fn save(&mut self, snapshot: Snapshot, fx: &mut Effects<Self>) {
        self.saved = snapshot.slot();
        fx.push(Effect::Save(snapshot));
    }

    /// Line 17: takes over the state at a stable checkpoint.
    pub(super) fn take_over(
        &mut self,
        stable: &Stable,
        snapshot: &Snapshot,
        fx: &mut Effects<Self>,
    ) {
        let slot = snapshot.slot();
        if slot <= self.ledger.slot() || slot < self.stable() {
            return;
        }
        fx.note(17);
        let ledger = snapshot.ledger();
        let requests = ledger.since(&self.ledger);
        let fresh = !requests.is_empty();
        for id in &requests {
            self.pool.remove(id);
            self.taken.remove(id);
        }
        self.ledger = ledger;
        self.snapshots.insert(slot, snapshot.clone());
        let raised = self.raise(stable, fx);
        if raised {
            self.persist(fx);
        }
        self.prune(fx);
        // Before anything above is executed: what waited above the watermarks may be decided at once.
        fx.push(Effect::Install(Box::new(Installed {
            slot,
            log: self.ledger.log(),
            requests: requests.into(),
            proof: Arc::new(StableProof(stable.claim().clone())),
        })));
        if fresh {
            self.progressed();
        }
        if raised {
            self.take_early(fx);
        }
        self.execute(fx);
    }
}

/// What a slot decides.
fn decision(
    committed: &Committed,
    block: Option<&Block>,
    requests: Vec<crate::RequestId>,
) -> Decision {
    let Commit { view, slot, digest } = *committed.statement();
    Decision {
        slot,
        view: block.map_or(view, Block::view),
        committed: view,
        digest,
        parent: Digest::ZERO,
        requests: requests.into(),
        proof: Some(Arc::new(CommitProof(committed.claim().clone()))),
        rounds: None,
    }
}

#[derive(Clone, Debug)]
struct CommitProof(Claim<Commit>);

impl Proof for CommitProof {
    fn check(&self, committee: &Committee) -> Result<(), Reject> {
        Certificate::check(committee, &self.0).map(|_| ())
    }

    fn subject(&self) -> Digest {
        self.0.statement.digest
    }

    fn signers(&self) -> PartySet {
        self.0.signers()
    }
}

#[derive(Clone, Debug)]
struct StableProof(Claim<Checkpoint>);

impl Proof for StableProof {
    fn check(&self, committee: &Committee) -> Result<(), Reject> {
        Certificate::check(committee, &self.0).map(|_| ())
    }

    fn subject(&self) -> Digest {
        self.0.statement.state
    }

    fn signers(&self) -> PartySet {
        self.0.signers()
    }
}
