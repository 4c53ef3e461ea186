//! What parties of chained HotStuff sign and send, and what makes a message well formed.

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Certificate, Claim, Committee, Contradicts, Digest, PartyId, PartySet, Proof, Reject, Signed,
    Statement, StatementSet, Verified,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context, Durable, Kind, Role, Tag, View,
    durable::{put, take},
    smr::{
        Block, Command, Commit, Header, Request, Sync, WireBlock, check_request, check_sync,
        sync_tag,
    },
};

/// The kinds of messages.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "propose", role: Role::Proposal, signed: true },
    Kind { name: "vote", role: Role::Vote, signed: true },
    Kind { name: "timeout", role: Role::ViewChange, signed: true },
    Kind { name: "timeout-certificate", role: Role::ViewChange, signed: false },
    Kind { name: "help", role: Role::Sync, signed: false },
    Kind { name: "fetch", role: Role::Sync, signed: false },
    Kind { name: "blocks", role: Role::Sync, signed: false },
];

/// "In view `view` I support block `hash`, justified by a certificate of view `justify_view`; so I
/// am locked at view `locks` or later."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote {
    /// The view.
    pub view: View,
    /// The block.
    pub hash: Digest,
    /// The view of the certificate that the block extends.
    pub justify_view: View,
    /// The view of the certificate that the parent extends: where its voters are locked. Without
    /// it nobody could be blamed by two votes alone.
    pub locks: View,
}

/// "I gave up view `view`; my highest certificate is of view `high_view`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Timeout {
    /// The view.
    pub view: View,
    /// The view of the certificate.
    pub high_view: View,
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vote { view, hash, justify_view, locks } = self;
        write!(f, "vote in view {view} for block {hash}, justified in view {justify_view}")?;
        write!(f, ", locking at view {locks}")
    }
}

impl Statement for Vote {
    const DOMAIN: &'static str = "byzlab/hotstuff-chained/vote/1";
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timeout of view {}, high certificate of view {}", self.view, self.high_view)
    }
}

impl Statement for Timeout {
    const DOMAIN: &'static str = "byzlab/hotstuff-chained/timeout/1";
}

impl Contradicts<Vote> for Vote {
    /// Corrections A8. Two votes in one view; or a vote that locks at view e, and one in a later
    /// view for a block that is justified from before e: views grow along a chain, so that this
    /// block neither extends what is locked nor has a newer justification. A justification of
    /// view e itself proves nothing: beyond the bound two blocks may be certified there.
    fn contradicts(&self, other: &Vote, _by: PartyId) -> Option<&'static str> {
        if self.view == other.view {
            return (self != other).then_some("double-vote");
        }
        let (first, later) = if self.view < other.view { (self, other) } else { (other, self) };
        (later.justify_view < first.locks).then_some("amnesia")
    }
}

/// A quorum of timeouts of one view, and the highest certificate that they speak of.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireTimeoutCertificate {
    /// The timeouts.
    pub timeouts: Vec<Signed<Timeout>>,
    /// The highest certificate; none for genesis.
    pub high: Option<Claim<Vote>>,
}

/// What shows that a block is decided: see [`Decided`].
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireDecided {
    /// The certificate of the uppermost block.
    pub certificate: Claim<Vote>,
    /// The headers of that block and its parent: of all that is above the decided one.
    pub above: Vec<Header>,
}

/// A timeout: see [`Wire::Timeout`].
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireTimeout {
    /// What is signed.
    pub timeout: Signed<Timeout>,
    /// The sender's highest certificate; none for genesis.
    pub high: Option<Claim<Vote>>,
    /// The timeout certificate that brought the sender into the view, if it was one.
    pub entry: Option<WireTimeoutCertificate>,
    /// The sender's last vote: whoever should have collected it may be silent.
    pub vote: Option<Signed<Vote>>,
    /// The view of the sender's last decision: a hint for those who can help.
    pub committed: View,
    /// How often the sender was restarted, if it asks what it missed; else 0.
    pub asks: u64,
    /// The request that waits longest at the sender: others may not have it.
    pub request: Option<Signed<Command>>,
}

/// A message of chained HotStuff.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum Wire {
    /// From the leader, to all: a block on the block of a certificate.
    Propose {
        /// The block.
        block: Arc<WireBlock>,
        /// The certificate; none for genesis.
        justify: Option<Claim<Vote>>,
    },
    /// To the leader of the next view.
    Vote(Signed<Vote>),
    /// From everybody, to all, when a view takes too long.
    Timeout(Box<WireTimeout>),
    /// From everybody once, to all: ends a view.
    TimeoutCertificate {
        /// The certificate.
        certificate: WireTimeoutCertificate,
        /// The sender's last vote.
        vote: Option<Signed<Vote>>,
    },
    /// To a party that is behind.
    Help {
        /// What the timeout that it answers asked by.
        answers: u64,
        /// The highest certificate.
        high: Option<Claim<Vote>>,
        /// The timeout certificate that brought the sender into its view, if it was one.
        entry: Option<WireTimeoutCertificate>,
        /// What shows the sender's last decision.
        commit: Option<WireDecided>,
    },
    /// Replication.
    Sync(Sync),
}

/// A quorum on one block in one view.
pub type Qc = Certificate<Vote>;

/// A checked quorum of timeouts.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TimeoutCertificate {
    /// The timeouts, all of one view.
    pub timeouts: StatementSet<Timeout>,
    /// Which view.
    pub view: View,
    /// The highest certificate.
    pub high: Option<Qc>,
}

impl TimeoutCertificate {
    /// The wire form.
    pub fn wire(&self) -> WireTimeoutCertificate {
        WireTimeoutCertificate {
            timeouts: self.timeouts.signed(),
            high: wire_qc(self.high.as_ref()),
        }
    }
}

impl Durable for TimeoutCertificate {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        check_timeouts(&context.committee, &take(from)?)
    }
}

/// What a party voted, as it says itself: under no signature, since it makes that again.
impl Durable for Vote {
    fn save(&self, to: &mut Vec<u8>) {
        put(self, to);
    }

    fn load(_context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        take(from)
    }
}

impl Durable for Decided {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        check_decided(&context.committee, &take(from)?)
    }
}

/// A certificate, and the headers of its block and of that one's parent, all of consecutive
/// views: the block below is decided.
///
/// One certificate is enough: among its voters is an honest one, who held the path and saw that
/// each block stands on a certificate of the view that its header names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Decided {
    /// The certificate of the uppermost block.
    pub certificate: Qc,
    /// The headers above the decided block, the uppermost first.
    pub above: Vec<Header>,
}

impl Decided {
    /// The wire form.
    pub fn wire(&self) -> WireDecided {
        WireDecided { certificate: self.certificate.claim().clone(), above: self.above.clone() }
    }

    fn lowest(&self) -> &Header {
        self.above.last().expect("at least one block is above the decided one")
    }
}

impl Commit for Decided {
    /// The lowest header names the view of the certificate on which it stands: the decided one.
    fn view(&self) -> View {
        let Header { justify_view: decided, .. } = self.lowest();
        *decided
    }

    fn block(&self) -> Digest {
        self.lowest().parent
    }

    /// Every view whose block comes to be decided did its work, in a phase of three others.
    fn committed(&self, block: &Block) -> View {
        block.view()
    }

    fn proof(&self) -> Arc<dyn Proof> {
        Arc::new(self.wire())
    }
}

impl Proof for WireDecided {
    fn check(&self, committee: &Committee) -> Result<(), Reject> {
        check_decided(committee, self).map(|_| ())
    }

    fn subject(&self) -> Digest {
        self.above.last().map_or(Digest::ZERO, |lowest| lowest.parent)
    }

    fn signers(&self) -> PartySet {
        self.certificate.signers()
    }
}

/// The wire form of a certificate; none for genesis.
pub(super) fn wire_qc(qc: Option<&Qc>) -> Option<Claim<Vote>> {
    qc.map(|qc| qc.claim().clone())
}

/// See [`Wire::Timeout`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CheckedTimeout {
    /// What was signed.
    pub timeout: Verified<Timeout>,
    /// The sender's highest certificate.
    pub high: Option<Qc>,
    /// The timeout certificate that brought the sender into the view.
    pub entry: Option<TimeoutCertificate>,
    /// The sender's last vote.
    pub vote: Option<Verified<Vote>>,
    /// The view of the sender's last decision, as it says.
    pub committed: View,
    /// How often the sender was restarted, if it asks what it missed; else 0.
    pub asks: u64,
    /// The request that waits longest at the sender.
    pub request: Option<Request>,
}

/// A message whose every signature was checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// See [`Wire::Propose`].
    Propose(Block, Option<Qc>),
    /// See [`Wire::Vote`].
    Vote(Verified<Vote>),
    /// See [`Wire::Timeout`].
    Timeout(Box<CheckedTimeout>),
    /// See [`Wire::TimeoutCertificate`].
    TimeoutCertificate(TimeoutCertificate, Option<Verified<Vote>>),
    /// See [`Wire::Help`].
    Help {
        /// What the timeout that it answers asked by.
        answers: u64,
        /// The highest certificate.
        high: Option<Qc>,
        /// The timeout certificate that brought the sender into its view.
        entry: Option<Box<TimeoutCertificate>>,
        /// What shows the sender's last decision.
        commit: Option<Box<Decided>>,
    },
    /// See [`Sync::Fetch`].
    Fetch {
        /// The highest block.
        hash: Digest,
        /// Down to which height the sender has them.
        above: u64,
    },
    /// See [`Sync::Blocks`].
    Blocks(Vec<Block>),
}

pub(super) fn tag(wire: &Wire) -> Tag {
    let (kind, view, slot, digest, signatures) = match wire {
        Wire::Propose { block, justify } => {
            let header = &block.header.body;
            let count = 1 + block.requests.len() + weight(justify.as_ref());
            ("propose", header.view, header.height, header.hash(), count)
        }
        Wire::Vote(vote) => ("vote", vote.body.view, 0, vote.body.hash, 1),
        Wire::Timeout(message) => {
            let WireTimeout { timeout, high, entry, vote, request, .. } = &**message;
            let count = 1 + usize::from(request.is_some()) + usize::from(vote.is_some());
            let count = count + weight(high.as_ref()) + timeouts_weight(entry.as_ref());
            ("timeout", timeout.body.view, 0, subject(high.as_ref()), count)
        }
        Wire::TimeoutCertificate { certificate, vote } => {
            let view = certificate.timeouts.first().map_or(View::GENESIS, |first| first.body.view);
            let count = timeouts_weight(Some(certificate)) + usize::from(vote.is_some());
            ("timeout-certificate", view, 0, subject(certificate.high.as_ref()), count)
        }
        Wire::Help { high, entry, commit, .. } => {
            let commit = commit.as_ref().map(|commit| &commit.certificate);
            let count = weight(high.as_ref()) + timeouts_weight(entry.as_ref()) + weight(commit);
            ("help", View::GENESIS, 0, subject(high.as_ref()), count)
        }
        Wire::Sync(message) => return sync_tag(message),
    };
    Tag { kind, view, slot, digest, signatures: u32::try_from(signatures).unwrap_or(u32::MAX) }
}

fn subject(qc: Option<&Claim<Vote>>) -> Digest {
    qc.map_or(Digest::ZERO, |qc| qc.statement.hash)
}

fn weight(qc: Option<&Claim<Vote>>) -> usize {
    qc.map_or(0, |qc| qc.signatures.len())
}

fn timeouts_weight(certificate: Option<&WireTimeoutCertificate>) -> usize {
    certificate.map_or(0, |of| of.timeouts.len() + weight(of.high.as_ref()))
}

pub(super) fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
    let committee = &context.committee;
    Ok(match wire {
        Wire::Propose { block, justify } => {
            let block = Block::check(context, block)?;
            Message::Propose(block, check_high(committee, justify.as_ref(), None)?)
        }
        Wire::Vote(vote) => Message::Vote(committee.check(vote)?),
        Wire::Timeout(message) => Message::Timeout(check_timeout(context, message)?.into()),
        Wire::TimeoutCertificate { certificate, vote } => Message::TimeoutCertificate(
            check_timeouts(committee, certificate)?,
            check_vote(committee, vote.as_ref())?,
        ),
        Wire::Help { answers, high, entry, commit } => {
            let entry = entry.as_ref().map(|entry| check_timeouts(committee, entry));
            let commit = commit.as_ref().map(|commit| check_decided(committee, commit));
            Message::Help {
                answers: *answers,
                high: check_high(committee, high.as_ref(), None)?,
                entry: entry.transpose()?.map(Box::new),
                commit: commit.transpose()?.map(Box::new),
            }
        }
        Wire::Sync(Sync::Fetch { hash, above }) => Message::Fetch { hash: *hash, above: *above },
        Wire::Sync(Sync::Blocks(blocks)) => Message::Blocks(check_sync(context, blocks)?),
    })
}

fn check_timeout(context: &Context, wire: &WireTimeout) -> Result<CheckedTimeout, Reject> {
    let committee = &context.committee;
    let entry = wire.entry.as_ref();
    let request = wire.request.as_ref();
    Ok(CheckedTimeout {
        timeout: committee.check(&wire.timeout)?,
        high: check_high(committee, wire.high.as_ref(), Some(wire.timeout.body.high_view))?,
        entry: entry.map(|entry| check_timeouts(committee, entry)).transpose()?,
        vote: check_vote(committee, wire.vote.as_ref())?,
        committed: wire.committed,
        asks: wire.asks,
        request: request.map(|request| check_request(context, request)).transpose()?,
    })
}

fn check_vote(
    committee: &Committee,
    vote: Option<&Signed<Vote>>,
) -> Result<Option<Verified<Vote>>, Reject> {
    vote.map(|vote| committee.check(vote)).transpose()
}

/// A certificate, of the view that its sender signed for, if it did. Genesis has none.
fn check_high(
    committee: &Committee,
    claim: Option<&Claim<Vote>>,
    signed: Option<View>,
) -> Result<Option<Qc>, Reject> {
    let view = claim.map_or(View::GENESIS, |claim| claim.statement.view);
    if signed.is_some_and(|signed| signed != view) {
        return Err(Reject::Malformed("the certificate is not the one that was signed for"));
    }
    claim.map(|claim| Certificate::check(committee, claim)).transpose()
}

/// Corrections A8: each header is the parent of the one before it, and all views are consecutive.
fn check_decided(committee: &Committee, wire: &WireDecided) -> Result<Decided, Reject> {
    let [top, middle] = &wire.above[..] else {
        return Err(Reject::Malformed("not two headers above the decided block"));
    };
    let Vote { view, hash, .. } = wire.certificate.statement;
    let linked = hash == top.hash() && top.parent == middle.hash();
    let in_a_row = view == top.view
        && (top.justify_view, middle.justify_view.next()) == (middle.view, middle.view)
        && top.view == middle.view.next()
        && middle.justify_view < middle.view;
    if !linked || !in_a_row || middle.justify_view == View::GENESIS {
        return Err(Reject::Malformed("not three blocks of consecutive views"));
    }
    let certificate = Certificate::check(committee, &wire.certificate)?;
    Ok(Decided { certificate, above: wire.above.clone() })
}

/// Corrections A4, rule 3: a quorum of timeouts of one view, each signed for its own highest
/// certificate; the highest of those in full.
fn check_timeouts(
    committee: &Committee,
    certificate: &WireTimeoutCertificate,
) -> Result<TimeoutCertificate, Reject> {
    let timeouts = StatementSet::check(committee, &certificate.timeouts)?;
    gather(committee, timeouts, certificate.high.as_ref())
}

fn gather(
    committee: &Committee,
    timeouts: StatementSet<Timeout>,
    high: Option<&Claim<Vote>>,
) -> Result<TimeoutCertificate, Reject> {
    let (have, need) = (timeouts.len(), committee.quorum());
    if have < need {
        return Err(Reject::Short { have, need });
    }
    let bodies = || timeouts.iter().map(Verified::body);
    let view = bodies().map(|timeout| timeout.view).max().unwrap_or_default();
    if bodies().any(|timeout| timeout.view != view) {
        return Err(Reject::Malformed("timeouts of different views"));
    }
    let highest = bodies().map(|timeout| timeout.high_view).max();
    let high = check_high(committee, high, highest)?;
    Ok(TimeoutCertificate { timeouts, view, high })
}

/// A timeout certificate of timeouts that were checked one by one.
pub(super) fn certify(
    committee: &Committee,
    timeouts: impl IntoIterator<Item = Verified<Timeout>>,
    high: Option<&Qc>,
) -> Option<TimeoutCertificate> {
    let high = high.map(Certificate::claim);
    gather(committee, StatementSet::gather(committee, timeouts).ok()?, high).ok()
}
