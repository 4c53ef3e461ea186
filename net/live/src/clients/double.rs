//! A node without a protocol, for tests: it executes requests in the order in which they come.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme};
use byzlab_protocols::{Context, Leaders, Reply, Request, RequestId, Span, smr::KeyValue};

use super::{Network, Port, PortLimits, Replies, Report, Server, serve};
use crate::Commits;

pub(super) const INSTANCE: Digest = Digest([7; 32]);
pub(super) const SEED: Digest = Digest([8; 32]);

/// What parties and clients of the tests know: `n` parties, two clients.
pub(crate) fn context(n: usize, f: usize) -> Arc<Context> {
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ed25519, INSTANCE, purpose, count, &SEED.0)
            .expect("a few keys")
            .0
    };
    let committee = Committee::new(ring("party", n), f).expect("f is below n");
    let leaders = Leaders::RoundRobin(PartyId(1));
    Arc::new(Context { committee, clients: ring("client", 2), leaders, delta: Span::millis(1) })
}

/// How a double behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    Honest,
    /// It answers what is not so.
    Lying,
    /// It has no room for anything.
    Busy,
    /// It takes requests and never answers.
    Silent,
}

pub(crate) struct Double {
    context: Arc<Context>,
    manner: Manner,
    replies: Arc<Replies>,
    commits: Arc<Commits>,
    state: Mutex<(KeyValue, BTreeSet<RequestId>, u64)>,
    report: Mutex<Report>,
    pub(super) deaf: AtomicBool,
}

impl Double {
    pub(crate) fn new(context: &Arc<Context>, party: u16, manner: Manner) -> Arc<Double> {
        let report = Report { party: PartyId(party), ..Report::default() };
        Arc::new(Double {
            context: context.clone(),
            manner,
            replies: Arc::default(),
            commits: Arc::default(),
            state: Mutex::default(),
            report: Mutex::new(report),
            deaf: AtomicBool::new(false),
        })
    }

    /// What it says of itself from now on.
    pub(crate) fn tell(&self, report: Report) {
        *self.report.lock().expect("no test panics in here") = report;
    }
}

impl Port for Double {
    fn context(&self) -> &Arc<Context> {
        &self.context
    }

    fn submit(&self, request: Request) -> bool {
        if self.manner == Manner::Busy {
            return false;
        }
        if self.manner == Manner::Silent || self.deaf.load(Ordering::SeqCst) {
            return true;
        }
        let mut state = self.state.lock().expect("no test panics in here");
        let (store, executed, slot) = &mut *state;
        let id = RequestId::of(&request);
        if executed.insert(id) {
            *slot += 1;
            let mut result = store.apply(&request.body().payload);
            if self.manner == Manner::Lying {
                result = b"a lie"[..].into();
            }
            self.replies.publish([Reply { request: id, slot: *slot, result }]);
        }
        true
    }

    fn replies(&self) -> &Arc<Replies> {
        &self.replies
    }

    fn commits(&self) -> &Arc<Commits> {
        &self.commits
    }

    fn report(&self) -> Report {
        let report = self.report.lock().expect("no test panics in here").clone();
        Report { protocol: "double".to_owned(), ..report }
    }
}

/// Doubles behind ports, and the network that they make.
pub(crate) async fn network(
    manners: &[Manner],
    f: usize,
    limits: PortLimits,
) -> (Network, Vec<Arc<Double>>, Vec<Server>) {
    let context = context(manners.len(), f);
    let (mut doubles, mut servers) = (Vec::new(), Vec::new());
    for (party, manner) in (0..).zip(manners) {
        let double = Double::new(&context, party, *manner);
        let server = serve(double.clone(), loopback(), limits).await.expect("a free port");
        doubles.push(double);
        servers.push(server);
    }
    let nodes = servers.iter().map(Server::address).collect();
    let network = Network {
        schema: 1,
        instance: INSTANCE,
        protocol: "double".to_owned(),
        f,
        scheme: "ed25519".to_owned(),
        clients: 2,
        insecure_seed: SEED,
        nodes,
    };
    (network, doubles, servers)
}

pub(crate) fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}
