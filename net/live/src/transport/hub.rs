//! The task that owns the swarm: dials, keeps connections, hands streams to their tasks.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::PartyId;
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    connection_limits::{self, ConnectionLimits, Exceeded},
    swarm::{
        ConnectionDenied, ConnectionError, DialError, ListenError, NetworkBehaviour, Stream,
        SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Refused,
    backoff::Backoff,
    counters::add,
    links::{Links, NotLetIn, Told},
    reader,
    shared::Shared,
    writer,
};

/// What others ask of the hub.
pub(super) enum Command {
    /// A stream to a party, as soon as it is connected.
    Open(PartyId, oneshot::Sender<Result<Stream, String>>),
    /// Where parties can be reached.
    Addresses(BTreeMap<PartyId, Multiaddr>),
    /// Writes what waits, until this moment at the longest, and ends.
    End(Instant, oneshot::Sender<()>),
}

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    links: Links,
}

impl Behaviour {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(shared.limits.handshakes))
            // One, and for a moment the one that takes its place.
            .with_max_established_per_peer(Some(4));
        Behaviour {
            limits: connection_limits::Behaviour::new(limits),
            links: Links::new(shared.clone()),
        }
    }
}

/// A party that we have to dial.
struct Dial {
    address: Option<Multiaddr>,
    /// When to dial next; nothing while that is under way or done.
    due: Option<Instant>,
    backoff: Backoff,
}

pub(super) struct Hub {
    swarm: Swarm<Behaviour>,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
    dials: BTreeMap<PartyId, Dial>,
    /// Who waits for a stream.
    waiting: BTreeMap<PartyId, oneshot::Sender<Result<Stream, String>>>,
    readers: JoinSet<()>,
    writers: JoinSet<()>,
}

impl Hub {
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        shared: Arc<Shared>,
        asking: &mpsc::UnboundedSender<Command>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let mut writers = JoinSet::new();
        for (party, _) in shared.peers() {
            writers.spawn(writer::run(shared.clone(), party, asking.clone()));
        }
        let ours = shared.peers().filter(|(party, _)| shared.dials(*party));
        let dial = |party| Dial {
            address: shared.table.addresses().get(&party).cloned(),
            due: Some(Instant::now()),
            backoff: Backoff::new(&format!("{} dials {party}", shared.own())),
        };
        let dials = ours.map(|(party, _)| (party, dial(party))).collect();
        let (waiting, readers) = (BTreeMap::new(), JoinSet::new());
        Hub { swarm, shared, commands, dials, waiting, readers, writers }
    }

    /// Works until the end, beginning with what happened before.
    pub(super) async fn run(mut self, early: Vec<SwarmEvent<BehaviourEvent>>) {
        early.into_iter().for_each(|event| self.event(event));
        loop {
            self.dial();
            let next = self.dials.values().filter(|dial| dial.address.is_some());
            let next = next.filter_map(|dial| dial.due).min();
            let wait = async {
                match next {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.swarm.select_next_some() => self.event(event),
                command = self.commands.recv() => match command {
                    Some(Command::Open(party, reply)) => {
                        self.waiting.insert(party, reply);
                        self.swarm.behaviour_mut().links.open(party);
                    }
                    Some(Command::Addresses(addresses)) => self.learn(addresses),
                    Some(Command::End(due, done)) => {
                        self.end(due).await;
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    None => return,
                },
                () = wait => {}
                Some(ended) = self.readers.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "an inbound stream's task failed");
                    }
                }
            }
        }
    }

    /// Lets the writers finish, with the swarm at work for them.
    async fn end(&mut self, due: Instant) {
        self.shared.peers().for_each(|(party, _)| self.shared.party(party).queue.close());
        let work = async {
            while !self.writers.is_empty() {
                tokio::select! {
                    _ = self.writers.join_next() => {}
                    _ = self.swarm.select_next_some() => {}
                }
            }
        };
        if timeout_at(due, work).await.is_err() {
            tracing::debug!("not all that waited was sent");
        }
    }

    fn learn(&mut self, addresses: BTreeMap<PartyId, Multiaddr>) {
        for (party, address) in addresses {
            let Some(dial) = self.dials.get_mut(&party) else { continue };
            // Who answers at the old address, and does not speak, may take long to be found out.
            let moved =
                dial.address.as_ref() != Some(&address) && !self.shared.state(party).connected;
            dial.address = Some(address);
            if dial.due.is_some() || moved {
                dial.due = Some(Instant::now());
            }
        }
    }

    /// Dials who is due.
    fn dial(&mut self) {
        let now = Instant::now();
        for (party, dial) in &mut self.dials {
            let Some(address) = &dial.address else { continue };
            if dial.due.is_none_or(|due| due > now) {
                continue;
            }
            dial.due = None;
            add(&self.shared.tally.dials, 1);
            let to = DialOpts::peer_id(self.shared.identity(*party));
            let opts = to.addresses(vec![address.clone()]).allocate_new_port();
            // Another dial may be under way, to where the party no longer is.
            let opts = opts.condition(PeerCondition::Disconnected).build();
            if let Err(error) = self.swarm.dial(opts) {
                tracing::debug!(%party, %error, "cannot dial");
                add(&self.shared.tally.failed_dials, 1);
                dial.due = Some(now + dial.backoff.failed(false));
            }
        }
    }

    fn redial(&mut self, peer: Option<PeerId>, worked: bool) {
        let party = peer.and_then(|peer| self.swarm.behaviour().links.party(&peer));
        let Some(dial) = party.and_then(|party| self.dials.get_mut(&party)) else { return };
        dial.due = Some(Instant::now() + dial.backoff.failed(worked));
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Links(told)) => self.told(told),
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                let Some(party) = self.swarm.behaviour().links.party(&peer_id) else { return };
                if let Some(dial) = self.dials.get_mut(&party) {
                    dial.due = None;
                    dial.backoff.works();
                }
                self.shared.state(party).connected = true;
                self.ask_again(party);
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established, cause, .. } => {
                if cause.as_ref().is_some_and(is_no_multiplexing) {
                    self.shared.tally.refuse(Refused::Multiplexing);
                }
                let Some(party) = self.swarm.behaviour().links.party(&peer_id) else { return };
                if num_established == 0 {
                    self.shared.state(party).connected = false;
                    self.redial(Some(peer_id), true);
                } else {
                    // A stream that was asked of the old connection does not come.
                    self.ask_again(party);
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                add(&self.shared.tally.failed_dials, 1);
                if let Some(party) =
                    peer_id.and_then(|peer| self.swarm.behaviour().links.party(&peer))
                {
                    self.shared.problem(party, dial_problem(party, &error));
                }
                self.redial(peer_id, false);
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                let reason = reason(&error);
                tracing::debug!(%send_back_addr, reason = reason.name(), %error, "refused");
                self.shared.tally.refuse(reason);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "cannot accept"),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::error!(?addresses, ?reason, "listens no more");
            }
            _ => {}
        }
    }

    fn ask_again(&mut self, party: PartyId) {
        if self.waiting.contains_key(&party) {
            self.swarm.behaviour_mut().links.open(party);
        }
    }

    fn told(&mut self, told: Told) {
        match told {
            Told::Opened(party, result) => {
                // One that nobody waits for any more is closed by dropping it.
                if let Some(reply) = self.waiting.remove(&party) {
                    let _ = reply.send(result);
                }
            }
            Told::Came(party, stream, place) => {
                self.readers.spawn(reader::serve(self.shared.clone(), party, stream, place));
            }
        }
    }
}

fn dial_problem(party: PartyId, error: &DialError) -> String {
    match error {
        DialError::WrongPeerId { address, .. } => {
            format!("at {address} somebody answers who is not party {party}")
        }
        error => format!("party {party} cannot be reached: {error}"),
    }
}

/// Whether the other end sent what is no frame of the multiplexer, and did not just go away.
fn is_no_multiplexing(cause: &ConnectionError) -> bool {
    let ConnectionError::IO(error) = cause else { return false };
    // Wrapped several times, and its kinds are not public: its words are.
    let text = error.to_string();
    text.starts_with("decode error") && !text.starts_with("decode error: i/o")
}

/// Why an inbound connection came to nothing.
fn reason(error: &ListenError) -> Refused {
    let denied = |cause: &ConnectionDenied| {
        if let Some(NotLetIn(reason)) = cause.downcast_ref::<NotLetIn>() {
            return *reason;
        }
        match cause.downcast_ref::<Exceeded>() {
            Some(_) => Refused::Connections,
            None => Refused::Handshake,
        }
    };
    match error {
        ListenError::Denied { cause } => denied(cause),
        _ => Refused::Handshake,
    }
}
