//! `do = { set = .. }`: a corrupted sender changes fields of single messages and signs again.

use std::collections::{BTreeMap, VecDeque};

use byzlab_crypto::{PartyId, PartySet, Scheme};
use byzlab_protocols::{
    Attack, Effect, Effects, Input, Material, Packet, Target,
    byzantine::{Behaviour, Env, Misfit, set_field},
};
use byzlab_sim::{Matcher, Mind, World};

use crate::{RuleSpec, Scenario};

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

/// So many things happen in a rehearsal at the most.
const MOST: u64 = 50_000;

/// Rules that set fields which no message has that they are about, or to what these cannot hold;
/// found out by a rehearsal. What it brings no message for is left to the run.
pub(crate) fn misfits<P: Attack>(scenario: &Scenario, minds: &[Mind<P>]) -> Vec<(usize, Misfit)> {
    let scenario = Scenario { crypto: Scheme::Ideal, ..scenario.clone() };
    let mut setup = super::make(&scenario, minds, &super::KeySource::of(&scenario)).setup;
    let context = setup.context.clone();
    setup.witness = true;
    let mut world = World::new(setup);
    world.start();
    let _ = (0..MOST).find_map(|_| world.advance());
    // Without a signer nothing is signed: only whether the fields fit is asked.
    let (corrupted, signers, seen) = (PartySet::EMPTY, BTreeMap::new(), VecDeque::new());
    let material: Material<'_, P> = Material {
        context: &context,
        corrupted: &corrupted,
        signers: &signers,
        requests: &[],
        seen: &seen,
    };
    let misfit = |rule: &RuleSpec| {
        let on = Matcher { from: None, to: None, occurrence: None, ..rule.on.clone() };
        let anybody = PartyId(0);
        let about = world.witnessed().iter();
        let about = about.filter(|packet| on.fits(anybody, anybody, packet.tag()));
        let mut first = None;
        for wire in about.filter_map(|packet| packet.wire()) {
            match set_field(wire, &rule.set, &material) {
                Err(misfit @ (Misfit::NoField(..) | Misfit::Value(..))) => {
                    first.get_or_insert(misfit);
                }
                Ok(_) | Err(Misfit::Unsigned) => return None,
            }
        }
        first
    };
    let setting = scenario.rules.iter().enumerate().filter(|(_, rule)| !rule.set.is_empty());
    setting.filter_map(|(at, rule)| Some((at, misfit(rule)?))).collect()
}
