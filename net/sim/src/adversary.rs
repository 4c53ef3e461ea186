//! The adversary: one mind that owns all corrupted parties of a run.
//!
//! It sees every packet before it arrives, and what honest parties have shown, never their
//! state, since a party's state can sign. What it wants of the network is a proposal: the
//! referee in [`crate::World`] keeps it within the model.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use byzlab_crypto::{PartyId, PartySet, Signer};
use byzlab_protocols::{
    Attack, Context, Effect, Effects, Input, Material, Packet, Protocol, Request, Time, View,
    attack::MAX_SEEN,
    byzantine::{Behaviour, Env},
};
use byzlab_trace::FaultId;

/// What the adversary sees of honest parties.
pub struct Sight<'a> {
    /// The time.
    pub now: Time,
    /// What everybody knows.
    pub context: &'a Context,
    /// Who is corrupted.
    pub corrupted: &'a PartySet,
    /// The view that each party has entered.
    pub views: &'a [View],
    /// How much each party has decided.
    pub decided: &'a [u64],
}

/// A message between honest parties that is about to be carried.
pub struct Flight<'a, P: Protocol> {
    /// The sender.
    pub from: PartyId,
    /// The receiver.
    pub to: PartyId,
    /// The message.
    pub packet: &'a Arc<Packet<P>>,
    /// When the network would bring it.
    pub arrival: Time,
    /// The latest arrival that the model allows.
    pub latest: Time,
}

/// What the adversary wants done to a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// It arrives then, or as late as the model allows.
    Delay(Time),
    /// It is lost, if the model lets messages be lost.
    Drop,
    /// It arrives once more, then.
    Duplicate(Time),
}

/// What the adversary does in one step.
#[derive(Default)]
pub struct Moves {
    /// What happens to the message that it was shown.
    pub message: Vec<Move>,
    /// Whom it corrupts, within its budget.
    pub corrupt: Vec<PartyId>,
    /// Which fault of the scenario this was.
    pub fault: Option<FaultId>,
}

/// One mind for all corrupted parties.
pub trait Adversary<P: Protocol>: fmt::Debug + Send + Sync {
    /// Something happens to a corrupted party.
    fn input(&mut self, sight: &Sight<'_>, party: PartyId, input: &Input<P>, fx: &mut Effects<P>);

    /// A message between honest parties is about to be carried.
    fn carry(&mut self, _sight: &Sight<'_>, _flight: &Flight<'_, P>, _moves: &mut Moves) {}

    /// Whether it wants to see what honest parties send each other: costs time.
    fn watches(&self) -> bool {
        false
    }

    /// It has corrupted a party and takes over its machine and its key.
    fn corrupted(&mut self, _party: PartyId, _machine: P, _signer: Signer) {}

    /// A copy, for a world that is forked.
    fn boxed(&self) -> Box<dyn Adversary<P>>;
}

impl<P: Protocol> Clone for Box<dyn Adversary<P>> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

/// Corrupted parties that are processes of their own: each has a copy of the adversary for itself,
/// and what honest parties have shown is not told.
#[derive(Clone, Debug)]
pub struct Apart<P: Protocol> {
    mind: Box<dyn Adversary<P>>,
    own: BTreeMap<PartyId, Box<dyn Adversary<P>>>,
}

impl<P: Protocol> Apart<P> {
    /// Copies of a mind.
    pub fn new(mind: Box<dyn Adversary<P>>) -> Self {
        Apart { mind, own: BTreeMap::new() }
    }
}

impl<P: Protocol> Adversary<P> for Apart<P> {
    fn input(&mut self, sight: &Sight<'_>, party: PartyId, input: &Input<P>, fx: &mut Effects<P>) {
        let views = vec![View::GENESIS; sight.views.len()];
        let decided = vec![0; sight.decided.len()];
        let blind = Sight { views: &views, decided: &decided, ..*sight };
        let own = self.own.entry(party).or_insert_with(|| self.mind.clone());
        own.input(&blind, party, input, fx);
    }

    fn boxed(&self) -> Box<dyn Adversary<P>> {
        Box::new(self.clone())
    }
}

/// The adversary that lets every corrupted party behave on its own, with shared keys and memory.
#[derive(Clone, Debug)]
pub struct Behaving<P: Attack> {
    behaviours: BTreeMap<PartyId, Box<dyn Behaviour<P>>>,
    signers: BTreeMap<PartyId, Signer>,
    requests: Vec<Request>,
    seen: VecDeque<Arc<Packet<P>>>,
}

/// The most requests that corrupted parties remember.
const MAX_REQUESTS: usize = 1024;

impl<P: Attack> Behaving<P> {
    /// An adversary of these behaviours, with the signers of the same parties.
    pub fn new(
        behaviours: BTreeMap<PartyId, Box<dyn Behaviour<P>>>,
        signers: BTreeMap<PartyId, Signer>,
    ) -> Self {
        Behaving { behaviours, signers, requests: Vec::new(), seen: VecDeque::new() }
    }

    /// The signers of the corrupted parties.
    pub fn signers(&self) -> &BTreeMap<PartyId, Signer> {
        &self.signers
    }

    /// Whether it has a behaviour for a party.
    pub fn owns(&self, party: PartyId) -> bool {
        self.behaviours.contains_key(&party)
    }

    /// Takes over a party that was honest until now.
    pub fn take_over(&mut self, party: PartyId, behaviour: Box<dyn Behaviour<P>>, signer: Signer) {
        self.behaviours.insert(party, behaviour);
        self.signers.insert(party, signer);
    }

    /// Remembers a packet.
    pub fn remember(&mut self, packet: &Arc<Packet<P>>) {
        if self.seen.back().is_some_and(|last| Arc::ptr_eq(last, packet)) {
            return;
        }
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(packet.clone());
    }

    fn learn(&mut self, input: &Input<P>) {
        match input {
            Input::Packet { packet, .. } => self.remember(packet),
            Input::Command(request) if self.requests.len() < MAX_REQUESTS => {
                self.requests.push(request.clone());
            }
            _ => {}
        }
    }
}

impl<P: Attack> Adversary<P> for Behaving<P> {
    fn input(&mut self, sight: &Sight<'_>, party: PartyId, input: &Input<P>, fx: &mut Effects<P>) {
        self.learn(input);
        let Some(mut behaviour) = self.behaviours.remove(&party) else { return };
        let material = Material {
            context: sight.context,
            corrupted: sight.corrupted,
            signers: &self.signers,
            requests: &self.requests,
            seen: &self.seen,
        };
        let mut own = Effects::at(fx.now());
        behaviour.step(&Env { party, now: fx.now(), material }, input, &mut own);
        self.behaviours.insert(party, behaviour);
        for effect in own.drain() {
            if let Effect::Send { packet, .. } = &effect {
                self.remember(packet);
            }
            fx.push(effect);
        }
    }

    fn boxed(&self) -> Box<dyn Adversary<P>> {
        Box::new(self.clone())
    }
}
