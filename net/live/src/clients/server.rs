//! The port of a node over TCP, with bounds on everything that a client can do.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use byzlab_crypto::Signed;
use byzlab_protocols::{Command, RequestId, smr::take_request};
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use super::{
    port::Port,
    replies::Mailbox,
    wire::{Answer, FRAME, Outcome, ToClient, ToNode, VERSION, Welcome, frame, read},
};

/// How much clients may have of a node.
#[derive(Clone, Copy, Debug)]
pub struct PortLimits {
    /// The most connections at once; more are closed as they come.
    pub connections: usize,
    /// In what time a client has to greet.
    pub greeting: Duration,
    /// So many requests of one connection are awaited in any case; of twice as many the oldest are
    /// forgotten, and their client asks again.
    pub in_flight: usize,
    /// The most bytes of answers that wait for one connection; a client that reads more slowly
    /// loses it.
    pub answers: usize,
}

/// The most requests of one connection whose reply a node awaits, unless it is told otherwise. A
/// client that has more in flight is forgotten and asks in vain.
pub(super) const IN_FLIGHT: usize = 16_384;

impl Default for PortLimits {
    fn default() -> Self {
        PortLimits {
            connections: 64,
            greeting: Duration::from_secs(5),
            in_flight: IN_FLIGHT,
            answers: 8 << 20,
        }
    }
}

/// What happened at the port, in numbers.
#[derive(Default, Debug)]
pub struct PortCounters {
    /// Connections that were greeted.
    pub connections: AtomicU64,
    /// Connections that were closed since there were too many.
    pub too_many: AtomicU64,
    /// Connections whose greeting was wrong or late.
    pub refused: AtomicU64,
    /// Connections that ended with something that is no message.
    pub malformed: AtomicU64,
    /// Connections that ended since the client did not read.
    pub slow: AtomicU64,
    /// Requests handed to the party.
    pub requests: AtomicU64,
    /// Requests that found no room.
    pub busy: AtomicU64,
    /// Requests whose signature or length is wrong.
    pub invalid: AtomicU64,
    /// Answers that were written.
    pub answers: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

/// A port that is served; dropping it ends that.
pub struct Server {
    address: SocketAddr,
    counters: Arc<PortCounters>,
    task: AbortHandle,
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far.
    pub fn counters(&self) -> &Arc<PortCounters> {
        &self.counters
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How many requests of all clients are in flight at the most before signatures are checked twice.
const SIGNATURES: usize = 65_536;

/// Serves a port at an address; port 0 lets the system choose.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve<P: Port>(
    port: Arc<P>,
    address: SocketAddr,
    limits: PortLimits,
) -> io::Result<Server> {
    let listener = TcpListener::bind(address).await?;
    // A request is checked here, and again in the block that comes with it.
    port.context().clients.remember(SIGNATURES);
    let address = listener.local_addr()?;
    tracing::info!(%address, party = %port.report().party, "client port listens");
    let counters = Arc::new(PortCounters::default());
    let shared = Arc::new(Shared { port, limits, counters: counters.clone() });
    let task = tokio::spawn(accept(listener, shared)).abort_handle();
    Ok(Server { address, counters, task })
}

struct Shared<P> {
    port: Arc<P>,
    limits: PortLimits,
    counters: Arc<PortCounters>,
}

/// How long to wait when the system has no connection to give, for lack of file handles.
const PAUSE: Duration = Duration::from_millis(50);

async fn accept<P: Port>(listener: TcpListener, shared: Arc<Shared<P>>) {
    let seats = Arc::new(Semaphore::new(shared.limits.connections));
    // Aborted with this task: no connection outlives its port.
    let mut connections = JoinSet::new();
    for owner in 0.. {
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            count(&shared.counters.too_many, 1);
            tracing::warn!(%peer, "client turned away: too many connections");
            continue;
        };
        connections.spawn(connection(shared.clone(), stream, owner, peer, seat));
    }
}

async fn connection<P: Port>(
    shared: Arc<Shared<P>>,
    stream: TcpStream,
    owner: u64,
    peer: SocketAddr,
    _seat: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    let greeted = timeout(shared.limits.greeting, greet(&shared, &mut reader, &mut writer));
    if let Err(why) = greeted.await.unwrap_or_else(|_| Err("no greeting in time".to_owned())) {
        count(&shared.counters.refused, 1);
        tracing::warn!(%peer, why, "client refused");
        let refused = frame(&ToClient::Refused(why));
        let _ = timeout(shared.limits.greeting, writer.write_all(&refused)).await;
        return;
    }
    count(&shared.counters.connections, 1);
    let mailbox = Arc::new(Mailbox::new(shared.limits.answers));
    let waiting = InFlight { shared: &shared, owner, mailbox: &mailbox, order: VecDeque::new() };
    tokio::select! {
        result = receive(waiting, &mut reader) => {
            if let Err(error) = result {
                count(&shared.counters.malformed, 1);
                tracing::warn!(%peer, %error, "client connection closed");
            }
        }
        result = answer(&shared, &mailbox, &mut writer) => {
            if let Err(error) = result {
                tracing::debug!(%peer, %error, "client connection closed");
            }
        }
    }
}

/// What is wrong with a greeting, if it is.
async fn greet<P: Port>(
    shared: &Shared<P>,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
) -> Result<(), String> {
    let committee = &shared.port.context().committee;
    let hello = read::<ToNode>(reader, 64).await.map_err(|error| error.to_string())?;
    let Some(ToNode::Hello { version, instance }) = hello else {
        return Err("a greeting was expected first".to_owned());
    };
    if version != VERSION {
        return Err(format!("client speaks version {version}, this node {VERSION}"));
    }
    if instance != committee.instance() {
        let own = committee.instance();
        return Err(format!("client is of instance {instance}, this node of {own}"));
    }
    let report = shared.port.report();
    let welcome = ToClient::Welcome(Welcome {
        party: report.party,
        protocol: report.protocol,
        n: u16::try_from(committee.n()).expect("a committee has a u16 of parties"),
        f: u16::try_from(committee.f()).expect("f is below n"),
    });
    writer.write_all(&frame(&welcome)).await.map_err(|error| error.to_string())
}

/// The requests of one connection that wait for a reply, oldest first; among them some that got it.
struct InFlight<'a, P: Port> {
    shared: &'a Shared<P>,
    owner: u64,
    mailbox: &'a Arc<Mailbox>,
    order: VecDeque<RequestId>,
}

impl<P: Port> Drop for InFlight<'_, P> {
    fn drop(&mut self) {
        self.shared.port.replies().forget(self.order.drain(..), self.owner);
    }
}

impl<P: Port> InFlight<'_, P> {
    fn wait(&mut self, request: RequestId) {
        let replies = self.shared.port.replies();
        replies.wait(request, self.owner, self.mailbox);
        self.order.push_back(request);
        let most = self.shared.limits.in_flight;
        if self.order.len() > 2 * most {
            replies.keep_waiting(&mut self.order, self.owner);
            let forgotten = self.order.len().saturating_sub(most);
            replies.forget(self.order.drain(..forgotten), self.owner);
        }
    }

    fn submit(&mut self, request: Signed<Command>) {
        let counters = &self.shared.counters;
        let id = RequestId { client: request.by, seq: request.body.seq };
        let outcome = match take_request(self.shared.port.context(), request) {
            Ok(checked) => {
                // Before the party has it, or its reply could come first.
                self.wait(id);
                if self.shared.port.submit(checked) {
                    return count(&counters.requests, 1);
                }
                count(&counters.busy, 1);
                Outcome::Busy
            }
            Err(reason) => {
                count(&counters.invalid, 1);
                Outcome::Invalid(reason.to_string())
            }
        };
        self.mailbox.put(Answer { request: id, outcome });
    }
}

/// How many signatures are checked before other tasks have their turn.
const CHECKS: usize = 16;

async fn receive<P: Port>(
    mut waiting: InFlight<'_, P>,
    reader: &mut BufReader<OwnedReadHalf>,
) -> io::Result<()> {
    while let Some(message) = read::<ToNode>(reader, FRAME).await? {
        match message {
            ToNode::Submit(requests) => {
                let mut requests = requests.into_iter();
                while requests.len() > 0 {
                    requests.by_ref().take(CHECKS).for_each(|request| waiting.submit(request));
                    tokio::task::yield_now().await;
                }
            }
            ToNode::Watch(requests) => requests.into_iter().for_each(|id| waiting.wait(id)),
            ToNode::Hello { .. } => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a second greeting"));
            }
        }
    }
    Ok(())
}

/// How many bytes of answers go into one frame, about; one answer has 130 KiB at the most.
const ANSWERS: usize = FRAME / 2;

async fn answer<P>(
    shared: &Shared<P>,
    mailbox: &Mailbox,
    writer: &mut OwnedWriteHalf,
) -> io::Result<()> {
    loop {
        mailbox.changed.notified().await;
        let Some(answers) = mailbox.take() else {
            count(&shared.counters.slow, 1);
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read"));
        };
        if answers.is_empty() {
            continue;
        }
        let written = answers.len();
        // Whoever does not read while much waits for it is as slow, and noticed here.
        let overflow = async {
            loop {
                mailbox.changed.notified().await;
                if mailbox.is_overflown() {
                    return;
                }
            }
        };
        tokio::select! {
            result = write(writer, answers) => result?,
            () = overflow => {
                count(&shared.counters.slow, 1);
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read"));
            }
        }
        count(&shared.counters.answers, written);
        // What came meanwhile was noticed by the other branch.
        mailbox.changed.notify_one();
    }
}

async fn write(writer: &mut OwnedWriteHalf, answers: Vec<Answer>) -> io::Result<()> {
    let (mut some, mut bytes) = (Vec::new(), 0);
    for answer in answers {
        bytes += answer.size();
        some.push(answer);
        if bytes >= ANSWERS {
            writer.write_all(&frame(&ToClient::Answers(std::mem::take(&mut some)))).await?;
            bytes = 0;
        }
    }
    if some.is_empty() { Ok(()) } else { writer.write_all(&frame(&ToClient::Answers(some))).await }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
