//! Events: what happened, when, to whom, because of what. Small copies without text.

use byzlab_crypto::{Digest, PartyId, PartySet, Reject};
use byzlab_protocols::{RequestId, Tag, Target, Time, View};

/// The number of an event; events are numbered from 1 in the order in which they happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventId(pub u64);

/// The number of a fault of the scenario: behaviours first, then rules, then events, in the
/// order of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FaultId(pub u16);

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// When it happened.
    pub at: Time,
    /// To whom; party 0 for what happens to the network.
    pub party: PartyId,
    /// The event that caused it, if one did.
    pub cause: Option<EventId>,
    /// What happened.
    pub what: What,
}

/// Why a message did not arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The network lost it, as its model allows.
    Loss,
    /// A partition or cut in a network that loses what it cannot carry.
    Partition,
    /// A rule of the scenario, or the adversary.
    Adversary,
    /// The receiver was down.
    Down,
}

/// How the network changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A partition or cut began.
    Cut,
    /// A partition or cut ended.
    Heal,
    /// The network became synchronous.
    Gst,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A client's request reached the party.
    Submitted(RequestId),
    /// The party sent a message.
    Sent {
        /// To whom.
        to: Target,
        /// What it is about.
        tag: Tag,
        /// Its length in bytes.
        bytes: u32,
        /// To how many others it goes.
        copies: u16,
        /// Message delays since the proposal.
        hops: u32,
    },
    /// A message arrived at the party, or was handed to itself.
    Delivered {
        /// The event in which it was sent.
        send: EventId,
        /// By whom.
        from: PartyId,
        /// What it is about.
        tag: Tag,
        /// Its length in bytes.
        bytes: u32,
        /// Message delays since the proposal.
        hops: u32,
    },
    /// A message to the party did not arrive.
    Dropped {
        /// The event in which it was sent.
        send: EventId,
        /// By whom.
        from: PartyId,
        /// Why.
        why: Why,
    },
    /// The party refused what the event that caused this brought.
    Rejected(Reject),
    /// A timer of the party fired.
    Timer,
    /// A numbered line of the pseudo-code fired.
    Noted(u8),
    /// The party replaced its record.
    Persisted,
    /// The party entered a view.
    Entered(View),
    /// The party decided.
    Decided {
        /// Where in the log.
        slot: u64,
        /// The view in which the value was proposed.
        view: View,
        /// The value.
        digest: Digest,
        /// Message delays since the proposal, or rounds.
        hops: u32,
    },
    /// The party took over the log up to a place.
    Installed {
        /// The last place.
        slot: u64,
        /// The digest of the log up to there.
        log: Digest,
    },
    /// The party holds a valid proof for a value that conflicts with its log.
    Conflicted {
        /// Where in the log.
        slot: u64,
        /// The conflicting value.
        digest: Digest,
    },
    /// The party answered a client.
    Replied(RequestId),
    /// The party accused somebody.
    Accused(PartyId),
    /// The party showed its state.
    Shown,
    /// The party went down.
    Crashed,
    /// The party came back.
    Recovered,
    /// The adversary corrupted the party.
    Corrupted,
    /// The network changed.
    Network(Change),
    /// A fault of the scenario changed what an honest party receives.
    Fired(FaultId),
    /// The network broke its model.
    OutOfModel,
    /// Honest code panicked.
    Panicked,
}

impl What {
    /// A short name, as in traces.
    pub fn name(&self) -> &'static str {
        match self {
            What::Submitted(_) => "submitted",
            What::Sent { .. } => "sent",
            What::Delivered { .. } => "delivered",
            What::Dropped { .. } => "dropped",
            What::Rejected(_) => "rejected",
            What::Timer => "timer",
            What::Noted(_) => "noted",
            What::Persisted => "persisted",
            What::Entered(_) => "entered",
            What::Decided { .. } => "decided",
            What::Installed { .. } => "installed",
            What::Conflicted { .. } => "conflicted",
            What::Replied(_) => "replied",
            What::Accused(_) => "accused",
            What::Shown => "shown",
            What::Crashed => "crashed",
            What::Recovered => "recovered",
            What::Corrupted => "corrupted",
            What::Network(Change::Cut) => "cut",
            What::Network(Change::Heal) => "heal",
            What::Network(Change::Gst) => "gst",
            What::Fired(_) => "fired",
            What::OutOfModel => "out-of-model",
            What::Panicked => "panicked",
        }
    }
}

/// Who signed a certificate, in the order of the parties.
pub(crate) fn signers(set: &PartySet) -> Vec<u16> {
    set.iter().map(|party| party.0).collect()
}
