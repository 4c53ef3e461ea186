//! Remembers which signatures were checked, so that each costs one check.

use std::{
    any::Any,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::{Digest, PartyId, Signature, Signed, Statement, Verified};

/// A fixed table of signatures that verified, so many to a place. The oldest entry of a place gives
/// way to the next one that falls there: forgetting costs time, never correctness, and nobody can
/// make it grow.
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
        Memo { entries: Mutex::new(table((64 * count).next_power_of_two().clamp(256, MOST))) }
    }

    /// Makes room for so many, as far as there may be; what was known is forgotten.
    pub(crate) fn resize(&self, signatures: usize) {
        let table = table(signatures.min(MOST).next_power_of_two().max(WAYS));
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// Whether exactly this signature of this party on this digest is known to verify.
    pub(crate) fn knows(&self, by: PartyId, digest: &Digest, signature: &Signature) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { signature: *signature, digest: *digest, by };
        let place = place(&entry, entries.len());
        entries[place..place + WAYS].contains(&Some(entry))
    }

    /// Remembers a signature that verified.
    pub(crate) fn learn(&self, by: PartyId, digest: &Digest, signature: &Signature) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry { signature: *signature, digest: *digest, by };
        let place = place(&entry, entries.len());
        entries[place..place + WAYS].rotate_right(1);
        entries[place] = Some(entry);
    }
}

/// A fixed table of statements that were checked and that somebody still holds, by their signatures:
/// what is the same to the byte needs no check, and its digest is known. It keeps none of them alive.
#[derive(Debug, Default)]
pub(crate) struct Held {
    entries: Mutex<Vec<Option<Entrusted>>>,
}

/// A statement of whatever kind that somebody else holds, and its digest.
type Entrusted = (Weak<dyn Any + Send + Sync>, Digest);

/// How many statements are known by what they say.
const HELD: usize = 1 << 12;

impl Held {
    /// Knows a statement and its digest as long as somebody holds it.
    pub(crate) fn learn<T: Statement>(&self, statement: &Arc<Verified<T>>, digest: Digest) {
        let known: Arc<dyn Any + Send + Sync> = statement.clone();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.resize(HELD, None);
        entries[held(&statement.signed().signature)] = Some((Arc::downgrade(&known), digest));
    }

    /// The digest of what is signed here, if exactly this is known.
    pub(crate) fn knows<T: Statement>(&self, signed: &Signed<T>) -> Option<Digest> {
        let (known, digest) = {
            let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
            let (known, digest) = entries.get(held(&signed.signature))?.as_ref()?;
            (known.upgrade()?, *digest)
        };
        let known = known.downcast_ref::<Verified<T>>()?.signed();
        (std::ptr::eq(known, signed) || known == signed).then_some(digest)
    }
}

/// The place of a statement.
fn held(signature: &Signature) -> usize {
    usize::from(u16::from_le_bytes([signature.0[8], signature.0[9]])) & (HELD - 1)
}

/// The most signatures that are remembered.
const MOST: usize = 1 << 16;

fn table(size: usize) -> Box<[Option<Entry>]> {
    vec![None; size].into_boxed_slice()
}

/// A fixed table of certificates that were checked, by their place in memory. An entry keeps its
/// certificate alive, so that nothing else can come to lie there.
#[derive(Debug)]
pub(crate) struct Certified {
    entries: Mutex<Box<[Option<Known>]>>,
}

/// A certificate of whatever statement.
type Known = Arc<dyn Any + Send + Sync>;

impl Certified {
    /// A table for a ring of so many keys: fewer entries where certificates are larger.
    pub(crate) fn for_keys(count: usize) -> Self {
        let size = (65_536 / count.max(1)).clamp(16, 1024).next_power_of_two();
        Certified { entries: Mutex::new(vec![None; size].into_boxed_slice()) }
    }

    /// Whether what lies here is known to be a certificate.
    pub(crate) fn knows<T>(&self, body: &T) -> bool {
        let address = std::ptr::from_ref(body).addr();
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &entries[slot(address, entries.len())];
        entry.as_ref().is_some_and(|known| Arc::as_ptr(known).addr() == address)
    }

    /// Remembers a certificate.
    pub(crate) fn learn(&self, body: Known) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(Arc::as_ptr(&body).addr(), entries.len());
        entries[slot] = Some(body);
    }
}

/// Where the entry of a certificate is: a matter of speed only, no result depends on it.
fn slot(address: usize, size: usize) -> usize {
    ((address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (size - 1)
}

/// How many entries share a place: two that are asked for by turns must not drive each other out.
const WAYS: usize = 4;

/// Where the place of an entry begins: bytes of the signature that look random in both schemes.
fn place(entry: &Entry, size: usize) -> usize {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&entry.signature.0[8..16]);
    (u64::from_le_bytes(bytes) as usize) & (size - 1) & !(WAYS - 1)
}
