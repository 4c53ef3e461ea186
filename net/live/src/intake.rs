//! Where frames and requests go into a node: decoded and checked on the tasks that read them, with
//! the time at which they came.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use byzlab_protocols::{Context, Packet, Protocol, Request, Time};

use crate::{
    Clock, Losses,
    clients::Replies,
    commits::Commits,
    frame::{self, SendId, packet_of},
    transport::Inbound,
};

/// How many inputs wait for the driver: half of them requests, of the rest as many of each sender.
const INBOX: usize = 65_536;
/// How many bytes of one sender or client wait for the driver; what comes on top is dropped.
const WAITING_BYTES: usize = 18 << 20;
/// How many requests of one client wait for the driver, short ones.
const REQUESTS: usize = 8192;

/// What waits for the driver of each sender and each client. Whoever sends much fills its own share
/// and nobody else's.
pub(crate) struct Shares {
    /// So much of an input counts at least: many small ones are as many as a share has places.
    least: usize,
    senders: Vec<AtomicUsize>,
    clients: Vec<AtomicUsize>,
    requests: AtomicUsize,
}

/// Adds to what waits, if it stays within a bound.
fn add(waiting: &AtomicUsize, more: usize, most: usize) -> bool {
    let room = |waiting: usize| (waiting + more <= most).then_some(waiting + more);
    waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok()
}

impl Shares {
    fn new(n: usize, clients: usize) -> Shares {
        let none = |count| (0..count).map(|_| AtomicUsize::new(0)).collect();
        let places = (INBOX / 2 / n).max(1);
        let least = WAITING_BYTES / places;
        Shares { least, senders: none(n), clients: none(clients), requests: AtomicUsize::new(0) }
    }

    fn of(&self, from: PartyId, bytes: usize) -> (&AtomicUsize, usize) {
        (&self.senders[from.index()], bytes.max(self.least))
    }

    /// Takes a place for so many bytes of a sender, if one is left.
    fn take(&self, from: PartyId, bytes: usize) -> bool {
        let (waiting, weight) = self.of(from, bytes);
        add(waiting, weight, WAITING_BYTES)
    }

    /// Gives the place back.
    pub(crate) fn give(&self, from: PartyId, bytes: usize) {
        let (waiting, weight) = self.of(from, bytes);
        waiting.fetch_sub(weight, Ordering::Relaxed);
    }

    fn of_client(&self, client: PartyId, bytes: usize) -> (&AtomicUsize, usize) {
        (&self.clients[client.index()], bytes.max(WAITING_BYTES / REQUESTS))
    }

    fn take_request(&self, client: PartyId, bytes: usize) -> bool {
        let (waiting, weight) = self.of_client(client, bytes);
        if !add(waiting, weight, WAITING_BYTES) {
            return false;
        }
        // One place is left for the word to stop.
        let taken = add(&self.requests, 1, INBOX / 2 - 1);
        if !taken {
            waiting.fetch_sub(weight, Ordering::Relaxed);
        }
        taken
    }

    /// Gives the place of a request back.
    pub(crate) fn give_request(&self, client: PartyId, bytes: usize) {
        let (waiting, weight) = self.of_client(client, bytes);
        waiting.fetch_sub(weight, Ordering::Relaxed);
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came in.
pub(crate) enum Incoming<P: Protocol> {
    Packet { from: PartyId, id: SendId, bytes: Bytes, packet: Arc<Packet<P>> },
    Request(Request),
    Stop,
}

/// Takes in frames on the tasks that read them: decodes and checks there.
pub struct Intake<P: Protocol> {
    context: Arc<Context>,
    pub(crate) clock: Arc<OnceLock<Clock>>,
    inbox: SyncSender<(Time, Incoming<P>)>,
    pub(crate) shares: Arc<Shares>,
    dropped: Arc<AtomicUsize>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) commits: Arc<Commits>,
    losses: Arc<Losses>,
}

impl<P: Protocol> Clone for Intake<P> {
    fn clone(&self) -> Self {
        Intake {
            context: self.context.clone(),
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
            shares: self.shares.clone(),
            dropped: self.dropped.clone(),
            replies: self.replies.clone(),
            commits: self.commits.clone(),
            losses: self.losses.clone(),
        }
    }
}

impl<P: Protocol> Inbound for Intake<P> {
    fn frame(&self, from: PartyId, frame: Bytes) {
        let Some((id, bytes)) = frame::open(frame) else { return self.drop_one() };
        let length = bytes.len();
        if !self.shares.take(from, length) {
            self.losses.add(from, 1);
            return self.drop_one();
        }
        let packet = packet_of::<P>(&bytes);
        // The verdict stays in the packet: the driver finds it there.
        let _ = packet.verdict(&self.context);
        if let Err(full) = self.offer(Incoming::Packet { from, id, bytes, packet }) {
            self.shares.give(from, length);
            // A party that has ended has no room to lose anything for.
            self.losses.add(from, u64::from(full));
        }
    }
}

impl<P: Protocol> Intake<P> {
    /// An intake, and what the node takes from it.
    pub fn new(context: &Arc<Context>) -> (Intake<P>, Inbox<P>) {
        let (sender, receiver) = sync_channel(INBOX);
        let intake = Intake {
            context: context.clone(),
            clock: Arc::new(OnceLock::new()),
            inbox: sender,
            shares: Arc::new(Shares::new(context.committee.n(), context.clients.len())),
            dropped: Arc::new(AtomicUsize::new(0)),
            replies: Arc::default(),
            commits: Arc::default(),
            losses: Arc::new(Losses::new(context.committee.n())),
        };
        (intake.clone(), Inbox { receiver, intake })
    }

    /// A client's request reaches the party. False if there is no room for it.
    pub fn request(&self, request: Request) -> bool {
        let (client, bytes) = (request.by(), request.body().payload.len());
        if !self.shares.take_request(client, bytes) {
            self.drop_one();
            return false;
        }
        let taken = self.put(Incoming::Request(request));
        if !taken {
            self.shares.give_request(client, bytes);
        }
        taken
    }

    /// Where the replies of the party appear, once all before them is durable.
    pub fn replies(&self) -> &Arc<Replies> {
        &self.replies
    }

    /// What the party wrote down so far.
    pub fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }

    /// What the party's runtime lost so far.
    pub fn losses(&self) -> &Arc<Losses> {
        &self.losses
    }

    /// What everybody knows.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// How many frames were dropped since nobody took them in time.
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn put(&self, incoming: Incoming<P>) -> bool {
        self.offer(incoming).is_ok()
    }

    /// Hands something to the driver; if it does not take it, whether for lack of room.
    fn offer(&self, incoming: Incoming<P>) -> Result<(), bool> {
        let now = self.clock.get().map_or(Time::ZERO, Clock::now);
        self.inbox.try_send((now, incoming)).map_err(|refused| {
            self.drop_one();
            matches!(refused, TrySendError::Full(_))
        })
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The other end of an intake.
pub struct Inbox<P: Protocol> {
    pub(crate) receiver: Receiver<(Time, Incoming<P>)>,
    pub(crate) intake: Intake<P>,
}

#[cfg(test)]
mod tests {
    use byzlab_crypto::{Committee, Digest, KeyRing, Scheme};
    use byzlab_protocols::{Command, Leaders, Span, pbft::Pbft, smr::MAX_PAYLOAD};

    use super::*;
    use crate::{frame::frame, losses::Told};

    /// Nobody takes anything out: one party and one client send all they can, and whoever sends now and
    /// then is heard all the same.
    #[test]
    fn whoever_sends_much_takes_no_place_of_another() {
        let instance = Digest::of("byzlab/test/1", b"shares");
        let ring = |purpose, count| {
            KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
                .expect("so many keys are possible")
        };
        for n in [4, 16] {
            let ((parties, _), (clients, client)) = (ring("party", n), ring("client", 2));
            let context = Arc::new(Context {
                committee: Committee::new(parties, 1).expect("f is below n"),
                clients,
                leaders: Leaders::RoundRobin(PartyId(0)),
                delta: Span::millis(100),
            });
            let (intake, inbox) = Intake::<Pbft>::new(&context);
            let small = |number| frame(SendId { incarnation: 0, number }, b"x");
            (0..INBOX as u64).for_each(|number| intake.frame(PartyId(1), small(number)));
            let request = |of: usize, length| {
                Arc::new(client[of].sign(Command { seq: 1, payload: vec![0; length] }))
            };
            let taken = |length, count| {
                let request = request(0, length);
                (0..count).filter(|_| intake.request(request.clone())).count()
            };
            let long = taken(MAX_PAYLOAD, INBOX);
            assert_eq!(long, WAITING_BYTES / MAX_PAYLOAD, "bytes of a client count");
            assert_eq!(taken(0, INBOX), 0, "and so do short requests");
            let dropped = intake.dropped();
            assert!(dropped > INBOX, "{dropped}");
            (0..REQUESTS).for_each(|_| assert!(intake.request(request(1, 0))));
            assert!(!intake.request(request(1, 0)));
            let dropped = dropped + 1;
            for party in PartyId::all(n).filter(|party| *party != PartyId(1)) {
                (0..100).for_each(|number| intake.frame(party, small(number)));
            }
            assert_eq!(intake.dropped(), dropped, "the others have their places");
            assert!(intake.put(Incoming::Stop), "and so has the word to stop");
            let long = frame(SendId { incarnation: 0, number: 0 }, &vec![0; WAITING_BYTES]);
            intake.frame(PartyId(2), long);
            assert_eq!(intake.dropped(), dropped + 1, "bytes count as well");
            let mut told = Told::default();
            let lost = told.news(intake.losses());
            assert_eq!(lost.iter().map(|(peer, _)| peer.0).collect::<Vec<_>>(), [1, 2]);
            drop(inbox);
            intake.frame(PartyId(3), small(0));
            assert_eq!(told.news(intake.losses()), [], "whoever has ended loses nothing");
        }
    }
}
