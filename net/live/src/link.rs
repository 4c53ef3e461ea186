//! The links of a party to the others: what leaves goes through the fault layer, then to the
//! transport.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use byzlab_protocols::{Probability, Protocol, Tag, Target, Time};
use byzlab_sim::{Action, Environment, MessageRule, Network, Setup};

use crate::{Clock, Line, Losses, Shaper};

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

    /// Whether nothing of it arrives twice.
    pub(crate) fn carry_once(&self) -> bool {
        let twice = |rule: &MessageRule| matches!(rule.action, Action::Duplicate(..));
        self.network.duplicate == Probability::ZERO && !self.rules.iter().any(twice)
    }

    /// The fault layer of a party: a quarter of Δ is left for the network that is really there.
    pub(crate) fn shaper(&self, own: PartyId, n: usize) -> Shaper {
        let Faults { network, environment, rules } = self.clone();
        let slack = network.slack();
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
    losses: Arc<Losses>,
    forward: Arc<dyn Fn(PartyId, Bytes) + Send + Sync>,
}

/// How many bytes the fault layer of a party holds for each of the others, as many as a queue of the
/// transport.
const HELD_BYTES: usize = 18 << 20;

impl Shaped {
    /// The link of a party in a committee of `n`; `forward` hands a frame to the transport. What finds
    /// no room counts as lost.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        own: PartyId,
        n: usize,
        faults: &Faults,
        clock: Clock,
        losses: Arc<Losses>,
        forward: impl Fn(PartyId, Bytes) + Send + Sync + 'static,
    ) -> Shaped {
        let shaper = faults.shaper(own, n);
        let forward: Arc<dyn Fn(PartyId, Bytes) + Send + Sync> = Arc::new(forward);
        let deliver = forward.clone();
        let line = Line::start(HELD_BYTES, move |to, frame| deliver(to, frame));
        Shaped { own, n, shaper, clock, line, losses, forward }
    }
}

impl Link for Shaped {
    fn carry(&mut self, outgoing: Outgoing) {
        let Outgoing { to, tag, at, frame } = outgoing;
        for receiver in receivers(to, self.own, self.n) {
            for arrival in self.shaper.fate(receiver, &tag, at).arrivals {
                match self.clock.when(arrival) {
                    Some(due) if due > Instant::now() => {
                        let held = self.line.hold(due, receiver, frame.clone());
                        self.losses.add(receiver, u64::from(!held));
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

#[cfg(test)]
mod tests {
    use byzlab_crypto::Digest;
    use byzlab_protocols::{BeforeGst, Model, Span, View};
    use byzlab_sim::Delay;

    use super::*;
    use crate::losses::Told;

    #[tokio::test]
    async fn what_finds_no_room_is_counted_by_receiver() {
        let network = Network {
            model: Model::PartialSynchrony,
            delta: Span::millis(10_000),
            gst: Time::ZERO,
            before_gst: BeforeGst::Bounded,
            delay: Delay::Constant(Span::millis(5000)),
            early: None,
            loss: Probability::ZERO,
            duplicate: Probability::ZERO,
            seed: 1,
        };
        let faults = Faults { network, environment: Environment::default(), rules: Vec::new() };
        let (clock, losses) = (Clock::starting(Instant::now(), 1), Arc::new(Losses::new(4)));
        let mut link = Shaped::new(PartyId(0), 4, &faults, clock, losses.clone(), |_, _| {
            unreachable!("early")
        });
        let tag = Tag {
            kind: Tag::RAW,
            view: View::GENESIS,
            slot: 0,
            digest: Digest::ZERO,
            signatures: 0,
        };
        let frame = Bytes::from(vec![0; 1 << 20]);
        for to in [Target::One(PartyId(2)); 17].into_iter().chain([Target::All; 3]) {
            link.carry(Outgoing { to, tag, at: Time::ZERO, frame: frame.clone() });
        }
        let mut told = Told::default();
        assert_eq!(told.news(&losses), [(PartyId(2), 2)], "18 MiB of each are held");
        assert_eq!(told.news(&losses), [], "once");
        link.carry(Outgoing { to: Target::One(PartyId(2)), tag, at: Time::ZERO, frame });
        assert_eq!(told.news(&losses), [(PartyId(2), 1)]);
        assert_eq!(losses.all(), 3);
    }
}
