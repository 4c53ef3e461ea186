//! A client with connections to the ports of all parties.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use byzlab_crypto::{PartyId, Signer};
use byzlab_protocols::{
    Span, Time,
    smr::{MAX_PAYLOAD, share},
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
    time::{sleep_until, timeout_at},
};

use super::{
    client::{Believed, Client, GaveUp, Post, Reach, Settled},
    link::{self, Event, Item, Peer},
    network::Network,
    server::IN_FLIGHT,
    wire::{SUBMIT, WATCH},
};

/// Why a session came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SessionError {
    /// Too few nodes answer for anything to be believed.
    #[error("only {up} of {n} nodes can be reached, {needed} are needed: {trouble}")]
    Unreachable {
        /// How many greeted.
        up: usize,
        /// How many there are.
        n: usize,
        /// How many must be there.
        needed: usize,
        /// What is wrong with the others.
        trouble: String,
    },
    /// No request can be so long.
    #[error("a request of {0} bytes; at most {MAX_PAYLOAD} are taken")]
    TooLong(usize),
    /// A client has no key.
    #[error(transparent)]
    Network(#[from] super::NetworkError),
    /// There was no result in time.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
}

/// How many items wait for a connection, and how many events for the session.
const QUEUE: usize = 65_536;
const EVENTS: usize = 1024;

/// A client with connections to the ports of all parties. Dropping it ends them.
pub struct Session {
    client: Client,
    queues: Vec<Sender<Item>>,
    events: Receiver<Event>,
    /// What is wrong with each node; nothing if it greeted.
    trouble: Vec<Option<String>>,
    /// How many must be there for anything to be believed.
    needed: usize,
    /// The bytes of requests in flight from which on no more are sent.
    window: usize,
    settled: VecDeque<Settled>,
    start: Instant,
    _links: JoinSet<()>,
}

impl Session {
    /// Connects, and waits until so many nodes greeted that their word could be believed.
    ///
    /// # Errors
    /// They did not within `patience`.
    pub async fn connect(
        network: &Network,
        signer: Signer,
        reach: Reach,
        retry: Duration,
        patience: Duration,
    ) -> Result<Session, SessionError> {
        let mut session = Session::open(network, signer, reach, retry);
        let deadline = tokio::time::Instant::now() + patience;
        while let Err(unreachable) = session.reachable() {
            // In time or not, the links live as long as their session.
            let Ok(Some(event)) = timeout_at(deadline, session.events.recv()).await else {
                return Err(unreachable);
            };
            session.hear(event);
        }
        Ok(session)
    }

    /// Begins to connect, and goes on doing so as nodes come and go.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(network: &Network, signer: Signer, reach: Reach, retry: Duration) -> Session {
        let (n, f) = (network.nodes.len(), network.f);
        let (told, events) = channel(EVENTS);
        let mut links = JoinSet::new();
        let mut queues = Vec::new();
        for (party, address) in PartyId::all(n).zip(&network.nodes) {
            let (sender, queue) = channel(QUEUE);
            let peer = Peer { party, address: *address, instance: network.instance, n, f };
            links.spawn(link::run(peer, queue, told.clone()));
            queues.push(sender);
        }
        let client = Client::new(signer, (n, f), reach, span(retry), first_number());
        let trouble = vec![Some("no answer yet".to_owned()); n];
        // A part of what every node keeps of a client: none turns away what is sent, and what waits in
        // a network that has too much to do waits here, where it costs the network nothing.
        let (needed, window) = (f + 1, share(network.clients) / 8);
        let (settled, start) = (VecDeque::new(), Instant::now());
        Session { client, queues, events, trouble, needed, window, settled, start, _links: links }
    }

    /// Whether there are enough nodes for anything to be believed.
    ///
    /// # Errors
    /// What is wrong with those that are not connected.
    pub fn reachable(&self) -> Result<(), SessionError> {
        if self.up() < self.needed { Err(self.unreachable(self.needed)) } else { Ok(()) }
    }

    /// How many nodes are connected.
    pub fn up(&self) -> usize {
        self.trouble.iter().filter(|trouble| trouble.is_none()).count()
    }

    fn unreachable(&self, needed: usize) -> SessionError {
        let all = self.trouble.iter().enumerate();
        let trouble: Vec<_> = all
            .filter_map(|(node, why)| why.as_ref().map(|why| format!("node {node}: {why}")))
            .collect();
        let (up, n) = (self.up(), self.trouble.len());
        SessionError::Unreachable { up, n, needed, trouble: trouble.join("; ") }
    }

    /// The time of this session: since it was made.
    pub fn now(&self) -> Time {
        Time(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Asks for something; what comes of it is told by [`Session::next`], in `patience` at most.
    ///
    /// # Errors
    /// It is too long.
    pub fn submit(&mut self, payload: Vec<u8>, patience: Duration) -> Result<u64, SessionError> {
        if payload.len() > MAX_PAYLOAD {
            return Err(SessionError::TooLong(payload.len()));
        }
        let now = self.now();
        let (seq, posts) = self.client.submit(payload, now, now.after(span(patience)));
        self.post(&posts);
        Ok(seq)
    }

    /// The next request that ended; nothing if none is in flight. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Settled> {
        loop {
            if let Some(settled) = self.settled() {
                return Some(settled);
            }
            self.client.due()?;
            self.turn().await;
        }
    }

    /// A request that ended, if one did.
    pub fn settled(&mut self) -> Option<Settled> {
        self.settled.pop_front()
    }

    /// Waits for what comes next, an answer, a connection, a time, and does what follows from it.
    /// May be dropped while it waits.
    pub async fn turn(&mut self) {
        let due = self.client.due().map(|due| self.start + Duration::from_nanos(due.0));
        let wait = sleep_until(due.unwrap_or(self.start).into());
        tokio::select! {
            event = self.events.recv() => match event {
                Some(event) => self.hear(event),
                // The links live as long as their session, unless the runtime ends: with it, this.
                None => std::future::pending().await,
            },
            () = wait, if due.is_some() => {
                let (posts, settled) = self.client.tick(self.now());
                self.settled.extend(settled);
                self.post(&posts);
            }
        }
    }

    /// Asks for one thing and waits for its result. Nothing else may be in flight.
    ///
    /// # Errors
    /// There was none in time.
    pub async fn call(
        &mut self,
        payload: Vec<u8>,
        patience: Duration,
    ) -> Result<Believed, SessionError> {
        let asked = self.submit(payload, patience)?;
        while let Some((seq, result)) = self.next().await {
            if seq == asked {
                return Ok(result?);
            }
        }
        Err(self.unreachable(1))
    }

    /// Whether one more request may be sent: with more in flight the nodes would turn some away, or
    /// forget who waits for them.
    pub fn has_room(&self) -> bool {
        self.client.in_flight() < IN_FLIGHT && self.client.bytes_in_flight() < self.window
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.client.in_flight() + self.settled.len()
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Up(party) => {
                self.trouble[party.index()] = None;
                let posts = self.client.reconnected(party);
                self.post(&posts);
            }
            Event::Down(party, why) => self.trouble[party.index()] = Some(why),
            Event::Answers(party, answers) => {
                let now = self.now();
                let told = answers.into_iter();
                self.settled.extend(told.filter_map(|one| self.client.answer(party, one, now)));
            }
        }
    }

    /// Each request is encoded once, for however many it is.
    fn post(&mut self, posts: &[Post]) {
        let mut last: Option<(&Arc<_>, bytes::Bytes)> = None;
        for post in posts {
            let bytes = match &last {
                Some((request, bytes)) if Arc::ptr_eq(request, &post.request) => bytes.clone(),
                _ => borsh::to_vec(&*post.request).expect("writing to memory cannot fail").into(),
            };
            let item = match post.watch {
                false => Item { variant: SUBMIT, bytes: bytes.clone() },
                true => {
                    let id = self.client.id(post.request.body.seq);
                    let id = borsh::to_vec(&id).expect("writing to memory cannot fail");
                    Item { variant: WATCH, bytes: id.into() }
                }
            };
            last = Some((&post.request, bytes));
            // What finds no room is asked again.
            let _ = self.queues[post.to.index()].try_send(item);
        }
    }
}

fn span(duration: Duration) -> Span {
    Span(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// Each number of a key is used once, by all programs that use it one after the other:
/// microseconds since 1970.
pub(super) fn first_number() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
