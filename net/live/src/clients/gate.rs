//! The port of a running node.

use std::sync::{Arc, Mutex, PoisonError};

use byzlab_crypto::PartyId;
use byzlab_protocols::{Context, Protocol, Request};

use super::{Port, Replies, Report};
use crate::{
    Commits, Intake, Status,
    transport::{Counters, LinkState},
};

/// What a transport did, and how its links are.
pub type Wires = dyn Fn() -> (Counters, Vec<LinkState>) + Send + Sync;

/// The port of a running node: what goes in goes to its intake, what comes out is what it has
/// written down.
pub struct Gate<P: Protocol> {
    party: PartyId,
    intake: Intake<P>,
    wires: Box<Wires>,
    status: Mutex<Status>,
}

impl<P: Protocol> Gate<P> {
    /// The port of a party; `wires` is asked whenever somebody wants to know.
    pub fn new(
        party: PartyId,
        intake: Intake<P>,
        wires: impl Fn() -> (Counters, Vec<LinkState>) + Send + Sync + 'static,
    ) -> Gate<P> {
        Gate { party, intake, wires: Box::new(wires), status: Mutex::default() }
    }

    /// What the party shows; given to [`crate::Node::start`].
    pub fn show(&self, status: Status) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
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

    fn commits(&self) -> &Arc<Commits> {
        self.intake.commits()
    }

    fn report(&self) -> Report {
        let status = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let (transport, links) = (self.wires)();
        Report {
            party: self.party,
            protocol: P::ABOUT.name.to_owned(),
            view: status.view,
            decided: status.decided,
            executed: status.executed,
            sent: status.sent,
            peers: links.iter().filter(|link| link.connected).count() as u64,
            dropped: self.intake.dropped() as u64,
            failed: status.panicked.then(|| "its code panicked".to_owned()),
            transport,
        }
    }
}
