//! The state of a party, and what it does at the start, on input and when a timer fires.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab_crypto::{Digest, Evidence, PartyId, PartySet, Reject, Signer, Tally};

use super::{
    ABOUT, Params,
    alarm::Alarm,
    rules::Rules,
    statements::{Checkpoint, Commit, Committed, Prepare, Prepared, Stable},
    wire::{self, Change, Message, Opening, Wire},
};
use crate::{
    About, Context, Effect, Effects, Field, Packet, Protocol, Request, RequestId, Situation, Span,
    Stored, Tag, Time, Values, View,
    durable::durable,
    effects::Shown,
    smr::{Block, Fetcher, Ledger, MAX_BLOCK_BYTES, MAX_PAYLOAD, OVERHEAD, Pace, Pool, Snapshot},
};

/// The most bytes of the batches that a primary can have between the watermarks, about: a faulty one
/// costs every party as much in each view that it leads, and more where checkpoints are more than 127
/// slots apart: every slot has room for one request of any length, which backups cannot refuse. What
/// is on its way has to have room in what carries it: a batch that is lost there ends the view.
pub const MAX_WINDOW_BYTES: usize = 16 << 20;

/// The timers of a party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The primary gets nothing executed.
    Suspect,
    /// Something has been lacking for a while.
    Repeat,
    /// The primary may not have the requests.
    Forward,
    /// A batch did not come.
    Fetch(Digest),
    /// What gathered may be proposed.
    Pace,
}

/// What is durable of one slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Entry {
    /// The last view in which a batch was accepted for it, and which.
    pub accepted: Option<(View, Digest)>,
    /// The latest prepared certificate.
    pub prepared: Option<Prepared>,
    /// What decided it.
    pub committed: Option<Committed>,
}

/// What must survive a crash (corrections A10). Batches and the snapshot of the last stable
/// checkpoint are kept beside it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Record {
    /// The view that this party is in, or has asked for.
    pub view: View,
    /// The last view that was opened for it: it takes part in no other.
    pub opened: View,
    /// What opened that view; none for the first one.
    pub opening: Option<Arc<Opening>>,
    /// The view change that it sent, while its view is not open.
    pub change: Option<Arc<Change>>,
    /// The new-view that it sent as primary and that it has not handled itself yet.
    pub proposed: Option<Arc<Opening>>,
    /// The highest slot that has a proposal in the view.
    pub assigned: u64,
    /// The last stable checkpoint; none for slot 0.
    pub stable: Option<Stable>,
    /// The slots above the one that is both stable and executed.
    pub slots: BTreeMap<u64, Entry>,
}

durable!(Entry { accepted, prepared, committed });

durable!(Record { view, opened, opening, change, proposed, assigned, stable, slots });

/// The votes for one slot in the view that is open.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Votes {
    pub(super) prepares: Tally<Prepare>,
    pub(super) commits: Tally<Commit>,
}

/// By author, kind and slot: what came before its view or window.
pub(super) type Early = BTreeMap<(PartyId, u8, u64), (View, Message)>;

/// A party of classic PBFT.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PbftClassic {
    pub(super) context: Arc<Context>,
    pub(super) rules: &'static Rules,
    pub(super) params: Params,
    pub(super) me: Signer,
    pub(super) record: Record,
    /// Whether the party takes part: not if its disk was empty in an instance that had started.
    pub(super) active: bool,
    /// What was executed.
    pub(super) ledger: Ledger,
    /// The states at the last checkpoints, from the stable one on.
    pub(super) snapshots: BTreeMap<u64, Snapshot>,
    /// The slot of the snapshot on disk.
    pub(super) saved: u64,
    /// The batches that are held, by slot and digest.
    pub(super) bodies: BTreeMap<(u64, Digest), Block>,
    pub(super) votes: BTreeMap<u64, Votes>,
    pub(super) checkpoints: BTreeMap<u64, Tally<Checkpoint>>,
    /// The latest view change of each party.
    pub(super) changes: BTreeMap<PartyId, Change>,
    pub(super) early: Early,
    /// The highest slot that each party is known to have committed to or executed.
    pub(super) claims: BTreeMap<PartyId, u64>,
    pub(super) pool: Pool,
    pub(super) pace: Pace,
    /// The requests in batches of this view that are not executed.
    pub(super) taken: BTreeSet<RequestId>,
    pub(super) fetcher: Fetcher,
    /// After a restart: who told how far it is, until it is a quorum.
    pub(super) asking: Option<PartySet>,
    /// When each party was last brought up to date, and when it was last sent the new-view.
    pub(super) helped: BTreeMap<(PartyId, bool), Time>,
    /// The last view in which a request was executed.
    pub(super) fruitful: View,
    accused: BTreeSet<(PartyId, String)>,
    pub(super) suspect: Alarm,
    pub(super) repeat: Alarm,
    pub(super) forward: Alarm,
}

impl PbftClassic {
    pub(super) fn persist(&self, fx: &mut Effects<Self>) {
        fx.persist(self.record.clone());
    }

    /// T0, the time for which a primary is trusted at first.
    pub(super) fn patience(&self) -> Span {
        self.context.delta * self.params.patience
    }

    /// Whether the view that this party is in is open, and it has not left it.
    pub(super) fn is_open(&self) -> bool {
        self.record.view == self.record.opened
    }

    /// The primary of the open view.
    pub(super) fn primary(&self) -> PartyId {
        self.context.leader(self.record.opened)
    }

    /// The slot of the last stable checkpoint.
    pub(super) fn stable(&self) -> u64 {
        self.record.stable.as_ref().map_or(0, |stable| stable.statement().slot)
    }

    /// The high watermark.
    pub(super) fn high(&self) -> u64 {
        self.stable().saturating_add(self.window())
    }

    /// How far the watermarks are apart.
    pub(super) fn window(&self) -> u64 {
        2 * self.params.checkpoint
    }

    /// The most bytes of a batch: all between the watermarks have [`MAX_WINDOW_BYTES`], and each has
    /// room for one request of any length.
    pub(super) fn slot_bytes(&self) -> usize {
        let part = MAX_WINDOW_BYTES / self.window() as usize;
        part.clamp(MAX_PAYLOAD + 5 * OVERHEAD, MAX_BLOCK_BYTES)
    }

    /// The most slots in flight: with the longest batches they have [`MAX_WINDOW_BYTES`] together, however
    /// far apart the watermarks are.
    pub(super) fn pipeline(&self) -> u64 {
        self.params.pipeline.min((MAX_WINDOW_BYTES / self.slot_bytes()) as u64)
    }

    /// The slot up to which nothing is kept: stable, and executed here or too far behind to be.
    pub(super) fn low(&self) -> u64 {
        let stable = self.stable();
        stable.min(self.ledger.slot()).max(stable.saturating_sub(self.window()))
    }

    /// Whether f + 1 parties are further, or say so: one of them is honest.
    fn is_behind(&self) -> bool {
        let further = self.claims.values().filter(|slot| **slot > self.ledger.slot());
        further.count() >= self.context.committee.one_honest()
    }

    /// A party says that it is at a slot.
    pub(super) fn claim(&mut self, by: PartyId, slot: u64) {
        let claim = self.claims.entry(by).or_insert(0);
        *claim = slot.max(*claim);
    }

    /// Whether a request waits, or a slot that others have got: somebody has to act.
    pub(super) fn waits(&self) -> bool {
        !self.pool.is_empty() || self.is_behind()
    }

    /// Whether anything is lacking. Else the party is quiet.
    fn lacks(&self) -> bool {
        self.waits() || self.stable() > self.ledger.slot() || self.asking.is_some()
    }

    /// Arms and disarms the timers by what is lacking.
    fn watch(&mut self, fx: &mut Effects<Self>) {
        let (now, lacks, waits) = (fx.now(), self.lacks(), self.waits());
        match lacks {
            true if !self.repeat.is_armed() => {
                let period = Span((self.patience().0 / 2).max(self.context.delta.0));
                self.repeat.arm(Timer::Repeat, now.after(period), fx);
            }
            true => {}
            false => self.repeat.disarm(Timer::Repeat, fx),
        }
        match waits && (self.is_open() || self.is_asked_for()) {
            true if !self.suspect.is_armed() => {
                let failures = self.record.view.0.saturating_sub(self.fruitful.0);
                let time = (self.rules.timeout)(self.patience(), failures);
                self.suspect.arm(Timer::Suspect, now.after(time), fx);
            }
            true => {}
            false => self.suspect.disarm(Timer::Suspect, fx),
        }
        match !self.pool.is_empty() && self.is_open() && self.primary() != self.me.party() {
            true if !self.forward.is_armed() => {
                self.forward.arm(Timer::Forward, now.after(self.context.delta * 3), fx);
            }
            true => {}
            false => self.forward.disarm(Timer::Forward, fx),
        }
    }

    /// Line 20: accuses a party, once for each fault, however often the proof is shown.
    pub(super) fn accuse(&mut self, evidence: Evidence, fx: &mut Effects<Self>) {
        if self.accused.insert((evidence.culprit, evidence.fault.clone())) {
            fx.note(20);
            fx.accuse(evidence);
        }
    }

    /// A request comes, from a client or from a party that cannot get it executed alone.
    pub(super) fn submit(&mut self, request: &Request, fx: &mut Effects<Self>) {
        if request.body().payload.len() > MAX_PAYLOAD {
            return;
        }
        let id = RequestId::of(request);
        if self.ledger.is_executed(&id) {
            return;
        }
        if self.pool.submit(request, fx.now())
            && let Some(turn) = self.pace.gathers(fx.now())
        {
            fx.set_timer(Timer::Pace, turn);
        }
    }
}

impl Protocol for PbftClassic {
    const ABOUT: About = ABOUT;

    type Params = Params;
    type Wire = Wire;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;

    fn fields() -> &'static [Field] {
        super::FIELDS
    }

    fn params(values: &Values) -> Params {
        Params::from_values(values)
    }

    fn new(context: &Arc<Context>, signer: Signer, params: &Params) -> Self {
        PbftClassic {
            context: context.clone(),
            rules: params.rules(),
            params: params.clone(),
            me: signer,
            record: Record { view: View(1), opened: View(1), ..Record::default() },
            active: true,
            ledger: Ledger::default(),
            snapshots: BTreeMap::new(),
            saved: 0,
            bodies: BTreeMap::new(),
            votes: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            changes: BTreeMap::new(),
            early: Early::new(),
            claims: BTreeMap::new(),
            pool: Pool::new(context),
            pace: Pace::new(context.delta, params.pace),
            taken: BTreeSet::new(),
            fetcher: Fetcher::default(),
            asking: None,
            helped: BTreeMap::new(),
            fruitful: View(1),
            accused: BTreeSet::new(),
            suspect: Alarm::default(),
            repeat: Alarm::default(),
            forward: Alarm::default(),
        }
    }

    fn tag(wire: &Wire) -> Tag {
        wire::tag(wire)
    }

    fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
        wire::check(context, wire)
    }

    fn start(&mut self, recovered: Option<&Stored<Record>>, fx: &mut Effects<Self>) {
        match recovered {
            // A disk that is empty later on tells of a loss, not of a start.
            None if fx.now() > Time::ZERO => self.active = false,
            None => {
                self.persist(fx);
                fx.enter(self.record.view);
            }
            Some(stored) => self.recover(stored, fx),
        }
    }

    fn command(&mut self, request: &Request, fx: &mut Effects<Self>) {
        if !self.active {
            return;
        }
        if let Some(reply) = self.ledger.answer(&RequestId::of(request)) {
            return fx.push(Effect::Reply(reply));
        }
        self.submit(request, fx);
        self.propose(fx);
        self.watch(fx);
    }

    fn message(&mut self, from: PartyId, message: &Message, fx: &mut Effects<Self>) {
        if !self.active {
            return;
        }
        match message {
            Message::PrePrepare(..)
            | Message::Prepare(_)
            | Message::Commit(_)
            | Message::Checkpoint(_) => self.vote(message, fx),
            Message::ViewChange(change) => self.on_view_change(change, fx),
            Message::NewView(opening) => self.on_new_view(opening, fx),
            Message::Progress(progress) => self.on_progress(from, *progress, fx),
            Message::Committed(committed, block) => {
                self.on_committed(committed, block.as_ref(), fx);
            }
            Message::State(stable, snapshot) => {
                if let Some(snapshot) = snapshot {
                    self.take_over(stable, snapshot, fx);
                }
                self.on_stable(stable, fx);
            }
            Message::Forward(requests) => {
                requests.iter().for_each(|request| self.submit(request, fx));
            }
            Message::Fetch(digest) => self.answer_fetch(from, digest, fx),
            Message::Blocks(blocks) => self.on_blocks(blocks, fx),
        }
        self.propose(fx);
        self.watch(fx);
    }

    fn timer(&mut self, timer: Timer, fx: &mut Effects<Self>) {
        match timer {
            Timer::Suspect => {
                if self.suspect.fires(timer, fx) {
                    fx.note(12);
                    self.leave(self.record.view.next(), fx);
                }
            }
            Timer::Repeat => {
                if self.repeat.fires(timer, fx) {
                    self.repeat(fx);
                }
            }
            Timer::Forward => {
                if self.forward.fires(timer, fx) {
                    self.forward_requests(crate::Target::One(self.primary()), fx);
                }
            }
            Timer::Fetch(digest) => self.fetch_again(digest, fx),
            Timer::Pace => {
                self.pace.turns();
                self.propose(fx);
            }
        }
        self.watch(fx);
    }

    fn show(&self, shown: &mut Shown) {
        shown.value("view", self.record.view);
        shown.value("opened", self.record.opened);
        shown.value("stable", self.stable());
        shown.value("executed", self.ledger.slot());
        let above = || self.record.slots.range(self.ledger.slot() + 1..).map(|(_, entry)| entry);
        let accepted = above().filter(|entry| entry.accepted.is_some()).count();
        shown.value("accepted", accepted);
        shown.value("prepared", above().filter(|entry| entry.prepared.is_some()).count());
        shown.value("committed", above().filter(|entry| entry.committed.is_some()).count());
        shown.value("pending", self.pool.len());
    }

    fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
        super::deadline::deadline(context, params, situation)
    }

    fn forensics(context: &Context, witnessed: &[Arc<Packet<Self>>]) -> Vec<Evidence> {
        super::forensics::culprits(context, witnessed)
    }
}

impl PbftClassic {
    /// Takes back what the disk holds, says again what this party said of what is not executed, and
    /// asks for what was missed.
    fn recover(&mut self, stored: &Stored<Record>, fx: &mut Effects<Self>) {
        self.record = (*stored.record).clone();
        for block in &stored.blocks {
            self.bodies.insert((block.height(), block.hash()), block.clone());
        }
        if let Some(snapshot) = &stored.snapshot {
            // It was saved for this checkpoint or for an earlier one.
            let stable = self.record.stable.as_ref().map(|stable| stable.statement());
            let fits = stable.is_some_and(|stable| {
                let same = (snapshot.slot(), snapshot.digest()) == (stable.slot, stable.state);
                same || snapshot.slot() < stable.slot
            });
            if !fits {
                self.active = false;
                return;
            }
            self.ledger = snapshot.ledger();
            self.saved = snapshot.slot();
            self.snapshots.insert(snapshot.slot(), snapshot.clone());
        }
        self.fruitful = self.record.opened;
        fx.enter(self.record.view);
        for vote in self.record.opening.clone().iter().flat_map(|opening| &opening.proposals) {
            self.count_prepare(vote, fx);
        }
        self.execute(fx);
        self.say_again(fx);
        self.asking = Some([self.me.party()].into_iter().collect());
        self.ask(true, fx);
        self.watch(fx);
    }
}
