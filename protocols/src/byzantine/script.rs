//! Scripted attacks: what corrupted parties send, and when, written down cue by cue.

use super::{Behaviour, Env, through};
use crate::{Attack, Context, Effect, Effects, Input, Packet, Protocol, Span, Target, Time};

/// What a party sends at its cue.
pub type Act<P> = fn(&Env<'_, P>) -> Vec<(Target, <P as Protocol>::Wire)>;

/// What a party sends in place of a message of its honest machine; nothing for the message
/// itself.
pub type Instead<P> =
    fn(&Env<'_, P>, Target, &<P as Protocol>::Wire) -> Option<Vec<(Target, <P as Protocol>::Wire)>>;

/// What a party sends when a message arrives, beside what its honest machine sends.
pub type React<P> = fn(&Env<'_, P>, &<P as Protocol>::Wire) -> Vec<(Target, <P as Protocol>::Wire)>;

/// A behaviour of one's own around the honest machine; the number is for [`Effect::Fired`].
pub type Wrap<P> = fn(Box<dyn Behaviour<P>>, u16) -> Box<dyn Behaviour<P>>;

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
    /// What they send at certain times.
    pub cues: &'static [Cue<P>],
    /// What they send in place of what their honest machines send.
    pub instead: Option<Instead<P>>,
    /// What they send when a message arrives.
    pub react: Option<React<P>>,
    /// What a party of the cast is, where the rest of a script does not say enough.
    pub wrap: Option<Wrap<P>>,
}

impl<P: Attack> Script<P> {
    /// A script of cues alone.
    pub const fn of_cues(
        id: &'static str,
        title: &'static str,
        cast: &'static [u16],
        cues: &'static [Cue<P>],
    ) -> Script<P> {
        Script {
            id,
            title,
            cast,
            honest_beside: false,
            cues,
            instead: None,
            react: None,
            wrap: None,
        }
    }

    /// A script for honest machines some of whose messages are replaced.
    pub const fn of_changes(
        id: &'static str,
        title: &'static str,
        cast: &'static [u16],
        instead: Instead<P>,
    ) -> Script<P> {
        let instead = Some(instead);
        Script { id, title, cast, honest_beside: true, cues: &[], instead, react: None, wrap: None }
    }

    /// A script for honest machines beside which something else is sent.
    pub const fn of_reactions(
        id: &'static str,
        title: &'static str,
        cast: &'static [u16],
        react: React<P>,
    ) -> Script<P> {
        let react = Some(react);
        Script { id, title, cast, honest_beside: true, cues: &[], instead: None, react, wrap: None }
    }
}

impl<P: Attack> Script<P> {
    /// A script for a behaviour of one's own.
    pub const fn of_behaviour(
        id: &'static str,
        title: &'static str,
        cast: &'static [u16],
        wrap: Wrap<P>,
    ) -> Script<P> {
        let wrap = Some(wrap);
        Script { id, title, cast, honest_beside: true, cues: &[], instead: None, react: None, wrap }
    }

    /// A party of the script; `inner` is the honest machine.
    pub fn around(
        &'static self,
        inner: Box<dyn Behaviour<P>>,
        number: u16,
    ) -> Box<dyn Behaviour<P>> {
        match self.wrap {
            Some(wrap) => wrap(inner, number),
            None => Box::new(Scripted::new(self, inner, number)),
        }
    }
}

/// One party of a script.
#[derive(Debug)]
struct Scripted<P: Attack> {
    inner: Option<Box<dyn Behaviour<P>>>,
    script: &'static Script<P>,
    number: u16,
}

impl<P: Attack> Scripted<P> {
    fn new(script: &'static Script<P>, inner: Box<dyn Behaviour<P>>, number: u16) -> Self {
        Scripted { inner: script.honest_beside.then_some(inner), script, number }
    }

    fn send(&self, sends: Vec<(Target, P::Wire)>, env: &Env<'_, P>, fx: &mut Effects<P>) {
        for (to, wire) in sends {
            fx.push(Effect::Send { to, packet: Packet::new(wire), hold: Span::ZERO });
            if env.reaches_honest(to) {
                fx.push(Effect::Fired(self.number));
            }
        }
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
                self.send((cue.act)(env), env, fx);
                return;
            }
            Input::Packet { packet, .. } => {
                if let Some((react, wire)) = self.script.react.zip(packet.wire()) {
                    self.send(react(env, wire), env, fx);
                }
            }
            Input::Command(_) | Input::Timer { .. } => {}
        }
        let Scripted { inner, script, number } = self;
        let Some(inner) = inner else { return };
        through(&mut **inner, env, input, fx, |sending, fx| {
            let wire = sending.packet.wire();
            let changed = script.instead.zip(wire);
            let changed = changed.and_then(|(instead, wire)| instead(env, sending.to, wire));
            let Some(changed) = changed else { return sending.put(fx) };
            for (to, wire) in changed {
                fx.push(Effect::Send { to, packet: Packet::new(wire), hold: sending.hold });
            }
            if env.reaches_honest(sending.to) {
                fx.push(Effect::Fired(*number));
            }
        });
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
