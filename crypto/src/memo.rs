//! Remembers which signatures were checked, so that each costs one check.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Digest, PartyId, Signature};

/// A fixed table of signatures that verified. An entry is overwritten by the next one that falls
/// on its place: forgetting costs time, never correctness, and nobody can make it grow.
#[derive(Debug)]
pub(crate) struct Memo {
    entries: Mutex<Box<[Option<Entry>]>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    signature: Signature,
    digest: Digest,
    by: PartyId,
}

impl Memo {
    /// A table for a ring of so many keys.
    pub(crate) fn for_keys(count: usize) -> Self {
        let size = (64 * count).next_power_of_two().clamp(256, 1 << 16);
        Memo { entries: Mutex::new(vec![None; size].into_boxed_slice()) }
    }

    /// Whether exactly this signature of this party on this digest is known to verify.
    pub(crate) fn knows(&self, by: PartyId, digest: &Digest, signature: &Signature) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { signature: *signature, digest: *digest, by };
        entries[place(&entry, entries.len())] == Some(entry)
    }

    /// Remembers a signature that verified.
    pub(crate) fn learn(&self, by: PartyId, digest: &Digest, signature: &Signature) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { signature: *signature, digest: *digest, by };
        let place = place(&entry, entries.len());
        entries[place] = Some(entry);
    }
}

/// The signatures of a certificate, shared by all who hold it.
type Signatures = Arc<[(PartyId, Signature)]>;

/// A certificate that is known: its signatures, and the bytes of what they certify.
type Known = (Signatures, Vec<u8>);

/// A fixed table of certificates that were checked or made of checked votes, by the place in
/// memory of their signatures. An entry keeps its signatures alive, so that nothing else can come
/// to lie in their place.
#[derive(Debug)]
pub(crate) struct Certified {
    entries: Mutex<Box<[Option<Known>]>>,
}

impl Certified {
    /// A table for a ring of so many keys: fewer entries where certificates are larger.
    pub(crate) fn for_keys(count: usize) -> Self {
        let size = (65_536 / count.max(1)).clamp(16, 1024).next_power_of_two();
        Certified { entries: Mutex::new(vec![None; size].into_boxed_slice()) }
    }

    /// Whether exactly these signatures are known to certify exactly these statement bytes.
    pub(crate) fn knows(&self, signatures: &Signatures, statement: &[u8]) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &entries[slot(signatures, entries.len())];
        entry.as_ref().is_some_and(|(known, said)| {
            Arc::ptr_eq(known, signatures) && said == statement
        })
    }

    /// Remembers signatures that certify a statement.
    pub(crate) fn learn(&self, signatures: &Signatures, statement: &[u8]) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(signatures, entries.len());
        entries[slot] = Some((signatures.clone(), statement.to_vec()));
    }
}

/// Where the entry of a certificate lives: a matter of speed only, no result depends on it.
fn slot(signatures: &Signatures, size: usize) -> usize {
    let address = signatures.as_ptr() as usize as u64;
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (size - 1)
}

/// Where an entry lives: bytes of the signature that look random in both schemes.
fn place(entry: &Entry, size: usize) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&entry.signature.0[8..16]);
    (u64::from_le_bytes(bytes) as usize) & (size - 1)
}
