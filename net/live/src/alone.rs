//! A party on a machine of its own: nobody tells it what to do. Where the others are and when all
//! start stands in the genesis.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Instant};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Protocol, Time};
use libp2p::Multiaddr;

use crate::{
    Clock, Common, FleetError, Home, Joined, Status,
    clients::Network,
    journal, runtime,
    threads::{RETURN, is_linked},
};

/// A party on a machine of its own.
pub struct Alone<P: Protocol> {
    /// What all have in common.
    pub common: Common<P>,
    /// Which party.
    pub party: PartyId,
    /// Where it keeps what is its own.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: Multiaddr,
    /// Where it listens to clients, if it serves them.
    pub clients: Option<SocketAddr>,
    /// Where it serves HTTP, on loopback, and how it finds the network as a client.
    pub http: Option<(SocketAddr, Network)>,
    /// Where the others are.
    pub others: BTreeMap<PartyId, Multiaddr>,
    /// The common start, in nanoseconds since 1970.
    pub start_ns: u64,
    /// By how much every duration is stretched.
    pub scale: u64,
}

/// Where a party can be found.
#[derive(Clone, Debug)]
pub struct Found {
    /// By the others.
    pub address: Option<Multiaddr>,
    /// By clients.
    pub clients: Option<SocketAddr>,
    /// Over HTTP.
    pub http: Option<SocketAddr>,
}

impl<P: Protocol> Alone<P> {
    /// Takes part until `look` says that it is enough; tells it once where it can be found, and
    /// then how it is.
    ///
    /// # Errors
    /// The party does not start, or ends on its own. It does not come back if its votes were not synced:
    /// it may have forgotten some.
    pub fn serve(
        self,
        found: impl FnOnce(&Found),
        mut look: impl FnMut(Status) -> bool,
    ) -> Result<(), FleetError> {
        let home = Home(self.folder.clone());
        if home.began() && !self.common.keeps.sync {
            return Err(FleetError::Forgotten { party: self.party });
        }
        let runtime = runtime().map_err(|error| FleetError::Folder("threads".into(), error))?;
        let _within = runtime.enter();
        let failed = |what: &str, error: &std::io::Error| FleetError::Process {
            party: self.party,
            why: format!("cannot serve {what}: {error}"),
        };
        let listening = Joined::listen(&self.common, self.party, self.listen.clone());
        let mut joined = runtime.block_on(listening)?;
        let address = joined.address();
        joined.meet(self.others.clone());
        let clients = self.clients.map(|clients| runtime.block_on(joined.serve(clients)));
        let clients = clients.transpose().map_err(|error| failed("clients", &error))?;
        let clock = Clock::of_genesis(self.start_ns, self.scale);
        // A folder that is not there after the start may have been lost, with what it signed.
        let known = journal::lives(&home.journals()) > 0;
        let first = !home.began() && (known || clock.now() == Time::ZERO);
        if home.began() {
            // Whoever comes back waits for those who are there, and not for ever.
            let (begun, all) = (Instant::now(), self.others.keys().copied().collect::<PartySet>());
            while !is_linked(&joined.links(), &all)
                && begun.elapsed() < RETURN
                && look(Status::default())
            {
                std::thread::sleep(crate::process::GLANCE);
            }
        }
        let mut party = joined.start(&self.common, &home, clock, first, Status::default())?;
        let http = self
            .http
            .as_ref()
            .map(|(address, network)| runtime.block_on(party.serve_http(network, *address)));
        let http = http.transpose().map_err(|error| failed("HTTP", &error))?;
        found(&Found { address, clients, http });
        while look(party.status()) {
            if party.has_ended() {
                party.stop()?;
                let (party, why) = (self.party, "its node is gone".to_owned());
                return Err(FleetError::Ended { party, why });
            }
            std::thread::sleep(crate::process::GLANCE);
        }
        Ok(party.stop()?)
    }
}

/// A fresh secret for a party, from the randomness of the system.
pub fn fresh_secret() -> [u8; 32] {
    let secret = libp2p::identity::ed25519::SecretKey::generate();
    secret.as_ref().try_into().expect("an Ed25519 secret has 32 bytes")
}
