//! What parties of HotStuff sign and send, and what makes a message well formed.

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Certificate, Claim, Committee, Contradicts, Digest, PartyId, Reject, Signed, Statement,
    StatementSet, Verified,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context, Durable, Kind, Role, Tag, View,
    durable::{put, take},
    smr::{
        Block, Command, Commitment, Request, Sync, WireBlock, check_request, check_sync, sync_tag,
    },
};

/// The kinds of messages.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "new-view", role: Role::ViewChange, signed: true },
    Kind { name: "prepare", role: Role::Proposal, signed: true },
    Kind { name: "prepare-vote", role: Role::Vote, signed: true },
    Kind { name: "pre-commit", role: Role::Certificate, signed: false },
    Kind { name: "pre-commit-vote", role: Role::Vote, signed: true },
    Kind { name: "commit", role: Role::Certificate, signed: false },
    Kind { name: "commit-vote", role: Role::Vote, signed: true },
    Kind { name: "decide", role: Role::Certificate, signed: false },
    Kind { name: "timeout", role: Role::ViewChange, signed: true },
    Kind { name: "timeout-certificate", role: Role::ViewChange, signed: false },
    Kind { name: "help", role: Role::Sync, signed: false },
    Kind { name: "fetch", role: Role::Sync, signed: false },
    Kind { name: "blocks", role: Role::Sync, signed: false },
];

/// The three phases of voting in a view.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub enum Phase {
    /// For the proposal.
    Prepare,
    /// For the prepare certificate: the key.
    PreCommit,
    /// For the pre-commit certificate: the lock.
    Commit,
}

/// "In this phase of view `view` I support block `hash`, justified by a certificate of view
/// `justify_view`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote {
    /// The phase: votes of one phase are never votes of another.
    pub phase: Phase,
    /// The view.
    pub view: View,
    /// The block.
    pub hash: Digest,
    /// The view of the certificate that the block extends; without it nobody could be blamed.
    pub justify_view: View,
}

/// "I enter view `view`; my highest prepare certificate is of view `high_view`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct NewView {
    /// The view.
    pub view: View,
    /// The view of the certificate.
    pub high_view: View,
}

/// "I gave up view `view`; my highest prepare certificate is of view `high_view`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Timeout {
    /// The view.
    pub view: View,
    /// The view of the certificate.
    pub high_view: View,
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vote { phase, view, hash, justify_view } = self;
        write!(
            f,
            "{phase:?} vote in view {view} for block {hash}, justified in view {justify_view}"
        )
    }
}

impl Statement for Vote {
    const DOMAIN: &'static str = "byzlab/hotstuff/vote/1";
}

impl fmt::Debug for NewView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "new view {}, high certificate of view {}", self.view, self.high_view)
    }
}

impl Statement for NewView {
    const DOMAIN: &'static str = "byzlab/hotstuff/new-view/1";
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timeout of view {}, high certificate of view {}", self.view, self.high_view)
    }
}

impl Statement for Timeout {
    const DOMAIN: &'static str = "byzlab/hotstuff/timeout/1";
}

impl Contradicts<Vote> for Vote {
    /// Corrections A8. Two votes of one phase in one view; or a commit vote in view e and a
    /// prepare vote in a later view for a block that is justified from before e: whoever sent the
    /// commit vote is locked at e, and views grow along a chain, so that block neither extends
    /// the lock nor has a higher justification.
    fn contradicts(&self, other: &Vote, _by: PartyId) -> Option<&'static str> {
        if self.phase == other.phase {
            return (self.view == other.view && self != other).then_some("double-vote");
        }
        let against_lock = |commit: &Vote, prepare: &Vote| {
            (commit.phase, prepare.phase) == (Phase::Commit, Phase::Prepare)
                && prepare.view > commit.view
                && prepare.justify_view < commit.view
        };
        (against_lock(self, other) || against_lock(other, self)).then_some("amnesia")
    }
}

/// What brought a party into a view.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum WireEntry {
    /// The commit certificate of the view before.
    Decided(Claim<Vote>),
    /// The timeout certificate of the view before.
    TimedOut(WireTimeoutCertificate),
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

/// A new-view: see [`Wire::NewView`].
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireNewView {
    /// What is signed.
    pub new_view: Signed<NewView>,
    /// The sender's highest prepare certificate; none for genesis.
    pub high: Option<Claim<Vote>>,
    /// What brought the sender into the view.
    pub entry: Option<WireEntry>,
}

/// A timeout: see [`Wire::Timeout`].
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireTimeout {
    /// What is signed.
    pub timeout: Signed<Timeout>,
    /// The sender's highest prepare certificate; none for genesis.
    pub high: Option<Claim<Vote>>,
    /// What brought the sender into the view.
    pub entry: Option<WireEntry>,
    /// The view of the sender's highest commit certificate: a hint for those who can help.
    pub committed: View,
    /// How often the sender was restarted, if it asks what it missed; else 0.
    pub asks: u64,
    /// The request that waits longest at the sender: others may not have it.
    pub request: Option<Signed<Command>>,
}

/// A message of HotStuff.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum Wire {
    /// To the leader of a view, on entering it.
    NewView(Box<WireNewView>),
    /// From the leader, to all: a block on the block of a certificate.
    Prepare {
        /// The block.
        block: Arc<WireBlock>,
        /// The certificate; none for genesis.
        high: Option<Claim<Vote>>,
    },
    /// To the leader.
    Vote(Signed<Vote>),
    /// From the leader, to all: pre-commit, commit or decide, as the phase of the votes says.
    Certificate(Claim<Vote>),
    /// From everybody, to all, when a view takes too long.
    Timeout(Box<WireTimeout>),
    /// From everybody once, to all: ends a view.
    TimeoutCertificate(WireTimeoutCertificate),
    /// To a party that is behind.
    Help {
        /// What the timeout that it answers asked by.
        answers: u64,
        /// The highest prepare certificate.
        high: Option<Claim<Vote>>,
        /// What brought the sender into its view.
        entry: Option<WireEntry>,
        /// The highest commit certificate.
        commit: Option<Claim<Vote>>,
    },
    /// Replication.
    Sync(Sync),
}

/// A quorum on one block in one phase of one view.
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

/// What brought a party into a view, checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// The commit certificate of the view before.
    Decided(Qc),
    /// The timeout certificate of the view before.
    TimedOut(TimeoutCertificate),
}

impl Entry {
    /// The view that it opens.
    pub fn opens(&self) -> View {
        match self {
            Entry::Decided(qc) => qc.statement().view.next(),
            Entry::TimedOut(certificate) => certificate.view.next(),
        }
    }

    /// The wire form.
    pub fn wire(&self) -> WireEntry {
        match self {
            Entry::Decided(qc) => WireEntry::Decided(qc.claim().clone()),
            Entry::TimedOut(certificate) => WireEntry::TimedOut(certificate.wire()),
        }
    }
}

impl Durable for Entry {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        check_entry(&context.committee, &take(from)?)
    }
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

/// The wire form of a certificate; none for genesis.
pub(super) fn wire_qc(qc: Option<&Qc>) -> Option<Claim<Vote>> {
    qc.map(|qc| qc.claim().clone())
}

/// See [`Wire::Timeout`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CheckedTimeout {
    /// What was signed.
    pub timeout: Verified<Timeout>,
    /// The sender's highest prepare certificate.
    pub high: Option<Qc>,
    /// What brought the sender into the view.
    pub entry: Option<Entry>,
    /// The view of the sender's highest commit certificate, as it says.
    pub committed: View,
    /// How often the sender was restarted, if it asks what it missed; else 0.
    pub asks: u64,
    /// The request that waits longest at the sender.
    pub request: Option<Request>,
}

/// A message whose every signature was checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// See [`Wire::NewView`].
    NewView {
        /// What was signed.
        new_view: Verified<NewView>,
        /// The sender's highest prepare certificate.
        high: Option<Qc>,
        /// What brought the sender into the view.
        entry: Option<Box<Entry>>,
    },
    /// See [`Wire::Prepare`].
    Prepare(Block, Option<Qc>),
    /// See [`Wire::Vote`].
    Vote(Verified<Vote>),
    /// See [`Wire::Certificate`].
    Certificate(Qc),
    /// See [`Wire::Timeout`].
    Timeout(Box<CheckedTimeout>),
    /// See [`Wire::TimeoutCertificate`].
    TimeoutCertificate(TimeoutCertificate),
    /// See [`Wire::Help`].
    Help {
        /// What the timeout that it answers asked by.
        answers: u64,
        /// The highest prepare certificate.
        high: Option<Qc>,
        /// What brought the sender into its view.
        entry: Option<Box<Entry>>,
        /// The highest commit certificate.
        commit: Option<Qc>,
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
        Wire::NewView(message) => {
            let WireNewView { new_view, high, entry } = &**message;
            let count = 1 + weight(high.as_ref()) + entry_weight(entry.as_ref());
            ("new-view", new_view.body.view, 0, subject(high.as_ref()), count)
        }
        Wire::Prepare { block, high } => {
            let header = &block.header.body;
            let count = 1 + block.requests.len() + weight(high.as_ref());
            ("prepare", header.view, header.height, header.hash(), count)
        }
        Wire::Vote(vote) => {
            let kind = match vote.body.phase {
                Phase::Prepare => "prepare-vote",
                Phase::PreCommit => "pre-commit-vote",
                Phase::Commit => "commit-vote",
            };
            (kind, vote.body.view, 0, vote.body.hash, 1)
        }
        Wire::Certificate(qc) => {
            let kind = match qc.statement.phase {
                Phase::Prepare => "pre-commit",
                Phase::PreCommit => "commit",
                Phase::Commit => "decide",
            };
            (kind, qc.statement.view, 0, qc.statement.hash, qc.signatures.len())
        }
        Wire::Timeout(message) => {
            let WireTimeout { timeout, high, entry, request, .. } = &**message;
            let count = 1 + usize::from(request.is_some());
            let count = count + weight(high.as_ref()) + entry_weight(entry.as_ref());
            ("timeout", timeout.body.view, 0, subject(high.as_ref()), count)
        }
        Wire::TimeoutCertificate(certificate) => {
            let view = certificate.timeouts.first().map_or(View::GENESIS, |first| first.body.view);
            let count = timeouts_weight(certificate);
            ("timeout-certificate", view, 0, subject(certificate.high.as_ref()), count)
        }
        Wire::Help { high, entry, commit, .. } => {
            let count =
                weight(high.as_ref()) + entry_weight(entry.as_ref()) + weight(commit.as_ref());
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

fn timeouts_weight(certificate: &WireTimeoutCertificate) -> usize {
    certificate.timeouts.len() + weight(certificate.high.as_ref())
}

fn entry_weight(entry: Option<&WireEntry>) -> usize {
    match entry {
        None => 0,
        Some(WireEntry::Decided(qc)) => qc.signatures.len(),
        Some(WireEntry::TimedOut(certificate)) => timeouts_weight(certificate),
    }
}

pub(super) fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
    let committee = &context.committee;
    let entry = |entry: &Option<WireEntry>| {
        entry.as_ref().map(|entry| check_entry(committee, entry)).transpose()
    };
    Ok(match wire {
        Wire::NewView(message) => {
            let WireNewView { new_view, high, entry: by } = &**message;
            let high_view = Some(new_view.body.high_view);
            Message::NewView {
                new_view: committee.check(new_view)?,
                high: check_high(committee, high.as_ref(), high_view)?,
                entry: entry(by)?.map(Box::new),
            }
        }
        Wire::Prepare { block, high } => {
            let block = Block::check(context, block)?;
            Message::Prepare(block, check_high(committee, high.as_ref(), None)?)
        }
        Wire::Vote(vote) => Message::Vote(committee.check(vote)?),
        Wire::Certificate(claim) => Message::Certificate(Certificate::check(committee, claim)?),
        Wire::Timeout(message) => Message::Timeout(check_timeout(context, message)?.into()),
        Wire::TimeoutCertificate(certificate) => {
            Message::TimeoutCertificate(check_timeouts(committee, certificate)?)
        }
        Wire::Help { answers, high, entry: by, commit } => Message::Help {
            answers: *answers,
            high: check_high(committee, high.as_ref(), None)?,
            entry: entry(by)?.map(Box::new),
            commit: commit.as_ref().map(|claim| check_commit(committee, claim)).transpose()?,
        },
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
        entry: entry.map(|entry| check_entry(committee, entry)).transpose()?,
        committed: wire.committed,
        asks: wire.asks,
        request: request.map(|request| check_request(context, request)).transpose()?,
    })
}

/// A prepare certificate, of the view that its sender signed for, if it did.
fn check_high(
    committee: &Committee,
    claim: Option<&Claim<Vote>>,
    signed: Option<View>,
) -> Result<Option<Qc>, Reject> {
    let view = claim.map_or(View::GENESIS, |claim| claim.statement.view);
    if signed.is_some_and(|signed| signed != view) {
        return Err(Reject::Malformed("the certificate is not the one that was signed for"));
    }
    if claim.is_some_and(|claim| claim.statement.phase != Phase::Prepare) {
        return Err(Reject::Malformed("not a prepare certificate"));
    }
    claim.map(|claim| Certificate::check(committee, claim)).transpose()
}

fn check_commit(committee: &Committee, claim: &Claim<Vote>) -> Result<Qc, Reject> {
    if claim.statement.phase != Phase::Commit {
        return Err(Reject::Malformed("not a commit certificate"));
    }
    Certificate::check(committee, claim)
}

fn check_entry(committee: &Committee, entry: &WireEntry) -> Result<Entry, Reject> {
    Ok(match entry {
        WireEntry::Decided(claim) => Entry::Decided(check_commit(committee, claim)?),
        WireEntry::TimedOut(certificate) => {
            Entry::TimedOut(check_timeouts(committee, certificate)?)
        }
    })
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

impl Commitment for Vote {
    fn view(&self) -> View {
        self.view
    }

    fn block(&self) -> Digest {
        self.hash
    }

    fn commits(&self) -> bool {
        self.phase == Phase::Commit
    }
}
