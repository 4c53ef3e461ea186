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
    Clock,
    clients::Replies,
    frame::{self, SendId, packet_of},
    transport::Inbound,
};

/// How many inputs wait for the driver.
const INBOX: usize = 65_536;
/// How many bytes of one sender wait for the driver; what comes on top is dropped.
const WAITING_BYTES: usize = 18 << 20;

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
    pub(crate) waiting: Arc<Vec<AtomicUsize>>,
    dropped: Arc<AtomicUsize>,
    pub(crate) replies: Arc<Replies>,
}

impl<P: Protocol> Clone for Intake<P> {
    fn clone(&self) -> Self {
        Intake {
            context: self.context.clone(),
            clock: self.clock.clone(),
            inbox: self.inbox.clone(),
            waiting: self.waiting.clone(),
            dropped: self.dropped.clone(),
            replies: self.replies.clone(),
        }
    }
}

impl<P: Protocol> Inbound for Intake<P> {
    fn frame(&self, from: PartyId, frame: Bytes) {
        let Some((id, bytes)) = frame::open(frame) else { return self.drop_one() };
        let waiting = &self.waiting[from.index()];
        if waiting.load(Ordering::Relaxed) + bytes.len() > WAITING_BYTES {
            return self.drop_one();
        }
        let packet = packet_of::<P>(&bytes);
        // The verdict stays in the packet: the driver finds it there.
        let _ = packet.verdict(&self.context);
        waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        let length = bytes.len();
        if !self.put(Incoming::Packet { from, id, bytes, packet }) {
            waiting.fetch_sub(length, Ordering::Relaxed);
        }
    }
}

impl<P: Protocol> Intake<P> {
    /// An intake, and what the node takes from it.
    pub fn new(context: &Arc<Context>) -> (Intake<P>, Inbox<P>) {
        let (sender, receiver) = sync_channel(INBOX);
        let waiting = context.committee.parties().map(|_| AtomicUsize::new(0)).collect();
        let intake = Intake {
            context: context.clone(),
            clock: Arc::new(OnceLock::new()),
            inbox: sender,
            waiting: Arc::new(waiting),
            dropped: Arc::new(AtomicUsize::new(0)),
            replies: Arc::default(),
        };
        (intake.clone(), Inbox { receiver, intake })
    }

    /// A client's request reaches the party. False if there is no room for it.
    pub fn request(&self, request: Request) -> bool {
        self.put(Incoming::Request(request))
    }

    /// Where the replies of the party appear, once all before them is durable.
    pub fn replies(&self) -> &Arc<Replies> {
        &self.replies
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
        let now = self.clock.get().map_or(Time::ZERO, Clock::now);
        match self.inbox.try_send((now, incoming)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.drop_one();
                false
            }
        }
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
