//! Byzantine behaviours: what a corrupted party does instead of, or on top of, its protocol.
//!
//! A [`Behaviour`] takes the inputs of one corrupted party and puts effects. It usually wraps
//! another one, and the innermost is the honest machine: several behaviours on one party compose
//! in this way, and where none applies the party is honest. A behaviour holds signers of
//! corrupted parties only, and runs in the simulator and as a process alike.

mod catalogue;
mod crash;
mod equivocate;
mod filter;
mod forge;
mod garbage;
mod hasty;
mod lie;
mod memory;
mod mutate;
mod script;
mod stale;
mod twins;
mod usurp;
mod when;

use std::{collections::VecDeque, fmt, sync::Arc};

pub use catalogue::{BEHAVIOURS, BehaviourInfo, Build, WHEN};
pub use mutate::{Misfit, set_field};
pub use script::{Act, Cue, Instead, React, Script, Wrap};
pub use when::{Trigger, When};

use byzlab_crypto::PartyId;

use crate::{Attack, Effect, Effects, Input, Material, Packet, Span, Target, Time, step};

/// What a corrupted party knows when it takes a step.
pub struct Env<'a, P: Attack> {
    /// Which party it is.
    pub party: PartyId,
    /// The time, whatever clock a behaviour around it shows it.
    pub now: Time,
    /// What it shares with the other corrupted parties.
    pub material: Material<'a, P>,
}

impl<P: Attack> Env<'_, P> {
    /// Whether a message to this target reaches an honest party.
    pub fn reaches_honest(&self, to: Target) -> bool {
        match to {
            Target::One(party) => !self.material.corrupted.contains(party),
            Target::All => self.material.corrupted.len() < self.material.context.committee.n(),
        }
    }

    /// The parties of a target, the party itself included.
    pub fn receivers(&self, to: Target) -> Vec<PartyId> {
        match to {
            Target::One(party) => vec![party],
            Target::All => self.material.context.committee.parties().collect(),
        }
    }
}

/// A corrupted party on its own.
pub trait Behaviour<P: Attack>: fmt::Debug + Send + Sync {
    /// Takes an input and puts effects.
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>);

    /// Shows each machine that it runs, to be changed by what is wrapped around it.
    fn machines(&mut self, _each: &mut dyn FnMut(&mut P)) {}

    /// A copy, for a world that is forked.
    fn boxed(&self) -> Box<dyn Behaviour<P>>;
}

impl<P: Attack> Clone for Box<dyn Behaviour<P>> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// The innermost behaviour: the honest machine.
#[derive(Clone, Debug)]
pub struct Honest<P>(pub P);

impl<P: Attack> Behaviour<P> for Honest<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        // A refused packet is nobody's business here: the party that refuses is corrupted.
        let _ = step(&mut self.0, env.material.context, input, fx);
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        each(&mut self.0);
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}

/// A packet that a wrapped behaviour sends.
pub struct Sending<P: Attack> {
    /// To whom.
    pub to: Target,
    /// What.
    pub packet: Arc<Packet<P>>,
    /// How long it is held back.
    pub hold: Span,
}

impl<P: Attack> Sending<P> {
    /// Sends it.
    pub fn put(self, fx: &mut Effects<P>) {
        fx.push(Effect::Send { to: self.to, packet: self.packet, hold: self.hold });
    }
}

/// Steps a wrapped behaviour. Its packets go through `each`, all else passes.
pub fn through<P: Attack>(
    inner: &mut dyn Behaviour<P>,
    env: &Env<'_, P>,
    input: &Input<P>,
    fx: &mut Effects<P>,
    mut each: impl FnMut(Sending<P>, &mut Effects<P>),
) {
    let mut own = Effects::at(fx.now());
    inner.step(env, input, &mut own);
    for effect in own.drain() {
        match effect {
            Effect::Send { to, packet, hold } => each(Sending { to, packet, hold }, fx),
            other => fx.push(other),
        }
    }
}

/// The last packets that corrupted parties received or sent.
pub type Seen<P> = VecDeque<Arc<Packet<P>>>;
