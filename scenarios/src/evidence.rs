//! Evidence as a file: what proves that parties are guilty, to whoever has their public keys.

use byzlab_crypto::{Digest, Evidence, KeyRing, PartyId};
use serde::{Deserialize, Serialize};

use crate::{Registry, Run, Scenario, setup};

/// The longest file of evidence, in bytes.
pub const MAX_EVIDENCE_BYTES: usize = 16 << 20;

/// A file of evidence: an instance with its public keys, and proofs against some of its parties.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceFile {
    /// The version of this form.
    pub schema: u32,
    /// The protocol, whose rules say what proves guilt.
    pub protocol: String,
    /// The instance that every signature is bound to.
    pub instance: Digest,
    /// The Ed25519 public keys by party, in hexadecimal digits.
    pub keys: Vec<Digest>,
    /// The proofs.
    pub evidence: Vec<Evidence>,
    /// The digest of all the rest. No signature: it tells a damaged file from a wrong proof.
    pub digest: Digest,
}

impl EvidenceFile {
    /// The evidence of a run, if its signatures mean something outside of it.
    ///
    /// # Errors
    /// The run signs by the ideal scheme.
    pub fn of(scenario: &Scenario, run: &Run) -> Result<EvidenceFile, String> {
        let ring = setup::keys(scenario);
        let keys = ring.public_keys().ok_or_else(|| {
            "ideal signatures prove nothing outside of the run: set crypto = \"ed25519\"".to_owned()
        })?;
        let file = EvidenceFile {
            schema: 1,
            protocol: scenario.protocol.about.name.to_owned(),
            instance: ring.instance(),
            keys: keys.into_iter().map(Digest).collect(),
            evidence: run.verdict.accused.clone(),
            digest: Digest::ZERO,
        };
        Ok(file.sealed())
    }

    /// With the digest that fits the rest.
    #[must_use]
    pub fn sealed(self) -> EvidenceFile {
        EvidenceFile { digest: self.digest_of_the_rest(), ..self }
    }

    /// The one text of this evidence.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("strings and numbers have a form");
        text + "\n"
    }

    fn digest_of_the_rest(&self) -> Digest {
        let rest = EvidenceFile { digest: Digest::ZERO, ..self.clone() };
        Digest::of("byzlab/evidence-file/1", rest.text().as_bytes())
    }

    /// Reads a file of evidence. Nothing in it is believed yet.
    ///
    /// # Errors
    /// It is too long or not of this form.
    pub fn read(bytes: &[u8]) -> Result<EvidenceFile, String> {
        if bytes.len() > MAX_EVIDENCE_BYTES {
            return Err(format!("more than {MAX_EVIDENCE_BYTES} bytes"));
        }
        let file: EvidenceFile = serde_json::from_slice(bytes)
            .map_err(|error| format!("not a file of evidence: {error}"))?;
        match file.schema {
            1 => Ok(file),
            other => Err(format!("schema {other}; this byzlab reads schema 1")),
        }
    }

    /// Checks all proofs, from the public keys alone, and that the file is as it was written: who
    /// is guilty, and of what.
    ///
    /// # Errors
    /// The first reason why the file as a whole proves nothing.
    pub fn check(
        &self,
        bytes: &[u8],
        registry: &Registry,
    ) -> Result<Vec<(PartyId, String)>, String> {
        if self.digest != self.digest_of_the_rest() || self.text().as_bytes() != bytes {
            return Err("the file is not as it was written".to_owned());
        }
        let entry = registry.get(&self.protocol);
        let entry = entry.ok_or_else(|| format!("unknown protocol `{}`", self.protocol))?;
        let keys: Vec<[u8; 32]> = self.keys.iter().map(|key| key.0).collect();
        let ring = KeyRing::from_public_keys(self.instance, &keys)
            .map_err(|error| format!("these keys make no committee: {error}"))?;
        if self.evidence.is_empty() {
            return Err("it accuses nobody".to_owned());
        }
        let rules = (entry.about().evidence)();
        let proven = |evidence: &Evidence| match rules
            .iter()
            .any(|rule| rule.check(&ring, evidence).is_ok())
        {
            true => Ok((evidence.culprit, evidence.fault.clone())),
            false => Err(format!("no {} of party {} is shown", evidence.fault, evidence.culprit)),
        };
        self.evidence.iter().map(proven).collect()
    }
}
