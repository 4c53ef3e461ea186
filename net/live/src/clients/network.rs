//! Where the nodes of a network are, and with which keys clients speak to them.

use std::net::SocketAddr;

use byzlab_crypto::{Digest, KeyRing, Scheme, Signer};
use serde::{Deserialize, Serialize};

/// What a client has to know of a network. As a file it is JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The version of this form: 1.
    pub schema: u32,
    /// What every signature is bound to.
    pub instance: Digest,
    /// What the parties run.
    pub protocol: String,
    /// How many of them may lie.
    pub f: usize,
    /// How clients sign: `ed25519`, or `ideal` where they do not: a keyed digest then says whose a request
    /// is, by keys that everybody here knows.
    pub scheme: String,
    /// How many clients have a key.
    pub clients: usize,
    /// From which their keys are drawn. INSECURE: whoever reads it can ask in any name.
    pub insecure_seed: Digest,
    /// The client port of each party.
    pub nodes: Vec<SocketAddr>,
}

/// Why a network is none.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file is something else.
    #[error("no description of a network: {0}")]
    Malformed(String),
    /// Of a later version.
    #[error("schema {0}; this byzlab knows 1")]
    Schema(u32),
    /// Nobody could be believed.
    #[error("{f} of {n} parties may lie: then f + 1 that agree prove nothing")]
    Faults {
        /// The parties.
        n: usize,
        /// The faults.
        f: usize,
    },
    /// An unknown way of signing.
    #[error("scheme {0:?}; there are \"ed25519\" and \"ideal\"")]
    Scheme(String),
    /// A number of keys that cannot be.
    #[error("{0}")]
    Keys(#[from] byzlab_crypto::KeyError),
    /// Nobody has this number.
    #[error("client {client}: only clients 0 to {last} have a key")]
    Client {
        /// The number.
        client: usize,
        /// The last one that there is.
        last: usize,
    },
}

impl Network {
    /// Reads what a file holds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Network, NetworkError> {
        let network: Network = serde_json::from_str(text)
            .map_err(|error| NetworkError::Malformed(error.to_string()))?;
        if network.schema != 1 {
            return Err(NetworkError::Schema(network.schema));
        }
        if network.f >= network.nodes.len() {
            return Err(NetworkError::Faults { n: network.nodes.len(), f: network.f });
        }
        network.signers()?;
        Ok(network)
    }

    /// The file.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("it is plain data") + "\n"
    }

    /// Who signs for each client.
    ///
    /// # Errors
    /// The scheme or the number of clients is none.
    pub fn signers(&self) -> Result<Vec<Signer>, NetworkError> {
        let scheme = [Scheme::Ed25519, Scheme::Ideal]
            .into_iter()
            .find(|scheme| scheme.name() == self.scheme)
            .ok_or_else(|| NetworkError::Scheme(self.scheme.clone()))?;
        let seed = &self.insecure_seed.0;
        let keys = KeyRing::insecure_from_seed(scheme, self.instance, "client", self.clients, seed);
        Ok(keys?.1)
    }

    /// Who signs for one client.
    ///
    /// # Errors
    /// It has no key.
    pub fn signer(&self, client: usize) -> Result<Signer, NetworkError> {
        let signers = self.signers()?;
        let last = signers.len() - 1;
        signers.into_iter().nth(client).ok_or(NetworkError::Client { client, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network {
            schema: 1,
            instance: Digest([1; 32]),
            protocol: "pbft".to_owned(),
            f: 1,
            scheme: "ed25519".to_owned(),
            clients: 2,
            insecure_seed: Digest([2; 32]),
            nodes: (4000..4004).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect(),
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_wrong_ones_are_refused() {
        let right = network();
        assert_eq!(Network::parse(&right.text()), Ok(right.clone()));
        assert_eq!(right.signer(1).expect("it has a key").party().0, 1);
        let wrong = |change: &dyn Fn(&mut Network)| {
            let mut network = network();
            change(&mut network);
            Network::parse(&network.text()).expect_err("it is refused").to_string()
        };
        assert_eq!(wrong(&|network| network.schema = 2), "schema 2; this byzlab knows 1");
        assert!(wrong(&|network| network.f = 4).starts_with("4 of 4 parties may lie"));
        assert!(wrong(&|network| network.scheme = "rsa".into()).starts_with("scheme \"rsa\""));
        assert!(wrong(&|network| network.clients = 0).starts_with("0 keys"));
        let text = right.text().replace("\"f\"", "\"g\"");
        assert!(Network::parse(&text).expect_err("refused").to_string().contains("unknown field"));
        let missing = right.signer(2).expect_err("there are two").to_string();
        assert_eq!(missing, "client 2: only clients 0 to 1 have a key");
    }
}
