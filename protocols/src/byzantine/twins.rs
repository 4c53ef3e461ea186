//! Twins: one key, two machines, each with its own half of the world.

use byzlab_crypto::PartySet;

use super::{Behaviour, Env, Honest};
use crate::{Attack, Effect, Effects, Input, Target};

/// Two copies of the honest machine. Each hears and speaks to its side only, and has its own
/// timers; other corrupted parties are on both sides, and twins among them pair up copy by copy.
#[derive(Clone, Debug)]
pub(crate) struct Twins<P: Attack> {
    pub(crate) copies: [Honest<P>; 2],
    pub(crate) sides: [PartySet; 2],
    pub(crate) number: u16,
}

impl<P: Attack> Twins<P> {
    fn concerns(&self, copy: usize, env: &Env<'_, P>, input: &Input<P>) -> bool {
        match input {
            Input::Packet { from, .. } if *from == env.party => false,
            Input::Packet { from, packet } if env.material.corrupted.contains(*from) => {
                packet.copy().is_none_or(|of| usize::from(of) == copy)
            }
            Input::Packet { from, .. } => self.sides[copy].contains(*from),
            Input::Timer { copy: of, .. } => usize::from(*of) == copy,
            Input::Start(_) | Input::Command(_) | Input::Wake(_) => true,
        }
    }

    /// What one copy does, with what it says to itself handled at once.
    fn run(&mut self, copy: usize, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let mut inputs = vec![input.clone()];
        while let Some(input) = inputs.pop() {
            let mut own = Effects::at(fx.now());
            self.copies[copy].step(env, &input, &mut own);
            let mut to_itself = Vec::new();
            for effect in own.drain() {
                match effect {
                    Effect::Send { to, mut packet, hold } => {
                        packet.mark(copy as u8);
                        for receiver in env.receivers(to) {
                            let packet = packet.clone();
                            if receiver == env.party {
                                to_itself.push(Input::Packet { from: env.party, packet });
                            } else if self.sides[copy].contains(receiver)
                                || env.material.corrupted.contains(receiver)
                            {
                                fx.push(Effect::Send { to: Target::One(receiver), packet, hold });
                            }
                        }
                    }
                    Effect::SetTimer { timer, at, .. } => {
                        fx.push(Effect::SetTimer { copy: copy as u8, timer, at });
                    }
                    Effect::CancelTimer { timer, .. } => {
                        fx.push(Effect::CancelTimer { copy: copy as u8, timer });
                    }
                    other => fx.push(other),
                }
            }
            to_itself.reverse();
            inputs.extend(to_itself);
        }
    }
}

impl<P: Attack> Behaviour<P> for Twins<P> {
    fn step(&mut self, env: &Env<'_, P>, input: &Input<P>, fx: &mut Effects<P>) {
        let before = self.copies[0].0 == self.copies[1].0;
        for copy in 0..2 {
            if self.concerns(copy, env, input) {
                let mut own = Effects::at(fx.now());
                self.run(copy, env, input, &mut own);
                for effect in own.drain() {
                    // Once the copies differ, what the second one says no single party says.
                    if let Effect::Send { to, .. } = &effect
                        && copy == 1
                        && !before
                        && env.reaches_honest(*to)
                    {
                        fx.push(Effect::Fired(self.number));
                    }
                    fx.push(effect);
                }
            }
        }
    }

    fn machines(&mut self, each: &mut dyn FnMut(&mut P)) {
        self.copies.iter_mut().for_each(|copy| each(&mut copy.0));
    }

    fn boxed(&self) -> Box<dyn Behaviour<P>> {
        Box::new(self.clone())
    }
}
