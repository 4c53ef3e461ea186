//! Carries bytes between the parties of a committee over libp2p.
//!
//! A frame is opaque. From each party to each other there is one long-lived stream, one way,
//! opened with a greeting that both ends must agree on and reopened when it is lost; frames of one
//! sender arrive in its order. What waits is bounded: a peer that does not read costs its own
//! frames, never the caller's time. A frame that was written to a stream that then broke may be
//! lost, and none arrives twice.
//!
//! Everything a peer can do wrong has a limit before anything is allocated for it, and a counter.
//! There is no request and response: what protocols fetch are messages like any other, which the
//! state machines ask for again until they have it.

mod backoff;
mod counters;
mod frames;
pub(crate) mod fuzzing;
mod greeting;
mod hub;
mod links;
mod peers;
mod queue;
mod reader;
mod shared;
mod writer;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, TransportError as Libp2pError, multiaddr::Protocol as Part,
    noise, swarm::SwarmEvent, tcp, yamux,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, timeout},
};

pub use counters::{Counters, Refused};
pub use greeting::{Greeting, MAX_NAME};
pub use peers::PeerTable;

use counters::add;
use hub::{Behaviour, BehaviourEvent, Command, Hub};
use shared::Shared;

/// Takes what comes in.
///
/// Called on the task of each inbound stream, in order for each sender. Whoever implements it
/// decodes and checks there, so that checks spread over cores. While it works the sender's other
/// frames wait, and nobody else's.
pub trait Inbound: Send + Sync + 'static {
    /// A frame of `from`, whose connection proved that it is `from`.
    fn frame(&self, from: PartyId, frame: Bytes);
}

/// How much a peer may have of us.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest frame, in bytes.
    pub frame: usize,
    /// In what time a frame that began must end.
    pub frame_time: Duration,
    /// In what time a connection and a stream must be set up and greeted.
    pub greeting_time: Duration,
    /// The most frames that wait for one party.
    pub queue_frames: usize,
    /// The most bytes that wait for one party; a frame has to fit in.
    pub queue_bytes: usize,
    /// The most streams that one party may have open towards us: one, the one that takes its
    /// place, and those that are being greeted.
    pub streams: usize,
    /// The most inbound connections that are being set up at a time.
    pub handshakes: u32,
}

impl Default for Limits {
    /// A frame of 17 MiB holds the longest message, 16 MiB of bodies and its certificates. All
    /// in all one peer can hold about 40 MiB: a frame that comes, the queue towards it, and the
    /// buffers of its connection.
    fn default() -> Self {
        Limits {
            frame: 17 << 20,
            frame_time: Duration::from_secs(30),
            greeting_time: Duration::from_secs(10),
            queue_frames: 16_384,
            queue_bytes: 18 << 20,
            streams: 4,
            handshakes: 256,
        }
    }
}

/// All that a transport is made of.
#[derive(Clone)]
pub struct Config {
    /// Who is who.
    pub peers: PeerTable,
    /// Where to listen; port 0 lets the system choose.
    pub listen: Vec<Multiaddr>,
    /// What both ends of a stream must agree on.
    pub greeting: Greeting,
    /// How much a peer may have of us.
    pub limits: Limits,
}

/// Why there is no transport.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransportError {
    /// A public key is none.
    #[error("the key of party {0} is no Ed25519 public key")]
    Key(PartyId),
    /// Two seats, one key.
    #[error("parties {0} and {1} have the same key: one end of a connection cannot be both")]
    OneKey(PartyId, PartyId),
    /// The secret is that of somebody else.
    #[error("the secret key is not that of party {0}")]
    NotOurKey(PartyId),
    /// A name of the greeting is too long.
    #[error("the names of protocol and version have {MAX_NAME} bytes at most")]
    LongName,
    /// The limits contradict each other.
    #[error("a queue of {queue} bytes cannot hold a frame of {frame} bytes")]
    Limits {
        /// The longest frame.
        frame: usize,
        /// The most bytes that wait.
        queue: usize,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system says.
        reason: String,
    },
    /// The machinery of libp2p cannot be set up.
    #[error("cannot set up the transport: {0}")]
    Setup(String),
}

/// How the link with one party is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkState {
    /// With whom.
    pub party: PartyId,
    /// Whether there is a connection.
    pub connected: bool,
    /// Whether it takes our frames.
    pub sending: bool,
    /// Whether we take its frames.
    pub receiving: bool,
    /// What last kept the link from working, in words; nothing since it works.
    pub problem: Option<String>,
}

impl LinkState {
    fn new(party: PartyId) -> Self {
        LinkState { party, connected: false, sending: false, receiving: false, problem: None }
    }
}

/// A running transport. Dropping it ends it at once.
pub struct Transport {
    shared: Arc<Shared>,
    addresses: Vec<Multiaddr>,
    hub: mpsc::UnboundedSender<Command>,
    task: AbortHandle,
}

impl Transport {
    /// Starts to listen, and to connect to everybody whose address is known.
    ///
    /// # Errors
    /// An address that cannot be listened on, and what contradicts itself.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(config: Config, inbound: impl Inbound) -> Result<Transport, TransportError> {
        let Config { peers, listen, greeting, limits } = config;
        if !greeting.is_short() {
            return Err(TransportError::LongName);
        }
        if limits.queue_bytes < limits.frame {
            let (frame, queue) = (limits.frame, limits.queue_bytes);
            return Err(TransportError::Limits { frame, queue });
        }
        let shared = Arc::new(Shared::new(peers, greeting, limits, Arc::new(inbound)));
        let mut swarm = swarm(&shared)?;
        let (mut addresses, mut early) = (Vec::with_capacity(listen.len()), Vec::new());
        for address in listen {
            addresses.push(listen_on(&mut swarm, address, &mut early).await?);
        }
        let (hub, commands) = mpsc::unbounded_channel();
        let running = Hub::new(swarm, shared.clone(), &hub, commands);
        let task = tokio::spawn(running.run(early)).abort_handle();
        Ok(Transport { shared, addresses, hub, task })
    }

    /// Where it listens, ports resolved.
    pub fn local_addresses(&self) -> Vec<Multiaddr> {
        self.addresses.clone()
    }

    /// Learns where parties can be reached.
    pub fn dial_book(&self, addresses: BTreeMap<PartyId, Multiaddr>) {
        // It is only gone when this is.
        let _ = self.hub.send(Command::Addresses(addresses));
    }

    /// Sends a frame. Never waits: where the queue is full, the oldest frames are dropped. A frame
    /// that is empty, too long, or for nobody or oneself is dropped, and counted like those. Gives how
    /// many were dropped although the receiver can be reached.
    pub fn send(&self, to: PartyId, frame: Bytes) -> usize {
        let known = to != self.shared.own() && to.index() < self.shared.table.len();
        let fits = !frame.is_empty() && frame.len() <= self.shared.limits.frame;
        let dropped = if known && fits { self.shared.party(to).queue.put(frame) } else { 1 };
        add(&self.shared.tally.dropped, dropped);
        let reached = || known && self.shared.state(to).sending;
        if dropped > 0 && reached() { dropped } else { 0 }
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.shared.tally.read()
    }

    /// How each link is, by party.
    pub fn links(&self) -> Vec<LinkState> {
        self.shared.peers().map(|(party, _)| self.shared.state(party).clone()).collect()
    }

    /// Writes what waits for those who are connected, within `patience`, and ends.
    pub async fn shutdown(self, patience: Duration) {
        let (done, ended) = oneshot::channel();
        if self.hub.send(Command::End(Instant::now() + patience, done)).is_ok() {
            // An error means that it ended already.
            let _ = ended.await;
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn swarm(shared: &Arc<Shared>) -> Result<Swarm<Behaviour>, TransportError> {
    let setup = |error: &dyn std::fmt::Display| TransportError::Setup(error.to_string());
    let multiplexer = || {
        // Streams share 1 GiB of windows less 256 KiB for each possible one, and there is no
        // other way to say that: so many are possible that 16 MiB are left. How many there
        // really are is limited where they are accepted.
        let mut config = yamux::Config::default();
        config.set_max_num_streams(4032);
        config
    };
    let builder = SwarmBuilder::with_existing_identity(shared.table.keypair().clone())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, multiplexer)
        .map_err(|error| setup(&error))?;
    #[cfg(feature = "quic")]
    let builder = builder.with_quic_config(|config| quic(config, &shared.limits));
    let streams = shared.limits.streams;
    let swarm = builder
        .with_behaviour(|_| Behaviour::new(shared))
        .map_err(|error| setup(&error))?
        .with_swarm_config(|config| config.with_max_negotiating_inbound_streams(streams))
        .with_connection_timeout(shared.limits.greeting_time)
        .build();
    Ok(swarm)
}

/// What a peer may have of us over QUIC. TCP says at once that a process is gone; here silence does.
#[cfg(feature = "quic")]
fn quic(mut config: libp2p::quic::Config, limits: &Limits) -> libp2p::quic::Config {
    config.handshake_timeout = limits.greeting_time;
    config.max_idle_timeout = 3_000;
    config.keep_alive_interval = Duration::from_millis(750);
    // Those that are refused are opened first.
    config.max_concurrent_stream_limit = 2 * u32::try_from(limits.streams).unwrap_or(u32::MAX / 2);
    config
}

/// Listens and waits for the address that it got; what else happens meanwhile is kept.
async fn listen_on(
    swarm: &mut Swarm<Behaviour>,
    address: Multiaddr,
    early: &mut Vec<SwarmEvent<BehaviourEvent>>,
) -> Result<Multiaddr, TransportError> {
    let failed = |reason: String| TransportError::Listen { address: address.clone(), reason };
    is_free(&address).map_err(|error| failed(root(&error)))?;
    let listener = swarm.listen_on(address.clone()).map_err(|error| match error {
        Libp2pError::MultiaddrNotSupported(_) => failed("no transport for such an address".into()),
        Libp2pError::Other(error) => failed(root(&error)),
    })?;
    let heard = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, address } if listener_id == listener => {
                    return Ok(address);
                }
                SwarmEvent::ListenerClosed { listener_id, reason, .. }
                    if listener_id == listener =>
                {
                    let reason = reason.err().map_or_else(|| "closed".into(), |e| root(&e));
                    return Err(reason);
                }
                event => early.push(event),
            }
        }
    };
    match timeout(Duration::from_secs(10), heard).await {
        Ok(heard) => heard.map_err(failed),
        Err(_) => Err(failed("no network interface has such an address".into())),
    }
}

/// Whether nobody listens there yet. libp2p lets several listen on one port, each getting some of
/// the connections; an attempt that shares nothing finds out.
pub(crate) fn is_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Part::Ip4(ip)) => ip.into(),
        Some(Part::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Part::Tcp(port)) if port != 0 => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// What the system said, below what libp2p wraps around it.
fn root(error: &io::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
