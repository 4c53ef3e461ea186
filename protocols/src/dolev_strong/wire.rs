//! Signature chains.

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Contradicts, Digest, PartyId, Reject, Signature, Signed, Statement, Verified};
use serde::{Deserialize, Serialize};

use crate::{Context, Kind, Role, Tag, View, smr::MAX_PAYLOAD, value_digest};

/// The kinds of messages.
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "send", role: Role::Proposal, signed: true },
    Kind { name: "relay", role: Role::Vote, signed: true },
];

/// "In this broadcast of this sender, I support this value."
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Endorse {
    /// The number of the broadcast.
    pub broadcast: View,
    /// Whose broadcast it is.
    pub sender: PartyId,
    /// The digest of the value.
    pub value: Digest,
}

impl fmt::Debug for Endorse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endorse { broadcast, sender, value } = self;
        write!(f, "value {value} in broadcast {broadcast} of party {sender}")
    }
}

impl Statement for Endorse {
    const DOMAIN: &'static str = "byzlab/dolev-strong/endorse/1";
}

impl Contradicts<Endorse> for Endorse {
    /// Only the sender is bound to one value: whoever relays may rightly sign two (corrections
    /// A9).
    fn contradicts(&self, other: &Endorse, by: PartyId) -> Option<&'static str> {
        let own = self.sender == by && other.sender == by;
        let two = self.broadcast == other.broadcast && self.value != other.value;
        (own && two).then_some("equivocation")
    }
}

/// A signature chain as it travels.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Wire {
    /// The number of the broadcast.
    pub broadcast: View,
    /// The value.
    pub value: Vec<u8>,
    /// Who signed, in order; first the sender.
    pub signatures: Vec<(PartyId, Signature)>,
}

/// A chain whose every signature was checked; who signed, and how many, is judged by the rules.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chain {
    /// The number of the broadcast.
    pub(super) broadcast: View,
    /// The value.
    pub(super) value: Arc<[u8]>,
    /// Its digest.
    pub(super) digest: Digest,
    /// The signatures, in order: one at least.
    pub(super) endorsements: Vec<Verified<Endorse>>,
}

impl Chain {
    /// The number of the broadcast.
    pub fn broadcast(&self) -> View {
        self.broadcast
    }

    /// The digest of the value.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Who signed, in order.
    pub fn signers(&self) -> Vec<PartyId> {
        self.endorsements.iter().map(Verified::by).collect()
    }

    /// The number of signatures.
    pub fn length(&self) -> usize {
        self.endorsements.len()
    }

    /// The wire form, with one signature more.
    pub fn extended(&self, by: &Verified<Endorse>) -> Wire {
        let signatures = self.endorsements.iter().chain([by]);
        Wire {
            broadcast: self.broadcast,
            value: self.value.to_vec(),
            signatures: signatures.map(|by| (by.by(), by.signed().signature)).collect(),
        }
    }
}

pub(super) fn tag(wire: &Wire) -> Tag {
    Tag {
        kind: if wire.signatures.len() == 1 { "send" } else { "relay" },
        view: wire.broadcast,
        slot: wire.signatures.len() as u64,
        digest: value_digest(&wire.value),
        signatures: u32::try_from(wire.signatures.len()).unwrap_or(u32::MAX),
    }
}

pub(super) fn check(context: &Context, wire: &Wire) -> Result<Chain, Reject> {
    if wire.value.len() > MAX_PAYLOAD {
        return Err(Reject::Oversize);
    }
    if wire.signatures.len() > context.committee.n() {
        return Err(Reject::TooMany(wire.signatures.len()));
    }
    if wire.signatures.is_empty() || wire.broadcast == View::GENESIS {
        return Err(Reject::Malformed("a chain has a signature and a broadcast"));
    }
    let digest = value_digest(&wire.value);
    let sender = context.leader(wire.broadcast);
    let body = Endorse { broadcast: wire.broadcast, sender, value: digest };
    let endorsements = wire.signatures.iter().map(|(by, signature)| {
        context.committee.check(&Signed { body: body.clone(), by: *by, signature: *signature })
    });
    Ok(Chain {
        broadcast: wire.broadcast,
        value: wire.value.clone().into(),
        digest,
        endorsements: endorsements.collect::<Result<_, _>>()?,
    })
}
