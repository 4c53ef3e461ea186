//! Why a message of a peer was refused.

use crate::PartyId;

/// The reason for which something that a peer sent was refused. Never an error of ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Reject {
    /// The bytes are not the canonical encoding of any message.
    #[error("the bytes decode to no message")]
    Undecodable,
    /// More bytes or entries than the limit.
    #[error("larger than the limit")]
    Oversize,
    /// The signature does not verify.
    #[error("the signature of party {0} does not verify")]
    Signature(PartyId),
    /// The signer has no seat.
    #[error("party {0} has no seat in the committee")]
    Outsider(PartyId),
    /// Signers are not strictly ascending: one stands twice, or the order is not canonical.
    #[error("signers are not distinct and ascending at party {0}")]
    Signers(PartyId),
    /// More signatures than there are parties.
    #[error("{0} signatures, more than there are parties")]
    TooMany(usize),
    /// Fewer signatures than a quorum.
    #[error("{have} signatures of the {need} that a quorum needs")]
    Short {
        /// Distinct signatures there.
        have: usize,
        /// Signatures that a quorum needs.
        need: usize,
    },
    /// Signatures are fine, but the parts of the message contradict each other.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// A rule of the protocol refuses the message in the receiver's present state.
    #[error("refused: {0}")]
    Rule(&'static str),
}

impl Reject {
    /// A short name for counters.
    pub fn name(&self) -> &'static str {
        match self {
            Reject::Undecodable => "undecodable",
            Reject::Oversize => "oversize",
            Reject::Signature(_) => "signature",
            Reject::Outsider(_) => "outsider",
            Reject::Signers(_) => "signers",
            Reject::TooMany(_) => "too-many",
            Reject::Short { .. } => "short",
            Reject::Malformed(why) | Reject::Rule(why) => why,
        }
    }
}
