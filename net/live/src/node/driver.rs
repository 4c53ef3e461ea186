//! The thread that owns the machine.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Instant,
};

use byzlab_crypto::{PartyId, Reject};
use byzlab_protocols::{
    Context, Effect, Input, Packet, Protocol, Request, Stored, Target, Time, durable::seal,
};
use byzlab_sim::Arrival;

use super::{
    NodeConfig, Status,
    batch::{Backlog, Batch},
    committer::{Closing, Door},
    shown,
};
use crate::{
    actor::{Actor, Leaving, Output},
    clock::Clock,
    frame::{self, SendId},
    intake::{Incoming, Intake, Shares},
    journal::{Entry, Happened, Writer},
    link::Outgoing,
};

/// How many steps make a batch at the most.
const STEPS: usize = 256;

pub(super) struct Driver<P: Protocol> {
    actor: Actor<P>,
    context: Arc<Context>,
    party: PartyId,
    incarnation: u32,
    first: bool,
    clock: Clock,
    /// The time of the last step.
    now: Time,
    arrivals: VecDeque<Arrival>,
    pending: VecDeque<(Time, Incoming<P>)>,
    shares: Arc<Shares>,
    status: Status,
    /// The last one that left.
    told: Status,
    batch: Batch,
    /// Whether what happens is written down for a judge.
    journal: bool,
    /// Where a journal that is not kept says that the party began, if no record has to be durable before.
    mark: Option<Writer>,
    backlog: Arc<Backlog>,
    /// Where nothing waits for a disk.
    door: Option<Door>,
    stopping: bool,
    killed: Arc<AtomicBool>,
}

/// What comes next: client inputs, then arrivals, then timers, as in the simulator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Request,
    Incoming,
    Timer(u64),
}

impl<P: Protocol> Driver<P> {
    /// Its batches go to the backlog, and where there is a door, to that first.
    pub(super) fn new(
        config: NodeConfig<P>,
        incarnation: u32,
        (backlog, door, mark): (Arc<Backlog>, Option<Door>, Option<Writer>),
        killed: Arc<AtomicBool>,
        intake: &Intake<P>,
        stored: Option<&Stored<P::Record>>,
    ) -> Driver<P> {
        let journal = config.keeps.journal;
        Driver {
            actor: Actor::new(&config.parts, config.party, journal),
            context: config.parts.context,
            party: config.party,
            incarnation,
            first: config.first,
            clock: config.clock,
            now: Time::ZERO,
            arrivals: config.arrivals.into(),
            pending: VecDeque::new(),
            shares: intake.shares.clone(),
            told: Status::default(),
            status: shown(config.shown, stored),
            batch: Batch::default(),
            journal,
            mark,
            backlog,
            door,
            stopping: false,
            killed,
        }
    }

    pub(super) fn run(
        mut self,
        inbox: &Receiver<(Time, Incoming<P>)>,
        started: Happened,
        stored: Option<Stored<P::Record>>,
    ) {
        let backlog = self.backlog.clone();
        let _ended = Closing(&backlog);
        if !self.begin(inbox, started, stored) {
            return;
        }
        let mut steps = 1;
        loop {
            if self.killed.load(Ordering::SeqCst) {
                return;
            }
            let last = self.stopping || self.status.panicked;
            let goes_on = (steps == 0 && !last) || self.let_go(last);
            if last || !goes_on {
                return;
            }
            while self.pending.len() < STEPS
                && let Ok(incoming) = inbox.try_recv()
            {
                self.pending.push_back(incoming);
            }
            steps = self.work();
            if steps == 0 && !self.stopping && !self.wait(inbox) {
                return;
            }
        }
    }

    /// What steps brought goes on its way; says whether anybody takes it.
    fn let_go(&mut self, last: bool) -> bool {
        let mut batch = std::mem::take(&mut self.batch);
        let told = std::mem::replace(&mut self.told, self.status);
        if batch.is_empty() && told == self.status && !last {
            return true;
        }
        batch.leaves.status = self.status;
        batch.last = last;
        let Some(door) = &mut self.door else { return self.backlog.put(batch) };
        let leaves = std::mem::take(&mut batch.leaves);
        door(leaves) && (batch.is_empty() || self.backlog.put(batch))
    }

    /// Waits for the common start, or comes back.
    fn begin(
        &mut self,
        inbox: &Receiver<(Time, Incoming<P>)>,
        started: Happened,
        stored: Option<Stored<P::Record>>,
    ) -> bool {
        if self.first {
            while self.clock.when(Time::ZERO).is_some_and(|start| start > Instant::now()) {
                match inbox.recv_timeout(self.clock.until(Time::ZERO)) {
                    Ok((_, Incoming::Stop)) => return false,
                    Ok(early) => self.pending.push_back(early),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return false,
                }
            }
        } else {
            // Clients ask again: what they ask for is a reliable input.
            self.now = self.clock.now();
        }
        if let Some(mut mark) = self.mark.take()
            && let Err(error) = mark.begins()
        {
            tracing::error!(%error, "the journal cannot be written");
            return false;
        }
        self.step(self.now, &Input::Start(stored), || started);
        true
    }

    /// Takes what is due; says how many inputs that were.
    fn work(&mut self) -> usize {
        let now = self.clock.now();
        let mut steps = 0;
        while steps < STEPS && !self.stopping && !self.status.panicked {
            let request = self.arrivals.front().map(|arrival| (arrival.at, Next::Request));
            let incoming = self.pending.front().map(|(at, _)| (*at, Next::Incoming));
            let timer = self.actor.timers.first().map(|(at, number)| (at, Next::Timer(number)));
            let next = [request, incoming, timer].into_iter().flatten().min();
            let Some((at, next)) = next.filter(|(at, _)| *at <= now) else { break };
            let at = at.max(self.now);
            self.one(at, next);
            steps += 1;
        }
        steps
    }

    fn one(&mut self, at: Time, next: Next) {
        match next {
            Next::Request => {
                let Some(arrival) = self.arrivals.pop_front() else { return };
                self.request(at, arrival.request);
            }
            Next::Timer(number) => {
                let Some((_, input)) = self.actor.fires(number) else { return };
                self.step(at, &input, || Happened::Fired(number));
            }
            Next::Incoming => match self.pending.pop_front() {
                None => {}
                Some((_, Incoming::Request(request))) => {
                    self.shares.give_request(request.by(), request.body().payload.len());
                    self.request(at, request);
                }
                Some((_, Incoming::Stop)) => {
                    self.stopping = true;
                    let stopped = Happened::Stopped;
                    let entry = Entry { at: at.0, happened: stopped, effects: None };
                    self.batch.entries.extend(self.journal.then_some(entry));
                }
                Some((_, Incoming::Packet { from, id, bytes, packet })) => {
                    self.shares.give(from, bytes.len());
                    let happened = || Happened::Packet {
                        from: from.0,
                        incarnation: id.incarnation,
                        number: id.number,
                        bytes: bytes.to_vec(),
                    };
                    self.step(at, &Input::Packet { from, packet }, happened);
                }
            },
        }
    }

    fn request(&mut self, at: Time, request: Request) {
        let signed = request.clone();
        let happened = || Happened::Command(signed.signed().clone());
        self.step(at, &Input::Command(request), happened);
    }

    fn step(&mut self, now: Time, input: &Input<P>, happened: impl FnOnce() -> Happened) {
        self.now = now;
        let mut gather = Gather {
            context: &self.context,
            party: self.party,
            incarnation: self.incarnation,
            batch: &mut self.batch,
            status: &mut self.status,
        };
        let effects = self.actor.take(now, input, &mut gather);
        self.status.panicked |= effects.is_err();
        if self.journal {
            let entry = Entry { at: now.0, happened: happened(), effects: effects.ok() };
            self.batch.entries.push(entry);
        }
    }

    /// Waits until something comes or is due; false once nobody can send any more.
    fn wait(&mut self, inbox: &Receiver<(Time, Incoming<P>)>) -> bool {
        let timer = self.actor.timers.first().map(|(at, _)| at);
        let request = self.arrivals.front().map(|arrival| arrival.at);
        let next = timer.into_iter().chain(request).min().unwrap_or(Time::NEVER);
        match inbox.recv_timeout(self.clock.until(next)) {
            Ok(incoming) => self.pending.push_back(incoming),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
        true
    }
}

/// Puts the effects of steps into a batch.
struct Gather<'a> {
    context: &'a Arc<Context>,
    party: PartyId,
    incarnation: u32,
    batch: &'a mut Batch,
    status: &'a mut Status,
}

impl<P: Protocol> Output<P> for Gather<'_> {
    fn sent(&mut self, leaving: Leaving<P>) {
        let Leaving { number, to, packet, bytes, at } = leaving;
        if to == Target::One(self.party) {
            return;
        }
        let id = SendId { incarnation: self.incarnation, number };
        let frame = frame::frame(id, &bytes);
        self.batch.leaves.outgoing.push(Outgoing { to, tag: *packet.tag(), at, frame });
        self.status.sent += 1;
    }

    fn to_itself(&mut self, _number: u64, _packet: &Arc<Packet<P>>) {}

    fn rejected(&mut self, _reason: Reject) {}

    fn effect(&mut self, effect: Effect<P>) {
        match effect {
            Effect::Persist(record) => {
                let (context, party) = (self.context.clone(), self.party);
                let sealed = move || seal::<P>(&context, party, &record);
                self.batch.durables.record = Some(Box::new(sealed));
            }
            Effect::Keep(block) => {
                self.batch.durables.blocks.insert(block.hash(), Some(block));
            }
            Effect::Forget(hash) => _ = self.batch.durables.blocks.insert(hash, None),
            Effect::Save(snapshot) => self.batch.durables.snapshot = Some(snapshot),
            Effect::Decide(decision) if decision.slot > self.status.decided => {
                self.status.decided = decision.slot;
                self.status.executed += decision.requests.len() as u64;
            }
            Effect::Install(installed) if installed.slot > self.status.decided => {
                self.status.decided = installed.slot;
                self.status.executed += installed.requests.len() as u64;
            }
            Effect::Enter(view) => self.status.view = view,
            Effect::Reply(reply) => self.batch.leaves.replies.push(reply),
            _ => {}
        }
    }
}
