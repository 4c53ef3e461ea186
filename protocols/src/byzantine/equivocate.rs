//! Saying two things: equivocate and double-vote.

use byzlab_crypto::PartySet;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet, Target};

/// Tells each group of parties something else. The first group hears what the honest machine
/// says, the k-th a conflicting message; whoever is in no group hears nothing.
#[derive(Clone, Debug)]
pub(crate) struct Equivocate<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    pub(crate) split: Vec<PartySet>,
}

impl<P: Attack> Behaviour<P> for Equivocate<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Equivocate { inner, trigger, split } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let another = |variant| {
                let wire = P::conflicting(sending.packet.wire()?, variant, &env.material)?;
                Some(Packet::new(wire))
            };
            // A message that cannot be contradicted does not use up the trigger.
            let Some(second) = another(1) else { return sending.put(fx) };
            if !trigger.hits(sending.packet.tag(), fx.now()) {
                return sending.put(fx);
            }
            let versions: Vec<_> = (0..split.len() as u32)
                .map(|variant| match variant {
                    0 => Some(sending.packet.clone()),
                    1 => Some(second.clone()),
                    _ => another(variant),
                })
                .collect();
            for receiver in env.receivers(sending.to) {
                let own = receiver == env.party;
                for (group, version) in split.iter().zip(&versions) {
                    // The party itself goes on with what it said to the first group.
                    let first = std::ptr::eq(group, &raw const split[0]);
                    let hears = if own { first } else { group.contains(receiver) };
                    if let Some(packet) = version.clone().filter(|_| hears) {
                        let to = Target::One(receiver);
                        Sending { to, packet, hold: sending.hold }.put(fx);
                    }
                }
            }
            if env.reaches_honest(sending.to) {
                fx.push(Effect::Fired(trigger.number));
            }
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

/// Votes, and votes for something else as well, to the same parties.
#[derive(Clone, Debug)]
pub(crate) struct DoubleVote<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
}

impl<P: Attack> Behaviour<P> for DoubleVote<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let DoubleVote { inner, trigger } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let wire = sending.packet.wire();
            let other = wire.and_then(|wire| P::conflicting(wire, 1, &env.material));
            let (to, hold) = (sending.to, sending.hold);
            let hit = other.is_some() && trigger.hits(sending.packet.tag(), fx.now());
            sending.put(fx);
            if let Some(other) = other.filter(|_| hit) {
                Sending { to, packet: Packet::new(other), hold }.put(fx);
                if env.reaches_honest(to) {
                    fx.push(Effect::Fired(trigger.number));
                }
            }
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}
