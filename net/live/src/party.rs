//! A party on the network: its node, the fault layer, and the transport that joins it to the
//! others.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use byzlab_crypto::{Digest, PartyId, PartySet};
use byzlab_protocols::Protocol;
use byzlab_sim::{Arrival, Setup};
use libp2p::Multiaddr;

use crate::{
    Clock, Faults, Inbox, Intake, Keeps, Node, NodeConfig, NodeError, Parts, Shaped, Status,
    clients::{Gate, Gateway, Network, PortLimits, Server, serve},
    http::{Endpoint, Serving},
    journal,
    transport::{
        Config, Counters, Greeting, Limits, LinkState, PeerTable, Transport, TransportError,
    },
};

/// All that the parties of a run have in common.
pub struct Common<P: Protocol> {
    /// What seats are made of.
    pub parts: Parts<P>,
    /// What the fault layer makes of the network.
    pub faults: Faults,
    /// The requests of clients.
    pub arrivals: Vec<Arrival>,
    /// What they write down.
    pub keeps: Keeps,
    /// The digest of the scenario: whoever runs another one is refused.
    pub scenario: Digest,
}

impl<P: Protocol> Common<P> {
    /// What a setup says of them.
    pub fn of(setup: &Setup<P>, scenario: Digest, keeps: Keeps) -> Common<P> {
        let mut arrivals = setup.requests.clone();
        arrivals.sort_by_key(|arrival| arrival.at);
        Common { parts: Parts::of(setup), faults: Faults::of(setup), arrivals, keeps, scenario }
    }

    fn arrivals(&self, party: PartyId) -> Vec<Arrival> {
        self.arrivals.iter().filter(|arrival| arrival.party == party).cloned().collect()
    }
}

/// Why a party does not start.
#[derive(Debug, thiserror::Error)]
pub enum PartyError {
    /// No key that a connection could prove.
    #[error("party {0} has no Ed25519 key: ideal signatures mean nothing between processes")]
    Ideal(PartyId),
    /// Its transport.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// Its node.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Where a party keeps what is its own, in one folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home(pub PathBuf);

impl Home {
    /// The home of a party in the folder of a run.
    pub fn of(run: &Path, party: PartyId) -> Home {
        Home(run.join(format!("party-{party}")))
    }

    /// Where its disk is.
    pub fn disk(&self) -> PathBuf {
        self.0.join("disk")
    }

    /// Where its journals are.
    pub fn journals(&self) -> PathBuf {
        self.0.join("journals")
    }

    /// Whether the party ever took part.
    pub fn began(&self) -> bool {
        journal::began(&self.journals())
    }

    /// Loses the disk.
    ///
    /// # Errors
    /// The system does not let it be removed.
    pub fn lose_disk(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(self.disk()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// A party that can be reached, and takes no part yet.
pub struct Joined<P: Protocol> {
    party: PartyId,
    inbox: Inbox<P>,
    transport: Arc<Transport>,
    status: Arc<Mutex<Status>>,
    gate: Arc<Gate<P>>,
    server: Option<Server>,
}

impl<P: Protocol> Joined<P> {
    /// Listens; port 0 lets the system choose.
    ///
    /// # Errors
    /// An address that cannot be listened on, or keys that are none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn listen(
        common: &Common<P>,
        party: PartyId,
        listen: Multiaddr,
    ) -> Result<Joined<P>, PartyError> {
        let context = &common.parts.context;
        let ideal = PartyError::Ideal(party);
        let Some(public) = context.committee.ring().public_keys() else { return Err(ideal) };
        let secret = common.parts.signers[party.index()].secret_key();
        let Some(secret) = secret else { return Err(ideal) };
        let config = Config {
            peers: PeerTable::new(party, secret, &public)?,
            listen: vec![listen],
            greeting: Greeting {
                instance: context.committee.instance(),
                protocol: P::ABOUT.name.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                scenario: common.scenario,
            },
            limits: Limits::default(),
        };
        let (intake, inbox) = Intake::new(context);
        let transport = Arc::new(Transport::start(config, intake.clone()).await?);
        let status = Arc::new(Mutex::new(Status::default()));
        let (shown, wires) = (status.clone(), transport.clone());
        let gate = Arc::new(Gate::new(party, intake, move || {
            let status = *shown.lock().unwrap_or_else(PoisonError::into_inner);
            (status, wires.counters(), wires.links())
        }));
        Ok(Joined { party, inbox, transport, status, gate, server: None })
    }

    /// Takes requests of clients at an address; port 0 lets the system choose. Gives what it got.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn serve(&mut self, clients: SocketAddr) -> std::io::Result<SocketAddr> {
        let server = serve(self.gate.clone(), clients, PortLimits::default()).await?;
        Ok(self.server.insert(server).address())
    }

    /// Where it listens.
    pub fn address(&self) -> Option<Multiaddr> {
        self.transport.local_addresses().into_iter().next()
    }

    /// Learns where others are.
    pub fn meet(&self, addresses: BTreeMap<PartyId, Multiaddr>) {
        self.transport.dial_book(addresses);
    }

    /// How the links with the others are.
    pub fn links(&self) -> Vec<LinkState> {
        self.transport.links()
    }

    /// Learns when the start is. What comes before its node runs bears the time at which it came: without
    /// a clock all of it would have come at the start.
    pub(crate) fn expect_start(&self, clock: Clock) {
        // Set before: the same clock.
        let _ = self.inbox.intake.clock.set(clock);
    }

    /// Takes part from now on: its node starts. `first` as in [`NodeConfig`]; `shown` is what it had
    /// shown before it was killed.
    ///
    /// # Errors
    /// Disk or journal.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        self,
        common: &Common<P>,
        home: &Home,
        clock: Clock,
        first: bool,
        shown: Status,
    ) -> Result<Party<P>, PartyError> {
        let Joined { party, inbox, transport, status, gate, server } = self;
        let config = NodeConfig {
            parts: common.parts.clone(),
            party,
            keeps: common.keeps,
            disk: home.disk(),
            journals: home.journals(),
            arrivals: common.arrivals(party),
            first,
            shown,
            clock,
        };
        *status.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        let severed = Severed::default();
        let (out, cut) = (transport.clone(), severed.clone());
        let n = common.parts.context.committee.n();
        let losses = inbox.intake.losses().clone();
        let lost = losses.clone();
        let link = Shaped::new(party, n, &common.faults, clock, losses, move |to, frame| {
            if !cut.lock().contains(to) {
                lost.add(to, out.send(to, frame) as u64);
            }
        });
        let show = status.clone();
        let node = Node::start(config, inbox, link, move |status| {
            *show.lock().unwrap_or_else(PoisonError::into_inner) = status;
        })?;
        Ok(Party { party, node, transport, status, severed, gate, server, http: None })
    }
}

/// To whom nothing is sent, by order of whoever runs the network.
#[derive(Clone, Default)]
struct Severed(Arc<Mutex<PartySet>>);

impl Severed {
    fn lock(&self) -> MutexGuard<'_, PartySet> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A party that takes part.
pub struct Party<P: Protocol> {
    party: PartyId,
    node: Node<P>,
    transport: Arc<Transport>,
    status: Arc<Mutex<Status>>,
    severed: Severed,
    gate: Arc<Gate<P>>,
    server: Option<Server>,
    http: Option<Serving>,
}

/// When a request over HTTP is asked again, and when it is given up.
const RETRY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(30);

impl<P: Protocol> Party<P> {
    /// What it shows: all of it is durable.
    pub fn status(&self) -> Status {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where requests go in.
    pub fn intake(&self) -> &Intake<P> {
        self.node.intake()
    }

    /// Learns where others are now.
    pub fn meet(&self, addresses: BTreeMap<PartyId, Multiaddr>) {
        self.transport.dial_book(addresses);
    }

    /// Serves health, metrics and the store over HTTP on loopback; port 0 lets the system choose.
    /// It asks the network by a client's key of its own, from the last one down. Gives the address.
    ///
    /// # Errors
    /// The address cannot be listened on, or the network is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn serve_http(
        &mut self,
        network: &Network,
        address: SocketAddr,
    ) -> std::io::Result<SocketAddr> {
        let own = network.clients.saturating_sub(1 + self.party.index() % network.clients.max(1));
        let signer = network.signer(own).map_err(std::io::Error::other)?;
        let gateway = Gateway::open(network, signer, RETRY, PATIENCE);
        let counters = self.server.as_ref().map(|server| server.counters().clone());
        let endpoint = Endpoint::default().node(self.gate.clone(), counters).store(gateway);
        Ok(self.http.insert(endpoint.serve(address).await?).address())
    }

    /// Sends nothing to these any more, and to all others again.
    pub fn sever(&self, from: PartySet) {
        *self.severed.lock() = from;
    }

    /// How the links with the others are.
    pub fn links(&self) -> Vec<LinkState> {
        self.transport.links()
    }

    /// What the transport did so far.
    pub fn counters(&self) -> Counters {
        self.transport.counters()
    }

    /// Whether it has ended on its own.
    pub fn has_ended(&self) -> bool {
        self.node.has_ended()
    }

    /// Ends in order.
    ///
    /// # Errors
    /// What made it end before, if something did.
    pub fn stop(self) -> Result<(), NodeError> {
        self.node.stop()
    }

    /// Ends as a process that is killed does.
    ///
    /// # Errors
    /// What made it end before, if something did.
    pub fn kill(self) -> Result<(), NodeError> {
        self.node.kill()
    }
}
