//! A clock that runs fast: hasty.

use super::{Behaviour, Env};
use crate::{Attack, Effect, Effects, Input, Time};

/// So many times as fast as it should its clock runs.
const FASTER: u64 = 100;

/// Has no patience: by its clock a hundred times as much time has passed, always.
#[derive(Clone, Debug)]
pub(crate) struct Hasty<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    /// Its number among the faults of the scenario.
    pub(crate) number: u16,
}

impl<P: Attack> Behaviour<P> for Hasty<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        if fx.now() != env.now {
            // Its clock runs fast already.
            return self.inner.step(env, input, fx);
        }
        let (now, timer) = (fx.now(), matches!(input, Input::Timer { .. }));
        // Rounded up: a machine that is woken before its time would only ask again, at once.
        let real = |at: Time| Time(at.0.div_ceil(FASTER)).max(now);
        let mut own = Effects::at(Time(now.0.saturating_mul(FASTER)));
        self.inner.step(env, input, &mut own);
        for effect in own.drain() {
            match effect {
                Effect::SetTimer { copy, timer, at } => {
                    fx.push(Effect::SetTimer { copy, timer, at: real(at) });
                }
                Effect::Wake { token, at } => fx.push(Effect::Wake { token, at: real(at) }),
                Effect::Send { to, packet, hold } => {
                    if timer && env.reaches_honest(to) {
                        fx.push(Effect::Fired(self.number));
                    }
                    fx.push(Effect::Send { to, packet, hold });
                }
                other => fx.push(other),
            }
        }
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}
