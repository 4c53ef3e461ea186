//! The network: when a message arrives, and what its model allows.

use byzlab_crypto::PartyId;
use byzlab_protocols::{BeforeGst, Model, Probability, Span, Stream, Time};

use crate::Delay;

/// The network of a run.
#[derive(Clone, Debug)]
pub struct Network {
    /// What it promises.
    pub model: Model,
    /// Δ.
    pub delta: Span,
    /// When it becomes synchronous; 0 for always. Means something in partial synchrony only.
    pub gst: Time,
    /// What happens before.
    pub before_gst: BeforeGst,
    /// How long messages take.
    pub delay: Delay,
    /// How long they take when sent before GST; nothing for anything that the model allows, up
    /// to GST + Δ.
    pub early: Option<Delay>,
    /// The share of messages that are lost, where the model lets messages be lost.
    pub loss: Probability,
    /// The share of messages that arrive twice.
    pub duplicate: Probability,
    /// From which all its randomness comes.
    pub seed: u64,
}

/// The latest arrival that the model allows for a message between honest parties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// By this moment.
    By(Time),
    /// By this moment, or never.
    ByOrLost(Time),
    /// By the end of the run.
    ByTheEnd,
}

impl Bound {
    /// Whether an arrival then keeps the model.
    pub fn allows(self, at: Time) -> bool {
        match self {
            Bound::By(latest) | Bound::ByOrLost(latest) => at <= latest,
            Bound::ByTheEnd => at < Time::NEVER,
        }
    }

    /// The latest moment.
    pub fn latest(self) -> Time {
        match self {
            Bound::By(latest) | Bound::ByOrLost(latest) => latest,
            Bound::ByTheEnd => Time(Time::NEVER.0 - 1),
        }
    }
}

impl Network {
    /// What the model allows for a message that honest parties exchange, sent at `at`. A message
    /// sent at exactly GST counts as sent after it.
    pub fn bound(&self, at: Time) -> Bound {
        match self.model {
            Model::Synchrony => Bound::By(at.after(self.delta)),
            Model::Asynchrony => Bound::ByTheEnd,
            Model::PartialSynchrony if at >= self.gst => Bound::By(at.after(self.delta)),
            Model::PartialSynchrony => match self.before_gst {
                BeforeGst::Bounded => Bound::By(self.gst.after(self.delta)),
                BeforeGst::Unbounded => Bound::ByTheEnd,
                BeforeGst::Lossy => Bound::ByOrLost(self.gst.after(self.delta)),
            },
        }
    }

    /// Whether a message sent at `at` may get lost.
    pub fn may_lose(&self, at: Time) -> bool {
        matches!(self.bound(at), Bound::ByOrLost(_))
    }

    /// Draws how long a message sent at `at` takes, cut off at what the model allows.
    pub fn draw(&self, at: Time, from: PartyId, to: PartyId, stream: &mut Stream) -> Span {
        let bound = self.bound(at);
        let early = self.model == Model::PartialSynchrony && at < self.gst;
        let drawn = match (&self.early, early) {
            (_, false) => self.delay.draw(from, to, stream),
            (Some(delay), true) => delay.draw(from, to, stream),
            (None, true) => {
                let longest = self.gst.after(self.delta).since(at);
                let longest = match bound {
                    Bound::ByTheEnd => longest * 2,
                    Bound::By(_) | Bound::ByOrLost(_) => longest,
                };
                Span(stream.between(Span::TICK.0, longest.0))
            }
        };
        drawn.min(bound.latest().since(at)).max(Span::TICK)
    }

    /// What is left of Δ for the network that is really there: a quarter.
    pub fn slack(&self) -> Span {
        Span(self.delta.0 / 4)
    }

    /// Draws when a message arrives that is sent at `at`: no draw comes closer than `slack` to what the
    /// model allows.
    pub fn arrival(
        &self,
        at: Time,
        (from, to): (PartyId, PartyId),
        slack: Span,
        stream: &mut Stream,
    ) -> Time {
        let latest = self.bound(at).latest().since(at);
        let longest = Span(latest.0.saturating_sub(slack.0)).max(Span::TICK);
        at.after(self.draw(at, from, to, stream).min(longest))
    }

    /// Whether a link's stream decides anything: a constant delay needs no draw.
    pub fn is_random(&self) -> bool {
        let constant = |delay: &Delay| matches!(delay, Delay::Constant(_));
        let early = self.gst > Time::ZERO
            && (!self.early.as_ref().is_some_and(constant) || self.loss > Probability::ZERO);
        !constant(&self.delay) || early || self.duplicate > Probability::ZERO
    }

    /// The stream of a link: its own for each pair of parties.
    pub fn stream(&self, from: PartyId, to: PartyId) -> Stream {
        let link = u64::from(from.0) << 16 | u64::from(to.0);
        let mut family = Stream::from_state(self.seed ^ LINKS);
        let mut stream = Stream::from_state(family.bits() ^ link.wrapping_mul(SPREAD));
        Stream::from_state(stream.bits())
    }
}

const LINKS: u64 = 0x6c69_6e6b_7300_0000;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn network(model: Model, before_gst: BeforeGst) -> Network {
        Network {
            model,
            delta: Span(100),
            gst: Time(1000),
            before_gst,
            delay: Delay::Uniform(Span(1), Span(500)),
            early: None,
            loss: Probability::ZERO,
            duplicate: Probability::ZERO,
            seed: 1,
        }
    }

    /// Sent a moment before GST and at GST: what the model allows.
    #[test]
    fn a_message_sent_at_gst_counts_as_sent_after_it() {
        let partial = Model::PartialSynchrony;
        let by = |at| Bound::By(Time(at));
        for (model, before_gst, early, late) in [
            (Model::Synchrony, BeforeGst::Lossy, by(1099), by(1100)),
            (Model::Asynchrony, BeforeGst::Lossy, Bound::ByTheEnd, Bound::ByTheEnd),
            (partial, BeforeGst::Bounded, by(1100), by(1100)),
            (partial, BeforeGst::Unbounded, Bound::ByTheEnd, by(1100)),
            (partial, BeforeGst::Lossy, Bound::ByOrLost(Time(1100)), by(1100)),
        ] {
            let network = network(model, before_gst);
            assert_eq!(network.bound(Time(999)), early, "{model:?} {before_gst:?}");
            assert_eq!(network.bound(Time(1000)), late, "{model:?} {before_gst:?}");
            let lossy = model == partial && before_gst == BeforeGst::Lossy;
            assert_eq!(network.may_lose(Time(999)), lossy, "{model:?} {before_gst:?}");
            assert!(!network.may_lose(Time(1000)));
        }
    }

    /// Whatever the distribution says, no draw is a breach, and none takes no time.
    #[test]
    fn no_draw_breaks_the_model() {
        let mut stream = Stream::named(1, "network");
        for before_gst in [BeforeGst::Bounded, BeforeGst::Unbounded, BeforeGst::Lossy] {
            for model in [Model::Synchrony, Model::PartialSynchrony] {
                let network = network(model, before_gst);
                for at in (0..1500).map(Time) {
                    let taken = network.draw(at, PartyId(0), PartyId(1), &mut stream);
                    assert!(taken >= Span::TICK);
                    assert!(network.bound(at).allows(at.after(taken)), "{model:?} {at}");
                }
            }
        }
    }
}
