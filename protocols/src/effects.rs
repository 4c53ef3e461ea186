//! What a party does in a step: an ordered list of effects.

use std::{borrow::Cow, sync::Arc};

use byzlab_crypto::{Digest, Evidence, PartyId, Proof, Reject};

use crate::{Block, Packet, Protocol, RequestId, Span, Time, View, smr::Snapshot};

/// To whom a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// To one party.
    One(PartyId),
    /// To every party, the sender included.
    All,
}

/// A value decided at a place in the log.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The place, from 1 on without gaps.
    pub slot: u64,
    /// The view in which the value was proposed.
    pub view: View,
    /// The view in which it was committed: the same, or that of a later value linked to it.
    pub committed: View,
    /// The hash of the block or value; [`Digest::ZERO`] for the default value of a broadcast.
    pub digest: Digest,
    /// The hash of the block before it; [`Digest::ZERO`] where slots are not linked.
    pub parent: Digest,
    /// The requests that it executes, in order.
    pub requests: Arc<[RequestId]>,
    /// What proves it, if the protocol has proofs: of this slot or of a later one that is linked
    /// to it.
    pub proof: Option<Arc<dyn Proof>>,
    /// For a decision that falls at the end of a round: the number of rounds.
    pub rounds: Option<u64>,
}

impl Decision {
    /// The value of a broadcast, or the default value; lock-step protocols say after how many
    /// rounds.
    pub fn of_broadcast(broadcast: View, value: Option<Digest>, rounds: Option<u64>) -> Decision {
        Decision {
            slot: broadcast.0,
            view: broadcast,
            committed: broadcast,
            digest: value.unwrap_or(Digest::ZERO),
            parent: Digest::ZERO,
            requests: [].into(),
            proof: None,
            rounds,
        }
    }
}

/// The log up to a place, taken over from others as a whole: the party that does it executed
/// nothing of what is new in it.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The last place, above all that the party decided before.
    pub slot: u64,
    /// The digest of the log up to there: see [`crate::smr::log_digest`].
    pub log: Digest,
    /// The requests that were executed in it and not in the party's own log.
    pub requests: Arc<[RequestId]>,
    /// What proves it.
    pub proof: Arc<dyn Proof>,
}

/// What a client is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Reply {
    /// The request that was executed.
    pub request: RequestId,
    /// Where in the log.
    pub slot: u64,
    /// The result, in the words of the application.
    pub result: Cow<'static, [u8]>,
}

/// One thing that a party does.
#[derive(Clone, Debug)]
pub enum Effect<P: Protocol> {
    /// Sends a packet. Only a faulty party holds it back first.
    Send {
        /// To whom.
        to: Target,
        /// What.
        packet: Arc<Packet<P>>,
        /// How long it is held back.
        hold: Span,
    },
    /// Arms a timer, in place of an armed one of the same name.
    SetTimer {
        /// To which copy of the machine it belongs; 0 but for twins.
        copy: u8,
        /// Its name.
        timer: P::Timer,
        /// When it fires.
        at: Time,
    },
    /// Disarms a timer.
    CancelTimer {
        /// To which copy of the machine it belongs.
        copy: u8,
        /// Its name.
        timer: P::Timer,
    },
    /// Replaces the record on disk. What follows leaves only when it is durable.
    Persist(Arc<P::Record>),
    /// Stores a block.
    Keep(Block),
    /// Removes a block.
    Forget(Digest),
    /// Stores a snapshot, durably, in place of the one before.
    Save(Snapshot),
    /// Decides.
    Decide(Box<Decision>),
    /// Takes over the log up to a place.
    Install(Box<Installed>),
    /// A valid proof for a value that conflicts with the log: agreement is gone.
    Conflict(Box<Decision>),
    /// Answers a client.
    Reply(Reply),
    /// Accuses a party, with proof.
    Accuse(Box<Evidence>),
    /// Refuses the message that is being handled.
    Refuse(Reject),
    /// Enters a view.
    Enter(View),
    /// Says which numbered line of the pseudo-code fired.
    Note(u8),
    /// A behaviour asks to be woken; never put by an honest machine.
    Wake {
        /// What it wants to be told then.
        token: u64,
        /// When.
        at: Time,
    },
    /// The behaviour of this number changed what somebody receives; never put by an honest
    /// machine.
    Fired(u16),
}

/// The effects of one step, in order.
#[derive(Clone, Debug)]
pub struct Effects<P: Protocol> {
    now: Time,
    list: Vec<Effect<P>>,
}

impl<P: Protocol> Effects<P> {
    /// No effects yet, at this time.
    pub fn at(now: Time) -> Self {
        Effects { now, list: Vec::new() }
    }

    /// The same list for another step, emptied.
    pub fn reset(&mut self, now: Time) {
        self.now = now;
        self.list.clear();
    }

    /// The time of the step, since the common start of the instance.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Adds an effect.
    pub fn push(&mut self, effect: Effect<P>) {
        self.list.push(effect);
    }

    /// Takes the effects out, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect<P>> {
        self.list.drain(..)
    }

    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sends a message to one party.
    pub fn send(&mut self, to: PartyId, wire: P::Wire) {
        self.send_packet(Target::One(to), Packet::new(wire));
    }

    /// Sends a message to all parties, the sender included.
    pub fn broadcast(&mut self, wire: P::Wire) {
        self.send_packet(Target::All, Packet::new(wire));
    }

    /// Sends a packet.
    pub fn send_packet(&mut self, to: Target, packet: Arc<Packet<P>>) {
        self.push(Effect::Send { to, packet, hold: Span::ZERO });
    }

    /// Arms a timer for an absolute time, in place of an armed one of the same name.
    pub fn set_timer(&mut self, timer: P::Timer, at: Time) {
        self.push(Effect::SetTimer { copy: 0, timer, at });
    }

    /// Disarms a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.push(Effect::CancelTimer { copy: 0, timer });
    }

    /// Replaces the record on disk, before anything that follows leaves.
    pub fn persist(&mut self, record: P::Record) {
        self.push(Effect::Persist(Arc::new(record)));
    }

    /// Decides.
    pub fn decide(&mut self, decision: Decision) {
        self.push(Effect::Decide(decision.into()));
    }

    /// Says that a numbered line of the pseudo-code fired.
    pub fn note(&mut self, line: u8) {
        self.push(Effect::Note(line));
    }

    /// Says that a view was entered.
    pub fn enter(&mut self, view: View) {
        self.push(Effect::Enter(view));
    }

    /// Accuses a party, with proof.
    pub fn accuse(&mut self, evidence: Evidence) {
        self.push(Effect::Accuse(Box::new(evidence)));
    }

    /// Refuses the message that is being handled, for a reason that depends on the state.
    pub fn refuse(&mut self, reason: &'static str) {
        self.push(Effect::Refuse(Reject::Rule(reason)));
    }
}

/// What a party shows of its state: at most 16 names with values.
#[derive(Clone, Default, Debug)]
pub struct Shown {
    values: Vec<(&'static str, String)>,
}

impl Shown {
    /// Shows one value; the seventeenth and later ones are left out.
    pub fn value(&mut self, name: &'static str, value: impl std::fmt::Display) {
        if self.values.len() < 16 {
            self.values.push((name, value.to_string()));
        }
    }

    /// What is shown.
    pub fn values(&self) -> &[(&'static str, String)] {
        &self.values
    }
}
