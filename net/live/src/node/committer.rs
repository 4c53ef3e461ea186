//! The thread that writes batches down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    NodeError, Status,
    batch::{Backlog, Batch, Durables, Leaves},
};
use crate::{
    clients::Replies,
    commits::Commits,
    journal::{Entry, Happened, Writer},
    link::Link,
    losses::{Losses, Told},
    store::Store,
};

/// Where nobody waits for the store it is written so often.
const REST: Duration = Duration::from_millis(100);

/// Lets go of what may leave; says whether the node goes on.
pub(super) type Door = Box<dyn FnMut(Leaves) -> bool + Send>;

/// The door of a node: packets go to the link, replies to those who wait for them.
pub(super) fn door(
    mut link: impl Link,
    show: impl Fn(Status) + Send + 'static,
    replies: Arc<Replies>,
    killed: Arc<AtomicBool>,
) -> Door {
    Box::new(move |leaves| {
        for outgoing in leaves.outgoing {
            if killed.load(Ordering::SeqCst) {
                return false;
            }
            link.carry(outgoing);
        }
        replies.publish(leaves.replies);
        show(leaves.status);
        true
    })
}

/// A journal that is kept, and what was lost and told in it.
pub(super) struct Book {
    pub(super) writer: Writer,
    pub(super) losses: Arc<Losses>,
    pub(super) told: Told,
}

pub(super) struct Committer {
    pub(super) store: Arc<Store>,
    /// Whether the store comes before all else. Else it is written when all else is done.
    pub(super) sync: bool,
    /// Nothing if the journal is not kept.
    pub(super) book: Option<Book>,
    /// A journal that is not kept, in which it has to say that the party began.
    pub(super) mark: Option<Writer>,
    /// Nothing if what steps bring has left before it comes here.
    pub(super) door: Option<Door>,
    pub(super) commits: Arc<Commits>,
    pub(super) killed: Arc<AtomicBool>,
}

impl Committer {
    pub(super) fn run(mut self, backlog: &Backlog) -> Result<(), NodeError> {
        let ended = Closing(backlog);
        while let Some(batch) = ended.0.take() {
            let last = batch.last;
            if !self.commit(batch)? || last {
                break;
            }
            if self.door.is_none() {
                ended.0.rest(REST);
            }
        }
        Ok(())
    }

    /// Says whether the node goes on. The order of these lines is what this file is about.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<bool, NodeError> {
        let Batch { entries, durables, leaves, .. } = batch;
        let killed = self.killed.clone();
        let dead = || killed.load(Ordering::SeqCst);
        if dead() {
            return Ok(false);
        }
        let (begun, transaction) = (Instant::now(), !durables.is_empty());
        // What is durable and was not written down is what a crash between two effects leaves: the
        // next life begins with it. What was written down and is not durable would have happened to
        // nobody.
        let later = if self.sync { self.store(durables).map(|()| None)? } else { Some(durables) };
        if dead() {
            return Ok(false);
        }
        // A mark without a record is a party that has forgotten what it signed: the record comes first.
        if let Some(mut mark) = self.mark.take() {
            mark.begins()?;
        }
        if let Some(book) = &mut self.book {
            book.write(&entries)?;
        }
        let inputs = if self.book.is_some() { entries.len() } else { 0 };
        self.commits.add(inputs, transaction, begun.elapsed());
        if let Some(door) = &mut self.door
            && !door(leaves)
        {
            return Ok(false);
        }
        later.map_or(Ok(()), |later| self.store(later))?;
        Ok(true)
    }

    fn store(&self, durables: Durables) -> Result<(), NodeError> {
        if !durables.is_empty() {
            self.store.commit(&durables.change())?;
        }
        Ok(())
    }
}

impl Book {
    /// Writes entries down, and before them what was lost meanwhile.
    fn write(&mut self, entries: &[Entry]) -> Result<(), NodeError> {
        // Nothing comes before the start, and nothing after the end.
        let starts = |entry: &Entry| matches!(entry.happened, Happened::Started { .. });
        let starts = entries.first().is_some_and(starts);
        let (start, rest) = entries.split_at(usize::from(starts));
        start.iter().for_each(|entry| self.writer.add(entry));
        let at = entries.first().map_or(0, |entry| entry.at);
        for (peer, frames) in self.told.news(&self.losses) {
            let happened = Happened::Lost { peer: peer.0, frames };
            self.writer.add(&Entry { at, happened, effects: None });
        }
        rest.iter().for_each(|entry| self.writer.add(entry));
        Ok(self.writer.flush()?)
    }
}

/// However a thread ends, the other one hears of it.
pub(super) struct Closing<'a>(pub(super) &'a Backlog);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}
