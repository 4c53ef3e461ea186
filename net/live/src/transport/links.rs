//! The part of the swarm that opens and accepts streams.
//!
//! A behaviour of our own, since what there is for streams drops inbound ones when several come
//! at once, and picks among several connections by chance. Here each accepted stream is handed
//! over, at most a few of each party at a time, and the newest connection of a party is the one
//! in use: only one of two parties dials, so another connection means that the last one is dead.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use byzlab_crypto::PartyId;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId,
        FromSwarm, NetworkBehaviour, NotifyHandler, Stream, StreamUpgradeError, SubstreamProtocol,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Refused, shared::Shared};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/byzlab/frames/2");

/// A connection that is not let in.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("refused: {}", .0.name())]
pub(super) struct NotLetIn(pub(super) Refused);

/// What the behaviour tells.
#[derive(Debug)]
pub(super) enum Told {
    /// A stream that was asked for, or why there is none.
    Opened(PartyId, Result<Stream, String>),
    /// A stream of a peer, and its place among those that the peer may have.
    Came(PartyId, Stream, OwnedSemaphorePermit),
}

/// Opens and accepts streams.
pub(super) struct Links {
    shared: Arc<Shared>,
    parties: BTreeMap<PeerId, PartyId>,
    /// The connection in use with each party.
    current: BTreeMap<PartyId, ConnectionId>,
    todo: VecDeque<ToSwarm<Told, Open>>,
    waker: Option<Waker>,
}

/// The wish for one more stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open;

impl Links {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let parties = shared.peers().map(|(party, peer)| (peer, party)).collect();
        let (current, todo) = (BTreeMap::new(), VecDeque::new());
        Links { shared, parties, current, todo, waker: None }
    }

    /// Asks for a stream to a party that is connected; says whether it is.
    pub(super) fn open(&mut self, party: PartyId) -> bool {
        let Some(connection) = self.current.get(&party) else { return false };
        let handler = NotifyHandler::One(*connection);
        let peer_id = self.shared.identity(party);
        self.put(ToSwarm::NotifyHandler { peer_id, handler, event: Open });
        true
    }

    /// Who it is.
    pub(super) fn party(&self, peer: &PeerId) -> Option<PartyId> {
        self.parties.get(peer).copied()
    }

    fn put(&mut self, event: ToSwarm<Told, Open>) {
        self.todo.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn let_in(&self, peer: PeerId, we_dialled: bool) -> Result<Handler, ConnectionDenied> {
        let Some(party) = self.party(&peer) else {
            return Err(ConnectionDenied::new(NotLetIn(Refused::Stranger)));
        };
        if we_dialled != self.shared.dials(party) {
            return Err(ConnectionDenied::new(NotLetIn(Refused::WrongDialer)));
        }
        Ok(Handler {
            shared: self.shared.clone(),
            streams: self.shared.party(party).streams.clone(),
            patience: self.shared.limits.greeting_time,
            wanted: 0,
            events: VecDeque::new(),
            waker: None,
        })
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = Handler;
    type ToSwarm = Told;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.let_in(peer, false)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.let_in(peer, true)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                let Some(party) = self.party(&new.peer_id) else { return };
                if let Some(old) = self.current.insert(party, new.connection_id) {
                    let connection = CloseConnection::One(old);
                    self.put(ToSwarm::CloseConnection { peer_id: new.peer_id, connection });
                }
            }
            FromSwarm::ConnectionClosed(gone) => {
                let Some(party) = self.party(&gone.peer_id) else { return };
                if self.current.get(&party) == Some(&gone.connection_id) {
                    self.current.remove(&party);
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        let Some(party) = self.party(&peer) else { return };
        if self.current.get(&party) != Some(&connection) {
            return;
        }
        self.put(ToSwarm::GenerateEvent(match event {
            Event::Opened(result) => Told::Opened(party, result),
            Event::Came(stream, place) => Told::Came(party, stream, place),
        }));
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.todo.pop_front() {
            return Poll::Ready(event);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Opens and accepts the streams of one connection.
pub(super) struct Handler {
    shared: Arc<Shared>,
    /// Places for streams of this party.
    streams: Arc<Semaphore>,
    patience: Duration,
    /// Streams to ask for.
    wanted: usize,
    events: VecDeque<Event>,
    waker: Option<Waker>,
}

#[derive(Debug)]
pub(super) enum Event {
    Opened(Result<Stream, String>),
    Came(Stream, OwnedSemaphorePermit),
}

impl Handler {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn put(&mut self, event: Event) {
        self.events.push_back(event);
        self.wake();
    }
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Event;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(self.patience)
    }

    /// A connection of the committee is kept, whether it carries something or not.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, Open: Open) {
        self.wanted += 1;
        self.wake();
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Upgrade, Upgrade>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => match self.streams.clone().try_acquire_owned() {
                Ok(place) => self.put(Event::Came(protocol, place)),
                Err(_) => self.shared.tally.refuse(Refused::Streams),
            },
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => self.put(Event::Opened(Ok(protocol))),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                let text = match error {
                    StreamUpgradeError::Timeout => "no stream was accepted in time".to_owned(),
                    StreamUpgradeError::NegotiationFailed => format!("{PROTOCOL} is not spoken"),
                    StreamUpgradeError::Io(error) => error.to_string(),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.put(Event::Opened(Err(text)));
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, (), Self::ToBehaviour>> {
        if let Some(event) = self.events.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(event));
        }
        if self.wanted > 0 {
            self.wanted -= 1;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            let protocol = protocol.with_timeout(self.patience);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
