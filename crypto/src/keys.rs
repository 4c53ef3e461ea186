//! Signatures, the two schemes, and those who sign.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{
    SigningKey,
    hazmat::{ExpandedSecretKey, raw_sign},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest as _, Sha256, Sha512};

use crate::{
    Digest, PartyId, Signed, Statement, Verified,
    digest::{decode_array, encode_hex},
    memo::Memo,
};

/// How statements are signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Scheme {
    /// Ed25519, checked by the strict rule.
    #[default]
    Ed25519,
    /// A keyed digest that only the holder of a key can make and the key ring can check.
    /// Forgeries fail as with Ed25519, at a hundredth of its cost; signatures prove nothing
    /// outside the process.
    Ideal,
}

impl Scheme {
    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Ed25519 => "ed25519",
            Scheme::Ideal => "ideal",
        }
    }
}

/// The bytes of a signature, 64 in both schemes. A signer can make several valid signatures on
/// one statement: nothing may be identified by them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_array(&<String as Deserialize>::deserialize(deserializer)?)
            .map(Signature)
            .map_err(D::Error::custom)
    }
}

/// A key of the ideal scheme, known to its holder and to the key ring of the run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdealKey([u8; 16]);

impl IdealKey {
    /// The key of the `index`-th holder under a seed and a purpose.
    pub(crate) fn derive(seed: &[u8; 32], purpose: &str, index: PartyId) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&derive(seed, purpose, index)[..16]);
        IdealKey(key)
    }

    /// The keyed digest: one SHA-256 block over key, nonce and statement digest.
    pub(crate) fn sign(&self, digest: &Digest, nonce: u32) -> Signature {
        let mut bytes = [0; 52];
        bytes[..16].copy_from_slice(&self.0);
        bytes[16..20].copy_from_slice(&nonce.to_le_bytes());
        bytes[20..].copy_from_slice(&digest.0);
        let mut signature = [0; 64];
        signature[..4].copy_from_slice(&nonce.to_le_bytes());
        signature[8..40].copy_from_slice(&Sha256::digest(bytes));
        Signature(signature)
    }

    /// Whether the signature is one that [`IdealKey::sign`] makes.
    pub(crate) fn check(&self, digest: &Digest, signature: &Signature) -> bool {
        let mut nonce = [0; 4];
        nonce.copy_from_slice(&signature.0[..4]);
        self.sign(digest, u32::from_le_bytes(nonce)) == *signature
    }
}

/// The seed of one key, from the seed of all.
pub(crate) fn derive(seed: &[u8; 32], purpose: &str, index: PartyId) -> [u8; 32] {
    let mut bytes = seed.to_vec();
    bytes.extend_from_slice(&index.0.to_le_bytes());
    bytes.extend_from_slice(purpose.as_bytes());
    Digest::of("byzlab/insecure-key/1", &bytes).0
}

pub(crate) enum Secret {
    Ed25519(Box<SigningKey>),
    Ideal(IdealKey),
}

/// Signs for one party in one instance. Whoever holds it is that party.
#[derive(Clone)]
pub struct Signer {
    party: PartyId,
    instance: Digest,
    secret: Arc<Secret>,
    /// Where its signatures are known as it makes them.
    memo: Option<Arc<Memo>>,
}

impl Signer {
    pub(crate) fn new(party: PartyId, instance: Digest, secret: Secret) -> Self {
        Signer { party, instance, secret: Arc::new(secret), memo: None }
    }

    pub(crate) fn known_to(&self, memo: Arc<Memo>) -> Signer {
        Signer { memo: Some(memo), ..self.clone() }
    }

    /// Signs for a party with this Ed25519 secret.
    pub fn from_secret_key(party: PartyId, instance: Digest, secret: &[u8; 32]) -> Signer {
        Signer::new(party, instance, Secret::Ed25519(Box::new(SigningKey::from_bytes(secret))))
    }

    /// The public key, as a ring holds it. The ideal scheme has none.
    pub fn public_key(&self) -> Option<[u8; 32]> {
        match &*self.secret {
            Secret::Ed25519(key) => Some(key.verifying_key().to_bytes()),
            Secret::Ideal(_) => None,
        }
    }

    /// For whom it signs.
    pub fn party(&self) -> PartyId {
        self.party
    }

    /// The instance that every signature is bound to.
    pub fn instance(&self) -> Digest {
        self.instance
    }

    /// The secret key, with which its holder proves who it is outside of statements too: as an
    /// end of a connection. The ideal scheme has none.
    pub fn secret_key(&self) -> Option<[u8; 32]> {
        match &*self.secret {
            Secret::Ed25519(key) => Some(key.to_bytes()),
            Secret::Ideal(_) => None,
        }
    }

    /// Signs a statement.
    pub fn sign<T: Statement>(&self, body: T) -> Verified<T> {
        self.sign_variant(body, 0)
    }

    /// Signs a statement as a faulty signer can: every `variant` gives another signature on the
    /// same statement, and all of them verify. Variant 0 is the one that honest parties make.
    pub fn sign_variant<T: Statement>(&self, body: T, variant: u32) -> Verified<T> {
        let digest = body.digest(&self.instance);
        let signature = match &*self.secret {
            Secret::Ed25519(key) => ed25519_sign(key, &digest, variant),
            Secret::Ideal(key) => key.sign(&digest, variant),
        };
        if let Some(memo) = &self.memo {
            memo.learn(self.party, &digest, &signature);
        }
        Verified::new(Signed { body, by: self.party, signature })
    }
}

/// Ed25519 takes its nonce from a secret prefix: another prefix, another valid signature.
fn ed25519_sign(key: &SigningKey, digest: &Digest, variant: u32) -> Signature {
    let expanded = Sha512::digest(key.as_bytes());
    let mut bytes = [0; 64];
    bytes.copy_from_slice(&expanded);
    let mut expanded = ExpandedSecretKey::from_bytes(&bytes);
    for (byte, change) in expanded.hash_prefix.iter_mut().zip(variant.to_le_bytes()) {
        *byte ^= change;
    }
    Signature(raw_sign::<Sha512>(&expanded, &digest.0, &key.verifying_key()).to_bytes())
}

impl PartialEq for Signer {
    fn eq(&self, other: &Self) -> bool {
        self.party == other.party && self.instance == other.instance
    }
}

impl Eq for Signer {}

impl Hash for Signer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.party, self.instance).hash(state);
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.party)
    }
}
