//! Identities, digests, signatures, certificates, quorum arithmetic and evidence.
//!
//! The rule of this crate: a value that says "checked" can only come from a check.
//! [`Signed`] and [`Claim`] are what anybody can write; [`Verified`], [`Certificate`] and
//! [`StatementSet`] have private fields and no decoder, so that a protocol that takes them
//! cannot be handed a forgery.

mod certificate;
mod committee;
mod digest;
mod evidence;
mod keys;
mod memo;
mod party;
mod reject;
mod ring;
mod signed;
mod tally;

pub use certificate::{Certificate, Claim, ClaimBody, Proof, StatementSet};
pub use committee::{Committee, CommitteeError, MAX_PARTIES};
pub use digest::{Digest, Hasher256};
pub use evidence::{Attested, Contradicts, Evidence, EvidenceRule};
pub use keys::{Scheme, Signature, Signer};
pub use party::{PartyId, PartySet};
pub use reject::Reject;
pub use ring::{KeyError, KeyRing};
pub use signed::{Signed, Statement, Verified};
pub use tally::{Added, Tally};
