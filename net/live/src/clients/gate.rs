//! The port of a running node.

use std::sync::Arc;

use byzlab_crypto::PartyId;
use byzlab_protocols::{Context, Protocol, Request};

use super::{Port, Replies, Report};
use crate::{
    Commits, Intake, Status,
    transport::{Counters, LinkState},
};

/// What a party shows, what its transport did, and how its links are.
pub type Look = dyn Fn() -> (Status, Counters, Vec<LinkState>) + Send + Sync;

/// The port of a running node: what goes in goes to its intake, what comes out is what it has
/// written down.
pub struct Gate<P: Protocol> {
    party: PartyId,
    intake: Intake<P>,
    look: Box<Look>,
}

impl<P: Protocol> Gate<P> {
    /// The port of a party; `look` is asked whenever somebody wants to know how it is.
    pub fn new(
        party: PartyId,
        intake: Intake<P>,
        look: impl Fn() -> (Status, Counters, Vec<LinkState>) + Send + Sync + 'static,
    ) -> Gate<P> {
        Gate { party, intake, look: Box::new(look) }
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
        let (status, transport, links) = (self.look)();
        Report {
            party: self.party,
            protocol: P::ABOUT.name.to_owned(),
            view: status.view,
            decided: status.decided,
            executed: status.executed,
            sent: status.sent,
            peers: links.iter().filter(|link| link.connected).count() as u64,
            dropped: self.intake.dropped() as u64,
            lost: self.intake.losses().all(),
            failed: status.panicked.then(|| "its code panicked".to_owned()),
            transport,
        }
    }
}
