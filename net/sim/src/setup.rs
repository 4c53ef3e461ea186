//! All that a run is made of.

use std::sync::Arc;

use byzlab_crypto::{PartyId, PartySet, Signer};
use byzlab_protocols::{Context, Protocol, Request, Time};
use byzlab_trace::Observer;

use crate::{Adversary, Apart, Environment, MessageRule, Network, Real};

/// A request reaches a party.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When.
    pub at: Time,
    /// Whom.
    pub party: PartyId,
    /// What is asked for.
    pub request: Request,
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Once every expected party has decided so much.
    pub decisions: Option<u64>,
    /// Once every expected party has executed so many requests.
    pub requests: Option<u64>,
    /// At this time, whatever has been decided.
    pub time: Time,
}

/// All that a run is made of.
pub struct Setup<P: Protocol> {
    /// What everybody knows.
    pub context: Arc<Context>,
    /// The parameters of the protocol.
    pub params: P::Params,
    /// Signers by party; those of corrupted parties are not used.
    pub signers: Vec<Signer>,
    /// The network.
    pub network: Network,
    /// What a real network adds to it, if that is rehearsed.
    pub real: Option<Real>,
    /// What happens from outside.
    pub environment: Environment,
    /// Rules on single messages.
    pub rules: Vec<MessageRule>,
    /// What clients ask for.
    pub requests: Vec<Arrival>,
    /// Who is corrupted from the start.
    pub corrupted: PartySet,
    /// How many parties the adversary may corrupt later.
    pub budget: usize,
    /// The adversary.
    pub adversary: Box<dyn Adversary<P>>,
    /// Who is expected to decide before the run ends.
    pub expected: PartySet,
    /// When the run ends.
    pub stop: Stop,
    /// Who watches.
    pub observers: Vec<Box<dyn Observer>>,
    /// Whether parties show their state after every step.
    pub show: bool,
    /// Whether the packets that honest parties receive are kept, for forensics.
    pub witness: bool,
}

impl<P: Protocol> Setup<P> {
    /// Rehearses a real network: what one adds in this rehearsal comes on top of all delays, and each
    /// corrupted party is on its own.
    pub fn rehearse(&mut self, number: u64) {
        let (n, most) = (self.context.committee.n(), self.network.slack());
        self.real = Some(Real::new(n, most, number));
        self.adversary = Box::new(Apart::new(self.adversary.clone()));
    }
}
