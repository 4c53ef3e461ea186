//! The port of a running node.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use byzlab_crypto::PartyId;
use byzlab_protocols::{Context, Protocol, Request};

use super::{Port, Replies, Report};
use crate::{Intake, Status, transport::Counters};

/// The port of a running node: what goes in goes to its intake, what comes out is what it has
/// written down.
pub struct Gate<P: Protocol> {
    party: PartyId,
    intake: Intake<P>,
    status: Mutex<(Status, Counters)>,
    peers: AtomicU64,
}

impl<P: Protocol> Gate<P> {
    /// The port of a party.
    pub fn new(party: PartyId, intake: Intake<P>) -> Gate<P> {
        Gate { party, intake, status: Mutex::default(), peers: AtomicU64::new(0) }
    }

    /// What the party shows; given to [`crate::Node::start`].
    pub fn show(&self, status: Status) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).0 = status;
    }

    /// What the transport did, and with how many others there is a connection.
    pub fn transport(&self, counters: Counters, peers: usize) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).1 = counters;
        self.peers.store(peers as u64, Ordering::Relaxed);
    }
}

impl<P: Protocol> Port for Gate<P> {
    fn context(&self) -> &Arc<Context> {
        self.intake.context()
    }

    fn submit(&self, request: Request) -> bool {
        self.intake.request(request)
    }

    fn replies(&self) -> &Arc<Replies> {
        self.intake.replies()
    }

    fn report(&self) -> Report {
        let (status, transport) =
            self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Report {
            party: self.party,
            protocol: P::ABOUT.name.to_owned(),
            view: status.view,
            decided: status.decided,
            executed: status.executed,
            peers: self.peers.load(Ordering::Relaxed),
            dropped: self.intake.dropped() as u64,
            failed: status.panicked.then(|| "its code panicked".to_owned()),
            transport,
        }
    }
}
