//! What parties of classic PBFT sign.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Certificate, Contradicts, Digest, PartyId, Statement};
use serde::{Deserialize, Serialize};

use crate::View;

/// "In view `view`, slot `slot` is for the batch with this digest." Of the primary it is the
/// pre-prepare, of a backup the prepare: a quorum that includes the primary is a prepared
/// certificate.
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Prepare {
    /// The view.
    pub view: View,
    /// The sequence number.
    pub slot: u64,
    /// The digest of the batch, or of the null request.
    pub digest: Digest,
}

/// "I hold a prepared certificate for this." A quorum decides the slot.
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Commit {
    /// The view.
    pub view: View,
    /// The sequence number.
    pub slot: u64,
    /// The digest of the batch, or of the null request.
    pub digest: Digest,
}

/// "After slot `slot` my state has this digest." A quorum makes the checkpoint stable.
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The sequence number.
    pub slot: u64,
    /// The digest of the state.
    pub state: Digest,
}

/// "I go to view `view` and take no part in earlier ones any more; my last stable checkpoint is at
/// `stable`, and above it I prepared these, each in its latest view."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ViewChange {
    /// The view.
    pub view: View,
    /// The sequence number of the last stable checkpoint; 0 for none.
    pub stable: u64,
    /// What was prepared above it, by ascending slot, one for each. Without it nobody could be
    /// blamed for leaving something out.
    pub prepared: Vec<Prepare>,
}

/// "These view changes open view `view`, and this is what they say is to be proposed."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct NewView {
    /// The view.
    pub view: View,
    /// The digest of the view changes.
    pub changes: Digest,
    /// The digest of the proposals.
    pub proposals: Digest,
}

/// The digest of the null request: that of no batch.
pub fn null() -> Digest {
    Digest::of("byzlab/pbft-classic/null/1", &[])
}

/// The digest of what a new-view is about.
pub(super) fn digest_of(what: &impl BorshSerialize) -> Digest {
    let bytes = borsh::to_vec(what).expect("writing to a vector cannot fail");
    Digest::of("byzlab/pbft-classic/new-view-content/1", &bytes)
}

fn shown(digest: &Digest) -> String {
    if *digest == null() { "null".to_owned() } else { format!("batch {digest}") }
}

impl fmt::Debug for Prepare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prepare slot {} in view {}: {}", self.slot, self.view, shown(&self.digest))
    }
}

impl Statement for Prepare {
    const DOMAIN: &'static str = "byzlab/pbft-classic/prepare/1";
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "commit slot {} in view {}: {}", self.slot, self.view, shown(&self.digest))
    }
}

impl Statement for Commit {
    const DOMAIN: &'static str = "byzlab/pbft-classic/commit/1";
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint at slot {}: state {}", self.slot, self.state)
    }
}

impl Statement for Checkpoint {
    const DOMAIN: &'static str = "byzlab/pbft-classic/checkpoint/1";
}

impl fmt::Debug for ViewChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ViewChange { view, stable, prepared } = self;
        write!(f, "view change to {view}, stable at slot {stable}, prepared: {prepared:?}")
    }
}

impl Statement for ViewChange {
    const DOMAIN: &'static str = "byzlab/pbft-classic/view-change/1";
}

impl fmt::Debug for NewView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewView { view, changes, proposals } = self;
        write!(f, "new view {view}, view changes {changes}, proposals {proposals}")
    }
}

impl Statement for NewView {
    const DOMAIN: &'static str = "byzlab/pbft-classic/new-view/1";
}

impl Contradicts<Prepare> for Prepare {
    /// One batch for a slot in a view. Different ones in different views are lawful.
    fn contradicts(&self, other: &Prepare, _by: PartyId) -> Option<&'static str> {
        let same = (self.view, self.slot) == (other.view, other.slot);
        (same && self.digest != other.digest).then_some("double-prepare")
    }
}

impl Contradicts<Commit> for Commit {
    /// One batch for a slot in a view.
    fn contradicts(&self, other: &Commit, _by: PartyId) -> Option<&'static str> {
        let same = (self.view, self.slot) == (other.view, other.slot);
        (same && self.digest != other.digest).then_some("double-commit")
    }
}

impl Contradicts<Checkpoint> for Checkpoint {
    /// Correct parties execute one log only.
    fn contradicts(&self, other: &Checkpoint, _by: PartyId) -> Option<&'static str> {
        (self.slot == other.slot && self.state != other.state).then_some("two-states")
    }
}

impl Contradicts<ViewChange> for Commit {
    /// Corrections A2: whoever committed in view v holds what it prepared there, and tells of it in
    /// every later view change, or what it prepared later, until the slot is below a stable
    /// checkpoint.
    fn contradicts(&self, other: &ViewChange, _by: PartyId) -> Option<&'static str> {
        let concerned = other.view > self.view && other.stable < self.slot;
        let told = |prepared: &Prepare| {
            let same = prepared.view == self.view && prepared.digest == self.digest;
            prepared.slot == self.slot && (same || prepared.view > self.view)
        };
        (concerned && !other.prepared.iter().any(told)).then_some("amnesia")
    }
}

/// A quorum, the primary of the view included, prepared one batch.
pub type Prepared = Certificate<Prepare>;

/// A quorum committed one batch: it is decided.
pub type Committed = Certificate<Commit>;

/// A quorum had one state after a slot.
pub type Stable = Certificate<Checkpoint>;
