//! Statements and committees that the tests of this crate share.

#![allow(dead_code, reason = "every test file takes what it needs")]

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{
    Claim, Committee, Contradicts, Digest, KeyRing, PartyId, Scheme, Signature, Signer, Statement,
};

pub(crate) const SCHEMES: [Scheme; 2] = [Scheme::Ed25519, Scheme::Ideal];

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) enum Phase {
    Prepare,
    Commit,
}

/// A vote with all that its meaning depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Vote {
    pub(crate) phase: Phase,
    pub(crate) view: u64,
    pub(crate) value: Digest,
}

impl Statement for Vote {
    const DOMAIN: &'static str = "byzlab/test/vote/1";
}

impl Contradicts<Vote> for Vote {
    fn contradicts(&self, other: &Vote, _by: PartyId) -> Option<&'static str> {
        let place = |vote: &Vote| (vote.phase, vote.view);
        (place(self) == place(other) && self.value != other.value).then_some("double-vote")
    }
}

/// The same fields as a vote, and another meaning.
#[derive(Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    pub(crate) view: u64,
    pub(crate) value: Digest,
}

impl Statement for Status {
    const DOMAIN: &'static str = "byzlab/test/status/1";
}

impl Contradicts<Status> for Vote {
    fn contradicts(&self, later: &Status, _by: PartyId) -> Option<&'static str> {
        (later.view > self.view && later.value != self.value).then_some("amnesia")
    }
}

pub(crate) fn vote(view: u64, value: &str) -> Vote {
    Vote { phase: Phase::Prepare, view, value: Digest::of("byzlab/test/value/1", value.as_bytes()) }
}

pub(crate) fn instance(name: &str) -> Digest {
    Digest::of("byzlab/test/instance/1", name.as_bytes())
}

/// A committee of `n` with the keys that belong to an instance and a seed.
pub(crate) fn committee(
    scheme: Scheme,
    n: usize,
    f: usize,
    name: &str,
    seed: u8,
) -> (Committee, Vec<Signer>) {
    let (ring, signers) =
        KeyRing::insecure_from_seed(scheme, instance(name), "party", n, &[seed; 32])
            .expect("so many keys are possible");
    (Committee::new(ring, f).expect("f is below n"), signers)
}

/// The committees on which most rows run: both schemes, three sizes, one of them not 3f + 1.
pub(crate) fn committees() -> impl Iterator<Item = (Committee, Vec<Signer>)> {
    let sizes = [(4, 1), (6, 1), (7, 2)];
    SCHEMES
        .into_iter()
        .flat_map(move |scheme| sizes.map(|(n, f)| committee(scheme, n, f, "this one", 7)))
}

/// What one party signs.
pub(crate) fn signature<T: Statement>(signer: &Signer, statement: &T) -> (PartyId, Signature) {
    let signed = signer.sign(statement.clone()).into_signed();
    (signed.by, signed.signature)
}

/// A claim by these signatures.
pub(crate) fn claim<T: Statement>(
    statement: &T,
    signatures: impl IntoIterator<Item = (PartyId, Signature)>,
) -> Claim<T> {
    Claim::new(statement.clone(), signatures.into_iter().collect())
}

/// A claim that these signers really signed.
pub(crate) fn signed_claim<T: Statement>(statement: &T, signers: &[Signer]) -> Claim<T> {
    claim(statement, signers.iter().map(|signer| signature(signer, statement)))
}
