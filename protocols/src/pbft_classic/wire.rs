//! What parties of classic PBFT send, and what makes a message well formed.

use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Certificate, Claim, Committee, Digest, PartyId, Reject, Signed, Verified};
use serde::{Deserialize, Serialize};

use super::statements::{
    Checkpoint, Commit, Committed, NewView, Prepare, Prepared, Stable, ViewChange, digest_of, null,
};
use crate::{
    Context, Durable, Kind, Role, Tag, View,
    durable::{put, take},
    smr::{
        Block, Command, Request, Snapshot, Sync, WireBlock, check_request, check_sync, sync_tag,
    },
};

/// The kinds of messages.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "pre-prepare", role: Role::Proposal, signed: true },
    Kind { name: "prepare", role: Role::Vote, signed: true },
    Kind { name: "commit", role: Role::Vote, signed: true },
    Kind { name: "checkpoint", role: Role::Sync, signed: true },
    Kind { name: "view-change", role: Role::ViewChange, signed: true },
    Kind { name: "new-view", role: Role::ViewChange, signed: true },
    Kind { name: "progress", role: Role::Sync, signed: false },
    Kind { name: "committed", role: Role::Sync, signed: false },
    Kind { name: "state", role: Role::Sync, signed: false },
    Kind { name: "forward", role: Role::Sync, signed: false },
    Kind { name: "fetch", role: Role::Sync, signed: false },
    Kind { name: "blocks", role: Role::Sync, signed: false },
];

/// The longest interval between checkpoints that can be set.
pub const MAX_INTERVAL: u64 = 256;

/// The most slots between the watermarks: two intervals.
pub(super) const MAX_SLOTS: usize = 2 * MAX_INTERVAL as usize;

/// The most requests that are forwarded in one message.
pub(super) const MAX_FORWARDED: usize = 64;

/// A view change with what shows that it is true.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireViewChange {
    /// What is signed.
    pub change: Signed<ViewChange>,
    /// The stable checkpoint; none for slot 0.
    pub checkpoint: Option<Claim<Checkpoint>>,
    /// The prepared certificates, as listed.
    pub prepared: Vec<Claim<Prepare>>,
}

/// What opens a view.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct WireNewView {
    /// What is signed.
    pub new_view: Signed<NewView>,
    /// V: the view changes, by ascending sender.
    pub changes: Vec<WireViewChange>,
    /// O: the primary's proposals for the slots that they leave open, by ascending slot.
    pub proposals: Vec<Signed<Prepare>>,
}

/// How far a party is. It carries no authority.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Debug,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct Progress {
    /// The last view that was opened for it.
    pub view: View,
    /// The slot of its last stable checkpoint.
    pub stable: u64,
    /// The last slot that it executed.
    pub executed: u64,
    /// Whether it wants to be told the same, whatever it is.
    pub asks: bool,
}

/// A message of classic PBFT.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub enum Wire {
    /// From the primary, to all.
    PrePrepare {
        /// The primary's word for it.
        vote: Signed<Prepare>,
        /// The batch.
        block: Arc<WireBlock>,
    },
    /// From every backup, to all.
    Prepare(Signed<Prepare>),
    /// From everybody, to all.
    Commit(Signed<Commit>),
    /// From everybody, to all, after every so many slots.
    Checkpoint(Signed<Checkpoint>),
    /// From everybody, to all, when the primary is suspected.
    ViewChange(Box<WireViewChange>),
    /// From the new primary, to all.
    NewView(Box<WireNewView>),
    /// From whoever lacks something, to all.
    Progress(Progress),
    /// A slot for whoever lacks it.
    Committed {
        /// What decided it.
        certificate: Claim<Commit>,
        /// The batch; none for the null request.
        block: Option<Arc<WireBlock>>,
    },
    /// A stable checkpoint, and the state there for whoever lacks the slots before it.
    State {
        /// What makes the checkpoint stable.
        checkpoint: Claim<Checkpoint>,
        /// The state in its canonical bytes; none for whoever has it.
        snapshot: Option<Arc<Vec<u8>>>,
    },
    /// Requests that their sender holds and cannot get executed alone.
    Forward(Vec<Signed<Command>>),
    /// Batches by their digests.
    Sync(Sync),
}

/// See [`WireViewChange`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Change {
    /// What was signed.
    pub change: Verified<ViewChange>,
    /// The stable checkpoint.
    pub checkpoint: Option<Stable>,
    /// The prepared certificates.
    pub prepared: Vec<Prepared>,
}

/// See [`WireNewView`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Opening {
    /// What was signed.
    pub new_view: Verified<NewView>,
    /// V.
    pub changes: Vec<Change>,
    /// O.
    pub proposals: Vec<Verified<Prepare>>,
}

/// A message whose every signature was checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Message {
    /// See [`Wire::PrePrepare`].
    PrePrepare(Verified<Prepare>, Block),
    /// See [`Wire::Prepare`].
    Prepare(Verified<Prepare>),
    /// See [`Wire::Commit`].
    Commit(Verified<Commit>),
    /// See [`Wire::Checkpoint`].
    Checkpoint(Verified<Checkpoint>),
    /// See [`Wire::ViewChange`].
    ViewChange(Box<Change>),
    /// See [`Wire::NewView`].
    NewView(Arc<Opening>),
    /// See [`Wire::Progress`].
    Progress(Progress),
    /// See [`Wire::Committed`].
    Committed(Committed, Option<Block>),
    /// See [`Wire::State`].
    State(Stable, Option<Snapshot>),
    /// See [`Wire::Forward`].
    Forward(Vec<Request>),
    /// See [`Sync::Fetch`].
    Fetch(Digest),
    /// See [`Sync::Blocks`].
    Blocks(Vec<Block>),
}

impl Change {
    /// The view that it is for.
    pub fn view(&self) -> View {
        self.change.body().view
    }

    /// Whose it is.
    pub fn by(&self) -> PartyId {
        self.change.by()
    }

    /// The wire form.
    pub fn wire(&self) -> WireViewChange {
        WireViewChange {
            change: self.change.signed().clone(),
            checkpoint: self.checkpoint.as_ref().map(|stable| stable.claim().clone()),
            prepared: self.prepared.iter().map(|prepared| prepared.claim().clone()).collect(),
        }
    }
}

impl Opening {
    /// The view that it opens.
    pub fn view(&self) -> View {
        self.new_view.body().view
    }

    /// The wire form.
    pub fn wire(&self) -> WireNewView {
        let proposals = self.proposals.iter().map(|vote| vote.signed().clone());
        WireNewView {
            new_view: self.new_view.signed().clone(),
            changes: self.changes.iter().map(Change::wire).collect(),
            proposals: proposals.collect(),
        }
    }
}

impl Durable for Change {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        check_change(context, &take(from)?)
    }
}

impl Durable for Opening {
    fn save(&self, to: &mut Vec<u8>) {
        put(&self.wire(), to);
    }

    fn load(context: &Context, from: &mut &[u8]) -> Result<Self, Reject> {
        check_new_view(context, &take(from)?)
    }
}

/// What the signature of a new-view covers: who said what, not how it was signed.
pub(super) fn contents(changes: &[WireViewChange], proposals: &[Signed<Prepare>]) -> [Digest; 2] {
    let said: Vec<_> =
        changes.iter().map(|message| (message.change.by, &message.change.body)).collect();
    let proposed: Vec<_> = proposals.iter().map(|vote| &vote.body).collect();
    [digest_of(&said), digest_of(&proposed)]
}

pub(super) fn tag(wire: &Wire) -> Tag {
    let (kind, view, slot, digest, signatures) = match wire {
        Wire::PrePrepare { vote, block } => {
            let Prepare { view, slot, digest } = vote.body;
            ("pre-prepare", view, slot, digest, 2 + block.requests.len())
        }
        Wire::Prepare(vote) => ("prepare", vote.body.view, vote.body.slot, vote.body.digest, 1),
        Wire::Commit(vote) => ("commit", vote.body.view, vote.body.slot, vote.body.digest, 1),
        Wire::Checkpoint(vote) => ("checkpoint", View::GENESIS, vote.body.slot, vote.body.state, 1),
        Wire::ViewChange(message) => {
            ("view-change", message.change.body.view, 0, Digest::ZERO, weight(message))
        }
        Wire::NewView(message) => {
            let count = 1 + message.proposals.len();
            let count = count + message.changes.iter().map(weight).sum::<usize>();
            ("new-view", message.new_view.body.view, 0, Digest::ZERO, count)
        }
        Wire::Progress(progress) => ("progress", progress.view, 0, Digest::ZERO, 0),
        Wire::Committed { certificate, block } => {
            let Commit { view, slot, digest } = certificate.statement;
            let count = block.as_ref().map_or(0, |block| 1 + block.requests.len());
            ("committed", view, slot, digest, count + certificate.signatures.len())
        }
        Wire::State { checkpoint, .. } => {
            let Checkpoint { slot, state } = checkpoint.statement;
            ("state", View::GENESIS, slot, state, checkpoint.signatures.len())
        }
        Wire::Forward(requests) => ("forward", View::GENESIS, 0, Digest::ZERO, requests.len()),
        Wire::Sync(message) => return sync_tag(message),
    };
    Tag { kind, view, slot, digest, signatures: u32::try_from(signatures).unwrap_or(u32::MAX) }
}

fn weight(message: &WireViewChange) -> usize {
    let checkpoint = message.checkpoint.as_ref().map_or(0, |claim| claim.signatures.len());
    1 + checkpoint + message.prepared.iter().map(|claim| claim.signatures.len()).sum::<usize>()
}

pub(super) fn check(context: &Context, wire: &Wire) -> Result<Message, Reject> {
    let committee = &context.committee;
    Ok(match wire {
        Wire::PrePrepare { vote, block } => {
            let vote = committee.check(vote)?;
            let block = check_block(context, vote.body().slot, vote.body().digest, block)?;
            if (block.view(), block.header().proposer) != (vote.body().view, vote.by()) {
                return Err(Reject::Malformed("the batch is of another view or primary"));
            }
            Message::PrePrepare(vote, block)
        }
        Wire::Prepare(vote) => Message::Prepare(committee.check(vote)?),
        Wire::Commit(vote) => Message::Commit(committee.check(vote)?),
        Wire::Checkpoint(vote) => Message::Checkpoint(committee.check(vote)?),
        Wire::ViewChange(message) => Message::ViewChange(check_change(context, message)?.into()),
        Wire::NewView(message) => Message::NewView(check_new_view(context, message)?.into()),
        Wire::Progress(progress) => Message::Progress(*progress),
        Wire::Committed { certificate, block } => {
            let Commit { slot, digest, .. } = certificate.statement;
            let certificate = Certificate::check(committee, certificate)?;
            let block = block.as_ref();
            let block = block.map(|block| check_block(context, slot, digest, block)).transpose()?;
            if block.is_none() != (digest == null()) {
                return Err(Reject::Malformed("a batch is missing"));
            }
            Message::Committed(certificate, block)
        }
        Wire::State { checkpoint, snapshot } => {
            let stable = Certificate::check(committee, checkpoint)?;
            let Checkpoint { slot, state } = *stable.statement();
            let snapshot = snapshot.as_ref().map(|bytes| Snapshot::check(bytes, state));
            let snapshot = snapshot.transpose()?;
            if snapshot.as_ref().is_some_and(|snapshot| snapshot.slot() != slot) {
                return Err(Reject::Malformed("the state is of another slot"));
            }
            Message::State(stable, snapshot)
        }
        Wire::Forward(requests) => {
            if requests.len() > MAX_FORWARDED {
                return Err(Reject::Oversize);
            }
            let requests = requests.iter().map(|request| check_request(context, request));
            Message::Forward(requests.collect::<Result<_, _>>()?)
        }
        Wire::Sync(Sync::Fetch { hash, .. }) => Message::Fetch(*hash),
        Wire::Sync(Sync::Blocks(blocks)) => Message::Blocks(check_sync(context, blocks)?),
    })
}

/// A batch for a slot, with requests in it: whoever has none proposes none.
fn check_block(
    context: &Context,
    slot: u64,
    digest: Digest,
    wire: &Arc<WireBlock>,
) -> Result<Block, Reject> {
    let block = Block::check(context, wire)?;
    if block.height() != slot || block.hash() != digest {
        return Err(Reject::Malformed("the batch is another one"));
    }
    if !block.is_unlinked() || block.requests().is_empty() {
        return Err(Reject::Malformed("not a batch"));
    }
    Ok(block)
}

/// Corrections A5, "VIEW-CHANGE validity". Whether the certificates are those that are listed is
/// a rule.
fn check_change(context: &Context, wire: &WireViewChange) -> Result<Change, Reject> {
    let committee = &context.committee;
    let ViewChange { view, stable, prepared } = &wire.change.body;
    if prepared.len() > MAX_SLOTS || wire.prepared.len() > MAX_SLOTS {
        return Err(Reject::Oversize);
    }
    let change = committee.check(&wire.change)?;
    let shown = wire.checkpoint.as_ref().map_or(0, |claim| claim.statement.slot);
    if shown != *stable {
        return Err(Reject::Malformed("the checkpoint is not the one that was signed for"));
    }
    let checkpoint = wire.checkpoint.as_ref();
    let checkpoint = checkpoint.map(|claim| Certificate::check(committee, claim)).transpose()?;
    let mut last = *stable;
    for listed in prepared {
        if listed.slot <= last || listed.view >= *view {
            return Err(Reject::Malformed("what was prepared is out of order"));
        }
        last = listed.slot;
    }
    let prepared = wire.prepared.iter().map(|claim| check_prepared(context, committee, claim));
    Ok(Change { change, checkpoint, prepared: prepared.collect::<Result<_, _>>()? })
}

/// A quorum with the primary in it: a pre-prepare and q - 1 prepares of distinct backups.
fn check_prepared(
    context: &Context,
    committee: &Committee,
    claim: &Claim<Prepare>,
) -> Result<Prepared, Reject> {
    let view = claim.statement.view;
    if view == View::GENESIS || !claim.signers().contains(context.leader(view)) {
        return Err(Reject::Malformed("prepared without the primary of the view"));
    }
    Certificate::check(committee, claim)
}

fn check_new_view(context: &Context, wire: &WireNewView) -> Result<Opening, Reject> {
    let committee = &context.committee;
    let WireNewView { new_view, changes, proposals } = wire;
    if changes.len() > committee.n() {
        return Err(Reject::TooMany(changes.len()));
    }
    if proposals.len() > MAX_SLOTS {
        return Err(Reject::Oversize);
    }
    let checked = committee.check(new_view)?;
    if [new_view.body.changes, new_view.body.proposals] != contents(changes, proposals) {
        return Err(Reject::Malformed("the new view is about something else"));
    }
    let mut last = None;
    for change in changes {
        if last >= Some(change.change.by) {
            return Err(Reject::Signers(change.change.by));
        }
        last = Some(change.change.by);
    }
    let view = new_view.body.view;
    if proposals.iter().any(|vote| vote.by != new_view.by || vote.body.view != view) {
        return Err(Reject::Malformed("a proposal of another view or primary"));
    }
    let changes = changes.iter().map(|change| check_change(context, change));
    let proposals = proposals.iter().map(|vote| committee.check(vote));
    Ok(Opening {
        new_view: checked,
        changes: changes.collect::<Result<_, _>>()?,
        proposals: proposals.collect::<Result<_, _>>()?,
    })
}
