//! A seat: an honest machine, or what the adversary makes of it. A node and the judge who replays
//! its journal move it by the same lines.

use std::{collections::VecDeque, panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use byzlab_crypto::{Digest, Hasher256, PartyId, PartySet, Reject, Signer};
use byzlab_protocols::{
    Context, Durable, Effect, Effects, Input, Packet, Protocol, Target, Time, View, effects::Shown,
    step,
};
use byzlab_sim::{Adversary, Setup, Sight};

use crate::{
    frame::packet_bytes,
    timers::{Armed, Timers},
};

/// What the seats of a run are made of.
pub struct Parts<P: Protocol> {
    /// What everybody knows.
    pub context: Arc<Context>,
    /// The parameters of the protocol.
    pub params: P::Params,
    /// Signers by party.
    pub signers: Vec<Signer>,
    /// Who is corrupted.
    pub corrupted: PartySet,
    /// What corrupted parties do. Each has a copy of its own: between processes there is no one
    /// mind.
    pub adversary: Box<dyn Adversary<P>>,
}

impl<P: Protocol> Clone for Parts<P> {
    fn clone(&self) -> Self {
        Parts {
            context: self.context.clone(),
            params: self.params.clone(),
            signers: self.signers.clone(),
            corrupted: self.corrupted,
            adversary: self.adversary.clone(),
        }
    }
}

impl<P: Protocol> Parts<P> {
    /// The parts of a setup.
    pub fn of(setup: &Setup<P>) -> Parts<P> {
        Parts {
            context: setup.context.clone(),
            params: setup.params.clone(),
            signers: setup.signers.clone(),
            corrupted: setup.corrupted,
            adversary: setup.adversary.clone(),
        }
    }
}

/// A packet that leaves.
#[derive(Debug)]
pub(crate) struct Leaving<P: Protocol> {
    /// The number of the send in this life of the party.
    pub number: u64,
    /// To whom.
    pub to: Target,
    /// What.
    pub packet: Arc<Packet<P>>,
    /// The same, as it travels.
    pub bytes: Bytes,
    /// When it is let go.
    pub at: Time,
}

/// Takes what a step brings, in order.
pub(crate) trait Output<P: Protocol> {
    /// A packet leaves.
    fn sent(&mut self, leaving: Leaving<P>);
    /// The party hears itself; what follows comes of it.
    fn to_itself(&mut self, number: u64, packet: &Arc<Packet<P>>);
    /// The party refused what it got.
    fn rejected(&mut self, reason: Reject);
    /// Any other effect but a timer.
    fn effect(&mut self, effect: Effect<P>);
}

enum Sitting<P: Protocol> {
    Honest(Box<P>),
    Corrupted(Box<dyn Adversary<P>>),
}

/// Honest code panicked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Panicked(pub String);

/// A party in one of its lives.
pub(crate) struct Actor<P: Protocol> {
    party: PartyId,
    context: Arc<Context>,
    corrupted: PartySet,
    sitting: Sitting<P>,
    pub(crate) timers: Timers<P::Timer>,
    sends: u64,
    views: Vec<View>,
    decided: Vec<u64>,
    /// Whether somebody wants the digests of its steps.
    judged: bool,
}

impl<P: Protocol> Actor<P> {
    /// A party that has done nothing. If it is not `judged` the digests of its steps are zero.
    pub(crate) fn new(parts: &Parts<P>, party: PartyId, judged: bool) -> Actor<P> {
        let (context, n) = (&parts.context, parts.context.committee.n());
        let sitting = match parts.corrupted.contains(party) {
            true => Sitting::Corrupted(parts.adversary.clone()),
            false => {
                let signer = context.committee.ring().knows(&parts.signers[party.index()]);
                Sitting::Honest(Box::new(P::new(&parts.context, signer, &parts.params)))
            }
        };
        Actor {
            party,
            context: parts.context.clone(),
            corrupted: parts.corrupted,
            sitting,
            timers: Timers::new(),
            sends: 0,
            views: vec![View::GENESIS; n],
            decided: vec![0; n],
            judged,
        }
    }

    /// What the machine shows of its state.
    pub(crate) fn show(&self) -> Option<Shown> {
        let Sitting::Honest(machine) = &self.sitting else { return None };
        let mut shown = Shown::default();
        machine.show(&mut shown);
        Some(shown)
    }

    /// What comes due with this number: the input, and when it was due.
    pub(crate) fn fires(&mut self, number: u64) -> Option<(Time, Input<P>)> {
        let (at, armed) = self.timers.take(number)?;
        let input = match armed {
            Armed::Timer(copy, timer) => Input::Timer { copy, timer },
            Armed::Wake(token) => Input::Wake(token),
        };
        Some((at, input))
    }

    /// Takes an input, and what it says to itself. The digest covers every effect.
    pub(crate) fn take(
        &mut self,
        now: Time,
        input: &Input<P>,
        out: &mut impl Output<P>,
    ) -> Result<Digest, Panicked> {
        let mut seen = self.judged.then(|| Hasher256::new("byzlab/live/step/1"));
        let mut to_itself = VecDeque::new();
        self.one(now, input, out, &mut seen, &mut to_itself)?;
        while let Some((number, packet)) = to_itself.pop_front() {
            out.to_itself(number, &packet);
            let input = Input::Packet { from: self.party, packet };
            self.one(now, &input, out, &mut seen, &mut to_itself)?;
        }
        Ok(seen.map_or(Digest::ZERO, Hasher256::finish))
    }

    fn one(
        &mut self,
        now: Time,
        input: &Input<P>,
        out: &mut impl Output<P>,
        seen: &mut Option<Hasher256>,
        to_itself: &mut VecDeque<(u64, Arc<Packet<P>>)>,
    ) -> Result<(), Panicked> {
        let mut fx = Effects::at(now);
        match &mut self.sitting {
            Sitting::Honest(machine) => {
                let context = &self.context;
                let stepped = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    step(&mut **machine, context, input, &mut fx)
                }));
                match stepped {
                    Ok(Ok(())) => {}
                    Ok(Err(reason)) => out.rejected(reason),
                    Err(panic) => return Err(Panicked(words(&*panic))),
                }
            }
            Sitting::Corrupted(adversary) => {
                let sight = Sight {
                    now,
                    context: &self.context,
                    corrupted: &self.corrupted,
                    views: &self.views,
                    decided: &self.decided,
                };
                adversary.input(&sight, self.party, input, &mut fx);
            }
        }
        for effect in fx.drain() {
            self.apply(now, effect, out, seen, to_itself);
        }
        Ok(())
    }

    fn apply(
        &mut self,
        now: Time,
        effect: Effect<P>,
        out: &mut impl Output<P>,
        seen: &mut Option<Hasher256>,
        to_itself: &mut VecDeque<(u64, Arc<Packet<P>>)>,
    ) {
        match effect {
            Effect::Send { to, packet, hold } => {
                let (number, at) = (self.sends, now.after(hold));
                self.sends += 1;
                let bytes = packet_bytes(&packet);
                let receiver = match to {
                    Target::All => u64::MAX,
                    Target::One(party) => u64::from(party.0),
                };
                note(seen, 0, &[receiver, at.0], &bytes);
                if to == Target::All || to == Target::One(self.party) {
                    to_itself.push_back((number, packet.clone()));
                }
                out.sent(Leaving { number, to, packet, bytes, at });
            }
            Effect::SetTimer { copy, timer, at } => {
                let number = self.timers.arm(at, Armed::Timer(copy, timer));
                note(seen, 1, &[number, at.0], &[]);
            }
            Effect::CancelTimer { copy, timer } => {
                self.timers.disarm(&Armed::Timer(copy, timer));
                note(seen, 2, &[], &[]);
            }
            Effect::Wake { token, at } => {
                let number = self.timers.arm(at, Armed::Wake(token));
                note(seen, 3, &[number, at.0], &[]);
            }
            other => {
                see::<P>(seen, &other);
                out.effect(other);
            }
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Takes an effect into the digest of a step.
fn see<P: Protocol>(seen: &mut Option<Hasher256>, effect: &Effect<P>) {
    if seen.is_none() {
        return;
    }
    match effect {
        Effect::Persist(record) => {
            let mut bytes = Vec::new();
            record.save(&mut bytes);
            note(seen, 4, &[], &bytes);
        }
        Effect::Keep(block) => note(seen, 5, &[], &block.hash().0),
        Effect::Forget(hash) => note(seen, 6, &[], &hash.0),
        Effect::Save(snapshot) => note(seen, 15, &[snapshot.slot()], &snapshot.digest().0),
        Effect::Install(installed) => note(seen, 16, &[installed.slot], &installed.log.0),
        Effect::Decide(decision) => {
            note(seen, 7, &[decision.slot, decision.view.0], &decision.digest.0);
        }
        Effect::Conflict(decision) => note(seen, 8, &[decision.slot], &decision.digest.0),
        Effect::Reply(reply) => {
            let request = [u64::from(reply.request.client.0), reply.request.seq, reply.slot];
            note(seen, 9, &request, &reply.result);
        }
        Effect::Accuse(evidence) => {
            note(seen, 10, &[u64::from(evidence.culprit.0)], evidence.fault.as_bytes());
        }
        Effect::Refuse(reason) => note(seen, 11, &[], reason.name().as_bytes()),
        Effect::Enter(view) => note(seen, 12, &[view.0], &[]),
        Effect::Note(line) => note(seen, 13, &[u64::from(*line)], &[]),
        Effect::Fired(number) => note(seen, 14, &[u64::from(*number)], &[]),
        // Sends and timers are seen where they are carried out.
        Effect::Send { .. }
        | Effect::SetTimer { .. }
        | Effect::CancelTimer { .. }
        | Effect::Wake { .. } => {}
    }
}

fn note(seen: &mut Option<Hasher256>, kind: u8, numbers: &[u64], bytes: &[u8]) {
    let Some(seen) = seen else { return };
    seen.update(&[kind]);
    numbers.iter().for_each(|number| seen.update(&number.to_le_bytes()));
    seen.update(&(bytes.len() as u64).to_le_bytes());
    seen.update(bytes);
}
