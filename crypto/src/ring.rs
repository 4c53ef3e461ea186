//! The public keys of an instance, and the one place where signatures are checked.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::CryptoRng;

use crate::{
    Digest, MAX_PARTIES, PartyId, Reject, Scheme, Signature, Signed, Signer, Statement, Verified,
    keys::{IdealKey, Secret, derive},
    memo::{Certified, Held, Memo},
};

/// Why a set of public keys cannot make a committee.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a point of the curve, or not in its canonical encoding.
    #[error("key {0} is not a canonical Ed25519 public key")]
    Malformed(PartyId),
    /// Of small order: signatures under it prove nothing.
    #[error("key {0} is weak (of small order): anybody could sign for it")]
    Weak(PartyId),
    /// Two seats, one key.
    #[error("keys {0} and {1} are the same: one holder would have two seats")]
    Duplicate(PartyId, PartyId),
    /// No keys, or too many.
    #[error("{0} keys; 1 to {MAX_PARTIES} are possible")]
    Count(usize),
}

#[derive(Clone)]
enum Keys {
    Ed25519(Vec<VerifyingKey>),
    Ideal(Vec<IdealKey>),
}

/// The public keys of one instance. Checks signatures, each distinct one once.
pub struct KeyRing {
    instance: Digest,
    keys: Keys,
    memo: Arc<Memo>,
    certified: Certified,
    held: Held,
    checked: AtomicU64,
}

impl KeyRing {
    /// Keys drawn from a seed. INSECURE: whoever knows the seed can sign for everybody. For
    /// simulations and tests, where a run must be repeatable.
    ///
    /// # Errors
    /// If `count` is not 1 to [`MAX_PARTIES`].
    pub fn insecure_from_seed(
        scheme: Scheme,
        instance: Digest,
        purpose: &str,
        count: usize,
        seed: &[u8; 32],
    ) -> Result<(KeyRing, Vec<Signer>), KeyError> {
        if !(1..=MAX_PARTIES).contains(&count) {
            return Err(KeyError::Count(count));
        }
        match scheme {
            Scheme::Ed25519 => {
                let secrets = PartyId::all(count)
                    .map(|party| SigningKey::from_bytes(&derive(seed, purpose, party)));
                KeyRing::from_secrets(instance, secrets.collect())
            }
            Scheme::Ideal => {
                let keys: Vec<_> = PartyId::all(count)
                    .map(|party| IdealKey::derive(seed, purpose, party))
                    .collect();
                let signers = PartyId::all(count)
                    .zip(&keys)
                    .map(|(party, key)| Signer::new(party, instance, Secret::Ideal(*key)))
                    .collect();
                Ok((KeyRing::new(instance, Keys::Ideal(keys), count), signers))
            }
        }
    }

    /// Fresh Ed25519 keys from a given random source.
    ///
    /// # Errors
    /// If `count` is not 1 to [`MAX_PARTIES`].
    pub fn generate<R: CryptoRng>(
        instance: Digest,
        count: usize,
        random: &mut R,
    ) -> Result<(KeyRing, Vec<Signer>), KeyError> {
        if !(1..=MAX_PARTIES).contains(&count) {
            return Err(KeyError::Count(count));
        }
        let secrets = (0..count).map(|_| SigningKey::generate(random)).collect();
        KeyRing::from_secrets(instance, secrets)
    }

    fn from_secrets(
        instance: Digest,
        secrets: Vec<SigningKey>,
    ) -> Result<(KeyRing, Vec<Signer>), KeyError> {
        let public: Vec<_> = secrets.iter().map(|key| key.verifying_key().to_bytes()).collect();
        let ring = KeyRing::from_public_keys(instance, &public)?;
        let signers = PartyId::all(secrets.len())
            .zip(secrets)
            .map(|(party, key)| Signer::new(party, instance, Secret::Ed25519(Box::new(key))))
            .collect();
        Ok((ring, signers))
    }

    /// A ring of given Ed25519 public keys.
    ///
    /// # Errors
    /// Malformed, weak and duplicate keys are refused, each with its number: one of them would
    /// let somebody vote for a seat that is not theirs.
    pub fn from_public_keys(instance: Digest, public: &[[u8; 32]]) -> Result<KeyRing, KeyError> {
        if !(1..=MAX_PARTIES).contains(&public.len()) {
            return Err(KeyError::Count(public.len()));
        }
        let mut keys = Vec::with_capacity(public.len());
        let mut seen = BTreeSet::new();
        for (party, bytes) in PartyId::all(public.len()).zip(public) {
            let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Malformed(party))?;
            if key.is_weak() {
                return Err(KeyError::Weak(party));
            }
            if key.to_edwards().compress().to_bytes() != *bytes {
                return Err(KeyError::Malformed(party));
            }
            if !seen.insert(*bytes) {
                let first = public.iter().position(|other| other == bytes).unwrap_or_default();
                return Err(KeyError::Duplicate(PartyId(first as u16), party));
            }
            keys.push(key);
        }
        Ok(KeyRing::new(instance, Keys::Ed25519(keys), public.len()))
    }

    fn new(instance: Digest, keys: Keys, count: usize) -> Self {
        KeyRing {
            instance,
            keys,
            memo: Arc::new(Memo::for_keys(count)),
            certified: Certified::for_keys(count),
            held: Held::default(),
            checked: AtomicU64::new(0),
        }
    }

    /// The same keys with nothing remembered: for a second opinion on what was checked here.
    pub fn fresh(&self) -> KeyRing {
        KeyRing::new(self.instance, self.keys.clone(), self.len())
    }

    /// Remembers so many signatures from now on, 65,536 at the most: for whoever checks many
    /// others between the first and the second time of one. Costs 100 bytes for each at once.
    pub fn remember(&self, signatures: usize) {
        self.memo.resize(signatures);
    }

    /// The instance that every signature is bound to.
    pub fn instance(&self) -> Digest {
        self.instance
    }

    /// The public keys, by party: whoever has them and the instance can check everything. The
    /// ideal scheme has none.
    pub fn public_keys(&self) -> Option<Vec<[u8; 32]>> {
        match &self.keys {
            Keys::Ed25519(keys) => Some(keys.iter().map(VerifyingKey::to_bytes).collect()),
            Keys::Ideal(_) => None,
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Ed25519(keys) => keys.len(),
            Keys::Ideal(keys) => keys.len(),
        }
    }

    /// Whether there are no keys; never true for a ring that was built.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many distinct signatures were looked at in full so far.
    pub fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Checks a signed statement.
    ///
    /// # Errors
    /// The signer has no key here, or the signature is not theirs on this statement.
    pub fn check<T: Statement>(&self, signed: &Signed<T>) -> Result<Verified<T>, Reject> {
        self.look(signed)?;
        Ok(Verified::new(signed.clone()))
    }

    /// The same without a copy, for a statement that is given away. As long as somebody holds it, it is
    /// known by what it says: that costs less than the digest of a long one.
    ///
    /// # Errors
    /// As [`KeyRing::check`].
    pub fn hold<T: Statement>(&self, signed: Signed<T>) -> Result<Arc<Verified<T>>, Reject> {
        let digest = self.look(&signed)?;
        let checked = Arc::new(Verified::new(signed));
        self.held.learn(&checked, digest);
        Ok(checked)
    }

    /// The same for whoever only wants to know, and the digest that is signed.
    ///
    /// # Errors
    /// As [`KeyRing::check`].
    pub fn look<T: Statement>(&self, signed: &Signed<T>) -> Result<Digest, Reject> {
        if let Some(digest) = self.held.knows(signed) {
            return Ok(digest);
        }
        let digest = signed.body.digest(&self.instance);
        self.check_digest(signed.by, &digest, &signed.signature)?;
        Ok(digest)
    }

    /// The digest that is signed, whether the signature is right or not: without hashing what somebody
    /// holds.
    pub fn digest<T: Statement>(&self, signed: &Signed<T>) -> Digest {
        self.held.knows(signed).unwrap_or_else(|| signed.body.digest(&self.instance))
    }

    /// A signer whose signatures are known here as it makes them: what a party says to itself, and what
    /// comes back to it in a certificate, needs no check. Nothing changes for a signer of other keys.
    #[must_use]
    pub fn knows(&self, signer: &Signer) -> Signer {
        let own = match &self.keys {
            Keys::Ed25519(keys) => keys.get(signer.party().index()).map(VerifyingKey::to_bytes),
            Keys::Ideal(_) => None,
        };
        let same =
            own.is_some() && own == signer.public_key() && self.instance == signer.instance();
        if same { signer.known_to(self.memo.clone()) } else { signer.clone() }
    }

    /// The certificates that were checked.
    pub(crate) fn certified(&self) -> &Certified {
        &self.certified
    }

    /// Checks one signature on a statement digest. The only place where that is done.
    pub(crate) fn check_digest(
        &self,
        by: PartyId,
        digest: &Digest,
        signature: &Signature,
    ) -> Result<(), Reject> {
        if by.index() >= self.len() {
            return Err(Reject::Outsider(by));
        }
        if self.memo.knows(by, digest, signature) {
            return Ok(());
        }
        self.checked.fetch_add(1, Ordering::Relaxed);
        let valid = match &self.keys {
            Keys::Ed25519(keys) => {
                let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
                keys[by.index()].verify_strict(&digest.0, &signature).is_ok()
            }
            Keys::Ideal(keys) => keys[by.index()].check(digest, signature),
        };
        if !valid {
            return Err(Reject::Signature(by));
        }
        self.memo.learn(by, digest, signature);
        Ok(())
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys of instance {})", self.len(), self.instance)
    }
}
