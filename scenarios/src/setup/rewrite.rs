//! `do = { set = .. }`: a corrupted sender changes fields of single messages and signs again.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;
use byzlab_protocols::{
    Attack, Effect, Effects, Input, Packet, Target,
    byzantine::{Behaviour, Env, set_field},
};
use byzlab_sim::Matcher;

use crate::RuleSpec;

/// Changes what the wrapped behaviour sends, where the rule fits.
#[derive(Clone, Debug)]
pub(super) struct Rewrite<P: Attack> {
    inner: Box<dyn Behaviour<P>>,
    on: Matcher,
    fields: Vec<(String, serde_json::Value)>,
    number: u16,
    occurrences: BTreeMap<PartyId, u32>,
}

impl<P: Attack> Rewrite<P> {
    pub(super) fn new(inner: Box<dyn Behaviour<P>>, rule: &RuleSpec, number: u16) -> Self {
        let (on, fields) = (rule.on.clone(), rule.set.clone());
        Rewrite { inner, on, fields, number, occurrences: BTreeMap::new() }
    }

    fn fits(&mut self, env: &Env<'_, P>, to: PartyId, packet: &Packet<P>) -> bool {
        if to == env.party || !self.on.fits(env.party, to, packet.tag()) {
            return false;
        }
        let count = self.occurrences.entry(to).or_insert(0);
        *count += 1;
        self.on.occurrence.is_none_or(|wanted| wanted == *count)
    }
}

impl<P: Attack> Behaviour<P> for Rewrite<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let mut own = Effects::at(fx.now());
        self.inner.step(env, input, &mut own);
        for effect in own.drain() {
            let Effect::Send { to, packet, hold } = effect else {
                fx.push(effect);
                continue;
            };
            for receiver in env.receivers(to) {
                let mut sent = packet.clone();
                let to = Target::One(receiver);
                if self.fits(env, receiver, &packet) {
                    let changed = packet
                        .wire()
                        .and_then(|wire| set_field(wire, &self.fields, &env.material).ok());
                    if let Some(changed) = changed {
                        sent = Packet::new(changed);
                        if env.reaches_honest(to) {
                            fx.push(Effect::Fired(self.number));
                        }
                    }
                }
                fx.push(Effect::Send { to, packet: sent, hold });
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
