//! The genesis of a network over several machines: the scenario, who takes part and where, and
//! when all start. Who has another one is refused by all.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use byzlab_crypto::{Digest, KeyRing, PartyId, Signer};
use byzlab_live::{Multiaddr, clients::Network};
use byzlab_scenarios::{Document, GivenKeys, KeySource, Registry, Scenario};
use serde::{Deserialize, Serialize};

/// The longest genesis, in bytes.
pub(crate) const MAX_GENESIS: usize = 4 << 20;

/// A genesis, as it stands in its file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Genesis {
    /// The version of this form: 1.
    pub schema: u32,
    /// The common start, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Who takes part, by party.
    pub parties: Vec<Seat>,
    /// The scenario as TOML, everything resolved.
    pub scenario: String,
}

/// A party of a genesis.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seat {
    /// Its Ed25519 public key, in hexadecimal digits.
    pub key: Key,
    /// Where the others find it.
    pub address: Multiaddr,
    /// Where clients find it, if it serves them.
    pub clients: Option<SocketAddr>,
}

/// 32 bytes of a key; written as a digest is, in hexadecimal digits.
pub(crate) type Key = Digest;

/// A genesis that was read: its scenario, and where the keys of its parties come from.
pub(crate) struct Read {
    pub genesis: Genesis,
    pub scenario: Scenario,
    pub keys: KeySource,
    /// What all parties must agree on.
    pub digest: Digest,
}

impl Genesis {
    /// The file.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("it is plain data") + "\n"
    }

    /// Checks a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, registry: &Registry) -> Result<Read, String> {
        let genesis: Genesis =
            serde_json::from_str(text).map_err(|error| format!("no genesis: {error}"))?;
        if genesis.schema != 1 {
            return Err(format!("schema {}; this byzlab knows 1", genesis.schema));
        }
        let bytes = genesis.scenario.as_bytes();
        let document = Document::decode("scenario of the genesis", bytes, &[], registry);
        let scenario = document.and_then(|document| document.resolve(None, registry));
        let scenario = scenario.map_err(|problems| problems.to_string())?;
        if let Some(why) = super::refuse(&scenario, false) {
            return Err(why);
        }
        if genesis.parties.len() != scenario.n {
            let (given, n) = (genesis.parties.len(), scenario.n);
            return Err(format!("{given} parties in the genesis, {n} in its scenario"));
        }
        let digest = Digest::of("byzlab/genesis/1", text.as_bytes());
        let public: Vec<_> = genesis.parties.iter().map(|seat| seat.key.0).collect();
        KeyRing::from_public_keys(digest, &public).map_err(|error| error.to_string())?;
        let given = Some(GivenKeys { public, secrets: BTreeMap::new() });
        let keys = KeySource { instance: digest, given, ..KeySource::live(&scenario) };
        Ok(Read { genesis, scenario, keys, digest })
    }
}

impl Read {
    /// Learns the secret of a party, and says which one it is.
    ///
    /// # Errors
    /// It is nobody's here.
    pub(crate) fn learn(&mut self, secret: &[u8; 32]) -> Result<PartyId, String> {
        let public = public(secret);
        let seats = PartyId::all(self.genesis.parties.len()).zip(&self.genesis.parties);
        let mut own = seats.filter(|(_, seat)| seat.key == public).map(|(party, _)| party);
        let party = own.next().ok_or_else(|| {
            format!("the key {public:#} is none of the genesis: ask whoever made it")
        })?;
        if let Some(given) = &mut self.keys.given {
            given.secrets.insert(party, *secret);
        }
        Ok(party)
    }

    /// Where all parties are.
    pub(crate) fn addresses(&self) -> BTreeMap<PartyId, Multiaddr> {
        let parties = self.genesis.parties.iter().map(|seat| seat.address.clone());
        PartyId::all(self.genesis.parties.len()).zip(parties).collect()
    }

    /// What clients have to know, if all parties serve them.
    pub(crate) fn network(&self) -> Option<Network> {
        let nodes = self.genesis.parties.iter().map(|seat| seat.clients).collect::<Option<_>>()?;
        Some(Network { nodes, ..super::network(&self.scenario, &self.keys) })
    }
}

/// The public key of a secret.
pub(crate) fn public(secret: &[u8; 32]) -> Key {
    let signer = Signer::from_secret_key(PartyId(0), Digest::ZERO, secret);
    Digest(signer.public_key().expect("it is an Ed25519 key"))
}

/// Reads the secret that a file holds, in hexadecimal digits.
///
/// # Errors
/// It holds something else.
pub(crate) fn secret(path: &Path) -> Result<[u8; 32], String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let expected = "expected 64 hexadecimal digits, as byzlab keygen writes them";
    let digits: Key = text.trim().parse().map_err(|why| named(format!("{why}; {expected}")))?;
    Ok(digits.0)
}
