//! What the process of a party and the one that started it tell each other: a JSON object a line,
//! over standard input and output. The end of the input ends the process at once, so that none
//! outlives its parent, however that dies.

use std::{
    collections::BTreeMap,
    io::{BufRead, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use byzlab_crypto::PartyId;
use byzlab_protocols::Protocol;
use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

use crate::{
    Clock, Common, FleetError, Home, Joined, Party, Status,
    clients::Network,
    runtime,
    threads::{RETURN, is_linked},
};

/// What a party is told.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Where others can be reached.
    Meet(BTreeMap<PartyId, Multiaddr>),
    /// Take part.
    Start(Box<Start>),
    /// Send nothing to these any more, and to all others again.
    Sever(Vec<PartyId>),
    /// End in order.
    Stop,
}

/// How a party takes part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The common start in nanoseconds since 1970.
    pub(crate) at: u64,
    /// Whether it never took part before.
    pub(crate) first: bool,
    /// What it had shown before it was killed.
    pub(crate) shown: Status,
    /// Those who are up and have to be found first.
    pub(crate) up: Vec<PartyId>,
    /// What clients know of the network, if it serves them.
    pub(crate) network: Option<Network>,
}

/// What a party tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// It can be reached, by clients, too.
    Listening { address: Multiaddr, clients: Option<SocketAddr> },
    /// It serves HTTP.
    Http(SocketAddr),
    /// Each of its links carries in both directions.
    Linked,
    /// How it is.
    Status(Status),
    /// It ended in order.
    Stopped,
    /// It cannot go on.
    Failed(String),
}

/// A party that takes part, and what clients know of the network if it serves them.
type Taking<P> = (Party<P>, Option<Network>);

/// How often a party looks whether it has something to tell.
pub(crate) const GLANCE: Duration = Duration::from_millis(2);
/// How often a party that takes part tells how it is.
const TELL: Duration = Duration::from_millis(10);
/// Whoever is told to end, and does not, is ended after this.
const PARTING: Duration = Duration::from_secs(10);

/// The process of one party.
pub struct Member<P: Protocol> {
    /// What all have in common.
    pub common: Common<P>,
    /// Which party.
    pub party: PartyId,
    /// The folder of the run.
    pub folder: PathBuf,
    /// Where to listen.
    pub listen: Multiaddr,
    /// Where to listen to clients, if it serves them.
    pub clients: Option<SocketAddr>,
    /// By how much every duration is stretched.
    pub scale: u64,
}

fn say(word: &Word) {
    let text = serde_json::to_string(word).expect("it is plain data");
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the end of the input says the same.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The orders that come in. When no more can, the process ends.
fn orders() -> Receiver<Order> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let order = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            let Some(order) = order else { break };
            if sender.send(order).is_err() {
                return;
            }
        }
        std::process::exit(3);
    });
    receiver
}

impl<P: Protocol> Member<P> {
    /// Does what it is told until it is told to end.
    ///
    /// # Errors
    /// The party does not start, or ends on its own. Both were told, too.
    pub fn serve(self) -> Result<(), FleetError> {
        let served = self.served();
        say(&match &served {
            Ok(()) => Word::Stopped,
            Err(error) => Word::Failed(error.to_string()),
        });
        served
    }

    fn served(self) -> Result<(), FleetError> {
        let orders = orders();
        let runtime = runtime().map_err(|error| FleetError::Folder("threads".into(), error))?;
        let _within = runtime.enter();
        let listening = Joined::listen(&self.common, self.party, self.listen.clone());
        let mut joined = runtime.block_on(listening)?;
        let failed = |error: std::io::Error| {
            let (party, why) = (self.party, format!("cannot listen to clients: {error}"));
            FleetError::Process { party, why }
        };
        let serving = self.clients.map(|clients| runtime.block_on(joined.serve(clients)));
        let clients = serving.transpose().map_err(failed)?;
        if let Some(address) = joined.address() {
            say(&Word::Listening { address, clients });
        }
        let Some((mut party, network)) = self.joins(joined, &orders)? else { return Ok(()) };
        if let Some(network) = network {
            let any = (Ipv4Addr::LOCALHOST, 0).into();
            let served = runtime.block_on(party.serve_http(&network, any));
            say(&Word::Http(served.map_err(failed)?));
        }
        self.takes_part(party, &orders)
    }

    /// Finds the others, and starts when it is told to.
    fn joins(
        &self,
        joined: Joined<P>,
        orders: &Receiver<Order>,
    ) -> Result<Option<Taking<P>>, FleetError> {
        let mut linked = false;
        loop {
            match orders.recv_timeout(GLANCE) {
                Ok(Order::Meet(others)) => joined.meet(others),
                Ok(Order::Start(start)) => {
                    let Start { at, first, shown, up, network } = *start;
                    let clock = Clock::of_genesis(at, self.scale);
                    joined.expect_start(clock);
                    let (begun, up) = (Instant::now(), up.into_iter().collect());
                    while !is_linked(&joined.links(), &up) && begun.elapsed() < RETURN {
                        std::thread::sleep(GLANCE);
                    }
                    let home = Home::of(&self.folder, self.party);
                    let party = joined.start(&self.common, &home, clock, first, shown)?;
                    return Ok(Some((party, network)));
                }
                Ok(Order::Sever(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
            let links = joined.links();
            if !linked && links.iter().all(|link| link.sending && link.receiving) {
                say(&Word::Linked);
                linked = true;
            }
        }
    }

    fn takes_part(&self, party: Party<P>, orders: &Receiver<Order>) -> Result<(), FleetError> {
        let mut told = None;
        loop {
            match orders.recv_timeout(TELL) {
                Ok(Order::Meet(others)) => party.meet(others),
                Ok(Order::Sever(from)) => party.sever(from.into_iter().collect()),
                Ok(Order::Start(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(party.stop()?),
            }
            let status = party.status();
            if told != Some(status) {
                say(&Word::Status(status));
                told = Some(status);
            }
            // What panicked has said so, and waits to be told to end.
            if party.has_ended() && !status.panicked {
                let why = "its node is gone".to_owned();
                party.stop()?;
                return Err(FleetError::Ended { party: self.party, why });
            }
        }
    }
}

/// The time that a process has left to end in order.
pub(crate) fn parting(begun: Instant) -> Option<Duration> {
    PARTING.checked_sub(begun.elapsed())
}
