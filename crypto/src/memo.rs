//! Remembers which signatures were checked, so that each costs one check.

use std::sync::{Mutex, PoisonError};

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

/// Where an entry lives: bytes of the signature that look random in both schemes.
fn place(entry: &Entry, size: usize) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&entry.signature.0[8..16]);
    (u64::from_le_bytes(bytes) as usize) & (size - 1)
}
