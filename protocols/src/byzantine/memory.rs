//! Behaviours about the past: replay and amnesia.

use super::{Behaviour, Env, Honest, Sending, Trigger, through};
use crate::{Attack, Effect, Effects, Input, Span, Target};

/// With every packet that it sends, sends old ones that it has seen again, of whoever, to all
/// others. What it said to itself it would answer at once, and an answer that brings several old
/// messages again, each of them answered, has no end.
#[derive(Clone, Debug)]
pub(crate) struct Replay<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) trigger: Trigger,
    pub(crate) count: u64,
}

impl<P: Attack> Behaviour<P> for Replay<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let Replay { inner, trigger, count } = self;
        through(&mut **inner, env, input, fx, |sending, fx| {
            let tag = *sending.packet.tag();
            sending.put(fx);
            let seen = env.material.seen;
            if seen.is_empty() || !trigger.hits(&tag, fx.now()) {
                return;
            }
            let others = env.receivers(Target::All).into_iter().filter(|to| *to != env.party);
            for _ in 0..*count {
                let at = trigger.stream().below(seen.len() as u64) as usize;
                let packet = seen[at].clone();
                for to in others.clone() {
                    let (to, packet) = (Target::One(to), packet.clone());
                    Sending { to, packet, hold: Span::ZERO }.put(fx);
                }
            }
            fx.push(Effect::Fired(trigger.number));
        });
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

/// Forgets what binds it before every step. A second machine that forgets nothing goes along:
/// where the two send different things, the forgetting changed what others receive.
#[derive(Clone, Debug)]
pub(crate) struct Amnesia<P: Attack> {
    pub(crate) inner: Box<dyn Behaviour<P>>,
    pub(crate) shadow: Honest<P>,
    pub(crate) trigger: Trigger,
}

impl<P: Attack> Behaviour<P> for Amnesia<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        if self.trigger.hits_at(fx.now()) {
            self.inner.machines(&mut |machine| {
                machine.forget();
            });
        }
        let mut own = Effects::at(fx.now());
        let mut shadow = Effects::at(fx.now());
        self.inner.step(env, input, &mut own);
        self.shadow.step(env, input, &mut shadow);
        let remembered = packets(&mut shadow);
        let mut changed = false;
        let mut sent = 0;
        for effect in own.drain() {
            if let Effect::Send { to, packet, .. } = &effect {
                changed |= env.reaches_honest(*to) && remembered.get(sent) != Some(packet);
                sent += 1;
            }
            fx.push(effect);
        }
        if changed {
            fx.push(Effect::Fired(self.trigger.number));
        }
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.machines(each);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

fn packets<P: Attack>(fx: &mut Effects<P>) -> Vec<std::sync::Arc<crate::Packet<P>>> {
    let packets = fx.drain().filter_map(|effect| match effect {
        Effect::Send { packet, .. } => Some(packet),
        _ => None,
    });
    packets.collect()
}
