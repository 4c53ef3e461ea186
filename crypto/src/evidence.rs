//! Evidence: signed statements of one key that no correct party makes together.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Serialize};

use crate::{Digest, KeyRing, PartyId, Reject, Signature, Statement, Verified};

/// Says which pairs of statements of one key prove guilt. The rule must hold for every correct
/// party in every run, also beyond the bound: a wrong rule accuses the honest.
pub trait Contradicts<Other: Statement>: Statement {
    /// If no correct party `by` signs both in one instance, in whatever order: what the signer
    /// of both did, such as `equivocation` or `double-vote`.
    fn contradicts(&self, other: &Other, by: PartyId) -> Option<&'static str>;
}

/// A signed statement in its canonical bytes: can be checked without knowing its type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The domain of the statement.
    pub domain: String,
    /// Its canonical bytes; in files hexadecimal digits.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    /// The statement for people.
    pub text: String,
    /// The signature under it.
    pub signature: Signature,
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::digest::{decode_hex, encode_hex};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&encode_hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        decode_hex(&<String as Deserialize>::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Attested {
    fn of<T: Statement>(statement: &Verified<T>) -> Attested {
        Attested {
            domain: T::DOMAIN.to_owned(),
            bytes: borsh::to_vec(statement.body()).expect("writing to a vector cannot fail"),
            text: render(statement.body()),
            signature: statement.signed().signature,
        }
    }

    /// The statement, if it is one of this type.
    fn decode<T: Statement>(&self) -> Option<T> {
        (self.domain == T::DOMAIN).then(|| borsh::from_slice(&self.bytes).ok()).flatten()
    }
}

/// A statement for people. No signature covers it: whoever checks evidence compares it.
fn render<T: Statement>(statement: &T) -> String {
    format!("{statement:?}")
}

/// A proof that one party is faulty. Made by [`Evidence::pair`] of verified statements; one that
/// was read from outside is worth nothing before [`EvidenceRule::check`] took it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Who is proven to be faulty.
    pub culprit: PartyId,
    /// What it did.
    pub fault: String,
    /// The statements that cannot stand together.
    pub statements: Vec<Attested>,
}

impl Evidence {
    /// Evidence, if the two statements have one signer and contradict each other.
    pub fn pair<A, B>(first: &Verified<A>, second: &Verified<B>) -> Option<Evidence>
    where
        A: Contradicts<B>,
        B: Statement,
    {
        let culprit = first.by();
        let fault = first.body().contradicts(second.body(), culprit)?;
        (culprit == second.by()).then(|| Evidence {
            culprit,
            fault: fault.to_owned(),
            statements: vec![Attested::of(first), Attested::of(second)],
        })
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "party {} ({}) signed", self.culprit, self.fault)?;
        for (index, statement) in self.statements.iter().enumerate() {
            write!(f, "{} {}", if index == 0 { "" } else { " and" }, statement.text)?;
        }
        Ok(())
    }
}

type CheckPair = fn(&KeyRing, &Evidence) -> Result<(), Reject>;

/// One rule by which evidence is judged: a pair of statement types that can contradict.
#[derive(Clone, Copy)]
pub struct EvidenceRule {
    /// The domains of the two statements.
    pub domains: (&'static str, &'static str),
    check: CheckPair,
}

impl EvidenceRule {
    /// The rule for a pair of statement types.
    pub fn of<A, B>() -> EvidenceRule
    where
        A: Contradicts<B>,
        B: Statement,
    {
        EvidenceRule {
            domains: (A::DOMAIN, B::DOMAIN),
            check: |ring, evidence| Pair::<A, B>(PhantomData).check(ring, evidence),
        }
    }

    /// Checks evidence from public keys alone: two statements of the rule's types, both signed
    /// by the accused in this instance, contradicting each other.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn check(&self, ring: &KeyRing, evidence: &Evidence) -> Result<(), Reject> {
        (self.check)(ring, evidence)
    }
}

impl fmt::Debug for EvidenceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.domains.0, self.domains.1)
    }
}

struct Pair<A, B>(PhantomData<(A, B)>);

impl<A: Contradicts<B>, B: Statement> Pair<A, B> {
    fn check(&self, ring: &KeyRing, evidence: &Evidence) -> Result<(), Reject> {
        let [first, second] = evidence.statements.as_slice() else {
            return Err(Reject::Malformed("evidence is a pair of statements"));
        };
        let decoded = first.decode::<A>().zip(second.decode::<B>());
        let (a, b) = decoded.ok_or(Reject::Undecodable)?;
        if (&first.text, &second.text) != (&render(&a), &render(&b)) {
            return Err(Reject::Malformed("the text is not what the statements say"));
        }
        let instance: Digest = ring.instance();
        ring.check_digest(evidence.culprit, &a.digest(&instance), &first.signature)?;
        ring.check_digest(evidence.culprit, &b.digest(&instance), &second.signature)?;
        match a.contradicts(&b, evidence.culprit) {
            Some(fault) if fault == evidence.fault => Ok(()),
            Some(_) => Err(Reject::Malformed("evidence of another fault")),
            None => Err(Reject::Malformed("the statements do not contradict each other")),
        }
    }
}
