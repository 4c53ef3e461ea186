//! What all tasks of one transport share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use byzlab_crypto::PartyId;
use libp2p::PeerId;
use tokio::sync::{Mutex as Turn, MutexGuard as TurnGuard, Semaphore, oneshot};

use super::{
    Greeting, Inbound, Limits, LinkState, PeerTable, counters::Tally, greeting::Hello, queue::Queue,
};

/// What all tasks of one transport share.
pub(super) struct Shared {
    pub(super) table: PeerTable,
    pub(super) greeting: Greeting,
    pub(super) limits: Limits,
    pub(super) inbound: Arc<dyn Inbound>,
    pub(super) tally: Tally,
    parties: Vec<Party>,
}

/// What belongs to one other party.
pub(super) struct Party {
    /// Frames for it.
    pub(super) queue: Queue,
    /// Places for the streams that it opens.
    pub(super) streams: Arc<Semaphore>,
    /// The stream whose frames are taken.
    pub(super) reading: Reading,
    state: Mutex<LinkState>,
}

/// Sees to it that one stream of a party is read at a time: the one that was welcomed last.
#[derive(Default)]
pub(super) struct Reading {
    /// Dropped to end the reader that is at it.
    stop: Mutex<Option<oneshot::Sender<()>>>,
    turn: Turn<()>,
}

impl Reading {
    /// Ends who is reading and waits until it has. What is returned holds the place, and resolves
    /// when somebody else takes it.
    pub(super) async fn take_over(&self) -> (TurnGuard<'_, ()>, oneshot::Receiver<()>) {
        let (stop, stopped) = oneshot::channel();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop);
        (self.turn.lock().await, stopped)
    }
}

impl Shared {
    pub(super) fn new(
        table: PeerTable,
        greeting: Greeting,
        limits: Limits,
        inbound: Arc<dyn Inbound>,
    ) -> Self {
        let party = |party| Party {
            queue: Queue::new(limits.queue_frames, limits.queue_bytes),
            streams: Arc::new(Semaphore::new(limits.streams)),
            reading: Reading::default(),
            state: Mutex::new(LinkState::new(party)),
        };
        let parties = PartyId::all(table.len()).map(party).collect();
        Shared { table, greeting, limits, inbound, tally: Tally::default(), parties }
    }

    pub(super) fn own(&self) -> PartyId {
        self.table.own()
    }

    /// All others and their identities.
    pub(super) fn peers(&self) -> impl Iterator<Item = (PartyId, PeerId)> {
        let all = PartyId::all(self.table.len()).zip(self.table.identities().iter().copied());
        all.filter(|(party, _)| *party != self.own())
    }

    /// # Panics
    /// If there is no such party: numbers of parties come from our own table.
    pub(super) fn party(&self, party: PartyId) -> &Party {
        &self.parties[party.index()]
    }

    pub(super) fn identity(&self, party: PartyId) -> PeerId {
        self.table.identities()[party.index()]
    }

    pub(super) fn dials(&self, party: PartyId) -> bool {
        self.table.dials(party)
    }

    /// What one party has to say to another.
    pub(super) fn hello(&self, from: PartyId, to: PartyId) -> Hello {
        Hello { from, to, greeting: self.greeting.clone() }
    }

    /// How the link with a party is.
    pub(super) fn state(&self, party: PartyId) -> MutexGuard<'_, LinkState> {
        self.party(party).state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what keeps a link from working.
    pub(super) fn problem(&self, party: PartyId, text: String) {
        let mut state = self.state(party);
        if state.problem.as_ref() != Some(&text) {
            tracing::warn!(own = %self.own(), %party, "{text}");
            state.problem = Some(text);
        }
    }
}
