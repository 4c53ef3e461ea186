//! The normal case: pre-prepare, prepare, commit.

use byzlab_crypto::{Added, Digest, PartyId, Verified};

use super::{
    machine::PbftClassic,
    statements::{Commit, Committed, Prepare, null},
    wire::{Message, Wire},
};
use crate::{
    Effect, Effects, RequestId, View,
    smr::{Batch, Block, MAX_BODIES_BYTES, check_request},
};

impl PbftClassic {
    /// Line 1: the primary gives each batch of what waits the next free slot, as far as the
    /// watermarks and the number of slots in flight allow.
    pub(super) fn propose(&mut self, fx: &mut Effects<Self>) {
        if !self.is_open() || self.primary() != self.me.party() {
            return;
        }
        loop {
            let slot = self.record.assigned.max(self.stable()).saturating_add(1);
            let flying = slot.saturating_sub(self.ledger.slot() + 1);
            if flying >= self.pipeline()
                || !(self.rules.in_window)(slot, self.stable(), self.high())
            {
                return;
            }
            let (batch, most) = (self.params.batch, self.slot_bytes());
            let Some(by) = self.pace.by(fx.now()) else { return };
            let requests = self.pool.next(batch, most, by, |id| self.taken.contains(id));
            if requests.is_empty() {
                return;
            }
            let view = self.record.opened;
            let batch = Batch::of(&self.context.clients, &requests);
            let block = Block::unlinked(&self.me, slot, view, batch);
            self.record.assigned = slot;
            self.accept(view, &block, fx);
            self.persist(fx);
            fx.note(1);
            self.send_pre_prepare(view, &block, fx);
        }
    }

    /// Sends a batch of this primary's, with its word for it.
    pub(super) fn send_pre_prepare(&self, view: View, block: &Block, fx: &mut Effects<Self>) {
        let vote = Prepare { view, slot: block.height(), digest: block.hash() };
        let vote = self.me.sign(vote).into_signed();
        let block = block.wire().expect("a proposed block has a wire form").clone();
        fx.broadcast(Wire::PrePrepare { vote, block });
    }

    /// Takes a batch for its slot in this view, durably once the record is persisted.
    fn accept(&mut self, view: View, block: &Block, fx: &mut Effects<Self>) {
        self.taken.extend(block.requests().iter().copied());
        self.hold(block, fx);
        self.entry(block.height()).accepted = Some((view, block.hash()));
        self.tidy(block.height(), fx);
    }

    /// What is durable of a slot.
    pub(super) fn entry(&mut self, slot: u64) -> &mut super::Entry {
        self.record.slots.entry(slot).or_default()
    }

    /// Stores a batch.
    pub(super) fn hold(&mut self, block: &Block, fx: &mut Effects<Self>) {
        let place = (block.height(), block.hash());
        if self.bodies.insert(place, block.clone()).is_none() {
            fx.push(Effect::Keep(block.clone()));
        }
        if self.fetcher.came(&block.hash()) {
            fx.cancel_timer(super::Timer::Fetch(block.hash()));
            self.want_lacking(fx);
        }
    }

    /// Forgets the batches of a decided slot that nothing speaks of any more. Before, none: whoever
    /// accepted a batch may be needed to show it, though it has accepted others in later views, since
    /// a single faulty party may hold the certificate and list it when it likes.
    pub(super) fn tidy(&mut self, slot: u64, fx: &mut Effects<Self>) {
        let entry = self.record.slots.get(&slot);
        let Some(entry) = entry.filter(|entry| entry.committed.is_some()) else { return };
        let spoken = [
            entry.accepted.map(|(_, digest)| digest),
            entry.prepared.as_ref().map(|of| of.statement().digest),
            entry.committed.as_ref().map(|of| of.statement().digest),
        ];
        let held = self.bodies.range((slot, Digest::ZERO)..=(slot, Digest([0xff; 32])));
        let idle = held.map(|(place, _)| *place).filter(|place| !spoken.contains(&Some(place.1)));
        for place in idle.collect::<Vec<_>>() {
            self.bodies.remove(&place);
            fx.push(Effect::Forget(place.1));
        }
    }

    /// Whether the batch of a digest is held; the null request always is.
    pub(super) fn holds(&self, slot: u64, digest: &Digest) -> bool {
        *digest == null() || self.bodies.contains_key(&(slot, *digest))
    }

    /// A message of the normal case, unless it is early: those wait.
    pub(super) fn vote(&mut self, message: &Message, fx: &mut Effects<Self>) {
        let (by, kind, view, slot) = match message {
            Message::PrePrepare(vote, _) => (vote.by(), 0, vote.body().view, vote.body().slot),
            Message::Prepare(vote) => (vote.by(), 1, vote.body().view, vote.body().slot),
            Message::Commit(vote) => (vote.by(), 2, vote.body().view, vote.body().slot),
            Message::Checkpoint(vote) => return self.on_checkpoint(vote, fx),
            _ => return,
        };
        if let Message::Commit(vote) = message
            && view <= self.record.opened
        {
            self.claim(vote.by(), slot);
        }
        if view < self.record.opened {
            return fx.refuse("of a past view");
        }
        let (low, high) = (self.low(), self.high());
        let near = (self.rules.in_window)(slot, low, high.saturating_add(self.window()));
        if !near {
            return fx.refuse("outside the watermarks");
        }
        if view > self.record.opened || !(self.rules.in_window)(slot, low, high) {
            return self.keep_early((by, kind, slot), view, message, fx);
        }
        // Who is behind learns what was decided below the low watermark, but takes no part in it.
        if kind < 2 && !(self.rules.in_window)(slot, self.stable(), high) {
            return fx.refuse("below a stable checkpoint");
        }
        match message {
            Message::PrePrepare(vote, block) => self.on_pre_prepare(vote, block, fx),
            Message::Prepare(vote) => self.on_prepare(vote, fx),
            Message::Commit(vote) => self.on_commit(vote, fx),
            _ => {}
        }
    }

    /// One message for each author, kind and slot, of the latest view; batches only of who leads it,
    /// and not too many bytes of them.
    fn keep_early(
        &mut self,
        place: (PartyId, u8, u64),
        view: View,
        message: &Message,
        fx: &mut Effects<Self>,
    ) {
        if self.early.get(&place).is_some_and(|(of, _)| *of >= view) {
            return;
        }
        let bytes = |message: &Message| match message {
            Message::PrePrepare(_, block) => block.wire().map_or(0, |wire| wire.bytes()),
            _ => 0,
        };
        if let (by, 0, _) = place {
            let own = self.early.range((by, 0, 0)..=(by, 0, u64::MAX));
            let held: usize = own.map(|(_, (_, message))| bytes(message)).sum();
            if !(self.rules.from_primary)(by, self.context.leader(view))
                || held + bytes(message) > MAX_BODIES_BYTES
            {
                return fx.refuse("an early batch of another party than the primary, or too many");
            }
        }
        self.early.insert(place, (view, message.clone()));
    }

    /// The view or the window has moved: what waited for it may be handled now.
    pub(super) fn take_early(&mut self, fx: &mut Effects<Self>) {
        for (_, message) in std::mem::take(&mut self.early).into_values() {
            self.vote(&message, fx);
        }
    }

    /// Line 2: a backup accepts the first batch of the primary for a slot, and says so.
    fn on_pre_prepare(&mut self, vote: &Verified<Prepare>, block: &Block, fx: &mut Effects<Self>) {
        let Prepare { view, slot, digest } = *vote.body();
        if !(self.rules.from_primary)(vote.by(), self.primary()) {
            return fx.refuse("pre-prepare of another party than the primary");
        }
        if !(self.rules.takes_part)(!self.is_open()) {
            return fx.refuse("this party has left the view");
        }
        self.count_prepare(vote, fx);
        let entry = self.entry(slot);
        let before = entry.accepted.filter(|(of, _)| *of == view).map(|(_, digest)| digest);
        let decided = entry.committed.as_ref().is_some_and(|of| of.statement().digest != digest);
        if decided || !(self.rules.accepts)(before, digest) {
            return fx.refuse("another batch was accepted for the slot");
        }
        if block.wire().is_some_and(|wire| wire.bytes() > self.slot_bytes()) {
            return fx.refuse("a batch of more bytes than a slot may have");
        }
        if before != Some(digest) || !self.holds(slot, &digest) {
            self.learn_requests(block, fx);
            self.accept(view, block, fx);
            self.persist(fx);
            fx.note(2);
            self.send_prepare(slot, fx);
        }
        self.check_prepared(slot, fx);
    }

    /// What a primary orders was asked for, even if no client told this party.
    fn learn_requests(&mut self, block: &Block, fx: &mut Effects<Self>) {
        let context = self.context.clone();
        for command in block.commands() {
            let id = RequestId { client: command.by, seq: command.body.seq };
            // A signature that was checked with the block: the check remembers it.
            if !self.ledger.is_executed(&id)
                && !self.pool.contains(&id)
                && let Ok(request) = check_request(&context, command)
            {
                self.submit(&request, fx);
            }
        }
    }

    /// Line 3: a backup prepares what it accepted and holds.
    pub(super) fn send_prepare(&self, slot: u64, fx: &mut Effects<Self>) {
        let accepted = self.record.slots.get(&slot).and_then(|entry| entry.accepted);
        let Some((view, digest)) = accepted else { return };
        let present = view == self.record.opened && (self.rules.takes_part)(!self.is_open());
        if present && self.primary() != self.me.party() && self.holds(slot, &digest) {
            fx.note(3);
            let vote = self.me.sign(Prepare { view, slot, digest }).into_signed();
            fx.broadcast(Wire::Prepare(vote));
        }
    }

    /// A backup's prepare.
    fn on_prepare(&mut self, vote: &Verified<Prepare>, fx: &mut Effects<Self>) {
        if vote.by() == self.primary() {
            return fx.refuse("the primary's word is its pre-prepare");
        }
        self.count_prepare(vote, fx);
        self.check_prepared(vote.body().slot, fx);
    }

    /// Counts a pre-prepare or prepare of the open view.
    pub(super) fn count_prepare(&mut self, vote: &Verified<Prepare>, fx: &mut Effects<Self>) {
        let votes = self.votes.entry(vote.body().slot).or_default();
        if let Added::Conflicting(_, evidence) = votes.prepares.add(vote) {
            self.accuse(*evidence, fx);
        }
    }

    /// Line 4: a batch is prepared that the primary and q - 1 backups in all vouch for. Nothing else
    /// can be prepared in this view then, and whoever commits tells of it in every view change.
    pub(super) fn check_prepared(&mut self, slot: u64, fx: &mut Effects<Self>) {
        let Some(entry) = self.record.slots.get(&slot) else { return };
        let Some((view, digest)) = entry.accepted else { return };
        let done = entry.prepared.as_ref().is_some_and(|of| of.statement().view >= view);
        let present = view == self.record.opened && (self.rules.takes_part)(!self.is_open());
        if done || !present || !self.holds(slot, &digest) {
            return;
        }
        let statement = Prepare { view, slot, digest };
        let Some(votes) = self.votes.get(&slot) else { return };
        if !votes.prepares.voters(&statement).contains(self.primary()) {
            return;
        }
        let certificate = votes.prepares.certificate(&self.context.committee, &statement);
        let Some(prepared) = certificate else { return };
        self.entry(slot).prepared = Some(prepared);
        self.persist(fx);
        fx.note(4);
        self.send_commit(slot, fx);
    }

    /// Commits what is prepared in the open view.
    pub(super) fn send_commit(&self, slot: u64, fx: &mut Effects<Self>) {
        let prepared = self.record.slots.get(&slot).and_then(|entry| entry.prepared.as_ref());
        let Some(prepared) = prepared else { return };
        let Prepare { view, slot, digest } = *prepared.statement();
        if view == self.record.opened {
            let vote = self.me.sign(Commit { view, slot, digest }).into_signed();
            fx.broadcast(Wire::Commit(vote));
        }
    }

    /// Line 5: a quorum of commits decides, also for whoever has left the view.
    fn on_commit(&mut self, vote: &Verified<Commit>, fx: &mut Effects<Self>) {
        let slot = vote.body().slot;
        let votes = self.votes.entry(slot).or_default();
        let added = votes.commits.add(vote);
        let decided = self.record.slots.get(&slot).and_then(|entry| entry.committed.as_ref());
        let same = |of: &&Committed| of.statement().digest == vote.body().digest;
        // What decided the slot is not put together again for each vote more.
        let certificate = match decided.filter(same) {
            Some(_) => None,
            None => votes.commits.certificate(&self.context.committee, vote.body()),
        };
        match added {
            Added::Conflicting(_, evidence) => self.accuse(*evidence, fx),
            Added::Counted(_) => {}
            Added::Repeated | Added::Ignored => return,
        }
        if let Some(committed) = certificate {
            self.take_committed(&committed, fx);
        }
    }

    /// Looks for a batch that an honest party holds, since a certificate names it.
    pub(super) fn want(
        &mut self,
        slot: u64,
        digest: Digest,
        sources: impl IntoIterator<Item = PartyId>,
        fx: &mut Effects<Self>,
    ) {
        if self.holds(slot, &digest) {
            return;
        }
        let me = self.me.party();
        let sources = sources.into_iter().filter(|source| *source != me);
        let at_once = self.context.committee.one_honest();
        // What is older is given up first: slots take the place of views here.
        let asked = self.fetcher.want(digest, View(slot), sources, at_once);
        if !asked.is_empty() {
            fx.note(18);
            self.fetch(digest, asked, fx);
        }
    }
}
