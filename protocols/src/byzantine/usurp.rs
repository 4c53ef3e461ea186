//! Speaking out of turn: usurp.

use serde_json::Value;

use byzlab_crypto::PartyId;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Packet, Role, Span, Target};

/// Answers every proposal of an honest party by another one under its own name, as if it were its
/// turn, and in its own turn proposes another one than its machine would.
#[derive(Clone, Debug)]
pub(crate) struct Usurp<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
}

impl<P: Attack> Behaviour<P> for Usurp<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Usurp { inner, trigger } = self;
        if let Input::Packet { from, packet } = input
            && !env.material.corrupted.contains(*from)
            && is_proposal::<P>(packet)
            && let Some(wire) = packet.wire().and_then(|wire| named::<P>(wire, env.party))
            && let Some(usurper) = P::conflicting(&wire, 1, &env.material)
            && trigger.hits(packet.tag(), fx.now())
        {
            let packet = Packet::new(usurper);
            Sending { to: Target::All, packet, hold: Span::ZERO }.put(fx);
            fx.push(Effect::Fired(trigger.number));
        }
        through(&mut **inner, env, input, fx, |sending, fx| {
            let wire = sending.packet.wire().filter(|_| is_proposal(&sending.packet));
            let other = wire.and_then(|wire| P::conflicting(wire, 1, &env.material));
            let Some(other) = other.filter(|_| trigger.hits(sending.packet.tag(), fx.now())) else {
                return sending.put(fx);
            };
            if env.reaches_honest(sending.to) {
                fx.push(Effect::Fired(trigger.number));
            }
            Sending { packet: Packet::new(other), ..sending }.put(fx);
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

fn is_proposal<P: Attack>(packet: &Packet<P>) -> bool {
    let mut kinds = P::ABOUT.kinds.iter();
    kinds.any(|kind| kind.name == packet.tag().kind && kind.role == Role::Proposal)
}

/// The message with a party as its author, and as the proposer of what it brings.
fn named<P: Attack>(wire: &P::Wire, party: PartyId) -> Option<P::Wire> {
    let mut value = serde_json::to_value(P::impersonate(wire, party)?).ok()?;
    propose(&mut value, party);
    serde_json::from_value(value).ok()
}

fn propose(value: &mut Value, party: PartyId) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match name.as_str() {
                    "proposer" => *field = Value::from(party.0),
                    _ => propose(field, party),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| propose(item, party)),
        _ => {}
    }
}
