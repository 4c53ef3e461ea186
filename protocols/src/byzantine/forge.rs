//! Forged certificates (rows C1 to C8 of the catalogue), made of signatures that were seen.

use byzlab_crypto::Digest;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet, Span, attack::Forgery};

/// With every packet that it sends, sends one with a forged certificate.
#[derive(Clone, Debug)]
pub(crate) struct Forge<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    pub(crate) forgeries: Vec<Forgery>,
}

impl<P: Attack> Behaviour<P> for Forge<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Forge { inner, trigger, forgeries } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let (to, packet) = (sending.to, sending.packet.clone());
            sending.put(fx);
            let Some(wire) = packet.wire() else { return };
            let target = Digest::of("byzlab/forged/1", &packet.tag().digest.0);
            let forgery = trigger.stream().pick(forgeries).copied();
            let forged = forgery.and_then(|forgery| P::forge(wire, forgery, target, &env.material));
            if let Some(forged) = forged
                && trigger.hits(packet.tag(), fx.now())
            {
                Sending { to, packet: Packet::new(forged), hold: Span::ZERO }.put(fx);
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
