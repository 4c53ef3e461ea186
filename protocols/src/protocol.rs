//! The seam between a protocol and everything else.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, Evidence, EvidenceRule, PartyId, Reject, Signer};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Context, Durable, Effects, Field, Packet, Request, Stored, Tag, Time, Values, effects::Shown,
};

/// What a value must be able to do to be part of a party's state.
pub trait Data: Clone + Eq + Hash + Debug + Send + Sync + 'static {}

impl<T: Clone + Eq + Hash + Debug + Send + Sync + 'static> Data for T {}

/// What a message does in its protocol: behaviours choose by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Brings something to be decided.
    Proposal,
    /// Supports or relays something.
    Vote,
    /// Shows that a quorum supported something.
    Certificate,
    /// Reports what its sender knows to the next leader, or asks for the next view.
    ViewChange,
    /// Brings a party up to date; not part of the published protocol and counted apart.
    Sync,
}

/// A kind of message.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name, as in tags, files and reports.
    pub name: &'static str,
    /// What it does.
    pub role: Role,
    /// Whether its sender makes a signature for it.
    pub signed: bool,
}

/// The network model that a protocol is made for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Model {
    /// Every honest message arrives within Δ.
    Synchrony,
    /// Every honest message sent after GST arrives within Δ.
    PartialSynchrony,
    /// Every honest message arrives.
    Asynchrony,
}

impl Model {
    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Model::Synchrony => "synchrony",
            Model::PartialSynchrony => "partial-synchrony",
            Model::Asynchrony => "asynchrony",
        }
    }
}

/// What happens to messages that are sent before GST.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BeforeGst {
    /// Sent at t, arrived by max(t, GST) + Δ.
    Bounded,
    /// Arrived by the end of the run.
    Unbounded,
    /// Arrived by GST + Δ, or lost.
    Lossy,
}

impl BeforeGst {
    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            BeforeGst::Bounded => "bounded",
            BeforeGst::Unbounded => "unbounded",
            BeforeGst::Lossy => "lossy",
        }
    }
}

/// What a protocol works on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Orders the requests of clients.
    Order,
    /// Broadcasts the inputs of designated senders, one after the other.
    Broadcast,
}

/// What a run looks like in which nobody fails and every delay is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GoodCase {
    /// Message delays from proposal to decision.
    pub hops: u64,
    /// Messages for each decision: of the published protocol, none to oneself.
    pub messages: u64,
}

/// What the scenario tells about the situation that a deadline is for.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// GST, or 0 where there is none.
    pub gst: Time,
    /// What happens before it.
    pub before_gst: BeforeGst,
    /// When the last request was submitted.
    pub submitted: Time,
    /// When the last crashed party that is still expected to decide came back; 0 without one.
    pub restarted: Time,
    /// What is waited for.
    pub goal: Goal,
    /// How many requests are made.
    pub requests: u64,
    /// How many honest parties every request reaches, at least.
    pub reached: usize,
    /// Whether these are all honest parties.
    pub informed: bool,
}

/// What a run is to bring about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// So many decisions.
    Decisions(u64),
    /// So many requests executed; each may need a decision of its own.
    Requests(u64),
}

impl Goal {
    /// How many decisions it may take.
    pub fn decisions(self) -> u64 {
        match self {
            Goal::Decisions(count) | Goal::Requests(count) => count,
        }
    }
}

/// What is known of a protocol without running it.
#[derive(Debug)]
pub struct About {
    /// The name in files and on the command line.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// The post that describes it.
    pub post: &'static str,
    /// The weakest network model in which its properties are promised.
    pub model: Model,
    /// What it works on.
    pub task: Task,
    /// The most faults that it tolerates with `n` parties.
    pub tolerates: fn(n: usize) -> usize,
    /// The bound in words, such as `n >= 3f + 1`.
    pub bound: &'static str,
    /// Who leads the first view (or sends the first broadcast) by default.
    pub first_leader: PartyId,
    /// All kinds of messages.
    pub kinds: &'static [Kind],
    /// The numbered lines of its pseudo-code, as in its lecture.
    pub lines: &'static [&'static str],
    /// In how many later views a block is still worked on after its own: 0 where a view decides its
    /// own proposal. Message delays are counted over all these views.
    pub pipeline: u64,
    /// Whether a view decides many places of the log, each on its own: costs are those of a place
    /// then, else those of a view.
    pub slots: bool,
    /// The published costs of a run without faults.
    pub good_case: fn(n: usize, f: usize) -> GoodCase,
    /// Whether conflicting decisions name at least `meet` culprits.
    pub accountable: bool,
    /// Whether a party that was down and has its disk is again a full member. If not, it counts
    /// as faulty for the run.
    pub recovers: bool,
    /// The pairs of statements that prove guilt.
    pub evidence: fn() -> Vec<EvidenceRule>,
    /// The broken twins that can be chosen instead of it: id and what is wrong.
    pub broken: &'static [(&'static str, &'static str)],
}

impl About {
    /// A protocol of which no more is known: what it tolerates, its kinds of messages, its lines
    /// and all else is set over it, `About { tolerates: .., ..About::new(..) }`.
    pub const fn new(
        name: &'static str,
        title: &'static str,
        post: &'static str,
        model: Model,
        task: Task,
    ) -> About {
        About {
            name,
            title,
            post,
            model,
            task,
            tolerates: |_| 0,
            bound: "no faults",
            first_leader: PartyId(0),
            kinds: &[],
            lines: &[],
            pipeline: 0,
            slots: false,
            good_case: |_, _| GoodCase { hops: 0, messages: 0 },
            accountable: false,
            recovers: false,
            evidence: Vec::new,
            broken: &[],
        }
    }
}

/// The digest of a value that is broadcast; what is decided of it.
pub fn value_digest(value: &[u8]) -> Digest {
    Digest::of("byzlab/value/1", value)
}

/// A party's half of a protocol: a value. No input or output, no clock, no randomness, no log.
pub trait Protocol: Data {
    /// What is known of it without running it.
    const ABOUT: About;

    /// What a scenario may set.
    type Params: Data + Default;
    /// A message as it travels: anybody can write one.
    type Wire: Data + BorshSerialize + BorshDeserialize + Serialize + DeserializeOwned;
    /// A message whose every signature was checked. Comes from [`Protocol::check`] only.
    type Message: Data;
    /// The timers that a party sets.
    type Timer: Data + Ord;
    /// What must survive a crash; checked again when it is read.
    type Record: Data + Durable;

    /// The parameters that a scenario may set, for the decoder and the documentation.
    fn fields() -> &'static [Field] {
        &[]
    }

    /// Takes parameters that the decoder checked against [`Protocol::fields`].
    fn params(_values: &Values) -> Self::Params {
        Self::Params::default()
    }

    /// A party in its initial state.
    fn new(context: &Arc<Context>, signer: Signer, params: &Self::Params) -> Self;

    /// What a message is about.
    fn tag(wire: &Self::Wire) -> Tag;

    /// Checks a message: of the message and the context alone, never of receiver, state or time.
    ///
    /// # Errors
    /// Why every correct receiver refuses it.
    fn check(context: &Context, wire: &Self::Wire) -> Result<Self::Message, Reject>;

    /// The instance starts, or the party comes back with what its disk holds. A runtime calls it
    /// at time 0 exactly, once; later on only after a crash: a party that finds nothing on its
    /// disk then has lost what it signed and stays mute (corrections A10).
    fn start(&mut self, recovered: Option<&Stored<Self::Record>>, fx: &mut Effects<Self>);

    /// A client's request reaches the party.
    fn command(&mut self, request: &Request, fx: &mut Effects<Self>);

    /// A message arrives over the authenticated link from `from`.
    fn message(&mut self, from: PartyId, message: &Self::Message, fx: &mut Effects<Self>);

    /// A timer fires.
    fn timer(&mut self, timer: Self::Timer, fx: &mut Effects<Self>);

    /// Shows the state, in at most 16 values.
    fn show(&self, _shown: &mut Shown) {}

    /// By when the goal of the situation is reached at every honest party, if the model holds and
    /// at most `f` parties are faulty; nothing where no deadline follows from the theorem.
    fn deadline(_: &Context, _: &Self::Params, _: &Situation) -> Option<Time> {
        None
    }

    /// Proofs of guilt in all that honest parties together received. For the time after a
    /// disagreement; parties accuse on their own what they see on their own.
    fn forensics(_context: &Context, _witnessed: &[Arc<Packet<Self>>]) -> Vec<Evidence> {
        Vec::new()
    }
}
