//! Clients of running nodes: what they were told is linearizable though a node is killed and comes
//! back, nothing that was acknowledged is lost, and the judge knows what they asked for.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use byzlab::{
    Lab,
    crypto::PartyId,
    protocols::{
        Attack, Protocol, Target, hotstuff::HotStuff, hotstuff_chained::ChainedHotStuff,
        pbft::Pbft, pbft_classic::PbftClassic,
    },
    scenarios::{
        Finding, KeySource, Late, Options, Property, Remains, Run, Scenario, StoppedBy, Timing,
        conclude,
        linearizable::{Action, Linearizable, Operation, check},
        prepare,
    },
    sim::Setup,
};
use byzlab_live::{
    Clock, Faults, Inbox, Intake, Keeps, Link, Node, NodeConfig, Outgoing, Owner, Parts, Replay,
    Status,
    clients::{
        Gate, Gateway, Network, PortLimits, Reach, Server, Session,
        load::{Load, Seen, load},
        serve,
    },
    http::{Endpoint, Serving},
    journal, replay,
    transport::{Counters, Inbound, LinkState},
};

use super::common;

const N: usize = 4;
/// Whatever a loaded machine does in between.
const LONG: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_millis(500);

/// The intake of each party, the one of its last life.
type Intakes<P> = Arc<Vec<Mutex<Intake<P>>>>;

/// A network in memory.
struct Memory<P: Protocol> {
    own: PartyId,
    intakes: Intakes<P>,
}

impl<P: Protocol> Link for Memory<P> {
    fn carry(&mut self, outgoing: Outgoing) {
        for party in PartyId::all(N).filter(|party| *party != self.own) {
            if [Target::All, Target::One(party)].contains(&outgoing.to) {
                let intake = self.intakes[party.index()].lock().expect("nobody panics").clone();
                intake.frame(self.own, outgoing.frame.clone());
            }
        }
    }
}

/// A node, its port and its endpoint.
struct Running<P: Protocol> {
    node: Node<P>,
    gate: Arc<Gate<P>>,
    server: Server,
}

/// Four nodes and what they run.
struct Fleet<P: Attack> {
    scenario: Scenario,
    setup: Setup<P>,
    folder: PathBuf,
    clock: Clock,
    intakes: Intakes<P>,
    shown: Arc<Mutex<Vec<Status>>>,
    ports: Vec<SocketAddr>,
    nodes: Vec<Option<Running<P>>>,
}

impl<P: Attack> Drop for Fleet<P> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl<P: Attack> Fleet<P> {
    async fn start() -> Fleet<P> {
        let name = P::ABOUT.name;
        let toml = format!(
            "protocol.{name} = {{ batch = 64 }}\nn = {N}\nseed = 9\n\
             workload.clients = {{ count = 3, rate = 10, requests = 1 }}\n\
             [network]\ndelta = \"200ms\"\ndelay.constant = \"1ms\"\n"
        );
        let scenario = common::resolve(&Lab::new(), &toml, None);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        let setup = prepare::<P>(&scenario, &Options::default(), &KeySource::of(&scenario));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        let make = |_| Intake::<P>::new(&setup.context);
        let (intakes, inboxes): (Vec<_>, Vec<_>) = (0..N).map(make).unzip();
        let mut fleet = Fleet {
            scenario,
            folder,
            clock: Clock::starting(Instant::now() + Duration::from_millis(50), 1),
            intakes: Arc::new(intakes.into_iter().map(Mutex::new).collect()),
            shown: Arc::new(Mutex::new(vec![Status::default(); N])),
            ports: vec![SocketAddr::from(([127, 0, 0, 1], 0)); N],
            nodes: (0..N).map(|_| None).collect(),
            setup,
        };
        for (party, inbox) in inboxes.into_iter().enumerate() {
            fleet.begin(party, inbox).await;
        }
        fleet
    }

    fn journals(&self, party: usize) -> PathBuf {
        self.folder.join(format!("journals-{party}"))
    }

    async fn begin(&mut self, party: usize, inbox: Inbox<P>) {
        let own = PartyId(party as u16);
        let config = NodeConfig {
            keeps: Keeps::ALL,
            first: !journal::began(&self.journals(party)),
            parts: Parts::of(&self.setup),
            party: own,
            disk: self.folder.join(format!("disk-{party}")),
            journals: self.journals(party),
            arrivals: self.setup.requests.iter().filter(|one| one.party == own).cloned().collect(),
            shown: Status::default(),
            clock: self.clock,
        };
        let link = Memory { own, intakes: self.intakes.clone() };
        let (show, shown) = (self.shown.clone(), self.shown.clone());
        let show = move |status| show.lock().expect("nobody panics")[party] = status;
        let node = Node::start(config, inbox, link, show).expect("its own folder");
        let link = |party| LinkState {
            party,
            connected: true,
            sending: true,
            receiving: true,
            problem: None,
        };
        let links: Vec<_> = PartyId::all(N).filter(|party| *party != own).map(link).collect();
        let gate = Gate::new(own, node.intake().clone(), move || {
            let status = shown.lock().expect("nobody panics")[party];
            (status, Counters::default(), links.clone())
        });
        let gate = Arc::new(gate);
        let server = serve(gate.clone(), self.ports[party], PortLimits::default()).await;
        let server = server.expect("the port is free");
        self.ports[party] = server.address();
        self.nodes[party] = Some(Running { node, gate, server });
    }

    fn kill(&mut self, party: usize) {
        let Running { node, server, .. } = self.nodes[party].take().expect("it runs");
        drop(server);
        node.kill().expect("nothing else ended it");
    }

    async fn restart(&mut self, party: usize) {
        let (intake, inbox) = Intake::new(&self.setup.context);
        *self.intakes[party].lock().expect("nobody panics") = intake;
        self.shown.lock().expect("nobody panics")[party] = Status::default();
        self.begin(party, inbox).await;
    }

    fn network(&self) -> Network {
        let KeySource { instance, seed, clients, .. } = KeySource::of(&self.scenario);
        Network {
            schema: 1,
            instance,
            protocol: P::ABOUT.name.to_owned(),
            f: self.scenario.f,
            scheme: self.scenario.crypto.name().to_owned(),
            clients,
            insecure_seed: seed,
            nodes: self.ports.clone(),
        }
    }

    /// Waits until a party has decided so much.
    async fn decided(&self, party: usize, slots: u64) {
        let begun = Instant::now();
        loop {
            let status = self.shown.lock().expect("nobody panics")[party];
            if status.decided >= slots {
                return;
            }
            assert!(begun.elapsed() < LONG, "party {party}: {status:?}, not {slots} slots");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn shown(&self, party: usize) -> Status {
        self.shown.lock().expect("nobody panics")[party]
    }

    /// Stops all nodes and judges what they wrote down.
    fn judge(&mut self) -> Run {
        for running in self.nodes.iter_mut().filter_map(Option::take) {
            running.node.stop().expect("nothing else ended it");
        }
        let context = self.setup.context.clone();
        let lives = PartyId::all(N).map(|party| {
            let owner = Owner::of::<P>(&context, party);
            journal::open(&self.journals(party.index()), &owner).expect("they are whole")
        });
        let lives: Vec<_> = lives.collect();
        let replayed = replay(Replay {
            parts: Parts::of(&self.setup),
            faults: Faults::of(&self.setup),
            observers: std::mem::take(&mut self.setup.observers),
            show: false,
            known: None,
            witness: true,
            lives,
        });
        let replayed = replayed.expect("the same code");
        assert!(!replayed.panicked);
        let remains = Remains {
            runtime: "memory",
            observers: replayed.observers,
            late: Late { broke_model: replayed.late, slow: replayed.slow },
            stopped_by: StoppedBy::Decisions,
            end: replayed.end,
            timing: Timing { elapsed: Duration::ZERO, deliveries: 0, checked: 0 },
        };
        let witnessed = replayed.witnessed;
        let run = conclude::<P, Infallible>(&self.scenario, remains, || Ok(witnessed));
        run.unwrap_or_else(|never| match never {})
    }
}

fn operations(history: &[Seen]) -> Vec<Operation> {
    let operation = |seen: &Seen| {
        let returned = seen.returned.as_ref().map(|(at, _)| *at);
        let got = || seen.returned.as_ref().map(|(_, result)| result.clone()).unwrap_or_default();
        let action = seen.put.clone().map_or_else(|| Action::Get(got()), Action::Put);
        Operation { key: seen.key.clone(), action, called: seen.called, returned }
    };
    history.iter().map(operation).collect()
}

/// What every key holds after all, asked for one by one.
async fn last_values(network: &Network, keys: impl Iterator<Item = String>) -> Vec<Operation> {
    let signer = network.signer(0).expect("it has a key");
    let session = Session::connect(network, signer, Reach::All, RETRY, LONG).await;
    let mut session = session.expect("the nodes are there");
    let mut last = Vec::new();
    for (at, key) in (0..).zip(keys) {
        let got = session.call(format!("get {key}").into_bytes(), LONG).await;
        let got = String::from_utf8(got.expect("it is answered").result).expect("text");
        let called = u64::MAX / 2 + 2 * at;
        let action = Action::Get(got);
        last.push(Operation { key, action, called, returned: Some(called + 1) });
    }
    last
}

fn http(serving: &Serving, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(serving.address()).expect("it listens");
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// The endpoint of a node that serves the store as well, through the ports of all.
async fn over_http<P: Attack>(fleet: &Fleet<P>, network: &Network) {
    let signer = network.signer(2).expect("it has a key");
    let gateway = Gateway::open(network, signer, RETRY, LONG);
    let running = fleet.nodes[3].as_ref().expect("it runs");
    let endpoint = Endpoint::default()
        .node(running.gate.clone(), Some(running.server.counters().clone()))
        .store(gateway);
    let serving = endpoint.serve(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    tokio::task::spawn_blocking(move || {
        let mut put = http(&serving, "PUT", "/kv/over", "HTTP");
        while put.starts_with("HTTP/1.1 503") {
            put = http(&serving, "PUT", "/kv/over", "HTTP");
        }
        assert!(put.starts_with("HTTP/1.1 204"), "{put}");
        let get = http(&serving, "GET", "/kv/over", "");
        assert!(get.starts_with("HTTP/1.1 200") && get.ends_with("\r\n\r\nHTTP"), "{get}");
        let health = http(&serving, "GET", "/health", "");
        assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"peers\":3"), "{health}");
        let metrics = http(&serving, "GET", "/metrics", "");
        let number = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|value| value.trim().parse::<f64>().ok());
            number.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        };
        for name in [
            "byzlab_decided_slots",
            "byzlab_executed_requests_total",
            "byzlab_sent_messages_total",
            "byzlab_journal_inputs_total",
            "byzlab_store_transactions_total",
            "byzlab_commit_seconds_count",
            "byzlab_clients_requests_total{outcome=\"taken\"}",
            "byzlab_clients_answers_total",
        ] {
            assert!(number(name) > 0.0, "{name} in {metrics}");
        }
    })
    .await
    .expect("no panic");
}

async fn asked_while_a_node_is_killed<P: Attack>() {
    let mut fleet = Fleet::<P>::start().await;
    let network = fleet.network();
    let asked = Load {
        rate: 150,
        size: 64,
        duration: Duration::from_secs(2),
        clients: 3,
        batch: 1,
        reach: Reach::All,
        retry: RETRY,
        patience: LONG,
        history: true,
    };
    let loading = tokio::spawn({
        let network = network.clone();
        async move { load(&network, &asked).await }
    });
    fleet.decided(3, 4).await;
    fleet.kill(3);
    let before = fleet.shown(0).decided;
    fleet.decided(0, before + 4).await;
    fleet.restart(3).await;
    let outcome = loading.await.expect("no panic").expect("the nodes are there");
    assert_eq!((outcome.done, outcome.given_up, outcome.unsent), (300, 0, 0));
    fleet.decided(3, fleet.shown(0).decided).await;
    let mut operations = operations(&outcome.history);
    let keys: BTreeSet<_> = operations.iter().map(|one| one.key.clone()).collect();
    // Each of these may be answered by the one that was down, and none may have lost a thing.
    operations.extend(last_values(&network, keys.into_iter()).await);
    let verdict = check(&operations);
    assert_eq!(verdict, Linearizable::Yes, "{}: {verdict}", P::ABOUT.name);
    over_http(&fleet, &network).await;
    let run = tokio::task::block_in_place(|| fleet.judge());
    for property in
        [Property::Agreement, Property::Validity, Property::Integrity, Property::Certificates]
    {
        let verdict = &run.verdict.properties[property as usize];
        assert_eq!(verdict.finding, Finding::Holds, "{}: {}", property.name(), verdict.detail);
    }
    assert!(run.metrics.client_latency_ns.max > 0, "clients believed what they were told");
}

/// Most of a run is waiting: all protocols at once.
#[test]
fn clients_lose_nothing_while_a_node_is_killed_and_comes_back() {
    fn asked<P: Attack>() {
        let threads =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        threads.expect("the system has threads").block_on(asked_while_a_node_is_killed::<P>());
    }
    std::thread::scope(|scope| {
        scope.spawn(asked::<Pbft>);
        scope.spawn(asked::<PbftClassic>);
        scope.spawn(asked::<HotStuff>);
        scope.spawn(asked::<ChainedHotStuff>);
    });
}
