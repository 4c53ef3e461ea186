//! Judging by replay: the journals of all parties go through fresh machines, and what comes out
//! goes through the recorder and the observers of the simulator.
//!
//! A machine is deterministic, so a step of the replay has the effects that the step of the run
//! had, and their digest says whether it did. Journals are merged by time, and a delivery waits
//! for its send. The fault layer is replayed too: its draws depend on nothing but the seed and the
//! sends. What a message took beyond what the model allows makes the run out of model.
//!
//! Of each journal one entry is in memory, and of the sends those that somebody has not received.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Digest, PartyId, PartySet, Reject};
use byzlab_protocols::{
    Effect, Input, Packet, Protocol, RequestId, Target, Time, smr::check_request,
};
use byzlab_sim::Bound;
use byzlab_trace::{Change, Detail, EventId, FaultId, Observer, Recorder, What, Why};

use crate::{
    Shaper,
    actor::{Actor, Leaving, Output, Parts},
    frame::{SendId, packet_of},
    journal::{Entry, Happened, Source},
    link::{Faults, receivers},
    store::Kept,
};

mod seat;

use seat::{Ending, Item, Seat};

/// A run to be judged.
pub struct Replay<P: Protocol> {
    /// What the seats were made of.
    pub parts: Parts<P>,
    /// What the fault layer made of the network.
    pub faults: Faults,
    /// Who watches.
    pub observers: Vec<Box<dyn Observer>>,
    /// Whether parties show their state.
    pub show: bool,
    /// How the run broke its model by what is known otherwise, if it did.
    pub known: Option<String>,
    /// Whether what honest parties received is gathered.
    pub witness: bool,
    /// The journals of each party, one for each of its lives.
    pub lives: Vec<Vec<Source>>,
}

/// What a replay brought.
pub struct Replayed<P: Protocol> {
    /// Who watched.
    pub observers: Vec<Box<dyn Observer>>,
    /// The packets that honest parties received, if they were asked for.
    pub witnessed: Vec<Arc<Packet<P>>>,
    /// When the last thing happened.
    pub end: Time,
    /// How many messages arrived.
    pub deliveries: u64,
    /// Whether honest code panicked.
    pub panicked: bool,
    /// Whether the network that was really there broke the model, and not the scenario.
    pub late: bool,
    /// What was later by more than the quarter of Δ that is kept free for it, if something was.
    pub slow: Option<String>,
}

/// The journals are not those of a run of this code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplayError {
    /// A step had other effects than it has now.
    #[error("step {step} of life {life} of party {party} had other effects than its replay")]
    Differs {
        /// Whose.
        party: PartyId,
        /// In which life.
        life: usize,
        /// Which entry.
        step: usize,
    },
    /// An honest party received from an honest one what that never sent.
    #[error("party {to} received number {number} of party {from}, which never sent it")]
    NeverSent {
        /// Who received it.
        to: PartyId,
        /// Whose it is said to be.
        from: PartyId,
        /// The number of the send.
        number: u64,
    },
    /// What a party took for its disk does not verify.
    #[error("life {life} of party {party} began with a disk that does not verify: {reason}")]
    Disk {
        /// Whose.
        party: PartyId,
        /// Which life.
        life: usize,
        /// What is wrong.
        reason: Reject,
    },
    /// A journal is not what it was a moment ago.
    #[error("{0}")]
    Unreadable(String),
}

/// A send, until the end of the run.
struct Sent {
    event: EventId,
    hops: u32,
    at: Time,
    to: Target,
    digest: Digest,
    done: PartySet,
    /// For whom the scenario itself breaks the model.
    meant: PartySet,
    /// When it was to arrive at each of its receivers.
    due: Box<[(PartyId, Time)]>,
}

/// What the recorder and the network know; apart from the seats, since a step borrows one.
struct Scene<P: Protocol> {
    recorder: Recorder,
    faults: Faults,
    corrupted: PartySet,
    n: usize,
    shapers: Vec<Shaper>,
    sends: BTreeMap<(PartyId, SendId), Sent>,
    /// Whether nothing arrives twice.
    once: bool,
    /// What honest parties received, if that is gathered.
    witnessed: Option<Vec<Arc<Packet<P>>>>,
    deliveries: u64,
    now: Time,
    /// Whether the network that was really there broke the model.
    late: bool,
    /// What it did late enough for an attack to miss.
    slow: Option<String>,
    /// When each party was down.
    down: Vec<Vec<(Time, Time)>>,
}

/// Replays a run.
///
/// # Errors
/// The journals are not those of a run of this code.
pub fn replay<P: Protocol>(replay: Replay<P>) -> Result<Replayed<P>, ReplayError> {
    let n = replay.parts.context.committee.n();
    let mut scene = Scene {
        recorder: Recorder::new::<P>(n, replay.observers),
        once: replay.faults.carry_once(),
        faults: replay.faults,
        corrupted: replay.parts.corrupted,
        n,
        shapers: Vec::new(),
        sends: BTreeMap::new(),
        witnessed: replay.witness.then(Vec::new),
        deliveries: 0,
        now: Time::ZERO,
        late: replay.known.is_some(),
        slow: None,
        down: Vec::new(),
    };
    scene.shapers = PartyId::all(n).map(|party| scene.shaper(party)).collect();
    let seats = PartyId::all(n).zip(replay.lives).map(|(party, lives)| {
        let crashes = scene.faults.environment.crashes.iter().filter(|crash| crash.party == party);
        Seat::new(lives, crashes, scene.faults.network.slack())
    });
    let seats = seats.collect::<Result<Vec<Seat<P>>, _>>()?;
    scene.slow = scene.slow.or_else(|| seats.iter().find_map(|seat| seat.slow.clone()));
    scene.down = seats.iter().map(|seat| seat.down.clone()).collect();
    if let Some(known) = &replay.known {
        scene.begin(Time::ZERO);
        scene.recorder.event(PartyId(0), What::OutOfModel, Detail::Text(known));
    }
    for party in PartyId::all(n).filter(|party| !replay.parts.corrupted.contains(*party)) {
        if seats[party.index()].is_empty() {
            scene.begin(Time::ZERO);
            scene.absent(party);
        }
    }
    let mut stage = Stage { parts: replay.parts, show: replay.show, seats, scene };
    let panicked = stage.play()?;
    if !panicked {
        stage.scene.missing(&stage.seats);
    }
    let Scene { recorder, witnessed, now, deliveries, late, slow, .. } = stage.scene;
    let observers = recorder.into_observers();
    let witnessed = witnessed.unwrap_or_default();
    Ok(Replayed { observers, witnessed, end: now, deliveries, panicked, late, slow })
}

struct Stage<P: Protocol> {
    parts: Parts<P>,
    show: bool,
    seats: Vec<Seat<P>>,
    scene: Scene<P>,
}

impl<P: Protocol> Stage<P> {
    /// Plays everything; says whether honest code panicked.
    fn play(&mut self) -> Result<bool, ReplayError> {
        let mut changes = self.scene.changes();
        while let Some((at, party)) = self.choose() {
            while let Some((when, change)) = changes.last().copied().filter(|(when, _)| *when <= at)
            {
                changes.pop();
                self.scene.begin(when);
                self.scene.recorder.plain(PartyId(0), What::Network(change));
            }
            self.scene.begin(at);
            let seat = &mut self.seats[party.index()];
            match seat.take()? {
                Item::Ended(ending) => {
                    seat.actor = None;
                    if !self.parts.corrupted.contains(party) {
                        self.scene.ended(party, ending);
                    }
                }
                Item::Entry { life, step, entry } => {
                    if self.entry(party, (life, step), entry)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Whose turn it is: the earliest whose send, if it is a delivery, has been seen.
    fn choose(&self) -> Option<(Time, PartyId)> {
        let heads = PartyId::all(self.scene.n).filter_map(|party| {
            let (at, item) = self.seats[party.index()].head()?;
            Some((!self.is_ready(item), at, party))
        });
        heads.min().map(|(_, at, party)| (at, party))
    }

    fn is_ready(&self, item: &Item) -> bool {
        let Item::Entry { entry, .. } = item else { return true };
        let Happened::Packet { from, incarnation, number, .. } = entry.happened else {
            return true;
        };
        let (from, id) = (PartyId(from), SendId { incarnation, number });
        if self.scene.sends.contains_key(&(from, id)) {
            return true;
        }
        // A corrupted party numbers what it sends as it likes: nobody waits for what it never sent.
        let Some(seat) = self.seats.get(from.index()) else { return true };
        self.parts.corrupted.contains(from) && seat.head().is_none_or(|(at, _)| at.0 > entry.at)
    }

    /// One entry; says whether honest code panicked.
    fn entry(
        &mut self,
        party: PartyId,
        (life, step): (usize, usize),
        entry: Entry,
    ) -> Result<bool, ReplayError> {
        let differs = ReplayError::Differs { party, life, step };
        let scene = &mut self.scene;
        let seat = &mut self.seats[party.index()];
        let input = match entry.happened {
            Happened::Stopped => return Ok(false),
            Happened::Lost { peer, frames } => {
                scene.lost(party, PartyId(peer), frames);
                return Ok(false);
            }
            Happened::Started { record, blocks, snapshot } => {
                let kept = Kept { record, blocks, snapshot };
                let stored = kept.check::<P>(&self.parts.context, party);
                let stored = stored.map_err(|reason| ReplayError::Disk { party, life, reason })?;
                seat.actor = Some(Actor::new(&self.parts, party, true));
                scene.shapers[party.index()] = scene.shaper(party);
                if life > 0 {
                    scene.recorder.trigger(party, What::Recovered);
                }
                Input::Start(stored)
            }
            Happened::Command(signed) => {
                let request =
                    check_request(&self.parts.context, &signed).map_err(|_| differs.clone())?;
                scene.recorder.trigger(party, What::Submitted(RequestId::of(&request)));
                Input::Command(request)
            }
            Happened::Packet { from, incarnation, number, bytes } => {
                let id = SendId { incarnation, number };
                let packet = scene.deliver(party, PartyId(from), id, &bytes)?;
                Input::Packet { from: PartyId(from), packet }
            }
            Happened::Fired(number) => {
                let actor = seat.actor.as_mut().ok_or_else(|| differs.clone())?;
                let (_, input) = actor.fires(number).ok_or_else(|| differs.clone())?;
                scene.recorder.trigger(party, What::Timer);
                input
            }
        };
        let actor = seat.actor.as_mut().ok_or_else(|| differs.clone())?;
        let mut hear = Hear { scene, party, incarnation: life as u32 };
        match (actor.take(Time(entry.at), &input, &mut hear), entry.effects) {
            (Ok(effects), Some(then)) if effects == then => {}
            (Err(panic), None) => {
                self.scene.recorder.event(party, What::Panicked, Detail::Text(&panic.0));
                return Ok(true);
            }
            _ => return Err(differs),
        }
        if self.show
            && let Some(shown) = actor.show()
        {
            self.scene.recorder.event(party, What::Shown, Detail::State(shown.values()));
        }
        Ok(false)
    }
}

impl<P: Protocol> Scene<P> {
    fn shaper(&self, own: PartyId) -> Shaper {
        self.faults.shaper(own, self.n)
    }

    fn begin(&mut self, at: Time) {
        self.now = self.now.max(at);
        self.recorder.begin(self.now);
    }

    /// What happens to the network, the last first.
    fn changes(&self) -> Vec<(Time, Change)> {
        let cuts = self.faults.environment.cuts.iter();
        let mut changes: Vec<_> =
            cuts.flat_map(|cut| [(cut.from, Change::Cut), (cut.until, Change::Heal)]).collect();
        changes.extend(
            (self.faults.network.gst > Time::ZERO)
                .then_some((self.faults.network.gst, Change::Gst)),
        );
        changes.sort_by_key(|(at, _)| *at);
        changes.reverse();
        changes
    }

    /// Whether a party was down at some moment between these.
    fn is_down_within(&self, party: PartyId, from: Time, until: Time) -> bool {
        self.down[party.index()].iter().any(|(begin, end)| *begin <= until && from < *end)
    }

    fn are_honest(&self, one: PartyId, other: PartyId) -> bool {
        !self.corrupted.contains(one) && !self.corrupted.contains(other)
    }

    fn broken(&mut self, from: PartyId, to: PartyId, at: Time, why: &str) {
        let text = format!("{why}: from {from} to {to}, sent at {at}");
        self.recorder.event(to, What::OutOfModel, Detail::Text(&text));
    }

    /// Something that is not in the scenario broke the model.
    fn disturbed(&mut self, party: PartyId, text: &str) {
        self.late = true;
        self.recorder.event(party, What::OutOfModel, Detail::Text(text));
    }

    /// An honest party wrote nothing down.
    fn absent(&mut self, party: PartyId) {
        self.disturbed(
            party,
            &format!("party {party} never took part, which is not in the scenario"),
        );
    }

    /// An honest party went down.
    fn ended(&mut self, party: PartyId, ending: Ending) {
        self.recorder.trigger(party, What::Crashed);
        let what = match ending {
            Ending::Planned(fault) => return self.recorder.fired(party, fault),
            Ending::Stopped => "was stopped and started again",
            Ending::Killed => "went down",
        };
        self.disturbed(party, &format!("party {party} {what}, which is not in the scenario"));
    }

    /// A runtime had no room for messages between honest parties.
    fn lost(&mut self, own: PartyId, peer: PartyId, frames: u64) {
        if self.are_honest(own, peer) {
            let text = format!(
                "the runtime of party {own} lost {frames} messages to or from party {peer} for lack of \
                 room"
            );
            self.disturbed(own, &text);
            self.slow.get_or_insert(text);
        }
    }

    /// A packet arrives.
    fn deliver(
        &mut self,
        to: PartyId,
        from: PartyId,
        id: SendId,
        bytes: &[u8],
    ) -> Result<Arc<Packet<P>>, ReplayError> {
        let packet = packet_of::<P>(bytes);
        let digest = packet_digest(bytes);
        let known = self.sends.get_mut(&(from, id)).filter(|sent| sent.digest == digest);
        let (event, hops) = match known {
            Some(sent) => {
                sent.done.insert(to);
                let (event, hops, at) = (sent.event, sent.hops, sent.at);
                let meant = sent.meant.contains(to);
                let due = sent.due.iter().find(|(party, _)| *party == to).map(|(_, due)| *due);
                let mut awaited = receivers(sent.to, from, self.n);
                if self.once && awaited.all(|party| sent.done.contains(party)) {
                    self.sends.remove(&(from, id));
                }
                let bound = self.faults.network.bound(at);
                // A message to a party that is down may be lost, or wait until it is back.
                let down = self.is_down_within(to, at, bound.latest());
                if self.are_honest(from, to) && !bound.allows(self.now) && !down {
                    let why =
                        format!("a message arrived at {}, later than the model allows", self.now);
                    if !meant {
                        self.late = true;
                        self.slow.get_or_insert_with(|| why.clone());
                    }
                    self.broken(from, to, at, &why);
                }
                self.took(from, to, at, due);
                (event, hops)
            }
            // A corrupted party may number what it sends as it likes.
            None if self.corrupted.contains(from) => {
                self.recorder.sent(from, Target::One(to), &*packet, 1)
            }
            None => return Err(ReplayError::NeverSent { to, from, number: id.number }),
        };
        self.deliveries += 1;
        if let Some(witnessed) = &mut self.witnessed
            && !self.corrupted.contains(to)
        {
            witnessed.push(packet.clone());
        }
        self.recorder.delivered(to, from, event, &packet, hops);
        Ok(packet)
    }

    /// How much later a message arrives than the scenario says.
    fn took(&mut self, from: PartyId, to: PartyId, at: Time, due: Option<Time>) {
        let Some(due) = due.filter(|_| self.slow.is_none()) else { return };
        let down = |party| self.is_down_within(party, at, self.now);
        if self.now > due.after(self.faults.network.slack()) && !down(from) && !down(to) {
            let late = self.now.since(due);
            let text = format!(
                "a message from {from} to {to}, sent at {at}, took {late} more than it was to"
            );
            self.slow = Some(text);
        }
    }

    /// What should have arrived and did not.
    fn missing(&mut self, seats: &[Seat<P>]) {
        let mut late = Vec::new();
        for ((from, _), sent) in &self.sends {
            let Bound::By(latest) = self.faults.network.bound(sent.at) else { continue };
            // What a party that was killed had not handed over is as if never sent.
            if self.is_down_within(*from, sent.at, latest) {
                continue;
            }
            for to in receivers(sent.to, *from, self.n) {
                let seat = &seats[to.index()];
                let there = latest < seat.end() && !self.is_down_within(to, sent.at, latest);
                if there && self.are_honest(*from, to) && !sent.done.contains(to) {
                    late.push((*from, to, sent.at, sent.meant.contains(to)));
                }
            }
        }
        self.recorder.begin(self.now);
        for (from, to, at, meant) in late {
            if !meant {
                self.late = true;
                self.slow
                    .get_or_insert_with(|| format!("a message from {from} to {to} did not arrive"));
            }
            self.broken(from, to, at, "a message did not arrive in the time that the model allows");
        }
    }
}

/// What a send is known by.
fn packet_digest(bytes: &[u8]) -> Digest {
    Digest::of("byzlab/sent/1", bytes)
}

/// Hears what a step does.
struct Hear<'a, P: Protocol> {
    scene: &'a mut Scene<P>,
    party: PartyId,
    incarnation: u32,
}

impl<P: Protocol> Output<P> for Hear<'_, P> {
    fn sent(&mut self, leaving: Leaving<P>) {
        let Leaving { number, to, packet, bytes, at } = leaving;
        let (scene, from) = (&mut *self.scene, self.party);
        let others = receivers(to, from, scene.n).count();
        let (event, hops) = scene.recorder.sent(from, to, &*packet, others);
        let (mut done, mut meant) = (PartySet::EMPTY, PartySet::EMPTY);
        let mut due = Vec::with_capacity(others);
        for receiver in receivers(to, from, scene.n) {
            let fate = scene.shapers[from.index()].fate(receiver, packet.tag(), at);
            fate.fired.iter().for_each(|fault| scene.recorder.fired(receiver, *fault));
            due.extend(fate.arrivals.iter().max().map(|last| (receiver, *last)));
            if let Some(why) = fate.lost {
                done.insert(receiver);
                scene.dropped(receiver, event, from, why);
            }
            if let Some(why) = fate.breach
                && scene.are_honest(from, receiver)
            {
                meant.insert(receiver);
                scene.broken(from, receiver, at, why);
            }
        }
        let id = SendId { incarnation: self.incarnation, number };
        let digest = packet_digest(&bytes);
        scene
            .sends
            .insert((from, id), Sent { event, hops, at, to, digest, done, meant, due: due.into() });
    }

    fn to_itself(&mut self, number: u64, packet: &Arc<Packet<P>>) {
        let id = SendId { incarnation: self.incarnation, number };
        let sent = &self.scene.sends[&(self.party, id)];
        let (event, hops) = (sent.event, sent.hops);
        if sent.to == Target::One(self.party) {
            self.scene.sends.remove(&(self.party, id));
        }
        self.scene.recorder.delivered(self.party, self.party, event, packet, hops);
    }

    fn rejected(&mut self, reason: Reject) {
        self.scene.recorder.plain(self.party, What::Rejected(reason));
    }

    fn effect(&mut self, effect: Effect<P>) {
        let (recorder, party) = (&mut self.scene.recorder, self.party);
        match effect {
            Effect::Persist(_) => {
                recorder.plain(party, What::Persisted);
            }
            Effect::Decide(decision) => recorder.decided(party, &decision),
            Effect::Install(installed) => recorder.installed(party, &installed),
            Effect::Conflict(other) => recorder.conflicted(party, &other),
            Effect::Reply(reply) => recorder.replied(party, &reply),
            Effect::Accuse(evidence) => recorder.accused(party, &evidence),
            Effect::Refuse(reason) => {
                recorder.plain(party, What::Rejected(reason));
            }
            Effect::Enter(view) => {
                recorder.plain(party, What::Entered(view));
            }
            Effect::Note(line) => {
                recorder.plain(party, What::Noted(line));
            }
            Effect::Fired(number) => recorder.fired(party, FaultId(number)),
            // Disks are in the journals, and the seat has the timers.
            Effect::Keep(_)
            | Effect::Forget(_)
            | Effect::Save(_)
            | Effect::Send { .. }
            | Effect::SetTimer { .. }
            | Effect::CancelTimer { .. }
            | Effect::Wake { .. } => {}
        }
    }
}

impl<P: Protocol> Scene<P> {
    fn dropped(&mut self, to: PartyId, send: EventId, from: PartyId, why: Why) {
        self.recorder.plain(to, What::Dropped { send, from, why });
    }
}
