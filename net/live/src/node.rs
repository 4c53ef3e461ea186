//! A node: one party, its store, its journal, and the links to the others.
//!
//! Two threads. The *driver* owns the machine: it takes inputs in the order of their times, and
//! puts what comes of them into batches. The *committer* writes each batch down and only then lets
//! it leave: record and blocks first, in one transaction, then the journal, then packets, replies
//! and what the world is shown. While it waits for the disk the next batches gather, and become
//! durable together. Where neither votes are synced nor a journal is kept nothing waits for a disk:
//! the driver lets go itself, and the store is written some time later.
//!
//! Time is that of the inputs. A packet's is when its reader had checked it, a timer's is when it
//! was due: a party takes no time to think, and what it really takes counts as delay of what it
//! sends. A run in which that was longer than the model allows says so.

mod batch;
mod committer;
mod driver;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use byzlab_crypto::PartyId;
use byzlab_protocols::{Protocol, Stored, View};
use byzlab_sim::Arrival;
use serde::{Deserialize, Serialize};

use crate::{
    actor::Parts,
    clock::Clock,
    intake::{Inbox, Incoming, Intake},
    journal::{Happened, JournalError, Writer},
    link::Link,
    losses::Told,
    store::{Kept, Owner, Store, StoreError},
};

use self::{
    batch::Backlog,
    committer::{Book, Committer, door},
    driver::Driver,
};

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

/// What a node writes down before anything leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keeps {
    /// Whether what must survive a crash is on the disk.
    pub sync: bool,
    /// Whether every input is in the journal, for a judge. Else it holds the start only.
    pub journal: bool,
}

impl Keeps {
    /// All that a party and its judge need.
    pub const ALL: Keeps = Keeps { sync: true, journal: true };
}

/// All that a node is made of.
pub struct NodeConfig<P: Protocol> {
    /// What seats are made of.
    pub parts: Parts<P>,
    /// Which seat.
    pub party: PartyId,
    /// What it writes down.
    pub keeps: Keeps,
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
        let Keeps { sync, journal } = config.keeps;
        let open = if sync { Store::open } else { Store::open_unsynced };
        let store = open(&config.disk, &owner)?;
        let (kept, stored) = store.load::<P>(&context, config.party)?;
        let (writer, incarnation) = Writer::create(&config.journals, &owner)?;
        let Kept { record, blocks, snapshot } = kept;
        let started = Happened::Started { record, blocks, snapshot };
        let killed = Arc::new(AtomicBool::new(false));
        let intake = inbox.intake.clone();
        let door = door(link, show, intake.replies.clone(), killed.clone());
        let (now, later) = if sync || journal { (None, Some(door)) } else { (Some(door), None) };
        let (losses, told) = (intake.losses().clone(), Told::default());
        let (book, mark) = match journal {
            true => (Some(Book { writer, losses, told }), None),
            false => (None, Some(writer)),
        };
        let (mark, first) = if sync { (mark, None) } else { (None, mark) };
        let committer = Committer {
            store: Arc::new(store),
            sync,
            book,
            mark,
            door: later,
            commits: intake.commits.clone(),
            killed: killed.clone(),
        };
        let backlog = Arc::new(Backlog::default());
        let gathered = backlog.clone();
        let committer = spawn("committer", move || committer.run(&gathered));
        let _ = intake.clock.set(config.clock);
        let ends = (backlog, now, first);
        let driver =
            Driver::new(config, incarnation, ends, killed.clone(), &intake, stored.as_ref());
        let receiver = inbox.receiver;
        let driver = spawn("driver", move || driver.run(&receiver, started, stored));
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

#[cfg(test)]
mod tests;
