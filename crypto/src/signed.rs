//! Statements, and the two states of a signed one: as received, and checked.

use std::{fmt::Debug, hash::Hash, io};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;

use crate::{Digest, PartyId, Signature};

/// Something that parties sign.
///
/// The bytes under a signature are `SHA-256(domain, instance, borsh(statement))`: every field
/// that the meaning depends on belongs into the statement, and nothing is signed outside its
/// domain and instance.
pub trait Statement:
    BorshSerialize + BorshDeserialize + Clone + Eq + Hash + Debug + Send + Sync + 'static
{
    /// Protocol, kind and version, such as `byzlab/pbft/vote/1`. Different for every statement.
    const DOMAIN: &'static str;

    /// What is signed, in the given instance.
    fn digest(&self, instance: &Digest) -> Digest {
        let mut hashed = Hashed::default();
        let length = u8::try_from(Self::DOMAIN.len()).expect("a domain is a short constant");
        hashed.put(&[length]);
        hashed.put(Self::DOMAIN.as_bytes());
        hashed.put(&instance.0);
        self.serialize(&mut hashed).expect("writing to memory cannot fail");
        hashed.finish()
    }
}

/// Hashes what is written. Most statements are short, and are hashed as one; of a long one no copy is
/// made.
#[derive(Default)]
struct Hashed {
    short: SmallVec<[u8; 256]>,
    long: Option<Sha256>,
}

impl Hashed {
    fn put(&mut self, bytes: &[u8]) {
        if self.long.is_none() && self.short.len() + bytes.len() <= self.short.inline_size() {
            return self.short.extend_from_slice(bytes);
        }
        let short = &self.short;
        self.long.get_or_insert_with(|| Sha256::new().chain_update(short)).update(bytes);
    }

    fn finish(self) -> Digest {
        self.long.map_or_else(|| Digest::plain(&self.short), |long| Digest(long.finalize().into()))
    }
}

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A statement with a signature, as it comes off the wire: anybody can write one.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct Signed<T> {
    /// What is said.
    pub body: T,
    /// Who is said to say it.
    pub by: PartyId,
    /// The signature that is to prove it.
    pub signature: Signature,
}

/// A statement whose signature verified. Comes from [`crate::KeyRing::check`] or from
/// [`crate::Signer::sign`], from nowhere else.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Verified<T> {
    signed: Signed<T>,
}

impl<T> Verified<T> {
    pub(crate) fn new(signed: Signed<T>) -> Self {
        Verified { signed }
    }

    /// What was said.
    pub fn body(&self) -> &T {
        &self.signed.body
    }

    /// Who said it.
    pub fn by(&self) -> PartyId {
        self.signed.by
    }

    /// The wire form, to be sent on.
    pub fn signed(&self) -> &Signed<T> {
        &self.signed
    }

    /// The wire form, given away.
    pub fn into_signed(self) -> Signed<T> {
        self.signed
    }
}
