//! Certificates: a quorum on one statement, or a set of checked statements.

use std::{fmt::Debug, io, ops::Deref, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Committee, Digest, PartyId, PartySet, Reject, Signature, Signed, Statement, Verified};

/// A certificate as received: anybody can write one. Shared: a copy costs nothing, and whoever
/// checked it once knows it again by its place in memory.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Claim<T> {
    body: Arc<ClaimBody<T>>,
}

/// What a certificate says. Signers ascend strictly, so that one set of signatures has one
/// encoding.
#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct ClaimBody<T> {
    /// What is claimed to be certified.
    pub statement: T,
    /// The signatures that are to prove it.
    pub signatures: Vec<(PartyId, Signature)>,
}

impl<T> Claim<T> {
    /// A claim that these signatures certify the statement.
    pub fn new(statement: T, signatures: Vec<(PartyId, Signature)>) -> Claim<T> {
        Claim { body: Arc::new(ClaimBody { statement, signatures }) }
    }
}

impl<T> Deref for Claim<T> {
    type Target = ClaimBody<T>;

    fn deref(&self) -> &ClaimBody<T> {
        &self.body
    }
}

impl<T: BorshSerialize> BorshSerialize for Claim<T> {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.body.serialize(writer)
    }
}

impl<T: BorshDeserialize> BorshDeserialize for Claim<T> {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let body = ClaimBody::deserialize_reader(reader)?;
        Ok(Claim { body: Arc::new(body) })
    }
}

impl<T: Serialize> Serialize for Claim<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&*self.body, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Claim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = <ClaimBody<T> as Deserialize>::deserialize(deserializer)?;
        Ok(Claim { body: Arc::new(body) })
    }
}

/// A quorum of distinct parties signed one statement. Comes from [`Certificate::check`] or
/// from a [`crate::Tally`] of verified votes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Certificate<T> {
    claim: Claim<T>,
}

impl<T: Statement> Certificate<T> {
    /// Checks a claim: known and distinct signers, a quorum of them, every signature. At most
    /// `n` signatures are looked at.
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn check(committee: &Committee, claim: &Claim<T>) -> Result<Certificate<T>, Reject> {
        let signers = claim.signatures.iter().map(|(by, _)| *by);
        check_signers(committee, signers)?;
        let (have, need) = (claim.signatures.len(), committee.quorum());
        if have < need {
            return Err(Reject::Short { have, need });
        }
        let certified = committee.ring().certified();
        if certified.knows(&*claim.body) {
            return Ok(Certificate { claim: claim.clone() });
        }
        let digest = claim.statement.digest(&committee.instance());
        for (by, signature) in claim.signatures.iter() {
            committee.ring().check_digest(*by, &digest, signature)?;
        }
        certified.learn(claim.body.clone());
        Ok(Certificate { claim: claim.clone() })
    }

    /// A certificate of the votes of a tally. They were verified, but perhaps for another
    /// committee: a vote does not say for which.
    pub(crate) fn of_votes(
        committee: &Committee,
        statement: T,
        mut signatures: Vec<(PartyId, Signature)>,
    ) -> Option<Self> {
        signatures.sort_unstable_by_key(|(by, _)| *by);
        let claim = Claim::new(statement, signatures);
        Certificate::check(committee, &claim).ok()
    }

    /// What is certified.
    pub fn statement(&self) -> &T {
        &self.claim.statement
    }

    /// The wire form.
    pub fn claim(&self) -> &Claim<T> {
        &self.claim
    }

    /// Who signed.
    pub fn signers(&self) -> PartySet {
        self.claim.signers()
    }

    /// One of the votes of which it consists.
    pub fn vote(&self, by: PartyId) -> Option<Verified<T>> {
        let (_, signature) = self.claim.signatures.iter().find(|(signer, _)| *signer == by)?;
        let body = self.claim.statement.clone();
        Some(Verified::new(Signed { body, by, signature: *signature }))
    }
}

impl<T> Claim<T> {
    /// Who is said to have signed.
    pub fn signers(&self) -> PartySet {
        let max = crate::MAX_PARTIES;
        self.signatures.iter().map(|(by, _)| *by).filter(|by| by.index() < max).collect()
    }
}

/// Checks what every set of signers must satisfy before a signature is looked at.
fn check_signers(
    committee: &Committee,
    signers: impl ExactSizeIterator<Item = PartyId>,
) -> Result<(), Reject> {
    if signers.len() > committee.n() {
        return Err(Reject::TooMany(signers.len()));
    }
    let mut last = None;
    for by in signers {
        if by.index() >= committee.n() {
            return Err(Reject::Outsider(by));
        }
        if last >= Some(by) {
            return Err(Reject::Signers(by));
        }
        last = Some(by);
    }
    Ok(())
}

/// Checked statements of distinct signers that need not say the same: statuses, view changes,
/// timeouts. How many are enough, and for which view, is the protocol's rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StatementSet<T> {
    statements: Vec<Verified<T>>,
}

impl<T: Statement> StatementSet<T> {
    /// Checks received statements: known and distinct signers in ascending order, every
    /// signature, at most `n` of them.
    ///
    /// # Errors
    /// The first of these that fails.
    pub fn check(
        committee: &Committee,
        statements: &[Signed<T>],
    ) -> Result<StatementSet<T>, Reject> {
        check_signers(committee, statements.iter().map(|signed| signed.by))?;
        let statements = statements.iter().map(|signed| committee.check(signed));
        Ok(StatementSet { statements: statements.collect::<Result<_, _>>()? })
    }

    /// Gathers statements that were checked one by one, the first of each signer.
    ///
    /// # Errors
    /// One of them was checked with other keys.
    pub fn gather(
        committee: &Committee,
        statements: impl IntoIterator<Item = Verified<T>>,
    ) -> Result<StatementSet<T>, Reject> {
        let mut signers = PartySet::EMPTY;
        let mut statements: Vec<_> = statements
            .into_iter()
            .filter(|statement| signers.insert(statement.by()))
            .map(Verified::into_signed)
            .collect();
        statements.sort_unstable_by_key(|signed| signed.by);
        StatementSet::check(committee, &statements)
    }

    /// How many parties made a statement.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether nobody made one.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements by ascending signer.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Verified<T>> {
        self.statements.iter()
    }

    /// The wire form.
    pub fn signed(&self) -> Vec<Signed<T>> {
        self.statements.iter().map(|statement| statement.signed().clone()).collect()
    }
}

/// What makes a decision believable to somebody who has the public keys and nothing else.
pub trait Proof: Debug + Send + Sync {
    /// Checks the proof again, from the public keys.
    ///
    /// # Errors
    /// Why it proves nothing.
    fn check(&self, committee: &Committee) -> Result<(), Reject>;

    /// What is proven to be decided.
    fn subject(&self) -> Digest;

    /// Whose signatures prove it.
    fn signers(&self) -> PartySet;
}
