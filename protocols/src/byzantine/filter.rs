//! Behaviours that only hold back what the honest machine sends: silent, withhold, selective,
//! delay.

use byzlab_crypto::PartySet;

use super::{Behaviour, Env, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Span, Target};

/// What happens to a packet on which the trigger hits.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It is not sent: silent, withhold.
    Dropped,
    /// It goes to these parties only: selective.
    OnlyTo(PartySet),
    /// It is held back: delay.
    Held(Span),
}

/// Holds back packets of the wrapped behaviour.
#[derive(Clone, Debug)]
pub(crate) struct Filter<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    pub(crate) fate: Fate,
}

impl<P: Attack> Behaviour<P> for Filter<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Filter { inner, trigger, fate } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            if !trigger.hits(sending.packet.tag(), fx.now()) {
                return sending.put(fx);
            }
            let changed = match fate {
                Fate::Dropped => env.reaches_honest(sending.to),
                Fate::Held(span) => {
                    let changed = env.reaches_honest(sending.to);
                    let hold = Span(sending.hold.0.saturating_add(span.0));
                    Sending { hold, ..sending }.put(fx);
                    changed
                }
                Fate::OnlyTo(parties) => only_to(&sending, parties, env, fx),
            };
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

/// Sends to some of the receivers; says whether an honest one was left out.
fn only_to<P: Attack>(
    sending: &Sending<P>,
    parties: &PartySet,
    env: &Env<'_, P>,
    fx: &mut Effects<P>,
) -> bool {
    let mut left_out = false;
    for receiver in env.receivers(sending.to) {
        let to = Target::One(receiver);
        if parties.contains(receiver) || receiver == env.party {
            Sending { to, packet: sending.packet.clone(), hold: sending.hold }.put(fx);
        } else {
            left_out |= env.reaches_honest(to);
        }
    }
    left_out
}
