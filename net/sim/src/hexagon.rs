//! The hexagon of Fischer, Lynch and Merritt: who can imagine the others can be in two worlds.
//!
//! One corrupted party a, the sender, against two halves B and C of the honest. Six groups of
//! machines stand in a ring, each talking to its two neighbours only: `a - B - C - a' - B' - C'`,
//! and round again. B and C are the honest parties; all else is imagined by a. Every two
//! neighbours see what they would see in a run with one faulty group; a and a' send different
//! values, so B must decide the one and C the other.
//!
//! The imagined B' and C' have keys of their own making: where messages are signed nobody believes
//! them, and the attack fails. What it proves is that without signatures n must be above 3f.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_crypto::{KeyRing, PartyId, PartySet, Scheme, Signer};
use byzlab_protocols::{Attack, Context, Effect, Effects, Input, Packet, Span, Target, step};
use byzlab_trace::FaultId;

use crate::{Adversary, Plot, Sight};

/// A group of the ring that the corrupted party plays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Side {
    /// The sender as B sees it.
    ToB,
    /// The sender as C sees it: it sends something else.
    ToC,
    /// B' and C'.
    Imagined,
}

/// An imagined machine, by its number as a copy of the corrupted party.
#[derive(Clone, Debug)]
struct Copy<P> {
    side: Side,
    party: PartyId,
    machine: P,
}

/// A message between two copies that is on its way.
#[derive(Clone, Debug)]
struct Passing<P: Attack> {
    to: usize,
    from: PartyId,
    packet: Arc<Packet<P>>,
}

/// The corrupted party with all that it imagines.
#[derive(Clone, Debug)]
pub struct Hexagon<P: Attack> {
    context: Arc<Context>,
    fault: FaultId,
    me: PartyId,
    /// B; all others but the corrupted party are C.
    half: PartySet,
    copies: Vec<Copy<P>>,
    passing: BTreeMap<u64, Passing<P>>,
    sent: u64,
    commanded: bool,
}

/// Keys of the corrupted party's own making, one for each party: nobody believes their signatures.
fn imagined_keys(context: &Context) -> Vec<Signer> {
    let committee = &context.committee;
    let scheme = match committee.ring().public_keys() {
        Some(_) => Scheme::Ed25519,
        None => Scheme::Ideal,
    };
    let (instance, n, seed) = (committee.instance(), committee.n(), [0x6e; 32]);
    let keys = KeyRing::insecure_from_seed(scheme, instance, "imagined", n, &seed);
    keys.expect("as many as there are parties").1
}

impl<P: Attack> Hexagon<P> {
    /// The corrupted party and the worlds that it plays.
    pub fn new(plot: &Plot<P>) -> Self {
        let (context, mut copies) = (&plot.context, Vec::new());
        let mut imagine = |side, signer: Signer| {
            let party = signer.party();
            copies.push(Copy { side, party, machine: P::new(context, signer, &plot.params) });
        };
        let own = plot.behaving.signers().iter().next();
        let me = own.map(|(party, _)| *party).unwrap_or_default();
        if let Some((_, signer)) = own {
            imagine(Side::ToB, signer.clone());
            imagine(Side::ToC, signer.clone());
        }
        let others = imagined_keys(context).into_iter().filter(|signer| signer.party() != me);
        others.for_each(|signer| imagine(Side::Imagined, signer));
        let n = context.committee.n();
        let others = context.committee.parties().filter(|party| *party != me);
        Hexagon {
            context: context.clone(),
            fault: plot.fault,
            me,
            half: others.take((n - 1) / 2).collect(),
            copies,
            passing: BTreeMap::new(),
            sent: 0,
            commanded: false,
        }
    }

    /// The copy that a message of a copy reaches; none if it is for an honest party.
    fn neighbour(&self, from: usize, to: PartyId) -> Option<usize> {
        let imagined = || self.copies.iter().rposition(|copy| copy.party == to);
        let in_b = self.half.contains(to);
        match self.copies[from].side {
            Side::ToB if in_b => None,
            Side::ToC if !in_b => None,
            Side::ToB | Side::ToC => imagined(),
            // B' talks to a', C' to a.
            Side::Imagined if to == self.me => {
                Some(usize::from(self.half.contains(self.copies[from].party)))
            }
            Side::Imagined => imagined(),
        }
    }

    /// What a copy does, with what it says to itself handled at once.
    fn run(&mut self, copy: usize, input: Input<P>, fx: &mut Effects<P>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut own = Effects::at(fx.now());
            // What a copy refuses is nobody's business.
            let _ = step(&mut self.copies[copy].machine, &self.context, &input, &mut own);
            for effect in own.drain() {
                match effect {
                    Effect::Send { to, packet, .. } => {
                        for receiver in self.receivers(to) {
                            let from = self.copies[copy].party;
                            if receiver == from {
                                inputs.push_back(Input::Packet { from, packet: packet.clone() });
                            } else {
                                self.send(copy, receiver, packet.clone(), fx);
                            }
                        }
                    }
                    Effect::SetTimer { timer, at, .. } => {
                        fx.push(Effect::SetTimer { copy: copy as u8, timer, at });
                    }
                    Effect::CancelTimer { timer, .. } => {
                        fx.push(Effect::CancelTimer { copy: copy as u8, timer });
                    }
                    _ => {}
                }
            }
        }
    }

    fn receivers(&self, to: Target) -> Vec<PartyId> {
        match to {
            Target::One(party) => vec![party],
            Target::All => self.context.committee.parties().collect(),
        }
    }

    fn send(&mut self, copy: usize, to: PartyId, packet: Arc<Packet<P>>, fx: &mut Effects<P>) {
        let Some(neighbour) = self.neighbour(copy, to) else {
            fx.push(Effect::Send { to: Target::One(to), packet, hold: Span::ZERO });
            // What the other sender says, no single party says.
            if self.copies[copy].side == Side::ToC {
                fx.push(Effect::Fired(self.fault.0));
            }
            return;
        };
        // Between imagined parties a message takes half of what it may take.
        let at = fx.now().after(Span((self.context.delta.0 / 2).max(1)));
        self.sent += 1;
        let from = self.copies[copy].party;
        self.passing.insert(self.sent, Passing { to: neighbour, from, packet });
        fx.push(Effect::Wake { token: self.sent, at });
    }
}

impl<P: Attack> Adversary<P> for Hexagon<P> {
    fn input(&mut self, _: &Sight<'_>, party: PartyId, input: &Input<P>, fx: &mut Effects<P>) {
        if party != self.me {
            return;
        }
        match input {
            Input::Start(_) => {
                (0..self.copies.len()).for_each(|copy| self.run(copy, input.clone(), fx));
            }
            // The second sender never hears of the first value, so it sends the next one.
            Input::Command(_) => {
                self.run(0, input.clone(), fx);
                if std::mem::replace(&mut self.commanded, true) {
                    self.run(1, input.clone(), fx);
                }
            }
            Input::Packet { from, .. } => {
                let side = usize::from(!self.half.contains(*from));
                self.run(side, input.clone(), fx);
            }
            Input::Timer { copy, .. } => self.run(usize::from(*copy), input.clone(), fx),
            Input::Wake(token) => {
                let Some(Passing { to, from, packet }) = self.passing.remove(token) else { return };
                self.run(to, Input::Packet { from, packet }, fx);
            }
        }
    }

    fn boxed(&self) -> Box<dyn Adversary<P>> {
        Box::new(self.clone())
    }
}
