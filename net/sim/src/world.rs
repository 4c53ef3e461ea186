//! The world of a run: takes what is due, hands it to parties, carries what they send.

use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{
    Context, Effect, Effects, Input, Packet, Protocol, Stream, Target, Time, View, effects::Shown,
    step,
};
use byzlab_trace::{Change, Detail, EventId, Observer, Recorder, What, Why};

use crate::{
    Adversary, Arrival, DiskAfter, Environment, MessageRule, Moves, Network, Real, Setup, Sight,
    Stop,
    queue::{Due, Queue},
    seat::{Armed, Seat, Sitting, half},
};

mod carry;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// All that was to be decided or executed is.
    Done,
    /// The time was up.
    Time,
    /// Nothing was left to happen.
    Quiet,
    /// Honest code panicked.
    Panicked,
}

/// A packet on its way to one or more parties.
#[derive(Clone)]
struct InFlight<P: Protocol> {
    packet: Arc<Packet<P>>,
    from: PartyId,
    send: EventId,
    hops: u32,
    /// How many arrivals are still due.
    left: u32,
}

/// Something that happens from outside.
#[derive(Clone, Copy)]
enum Incident {
    Cut,
    Heal,
    Gst,
    Crash(usize),
    Restart(usize),
    Backup(usize),
}

/// A run as a value: it goes on, or forks.
#[derive(Clone)]
pub struct World<P: Protocol> {
    context: Arc<Context>,
    params: P::Params,
    network: Network,
    /// What a real network adds, in a rehearsal of one.
    real: Option<Real>,
    environment: Environment,
    incidents: Vec<Incident>,
    rules: Vec<MessageRule>,
    /// How often each rule fitted, by sender and receiver.
    occurrences: Vec<std::collections::BTreeMap<(PartyId, PartyId), u32>>,
    requests: Vec<Arrival>,
    seats: Vec<Seat<P>>,
    corrupted: PartySet,
    budget: usize,
    adversary: Box<dyn Adversary<P>>,
    watches: bool,
    /// Who is still to decide before the run ends, and whether nobody is.
    waiting: PartySet,
    done: bool,
    stop: Stop,
    now: Time,
    queue: Queue,
    flights: Vec<Option<InFlight<P>>>,
    free: Vec<u32>,
    /// The streams of the links, by sender and receiver; empty if no delay is random.
    links: Vec<Stream>,
    views: Vec<View>,
    decided: Vec<u64>,
    recorder: Recorder,
    /// An empty list of effects whose memory is used again.
    scratch: Effects<P>,
    show: bool,
    witnessed: Option<Vec<Arc<Packet<P>>>>,
    out_of_model: bool,
    deliveries: u64,
    panicked: bool,
}

/// What a party says to itself, to be handled before anything else happens.
type ToItself<P> = VecDeque<(Arc<Packet<P>>, EventId, u32)>;

impl<P: Protocol> World<P> {
    /// The world before anything has happened.
    pub fn new(setup: Setup<P>) -> World<P> {
        let n = setup.context.committee.n();
        let seats = setup.context.committee.parties().zip(setup.signers).map(|(party, signer)| {
            if setup.corrupted.contains(party) {
                Seat::new(None, Sitting::Corrupted)
            } else {
                let machine = P::new(&setup.context, signer.clone(), &setup.params);
                Seat::new(Some(signer), Sitting::Honest(Box::new(machine)))
            }
        });
        let links = match setup.network.is_random() {
            true => all_links(n).map(|(from, to)| setup.network.stream(from, to)).collect(),
            false => Vec::new(),
        };
        let mut world = World {
            seats: seats.collect(),
            recorder: Recorder::new::<P>(n, setup.observers),
            context: setup.context,
            params: setup.params,
            network: setup.network,
            real: setup.real,
            environment: setup.environment,
            incidents: Vec::new(),
            occurrences: vec![Default::default(); setup.rules.len()],
            rules: setup.rules,
            requests: Vec::new(),
            corrupted: setup.corrupted,
            budget: setup.budget,
            watches: setup.adversary.watches(),
            adversary: setup.adversary,
            waiting: setup.expected,
            done: false,
            stop: setup.stop,
            now: Time::ZERO,
            queue: Queue::new(),
            flights: Vec::new(),
            free: Vec::new(),
            links,
            views: vec![View::GENESIS; n],
            decided: vec![0; n],
            scratch: Effects::at(Time::ZERO),
            show: setup.show,
            witnessed: setup.witness.then(Vec::new),
            out_of_model: false,
            deliveries: 0,
            panicked: false,
        };
        world.schedule();
        for arrival in setup.requests {
            let index = world.requests.len() as u32;
            world.queue.push(arrival.at, Due::Input(index));
            world.requests.push(arrival);
        }
        world
    }

    fn schedule(&mut self) {
        let mut incidents: Vec<(Time, Incident)> = Vec::new();
        for cut in &self.environment.cuts {
            incidents.push((cut.from, Incident::Cut));
            incidents.push((cut.until, Incident::Heal));
        }
        for (at, crash) in self.environment.crashes.iter().enumerate() {
            if crash.disk == DiskAfter::Stale {
                incidents.push((half(crash.at), Incident::Backup(at)));
            }
            incidents.push((crash.at, Incident::Crash(at)));
            let back = crash.restart.map(|when| match &mut self.real {
                Some(real) => self.environment.back(crash, real.later(crash.party, when)),
                None => when,
            });
            incidents.extend(back.map(|when| (when, Incident::Restart(at))));
        }
        if self.network.gst > Time::ZERO {
            incidents.push((self.network.gst, Incident::Gst));
        }
        for (when, incident) in incidents {
            let index = self.incidents.len() as u32;
            self.incidents.push(incident);
            if when < Time::NEVER {
                self.queue.push(when, Due::Change(index));
            }
        }
    }

    /// Starts every party and runs until the end.
    pub fn run(&mut self) -> Outcome {
        self.start();
        loop {
            if let Some(outcome) = self.advance() {
                return outcome;
            }
        }
    }

    /// Starts every party.
    pub fn start(&mut self) {
        for party in self.context.committee.parties() {
            self.recorder.begin(self.now);
            self.give(party, &Input::Start(None));
        }
    }

    /// Handles the next thing that is due; says how the run ended, if it did.
    pub fn advance(&mut self) -> Option<Outcome> {
        if self.panicked {
            return Some(Outcome::Panicked);
        }
        if self.done {
            return Some(Outcome::Done);
        }
        let Some((at, due)) = self.queue.pop(self.stop.time) else {
            let quiet = self.queue.len() == 0;
            return Some(if quiet { Outcome::Quiet } else { Outcome::Time });
        };
        self.now = at;
        self.recorder.begin(at);
        match due {
            Due::Arrival { flight, to } => self.arrive(flight, to),
            Due::Timer { party, generation } => self.fire(party, generation),
            Due::Input(index) => {
                let Arrival { party, request, .. } = self.requests[index as usize].clone();
                let id = byzlab_protocols::RequestId::of(&request);
                self.recorder.trigger(party, What::Submitted(id));
                self.give(party, &Input::Command(request));
            }
            Due::Change(index) => self.incident(self.incidents[index as usize]),
        }
        None
    }

    fn arrive(&mut self, flight: u32, to: PartyId) {
        let Some(slot) = &mut self.flights[flight as usize] else { return };
        let (from, send, hops) = (slot.from, slot.send, slot.hops);
        slot.left -= 1;
        let packet = if slot.left == 0 {
            self.free.push(flight);
            let Some(last) = self.flights[flight as usize].take() else { return };
            last.packet
        } else {
            slot.packet.clone()
        };
        self.deliver(to, from, send, packet, hops);
    }

    fn deliver(
        &mut self,
        to: PartyId,
        from: PartyId,
        send: EventId,
        packet: Arc<Packet<P>>,
        hops: u32,
    ) {
        let seat = &self.seats[to.index()];
        if matches!(seat.sitting, Sitting::Down) {
            self.recorder.plain(to, What::Dropped { send, from, why: Why::Down });
            return;
        }
        self.deliveries += 1;
        self.recorder.delivered(to, from, send, &packet, hops);
        if let Some(witnessed) = self.witnessed.as_mut().filter(|_| seat.is_up()) {
            witnessed.push(packet.clone());
        }
        self.give(to, &Input::Packet { from, packet });
    }

    fn fire(&mut self, party: PartyId, generation: u32) {
        let input = match self.seats[party.index()].due(generation) {
            None => return,
            Some(Armed::Timer { copy, timer }) => Input::Timer { copy, timer },
            Some(Armed::Wake(token)) => Input::Wake(token),
        };
        self.recorder.trigger(party, What::Timer);
        self.give(party, &input);
    }

    /// Gives an input to a party, and to itself what it says to itself.
    fn give(&mut self, party: PartyId, input: &Input<P>) {
        let mut to_itself = VecDeque::new();
        self.take_step(party, input, &mut to_itself);
        while let Some((packet, send, hops)) = to_itself.pop_front() {
            self.recorder.delivered(party, party, send, &packet, hops);
            self.take_step(party, &Input::Packet { from: party, packet }, &mut to_itself);
        }
        if self.show
            && let Sitting::Honest(machine) = &self.seats[party.index()].sitting
        {
            let mut shown = Shown::default();
            machine.show(&mut shown);
            self.recorder.event(party, What::Shown, Detail::State(shown.values()));
        }
    }

    fn take_step(&mut self, party: PartyId, input: &Input<P>, to_itself: &mut ToItself<P>) {
        let mut fx = std::mem::replace(&mut self.scratch, Effects::at(self.now));
        fx.reset(self.now);
        let seat = &mut self.seats[party.index()];
        match &mut seat.sitting {
            Sitting::Down => return,
            Sitting::Honest(machine) => {
                let context = &self.context;
                let stepped = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    step(&mut **machine, context, input, &mut fx)
                }));
                match stepped {
                    Ok(Ok(())) => {}
                    Ok(Err(reason)) => {
                        self.recorder.plain(party, What::Rejected(reason));
                    }
                    Err(panic) => return self.panic(party, &*panic),
                }
            }
            Sitting::Corrupted => {
                let sight = Sight {
                    now: self.now,
                    context: &self.context,
                    corrupted: &self.corrupted,
                    views: &self.views,
                    decided: &self.decided,
                };
                self.adversary.input(&sight, party, input, &mut fx);
            }
        }
        for effect in fx.drain() {
            self.apply(party, effect, to_itself);
        }
        self.scratch = fx;
    }

    fn panic(&mut self, party: PartyId, panic: &(dyn std::any::Any + Send)) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        self.recorder.event(party, What::Panicked, Detail::Text(&text));
        self.panicked = true;
    }

    fn apply(&mut self, party: PartyId, effect: Effect<P>, to_itself: &mut ToItself<P>) {
        let seat = &mut self.seats[party.index()];
        match effect {
            Effect::Send { to, packet, hold } => {
                self.send(party, to, &packet, self.now.after(hold), to_itself);
            }
            Effect::SetTimer { copy, timer, at } => {
                let generation = seat.arm(Armed::Timer { copy, timer });
                self.queue.push(at, Due::Timer { party, generation });
            }
            Effect::CancelTimer { copy, timer } => seat.disarm(&Armed::Timer { copy, timer }),
            Effect::Wake { token, at } => {
                let generation = seat.arm(Armed::Wake(token));
                self.queue.push(at, Due::Timer { party, generation });
            }
            Effect::Persist(record) => {
                seat.disk.persist(record);
                self.recorder.plain(party, What::Persisted);
            }
            Effect::Keep(block) => seat.disk.keep(block),
            Effect::Forget(hash) => seat.disk.forget(&hash),
            Effect::Save(snapshot) => seat.disk.save(snapshot),
            Effect::Decide(decision) => {
                self.progress(party, decision.slot, decision.requests.len());
                self.recorder.decided(party, &decision);
            }
            Effect::Install(installed) => {
                self.progress(party, installed.slot, installed.requests.len());
                self.recorder.installed(party, &installed);
            }
            Effect::Conflict(other) => self.recorder.conflicted(party, &other),
            Effect::Reply(reply) => self.recorder.replied(party, &reply),
            Effect::Accuse(evidence) => self.recorder.accused(party, &evidence),
            Effect::Refuse(reason) => {
                self.recorder.plain(party, What::Rejected(reason));
            }
            Effect::Enter(view) => {
                self.views[party.index()] = view;
                self.recorder.plain(party, What::Entered(view));
            }
            Effect::Note(line) => {
                self.recorder.plain(party, What::Noted(line));
            }
            Effect::Fired(number) => self.recorder.fired(party, byzlab_trace::FaultId(number)),
        }
    }

    /// A party's log has become longer, unless it only says again what it said before a crash.
    fn progress(&mut self, party: PartyId, slot: u64, requests: usize) {
        let seat = &mut self.seats[party.index()];
        if slot > seat.decided {
            seat.decided = slot;
            seat.executed += requests as u64;
            self.decided[party.index()] = slot;
            self.check_done(party);
        }
    }

    fn check_done(&mut self, party: PartyId) {
        let seat = &self.seats[party.index()];
        let enough = |wanted: Option<u64>, have: u64| wanted.is_none_or(|wanted| have >= wanted);
        if enough(self.stop.decisions, seat.decided)
            && enough(self.stop.requests, seat.executed)
            && (self.stop.decisions.is_some() || self.stop.requests.is_some())
        {
            self.waiting.remove(party);
            self.done = self.waiting.is_empty();
        }
    }

    fn incident(&mut self, incident: Incident) {
        let nobody = PartyId(0);
        match incident {
            Incident::Cut => {
                self.recorder.plain(nobody, What::Network(Change::Cut));
            }
            Incident::Heal => {
                self.recorder.plain(nobody, What::Network(Change::Heal));
            }
            Incident::Gst => {
                self.recorder.plain(nobody, What::Network(Change::Gst));
            }
            Incident::Backup(at) => {
                let seat = &mut self.seats[self.environment.crashes[at].party.index()];
                seat.backup = Some(seat.disk.clone());
            }
            Incident::Crash(at) => {
                let crash = self.environment.crashes[at].clone();
                let seat = &mut self.seats[crash.party.index()];
                if seat.is_up() {
                    seat.crash();
                    self.recorder.trigger(crash.party, What::Crashed);
                    self.recorder.fired(crash.party, crash.fault);
                }
            }
            Incident::Restart(at) => self.restart(at),
        }
    }

    fn restart(&mut self, at: usize) {
        let crash = self.environment.crashes[at].clone();
        let seat = &mut self.seats[crash.party.index()];
        let Some(signer) = seat.signer.clone() else { return };
        if !matches!(seat.sitting, Sitting::Down) {
            return;
        }
        match crash.disk {
            DiskAfter::Kept => {}
            DiskAfter::Lost => seat.disk = Default::default(),
            DiskAfter::Stale => seat.disk = seat.backup.take().unwrap_or_default(),
        }
        let stored = seat.disk.read();
        seat.sitting = Sitting::Honest(Box::new(P::new(&self.context, signer, &self.params)));
        self.recorder.trigger(crash.party, What::Recovered);
        self.give(crash.party, &Input::Start(stored));
        // Clients ask again: what they ask for is a reliable input.
        for (index, arrival) in self.requests.iter().enumerate() {
            if arrival.party == crash.party && arrival.at <= self.now {
                self.queue.push(self.now, Due::Input(index as u32));
            }
        }
    }

    /// Corrupts a party, if the budget allows it; says whether it did.
    fn corrupt(&mut self, party: PartyId) -> bool {
        let seat = &mut self.seats[party.index()];
        if self.budget == 0 || !seat.is_up() {
            return false;
        }
        let sitting = std::mem::replace(&mut seat.sitting, Sitting::Corrupted);
        let (Sitting::Honest(machine), Some(signer)) = (sitting, seat.signer.take()) else {
            return false;
        };
        self.budget -= 1;
        self.corrupted.insert(party);
        self.waiting.remove(party);
        self.done = self.waiting.is_empty();
        self.recorder.plain(party, What::Corrupted);
        self.adversary.corrupted(party, *machine, signer);
        true
    }

    /// An attack that wanted to corrupt somebody has fired if it did.
    fn moves(&mut self, moves: &mut Moves, party: PartyId) {
        let mut changed = moves.corrupt.is_empty();
        for target in moves.corrupt.drain(..) {
            changed |= self.corrupt(target);
        }
        if let Some(fault) = moves.fault.take().filter(|_| changed) {
            self.recorder.fired(party, fault);
        }
    }

    /// A copy of all of it: parties, packets, disks, adversary, observers.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.clone()
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many messages arrived.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Whether the network broke its model.
    pub fn is_out_of_model(&self) -> bool {
        self.out_of_model
    }

    /// Who is corrupted by now.
    pub fn corrupted(&self) -> PartySet {
        self.corrupted
    }

    /// How much each party has decided.
    pub fn decided(&self) -> &[u64] {
        &self.decided
    }

    /// How many things are still due.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Gives back the observers.
    pub fn into_observers(self) -> Vec<Box<dyn Observer>> {
        self.recorder.into_observers()
    }

    /// The packets that honest parties received, if the setup asked for them.
    pub fn witnessed(&self) -> &[Arc<Packet<P>>] {
        self.witnessed.as_deref().unwrap_or_default()
    }
}

fn all_links(n: usize) -> impl Iterator<Item = (PartyId, PartyId)> {
    PartyId::all(n).flat_map(move |from| PartyId::all(n).map(move |to| (from, to)))
}

/// Whether a packet to this target goes over links, and to whom.
fn receivers(target: Target, sender: PartyId, n: usize) -> impl Iterator<Item = PartyId> {
    let (first, last) = match target {
        Target::One(party) => (party.index(), party.index() + 1),
        Target::All => (0, n),
    };
    PartyId::all(n).skip(first).take(last.saturating_sub(first)).filter(move |to| *to != sender)
}
