//! The links of a party to the others: what leaves goes through the fault layer, then to the
//! transport.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use byzlab_protocols::{Protocol, Span, Tag, Target, Time};
use byzlab_sim::{Environment, MessageRule, Network, Setup};

use crate::{Clock, Line, Shaper};

/// What leaves, once all before it is durable.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: Target,
    /// What it is about.
    pub tag: Tag,
    /// When its sender let it go.
    pub at: Time,
    /// What travels.
    pub frame: Bytes,
}

/// What the fault layer makes of the network that is really there, in a run and in its replay.
#[derive(Clone, Debug)]
pub struct Faults {
    /// The network that a run is to have.
    pub network: Network,
    /// What happens from outside.
    pub environment: Environment,
    /// Rules on single messages.
    pub rules: Vec<MessageRule>,
}

impl Faults {
    /// Those of a setup.
    pub fn of<P: Protocol>(setup: &Setup<P>) -> Faults {
        Faults {
            network: setup.network.clone(),
            environment: setup.environment.clone(),
            rules: setup.rules.clone(),
        }
    }

    /// The fault layer of a party: a quarter of Δ is left for the network that is really there.
    pub(crate) fn shaper(&self, own: PartyId, n: usize) -> Shaper {
        let Faults { network, environment, rules } = self.clone();
        let slack = Span(network.delta.0 / 4);
        Shaper::new(own, n, network, environment, rules, slack)
    }
}

/// The link of a party through the fault layer: each frame gets its fate and is handed on when
/// that says.
pub struct Shaped {
    own: PartyId,
    n: usize,
    shaper: Shaper,
    clock: Clock,
    line: Line,
    forward: Arc<dyn Fn(PartyId, Bytes) + Send + Sync>,
}

/// How many bytes the fault layer of a party holds.
const HELD_BYTES: usize = 64 << 20;

impl Shaped {
    /// The link of a party in a committee of `n`; `forward` hands a frame to the transport.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        own: PartyId,
        n: usize,
        faults: &Faults,
        clock: Clock,
        forward: impl Fn(PartyId, Bytes) + Send + Sync + 'static,
    ) -> Shaped {
        let shaper = faults.shaper(own, n);
        let forward: Arc<dyn Fn(PartyId, Bytes) + Send + Sync> = Arc::new(forward);
        let deliver = forward.clone();
        let line = Line::start(HELD_BYTES, move |to, frame| deliver(to, frame));
        Shaped { own, n, shaper, clock, line, forward }
    }
}

impl Link for Shaped {
    fn carry(&mut self, outgoing: Outgoing) {
        let Outgoing { to, tag, at, frame } = outgoing;
        for receiver in receivers(to, self.own, self.n) {
            for arrival in self.shaper.fate(receiver, &tag, at).arrivals {
                match self.clock.when(arrival) {
                    Some(due) if due > Instant::now() => {
                        self.line.hold(due, receiver, frame.clone());
                    }
                    Some(_) => (self.forward)(receiver, frame.clone()),
                    None => {}
                }
            }
        }
    }
}

/// To whom a frame goes over the network, in order.
pub(crate) fn receivers(to: Target, from: PartyId, n: usize) -> impl Iterator<Item = PartyId> {
    PartyId::all(n).filter(move |party| match to {
        Target::All => *party != from,
        Target::One(one) => *party == one && one != from,
    })
}

/// Carries frames to the others. Never waits.
pub trait Link: Send + 'static {
    /// Carries a frame to all its receivers but the sender.
    fn carry(&mut self, outgoing: Outgoing);
}
