//! A node: one party, its store, its journal, and the links to the others.
//!
//! Two threads. The *driver* owns the machine: it takes inputs in the order of their times, and
//! puts what comes of them into batches. The *committer* writes each batch down and only then lets
//! it leave: record and blocks first, in one transaction, then the journal, then packets, replies
//! and what the world is shown. While it waits for the disk the next batches gather, and become
//! durable together.
//!
//! Time is that of the inputs. A packet's is when its reader had checked it, a timer's is when it
//! was due: a party takes no time to think, and what it really takes counts as delay of what it
//! sends. A run in which that was longer than the model allows says so.

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use byzlab_crypto::{PartyId, Reject};
use byzlab_protocols::{
    Context, Effect, Input, Packet, Protocol, Reply, Request, Stored, Target, Time, View,
};
use byzlab_sim::Arrival;
use serde::{Deserialize, Serialize};

use crate::{
    actor::{Actor, Leaving, Output, Parts},
    clients::Replies,
    clock::Clock,
    commits::Commits,
    frame::{self, SendId},
    intake::{Inbox, Incoming, Intake, Shares},
    journal::{Entry, Happened, JournalError, Writer},
    link::{Link, Outgoing},
    losses::{Losses, Told},
    store::{Change, Kept, Owner, Store, StoreError},
};

/// How many steps make a batch at the most, and how many batches wait for the disk.
const STEPS: usize = 256;
const BATCHES: usize = 64;

/// Why a node does not start, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What the world is shown of a party.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// The view that it is in.
    pub view: View,
    /// How many slots it has decided.
    pub decided: u64,
    /// How many requests it has executed.
    pub executed: u64,
    /// How many messages it has sent.
    pub sent: u64,
    /// Whether its code panicked.
    pub panicked: bool,
}

/// All that a node is made of.
pub struct NodeConfig<P: Protocol> {
    /// What seats are made of.
    pub parts: Parts<P>,
    /// Which seat.
    pub party: PartyId,
    /// Whether what must survive a crash is on the disk before anything leaves.
    pub sync: bool,
    /// Where its disk is.
    pub disk: PathBuf,
    /// Where its journals are.
    pub journals: PathBuf,
    /// The requests that reach it, by time.
    pub arrivals: Vec<Arrival>,
    /// Whether it is known that it never took part: its life begins at time 0 exactly, however late
    /// it is. Else it begins now, and who finds no record then stays mute.
    pub first: bool,
    /// What it had shown when it was killed, if it comes back.
    pub shown: Status,
    /// The clock.
    pub clock: Clock,
}

/// A running node.
pub struct Node<P: Protocol> {
    intake: Intake<P>,
    killed: Arc<AtomicBool>,
    driver: JoinHandle<()>,
    committer: JoinHandle<Result<(), NodeError>>,
}

impl<P: Protocol> Node<P> {
    /// Opens store and journal and starts: at time 0, when the clock gets there, or now.
    ///
    /// # Errors
    /// The store is locked, damaged or somebody else's, or the journal cannot be written.
    pub fn start(
        config: NodeConfig<P>,
        inbox: Inbox<P>,
        link: impl Link,
        show: impl Fn(Status) + Send + 'static,
    ) -> Result<Node<P>, NodeError> {
        let context = config.parts.context.clone();
        let owner = Owner::of::<P>(&context, config.party);
        let open = if config.sync { Store::open } else { Store::open_unsynced };
        let store = open(&config.disk, &owner)?;
        let (kept, stored) = store.load::<P>(&context, config.party)?;
        let (journal, incarnation) = Writer::create(&config.journals, &owner)?;
        let killed = Arc::new(AtomicBool::new(false));
        let (batches, gathered) = sync_channel(BATCHES);
        let intake = inbox.intake.clone();
        let committer = Committer {
            store: Arc::new(store),
            journal,
            link,
            show,
            replies: intake.replies.clone(),
            commits: intake.commits.clone(),
            losses: intake.losses().clone(),
            told: Told::default(),
            killed: killed.clone(),
        };
        let committer = spawn("committer", move || committer.run(&gathered));
        let _ = intake.clock.set(config.clock);
        let driver = Driver {
            actor: Actor::new(&config.parts, config.party),
            context,
            party: config.party,
            incarnation,
            first: config.first,
            clock: config.clock,
            now: Time::ZERO,
            arrivals: config.arrivals.into(),
            pending: VecDeque::new(),
            shares: intake.shares.clone(),
            status: shown(config.shown, stored.as_ref()),
            batch: Batch::default(),
            stopping: false,
            killed: killed.clone(),
        };
        let Kept { record, blocks, snapshot } = kept;
        let started = Happened::Started { record, blocks, snapshot };
        let receiver = inbox.receiver;
        let driver = spawn("driver", move || driver.run(&receiver, &batches, started, stored));
        Ok(Node { intake, killed, driver, committer })
    }

    /// Where frames and requests go in.
    pub fn intake(&self) -> &Intake<P> {
        &self.intake
    }

    /// Ends in order: what was begun is written down.
    ///
    /// # Errors
    /// What made it end before, if something did.
    pub fn stop(self) -> Result<(), NodeError> {
        // Full: the driver takes what waits, and ends when the last sender is gone.
        self.intake.put(Incoming::Stop);
        self.join()
    }

    /// Ends as a process that is killed does: what is not written down by now never happened.
    ///
    /// # Errors
    /// What made it end before, if something did.
    pub fn kill(self) -> Result<(), NodeError> {
        self.killed.store(true, Ordering::SeqCst);
        self.intake.put(Incoming::Stop);
        self.join()
    }

    fn join(self) -> Result<(), NodeError> {
        drop(self.intake);
        self.driver.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.committer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Whether it has ended on its own.
    pub fn has_ended(&self) -> bool {
        self.committer.is_finished()
    }
}

/// What a party shows when it starts, given what it had shown: a state that is handed on has executed
/// requests whose decisions are not told again.
fn shown<R>(before: Status, stored: Option<&Stored<R>>) -> Status {
    let snapshot = stored.and_then(|stored| stored.snapshot.as_ref());
    let ahead = snapshot.filter(|snapshot| snapshot.slot() > before.decided);
    ahead.map_or(before, |snapshot| Status {
        decided: snapshot.slot(),
        executed: snapshot.ledger().executed(),
        ..before
    })
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(work).expect("the system has threads")
}

/// What steps brought, to be written down and then let go.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    change: Change,
    outgoing: Vec<Outgoing>,
    replies: Vec<Reply>,
    status: Status,
}

impl Batch {
    fn then(&mut self, later: Batch) {
        self.entries.extend(later.entries);
        self.change.then(later.change);
        self.outgoing.extend(later.outgoing);
        self.replies.extend(later.replies);
        self.status = later.status;
    }
}

struct Committer<L, S> {
    store: Arc<Store>,
    journal: Writer,
    link: L,
    show: S,
    replies: Arc<Replies>,
    commits: Arc<Commits>,
    losses: Arc<Losses>,
    told: Told,
    killed: Arc<AtomicBool>,
}

impl<L: Link, S: Fn(Status)> Committer<L, S> {
    fn run(mut self, batches: &Receiver<Batch>) -> Result<(), NodeError> {
        while let Ok(mut batch) = batches.recv() {
            for _ in 1..BATCHES {
                match batches.try_recv() {
                    Ok(later) => batch.then(later),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            if !self.commit(batch)? {
                break;
            }
        }
        Ok(())
    }

    /// Says whether the node goes on. The order of these lines is what this file is about.
    fn commit(&mut self, batch: Batch) -> Result<bool, NodeError> {
        let killed = self.killed.clone();
        let dead = || killed.load(Ordering::SeqCst);
        if dead() {
            return Ok(false);
        }
        let begun = Instant::now();
        // What is durable and was not written down is what a crash between two effects leaves: the
        // next life begins with it. What was written down and is not durable would have happened to
        // nobody.
        if !batch.change.is_empty() {
            self.store.commit(&batch.change)?;
        }
        if dead() {
            return Ok(false);
        }
        // Nothing comes before the start, and nothing after the end.
        let starts = |entry: &Entry| matches!(entry.happened, Happened::Started { .. });
        let starts = batch.entries.first().is_some_and(starts);
        let (start, rest) = batch.entries.split_at(usize::from(starts));
        start.iter().for_each(|entry| self.journal.add(entry));
        self.tell(batch.entries.first().map_or(0, |entry| entry.at));
        rest.iter().for_each(|entry| self.journal.add(entry));
        self.journal.flush()?;
        self.commits.add(batch.entries.len(), !batch.change.is_empty(), begun.elapsed());
        for outgoing in batch.outgoing {
            if dead() {
                return Ok(false);
            }
            self.link.carry(outgoing);
        }
        self.replies.publish(batch.replies);
        (self.show)(batch.status);
        Ok(true)
    }
}

impl<L, S> Committer<L, S> {
    /// Writes down what was lost meanwhile.
    fn tell(&mut self, at: u64) {
        for (peer, frames) in self.told.news(&self.losses) {
            let happened = Happened::Lost { peer: peer.0, frames };
            self.journal.add(&Entry { at, happened, effects: None });
        }
    }
}

struct Driver<P: Protocol> {
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
    batch: Batch,
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
    fn run(
        mut self,
        inbox: &Receiver<(Time, Incoming<P>)>,
        batches: &SyncSender<Batch>,
        started: Happened,
        stored: Option<Stored<P::Record>>,
    ) {
        if !self.begin(inbox, started, stored) {
            return;
        }
        loop {
            let dead = self.stopping || self.status.panicked;
            if !self.batch.entries.is_empty() || dead {
                let mut batch = std::mem::take(&mut self.batch);
                batch.status = self.status;
                if batches.send(batch).is_err() || dead {
                    return;
                }
            }
            while self.pending.len() < STEPS
                && let Ok(incoming) = inbox.try_recv()
            {
                self.pending.push_back(incoming);
            }
            if self.killed.load(Ordering::SeqCst) {
                return;
            }
            if self.work() == 0 && !self.wait(inbox) {
                return;
            }
        }
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
        self.step(self.now, &Input::Start(stored), started);
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
                self.step(at, &input, Happened::Fired(number));
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
                    self.batch.entries.push(entry);
                }
                Some((_, Incoming::Packet { from, id, bytes, packet })) => {
                    self.shares.give(from, bytes.len());
                    let happened = Happened::Packet {
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
        let happened = Happened::Command(request.signed().clone());
        self.step(at, &Input::Command(request), happened);
    }

    fn step(&mut self, now: Time, input: &Input<P>, happened: Happened) {
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
        self.batch.entries.push(Entry { at: now.0, happened, effects: effects.ok() });
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
    context: &'a Context,
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
        self.batch.outgoing.push(Outgoing { to, tag: *packet.tag(), at, frame });
        self.status.sent += 1;
    }

    fn to_itself(&mut self, _number: u64, _packet: &Arc<Packet<P>>) {}

    fn rejected(&mut self, _reason: Reject) {}

    fn effect(&mut self, effect: Effect<P>) {
        match effect {
            Effect::Persist(record) => {
                self.batch.change.persist::<P>(self.context, self.party, &record);
            }
            Effect::Keep(block) => self.batch.change.keep(&block),
            Effect::Forget(hash) => self.batch.change.forget(hash),
            Effect::Save(snapshot) => self.batch.change.save(&snapshot),
            Effect::Decide(decision) if decision.slot > self.status.decided => {
                self.status.decided = decision.slot;
                self.status.executed += decision.requests.len() as u64;
            }
            Effect::Install(installed) if installed.slot > self.status.decided => {
                self.status.decided = installed.slot;
                self.status.executed += installed.requests.len() as u64;
            }
            Effect::Enter(view) => self.status.view = view,
            Effect::Reply(reply) => self.batch.replies.push(reply),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
