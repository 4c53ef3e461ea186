//! Correct up to a point, then silent for ever; the last broadcast may reach only some.

use byzlab_crypto::PartySet;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Target, Time};

/// Stops sending at a time or after a number of packets. What it sends last goes to `last_to`.
#[derive(Clone, Debug)]
pub(crate) struct Crash<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    /// Packets that it still sends in full.
    pub(crate) sends: u64,
    /// When it stops, whatever it has sent.
    pub(crate) at: Time,
    /// Who receives the packet in which it stops.
    pub(crate) last_to: PartySet,
    pub(crate) sent: u64,
}

impl<P: Attack> Behaviour<P> for Crash<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Crash { inner, trigger, sends, at, last_to, sent } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let down = *sent > *sends || fx.now() >= *at;
            if !down && !trigger.hits(sending.packet.tag(), fx.now()) {
                return sending.put(fx);
            }
            *sent += u64::from(!down);
            if !down && *sent <= *sends {
                return sending.put(fx);
            }
            let mut changed = false;
            for receiver in env.receivers(sending.to) {
                let to = Target::One(receiver);
                if !down && last_to.contains(receiver) {
                    Sending { to, packet: sending.packet.clone(), hold: sending.hold }.put(fx);
                } else {
                    changed |= env.reaches_honest(to);
                }
            }
            if changed {
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
