//! Bytes below the codec, and true messages under a false name.

use byzlab_crypto::PartyId;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet, Span, Stream};

/// With every packet that it sends, sends bytes that no correct party sends: cut short, with a
/// tail, with a flipped bit, or drawn at random.
#[derive(Clone, Debug)]
pub(crate) struct Garbage<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
}

impl<P: Attack> Behaviour<P> for Garbage<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Garbage { inner, trigger } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let (to, packet) = (sending.to, sending.packet.clone());
            sending.put(fx);
            if trigger.hits(packet.tag(), fx.now()) {
                let bytes = packet.wire().and_then(|wire| borsh::to_vec(wire).ok());
                let raw = spoil(bytes.unwrap_or_default(), trigger.stream());
                Sending { to, packet: Packet::raw(raw), hold: Span::ZERO }.put(fx);
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

/// Makes the bytes of a message into bytes of none, or of another.
pub(crate) fn spoil(mut bytes: Vec<u8>, stream: &mut Stream) -> Vec<u8> {
    match stream.below(4) {
        0 => bytes.truncate(stream.below(bytes.len() as u64) as usize),
        1 => bytes.push(stream.bits() as u8),
        2 if !bytes.is_empty() => {
            let at = stream.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << stream.below(8);
        }
        _ => bytes = (0..stream.below(256)).map(|_| stream.bits() as u8).collect(),
    }
    bytes
}

/// With every message that it signs, sends the same one in the name of somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Impersonate<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    /// In whose name; everybody honest in turn if nobody is named.
    pub(crate) victims: Vec<PartyId>,
}

impl<P: Attack> Behaviour<P> for Impersonate<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Impersonate { inner, trigger, victims } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let (to, packet) = (sending.to, sending.packet.clone());
            sending.put(fx);
            let victim = trigger.stream().pick(victims).copied();
            let forged = victim.zip(packet.wire());
            let forged = forged.and_then(|(victim, wire)| P::impersonate(wire, victim));
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
