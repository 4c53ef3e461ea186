//! An open loop of commands: each is due at its time, whether those before it are answered or
//! not, and its latency counts from then. What a slow system keeps waiting is so part of what is
//! measured, and so is what a command waits for others to go with it in one request.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use byzlab_protocols::smr::list;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::{Believed, Network, Reach, Session, SessionError};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Load {
    /// Commands a second, of all clients together.
    pub rate: u64,
    /// The bytes of each command; at least what a `put` needs.
    pub size: usize,
    /// For how long commands become due.
    pub duration: Duration,
    /// How many clients ask, each with its own key and connections.
    pub clients: usize,
    /// How many commands of a client go into one request at the most, as far as they have room. One
    /// goes at once; more are gathered for [`GATHER`] at the most.
    pub batch: usize,
    /// Whom they ask.
    pub reach: Reach,
    /// After what time they ask again.
    pub retry: Duration,
    /// After what time from then on they give a request up, and how long they try to connect.
    pub patience: Duration,
    /// Asks for gets too, on few keys, and notes what every client saw.
    pub history: bool,
}

/// One operation as a client saw it; times in nanoseconds since the load began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// On which key.
    pub key: String,
    /// The value that was put; nothing for a get.
    pub put: Option<String>,
    /// When it was called.
    pub called: u64,
    /// When it returned and with what; nothing if it was given up.
    pub returned: Option<(u64, String)>,
}

/// What became of a load.
#[derive(Debug)]
pub struct Outcome {
    /// Commands that became due.
    pub due: u64,
    /// Commands that f + 1 parties answered alike.
    pub done: u64,
    /// Commands that were given up.
    pub given_up: u64,
    /// Commands that waited in vain for others to be answered, since too many were in flight.
    pub unsent: u64,
    /// Requests that were sent.
    pub requests: u64,
    /// From the first moment to the last answer.
    pub elapsed: Duration,
    /// Microseconds from when a command was due until its result was believed.
    pub latency: Histogram<u64>,
    /// What clients saw, if that was asked for.
    pub history: Vec<Seen>,
}

/// How long a command waits at the most for others to go with it.
pub const GATHER: Duration = Duration::from_millis(2);
/// No latency is longer, in microseconds: a day.
const LONGEST: u64 = 86_400_000_000;
/// The keys that a load with a history uses, so that clients meet.
const SHARED: u64 = 8;
/// The keys of each client otherwise.
const OWN: u64 = 1000;

/// Puts load on a network; ends when the last request is answered or given up.
///
/// # Errors
/// A client has no key, or too few nodes can be reached.
///
/// # Panics
/// If rate or number of clients are zero.
pub async fn load(network: &Network, load: &Load) -> Result<Outcome, SessionError> {
    assert!(load.rate > 0 && load.clients > 0, "somebody asks for something");
    let mut sessions = Vec::new();
    for client in 0..load.clients {
        let signer = network.signer(client)?;
        let (retry, patience) = (load.retry, load.patience);
        sessions.push(Session::connect(network, signer, load.reach, retry, patience).await?);
    }
    let start = Instant::now();
    let run = super::session::first_number();
    let mut asking = JoinSet::new();
    for (client, session) in (0..).zip(sessions) {
        let asker = Asker { load: load.clone(), client, run, start, session };
        asking.spawn(asker.run());
    }
    let mut all = Outcome::nothing();
    while let Some(one) = asking.join_next().await {
        all.add(one.expect("a client does not panic and is not stopped"));
    }
    Ok(all)
}

impl Outcome {
    fn nothing() -> Outcome {
        Outcome {
            due: 0,
            done: 0,
            given_up: 0,
            unsent: 0,
            requests: 0,
            elapsed: Duration::ZERO,
            latency: Histogram::new(3).expect("three digits are possible"),
            history: Vec::new(),
        }
    }

    fn add(&mut self, other: Outcome) {
        self.due += other.due;
        self.done += other.done;
        self.given_up += other.given_up;
        self.unsent += other.unsent;
        self.requests += other.requests;
        self.elapsed = self.elapsed.max(other.elapsed);
        self.latency.add(&other.latency).expect("it grows as needed");
        self.history.extend(other.history);
    }
}

struct Asker {
    load: Load,
    client: u64,
    run: u64,
    start: Instant,
    session: Session,
}

/// A command that was sent, or is about to be.
struct Asked {
    due: Duration,
    seen: Option<Seen>,
}

/// Commands that go into one request.
#[derive(Default)]
struct Gathered {
    commands: Vec<Vec<u8>>,
    bytes: usize,
    asked: Vec<Asked>,
}

impl Asker {
    async fn run(mut self) -> Outcome {
        let mut outcome = Outcome::nothing();
        let (mut asked, mut gathered) = (BTreeMap::new(), Gathered::default());
        let mut count = 0;
        loop {
            let next = self.due(count).filter(|due| *due < self.load.duration);
            let (room, now) = (self.session.has_room(), self.start.elapsed());
            // Whoever was delayed asks for all that is due meanwhile, as far as there is room.
            if let Some(due) = next.filter(|due| *due <= now) {
                let in_vain = due + self.load.patience <= now;
                if in_vain || room {
                    outcome.due += 1;
                    outcome.unsent += u64::from(in_vain);
                    if !in_vain {
                        self.gather(count, due, &mut gathered, &mut asked, &mut outcome);
                    }
                    count += 1;
                    continue;
                }
            }
            let leaves = gathered.asked.first().map(|first| first.due + GATHER);
            if leaves.is_some_and(|leaves| leaves <= now) {
                self.ask(&mut gathered, &mut asked, &mut outcome);
                continue;
            }
            // What finds no room waits for it, as long as for an answer.
            let next = next.map(|due| if room { due } else { due + self.load.patience });
            let wake = next.into_iter().chain(leaves).min();
            let in_flight = self.session.in_flight() > 0;
            if wake.is_none() && !in_flight {
                return outcome;
            }
            let wait = tokio::time::sleep_until((self.start + wake.unwrap_or_default()).into());
            tokio::select! {
                () = wait, if wake.is_some() => {}
                settled = self.session.next(), if in_flight => {
                    let Some((seq, result)) = settled else { return outcome };
                    let Some(all) = asked.remove(&seq) else { continue };
                    self.settle(all, result.ok().as_ref(), &mut outcome);
                }
            }
        }
    }

    /// When the command of this number is due: clients take turns.
    fn due(&self, count: u64) -> Option<Duration> {
        let turn = count.checked_mul(self.load.clients as u64)?.checked_add(self.client)?;
        let nanos = u128::from(turn) * 1_000_000_000 / u128::from(self.load.rate);
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }

    /// A command is due: it leaves with others, once there are enough of them.
    fn gather(
        &mut self,
        count: u64,
        due: Duration,
        gathered: &mut Gathered,
        asked: &mut BTreeMap<u64, Vec<Asked>>,
        outcome: &mut Outcome,
    ) {
        let (key, put) = self.operation(count);
        let command = match &put {
            Some(value) => ["put", &key, value].join(" "),
            None => ["get", &key].join(" "),
        };
        let command = command.into_bytes();
        if !list::fits(gathered.commands.len(), gathered.bytes, &command) {
            self.ask(gathered, asked, outcome);
        }
        let called = nanos(self.start.elapsed());
        let seen = self.load.history.then_some(Seen { key, put, called, returned: None });
        gathered.bytes += list::room(&command);
        gathered.commands.push(command);
        gathered.asked.push(Asked { due, seen });
        if gathered.commands.len() >= self.load.batch {
            self.ask(gathered, asked, outcome);
        }
    }

    /// Sends what was gathered.
    fn ask(
        &mut self,
        gathered: &mut Gathered,
        asked: &mut BTreeMap<u64, Vec<Asked>>,
        outcome: &mut Outcome,
    ) {
        let Gathered { mut commands, asked: all, .. } = std::mem::take(gathered);
        let payload = match self.load.batch {
            1 => commands.pop().unwrap_or_default(),
            _ => list::list(commands),
        };
        if all.is_empty() {
            return;
        }
        match self.session.submit(payload, self.load.patience) {
            Ok(seq) => {
                outcome.requests += 1;
                asked.insert(seq, all);
            }
            Err(_) => outcome.unsent += all.len() as u64,
        }
    }

    /// Key, and value to put: each value once.
    fn operation(&self, count: u64) -> (String, Option<String>) {
        let (client, run) = (self.client, self.run);
        if self.load.history && (count + client) % 2 == 1 {
            return (format!("load.{run}.{}", count % SHARED), None);
        }
        let key = match self.load.history {
            true => format!("load.{run}.{}", count % SHARED),
            false => format!("load.{client}.{}", count % OWN),
        };
        let begin = format!("{client}.{count}.");
        let left = self.load.size.saturating_sub("put  ".len() + key.len() + begin.len());
        (key, Some(begin + &"x".repeat(left)))
    }

    /// A request ended, and with it all its commands.
    fn settle(&self, asked: Vec<Asked>, believed: Option<&Believed>, outcome: &mut Outcome) {
        let now = self.start.elapsed();
        let results = believed.and_then(|believed| match self.load.batch {
            1 => Some(vec![&believed.result[..]]),
            _ => list::items(&believed.result),
        });
        // What is no list of so many results answers nothing.
        let results = results.filter(|results| results.len() == asked.len());
        let mut results = results.into_iter().flatten();
        for Asked { due, mut seen } in asked {
            if let Some(result) = results.next() {
                outcome.done += 1;
                outcome.elapsed = now;
                let micros = now.saturating_sub(due).as_micros();
                // Grows as needed: an hour is far below what it can hold.
                let micros = u64::try_from(micros).unwrap_or(u64::MAX).min(LONGEST);
                outcome.latency.record(micros).expect("it grows as needed");
                if let Some(seen) = &mut seen {
                    let result = String::from_utf8_lossy(result).into_owned();
                    seen.returned = Some((nanos(now), result));
                }
            } else {
                outcome.given_up += 1;
            }
            outcome.history.extend(seen);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{
        PortLimits,
        double::{Manner, network},
    };

    fn some(rate: u64, millis: u64) -> Load {
        Load {
            rate,
            size: 100,
            duration: Duration::from_millis(millis),
            clients: 2,
            batch: 1,
            reach: Reach::All,
            retry: Duration::from_secs(1),
            patience: Duration::from_secs(60),
            history: false,
        }
    }

    #[tokio::test]
    async fn every_request_that_is_due_ends_and_is_counted_once() {
        let manners = [Manner::Lying, Manner::Honest, Manner::Honest, Manner::Honest];
        let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
        let outcome = load(&network, &some(1000, 300)).await.expect("the nodes are there");
        assert_eq!((outcome.due, outcome.done, outcome.given_up, outcome.unsent), (300, 300, 0, 0));
        assert_eq!(outcome.latency.len(), 300);
        // A round trip over a socket takes longer than this, in microseconds.
        assert!(outcome.latency.max() > 20, "{}", outcome.latency.max());
        // The last one is due after 299 ms.
        assert!(outcome.elapsed >= Duration::from_millis(299), "{:?}", outcome.elapsed);
        assert!(outcome.history.is_empty());
    }

    #[tokio::test]
    async fn commands_go_together_as_far_as_they_are_due_and_each_has_its_result() {
        let manners = [Manner::Lying, Manner::Honest, Manner::Honest, Manner::Honest];
        let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
        let together = Load { batch: 10, history: true, ..some(1000, 300) };
        let outcome = load(&network, &together).await.expect("the nodes are there");
        assert_eq!((outcome.due, outcome.done, outcome.given_up, outcome.unsent), (300, 300, 0, 0));
        assert_eq!(outcome.latency.len(), 300);
        assert!((30..300).contains(&outcome.requests), "{}", outcome.requests);
        let result = |seen: &Seen| seen.returned.clone().expect("it was answered").1;
        let (puts, gets): (Vec<_>, Vec<_>) =
            outcome.history.iter().partition(|seen| seen.put.is_some());
        assert!(puts.iter().all(|put| result(put) == "ok"));
        assert!(gets.iter().any(|get| !result(get).is_empty()), "what was put before");
        // The list that a liar answers with has the wrong length; many are in one that is too long.
        let long = Load { batch: 1000, size: 60_000, ..some(20, 300) };
        let outcome = load(&network, &long).await.expect("the nodes are there");
        assert_eq!((outcome.done, outcome.requests), (6, 6), "no two have room in one");
    }

    #[tokio::test]
    async fn what_is_not_answered_is_given_up_and_noted_as_open() {
        let manners = [Manner::Silent, Manner::Silent, Manner::Busy, Manner::Honest];
        let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
        let patience = Duration::from_millis(500);
        let load = Load { history: true, patience, ..some(100, 100) };
        let outcome = super::load(&network, &load).await.expect("the nodes are there");
        assert_eq!((outcome.due, outcome.done, outcome.given_up), (10, 0, 10));
        assert_eq!(outcome.history.len(), 10);
        assert!(outcome.history.iter().all(|seen| seen.returned.is_none()));
        let puts = outcome.history.iter().filter(|seen| seen.put.is_some()).count();
        assert_eq!(puts, 5);
    }

    #[tokio::test]
    async fn no_more_is_in_flight_than_nodes_keep_and_what_waits_in_vain_is_not_sent() {
        let (network, _doubles, _servers) =
            network(&[Manner::Silent], 0, PortLimits::default()).await;
        let patience = Duration::from_millis(300);
        let flood = Load { size: 60_000, patience, ..some(5000, 200) };
        let outcome = load(&network, &flood).await.expect("the node is there");
        assert_eq!((outcome.due, outcome.done), (1000, 0));
        assert_eq!(outcome.given_up, outcome.requests);
        assert_eq!(outcome.given_up + outcome.unsent, 1000);
        // An eighth of 32 MiB for each client at a time: what is due in the beginning is given up, what
        // is due next has its place, and the rest waits as long as for an answer.
        let window = 2 * (4 << 20) / flood.size as u64;
        assert!((window..=3 * window).contains(&outcome.requests), "{}", outcome.requests);
    }

    #[tokio::test]
    async fn a_payload_has_the_size_that_was_asked_for() {
        let (network, _doubles, _servers) =
            network(&[Manner::Honest], 0, PortLimits::default()).await;
        let signer = network.signer(0).expect("two clients");
        let long = Duration::from_secs(60);
        let session = Session::connect(&network, signer, Reach::All, long, long).await;
        let session = session.expect("the node is there");
        let asker = Asker { load: some(1, 1), client: 1, run: 5, start: Instant::now(), session };
        let (key, put) = asker.operation(17);
        assert_eq!(format!("put {key} {}", put.expect("a put")).len(), 100);
    }

    #[tokio::test]
    async fn a_client_without_a_key_is_named() {
        let (network, _doubles, _servers) =
            network(&[Manner::Honest], 0, PortLimits::default()).await;
        let load = Load { clients: 3, ..some(1, 1) };
        let failed = super::load(&network, &load).await.expect_err("there are two keys");
        assert_eq!(failed.to_string(), "client 2: only clients 0 to 1 have a key");
    }
}
