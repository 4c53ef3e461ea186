//! What parties of PBFT sign and send, and what makes a message well formed.

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Certificate, Claim, Committee, Contradicts, Digest, PartyId, Reject, Signed, Statement,
    StatementSet, Verified,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context, Tag, View,
    protocol::{Kind, Role},
    smr::{Block, Commitment, Sync, WireBlock, check_sync, sync_tag},
};

/// The kinds of messages.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "status", role: Role::ViewChange, signed: true },
    Kind { name: "propose", role: Role::Proposal, signed: true },
    Kind { name: "vote", role: Role::Vote, signed: true },
    Kind { name: "vote2", role: Role::Vote, signed: true },
    Kind { name: "commit", role: Role::Certificate, signed: false },
    Kind { name: "fetch", role: Role::Sync, signed: false },
    Kind { name: "blocks", role: Role::Sync, signed: false },
];

/// "In view `view` my lock is the certificate of view `lock_view` for block `lock_hash`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Status {
    /// The view at whose start it is sent.
    pub view: View,
    /// The rank of the lock.
    pub lock_view: View,
    /// The block that it certifies.
    pub lock_hash: Digest,
}

/// "I vote for block `hash` in view `view`; what justifies it is of view `justify_view`."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote {
    /// The view.
    pub view: View,
    /// The block.
    pub hash: Digest,
    /// The rank of the certificate that the block extends.
    pub justify_view: View,
}

/// "I hold a certificate of view `view` for block `hash`, and am locked on it."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote2 {
    /// The view.
    pub view: View,
    /// The block.
    pub hash: Digest,
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { view, lock_view, lock_hash } = self;
        write!(f, "status of view {view}: locked in view {lock_view} on block {lock_hash}")
    }
}

impl Statement for Status {
    const DOMAIN: &'static str = "byzlab/pbft/status/1";
}

impl fmt::Debug for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Vote { view, hash, justify_view } = self;
        write!(f, "vote in view {view} for block {hash}, justified in view {justify_view}")
    }
}

impl Statement for Vote {
    const DOMAIN: &'static str = "byzlab/pbft/vote/1";
}

impl fmt::Debug for Vote2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vote2 in view {} for block {}", self.view, self.hash)
    }
}

impl Statement for Vote2 {
    const DOMAIN: &'static str = "byzlab/pbft/vote2/1";
}

// The three kinds of proof of corrections A2 (P-a) and (P-b); the one for proposals is at the
// block header. Nothing else is a proof: a vote2 beside a vote for a conflicting block of a later
// view is lawful (P-c).

impl Contradicts<Vote> for Vote {
    fn contradicts(&self, other: &Vote, _by: PartyId) -> Option<&'static str> {
        (self.view == other.view && self != other).then_some("double-vote")
    }
}

impl Contradicts<Vote2> for Vote2 {
    fn contradicts(&self, other: &Vote2, _by: PartyId) -> Option<&'static str> {
        (self.view == other.view && self != other).then_some("double-vote")
    }
}

impl Contradicts<Status> for Vote2 {
    /// Whoever sent vote2 in view v is locked on rank v or higher ever after.
    fn contradicts(&self, later: &Status, _by: PartyId) -> Option<&'static str> {
        (later.view > self.view && later.lock_view < self.view).then_some("amnesia")
    }
}

/// A status with the certificate that it speaks of; none for genesis.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireReport {
    /// What is signed.
    pub status: Signed<Status>,
    /// The certificate.
    pub lock: Option<Claim<Vote>>,
}

/// A message of PBFT.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum Wire {
    /// To the leader, at the start of a view.
    Status {
        /// The sender's lock.
        report: WireReport,
        /// Its highest commit certificate.
        commit: Option<Claim<Vote2>>,
        /// The height of its log.
        decided: u64,
        /// The bodies from its decided block to its locked one.
        bodies: Vec<Arc<WireBlock>>,
    },
    /// From the leader, to all.
    Propose {
        /// The block.
        block: Arc<WireBlock>,
        /// The statuses S that justify it.
        reports: Vec<WireReport>,
        /// Bodies that some party that reported may lack.
        bodies: Vec<Arc<WireBlock>>,
    },
    /// From everybody, to all.
    Vote(Signed<Vote>),
    /// From everybody, to all.
    Vote2 {
        /// The vote.
        vote: Signed<Vote2>,
        /// The certificate that its sender is locked on.
        certificate: Claim<Vote>,
    },
    /// A commit certificate, from everybody once, to all.
    Commit(Claim<Vote2>),
    /// Replication.
    Sync(Sync),
}

/// A status whose signature and certificate were checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Report {
    /// What was signed.
    pub status: Verified<Status>,
    /// The certificate.
    pub lock: Option<Certificate<Vote>>,
}

impl Report {
    /// The wire form.
    pub fn wire(&self) -> WireReport {
        WireReport {
            status: self.status.signed().clone(),
            lock: self.lock.as_ref().map(|lock| lock.claim().clone()),
        }
    }
}

/// A proposal whose every signature was checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Proposal {
    /// The block.
    pub block: Block,
    /// The statuses that justify it, of distinct signers.
    pub reports: Vec<Report>,
    /// Bodies below it.
    pub bodies: Vec<Block>,
}

/// A message whose every signature was checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// A status.
    Status {
        /// The sender's lock.
        report: Report,
        /// Its highest commit certificate.
        commit: Option<Certificate<Vote2>>,
        /// The height of its log, as it says.
        decided: u64,
        /// Bodies.
        bodies: Vec<Block>,
    },
    /// A proposal.
    Propose(Arc<Proposal>),
    /// A vote.
    Vote(Verified<Vote>),
    /// A second vote.
    Vote2 {
        /// The vote.
        vote: Verified<Vote2>,
        /// Its sender's lock.
        certificate: Certificate<Vote>,
    },
    /// A commit certificate.
    Commit(Certificate<Vote2>),
    /// Asks for bodies.
    Fetch {
        /// The highest.
        hash: Digest,
        /// Down to which height the sender has them.
        above: u64,
    },
    /// Bodies.
    Blocks(Vec<Block>),
}

/// The digest of S that the header of a proposal binds: who says what, without the bytes of the
/// signatures.
pub fn justification(statuses: &[Signed<Status>]) -> Digest {
    let said: Vec<_> = statuses.iter().map(|status| (status.by, &status.body)).collect();
    let bytes = borsh::to_vec(&said).expect("writing to a vector cannot fail");
    Digest::of("byzlab/pbft/justification/1", &bytes)
}

pub(super) fn tag(wire: &Wire) -> Tag {
    let (kind, view, slot, digest, signatures) = match wire {
        Wire::Status { report, commit, bodies, .. } => {
            let commit = commit.as_ref().map_or(0, |commit| commit.signatures.len());
            let count = weight(report) + commit + bodies.len();
            ("status", report.status.body.view, 0, report.status.body.lock_hash, count)
        }
        Wire::Propose { block, reports, bodies } => {
            let header = &block.header.body;
            let count = 1 + block.requests.len() + bodies.len();
            let count = count + reports.iter().map(weight).sum::<usize>();
            ("propose", header.view, header.height, header.hash(), count)
        }
        Wire::Vote(vote) => ("vote", vote.body.view, 0, vote.body.hash, 1),
        Wire::Vote2 { vote, certificate } => {
            ("vote2", vote.body.view, 0, vote.body.hash, 1 + certificate.signatures.len())
        }
        Wire::Commit(claim) => {
            ("commit", claim.statement.view, 0, claim.statement.hash, claim.signatures.len())
        }
        Wire::Sync(message) => return sync_tag(message),
    };
    Tag { kind, view, slot, digest, signatures: u32::try_from(signatures).unwrap_or(u32::MAX) }
}

fn weight(report: &WireReport) -> usize {
    1 + report.lock.as_ref().map_or(0, |lock| lock.signatures.len())
}

pub(super) fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
    let committee = &context.committee;
    Ok(match wire {
        Wire::Status { report, commit, decided, bodies } => Message::Status {
            report: Report {
                status: committee.check(&report.status)?,
                lock: check_lock(committee, report.lock.as_ref())?,
            },
            commit: commit
                .as_ref()
                .map(|claim| Certificate::check(committee, claim))
                .transpose()?,
            decided: *decided,
            bodies: check_sync(context, bodies)?,
        },
        Wire::Propose { block, reports, bodies } => {
            Message::Propose(check_proposal(context, block, reports, bodies)?.into())
        }
        Wire::Vote(vote) => Message::Vote(committee.check(vote)?),
        Wire::Vote2 { vote, certificate } => {
            let certified = &certificate.statement;
            if (certified.view, certified.hash) != (vote.body.view, vote.body.hash) {
                return Err(Reject::Malformed("vote2 and its certificate differ"));
            }
            let vote = committee.check(vote)?;
            Message::Vote2 { vote, certificate: Certificate::check(committee, certificate)? }
        }
        Wire::Commit(claim) => Message::Commit(Certificate::check(committee, claim)?),
        Wire::Sync(Sync::Fetch { hash, above }) => Message::Fetch { hash: *hash, above: *above },
        Wire::Sync(Sync::Blocks(blocks)) => Message::Blocks(check_sync(context, blocks)?),
    })
}

fn check_lock(
    committee: &Committee,
    lock: Option<&Claim<Vote>>,
) -> Result<Option<Certificate<Vote>>, Reject> {
    lock.map(|claim| Certificate::check(committee, claim)).transpose()
}

fn check_proposal(
    context: &Context,
    block: &Arc<WireBlock>,
    reports: &[WireReport],
    bodies: &[Arc<WireBlock>],
) -> Result<Proposal, Reject> {
    let committee = &context.committee;
    if reports.len() > committee.n() {
        return Err(Reject::TooMany(reports.len()));
    }
    let block = Block::check(context, block)?;
    let statuses: Vec<_> = reports.iter().map(|report| report.status.clone()).collect();
    if block.header().justification != justification(&statuses) {
        return Err(Reject::Malformed("the header binds other statuses"));
    }
    let checked = StatementSet::check(committee, &statuses)?;
    let reports = checked.iter().zip(reports).map(|(status, report)| {
        Ok(Report { status: status.clone(), lock: check_lock(committee, report.lock.as_ref())? })
    });
    Ok(Proposal {
        block,
        reports: reports.collect::<Result<_, Reject>>()?,
        bodies: check_sync(context, bodies)?,
    })
}

impl Commitment for Vote2 {
    fn view(&self) -> View {
        self.view
    }

    fn block(&self) -> Digest {
        self.hash
    }
}
