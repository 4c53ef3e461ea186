//! Scripted attacks: what corrupted parties send, and when, written down cue by cue.

use super::{Behaviour, Env};
use crate::{Attack, Context, Effect, Effects, Input, Packet, Protocol, Span, Target, Time};

/// What a party sends at its cue.
pub type Act<P> = fn(&Env<'_, P>) -> Vec<(Target, <P as Protocol>::Wire)>;

/// One cue of a script.
pub struct Cue<P: Attack> {
    /// Who acts.
    pub party: u16,
    /// When.
    pub at: fn(&Context) -> Time,
    /// What it sends to whom.
    pub act: Act<P>,
}

/// An attack of the catalogue that needs no planning: every step is known beforehand.
pub struct Script<P: Attack> {
    /// The id in the catalogue of attacks.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Who is corrupted.
    pub cast: &'static [u16],
    /// Whether they follow the protocol beside their cues.
    pub honest_beside: bool,
    /// What they send.
    pub cues: &'static [Cue<P>],
}

/// One party of a script.
#[derive(Debug)]
pub struct Scripted<P: Attack> {
    inner: Option<Box<dyn Behaviour<P>>>,
    script: &'static Script<P>,
    number: u16,
}

impl<P: Attack> Scripted<P> {
    /// A party of a script; `inner` is the honest machine.
    pub fn new(script: &'static Script<P>, inner: Box<dyn Behaviour<P>>, number: u16) -> Self {
        Scripted { inner: script.honest_beside.then_some(inner), script, number }
    }
}

impl<P: Attack> Behaviour<P> for Scripted<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        match input {
            Input::Start(_) => {
                for (token, cue) in self.script.cues.iter().enumerate() {
                    if cue.party == env.party.0 {
                        let at = (cue.at)(env.material.context);
                        fx.push(Effect::Wake { token: token as u64, at });
                    }
                }
            }
            Input::Wake(token) => {
                let cue = &self.script.cues[*token as usize];
                for (to, wire) in (cue.act)(env) {
                    fx.push(Effect::Send { to, packet: Packet::new(wire), hold: Span::ZERO });
                    if env.reaches_honest(to) {
                        fx.push(Effect::Fired(self.number));
                    }
                }
                return;
            }
            Input::Command(_) | Input::Packet { .. } | Input::Timer { .. } => {}
        }
        if let Some(inner) = &mut self.inner {
            inner.step(env, input, fx);
        }
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.inner.iter_mut().for_each(|inner| inner.machines(each));
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        let Scripted { inner, script, number } = self;
        Box::new(Scripted { inner: inner.clone(), script, number: *number })
    }
}

impl<P: Attack> std::fmt::Debug for Script<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "script {}", self.id)
    }
}
