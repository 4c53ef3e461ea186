//! A world that is forked goes on exactly as the original, wherever it is forked: parties, packets
//! in flight, timers, disks, the adversary's memory and randomness, and who watches.

mod common;

use std::{any::Any, collections::BTreeMap, sync::Arc};

use byzlab::{
    Lab,
    crypto::{Committee, Digest, KeyRing, PartyId, Scheme, Signer},
    protocols::{
        Attack, Command, Context, Task, Time,
        byzantine::{Behaviour, Build, Honest},
        dolev_strong::DolevStrong,
        hotstuff::HotStuff,
        hotstuff_chained::ChainedHotStuff,
        pbft::Pbft,
        pbft_classic::PbftClassic,
    },
    scenarios::Scenario,
    sim::{
        Adversary, Arrival, Behaving, Environment, Network, Outcome, Scheduler, Setup, Stop, World,
        strategy,
    },
    trace::{Detail, Event, FaultId, Observer, Record, RunDigest},
};
use common::resolve;

/// Worlds with much in them that could be forgotten: each a fault for party 0 or an adversary's
/// strategy, over a network that draws delays and sends twice.
const CASES: &[(&str, &str)] = &[
    ("behaviour = \"replay\"", ""),
    ("behaviour = \"random\"", ""),
    ("behaviour = \"twins\"", ""),
    ("behaviour = \"garbage\"\nwhen = { probability = 0.5, first = 9 }", ""),
    ("behaviour = \"equivocate\"", "S2"),
    ("behaviour = \"delay\"", "G19"),
];

/// Which steps of a run are forked: every so many.
const EVERY: usize = 11;

/// What somebody saw who watches from the start.
#[derive(Clone)]
struct Watcher {
    digest: RunDigest,
    records: Vec<Record>,
}

impl Observer for Watcher {
    fn see(&mut self, event: &Event, detail: Detail<'_>) {
        self.digest.add(event);
        self.records.push(Record::of(event, detail));
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A resolved scenario of a protocol with one fault of party 0.
fn scenario<P: Attack>(fault: &str) -> Scenario {
    let lock_step = P::ABOUT.task == Task::Broadcast;
    let (f, early) = match lock_step {
        true => (2, ""),
        false => (1, "gst = \"900ms\"\nbefore_gst = \"lossy\"\nloss = 0.2\n"),
    };
    let crash = "[[event]]\nat = \"250ms\"\ncrash = { party = 3, restart_after = \"450ms\" }\n";
    let toml = format!(
        "protocol = \"{}\"\nf = {f}\n[network]\ndelay.uniform = [\"1ms\", \"100ms\"]\n\
         duplicate = 0.1\n{early}{crash}[[byzantine]]\nparty = 0\n{fault}\n",
        P::ABOUT.name
    );
    resolve(&Lab::new(), &toml, Some(5)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Party 0 with its fault, and the strategy on top of it.
fn adversary<P: Attack>(
    scenario: &Scenario,
    attack: &str,
    context: &Arc<Context>,
    params: &P::Params,
    signer: &Signer,
) -> Box<dyn Adversary<P>> {
    let judged: Vec<_> = scenario.judged().iter().collect();
    let traitor = &scenario.byzantine[0];
    let machine = || P::new(context, signer.clone(), params);
    let build = Build {
        name: &traitor.behaviour,
        values: &traitor.values,
        when: traitor.when.clone(),
        number: 0,
        party: PartyId(0),
        honest: &judged,
        machine: machine(),
        delta: context.delta,
        seed: scenario.seed,
    };
    let behaviour: Box<dyn Behaviour<P>> = build.around(Box::new(Honest(machine())));
    let behaviours = BTreeMap::from([(PartyId(0), behaviour)]);
    let behaving = Behaving::new(behaviours, BTreeMap::from([(PartyId(0), signer.clone())]));
    match strategy(attack) {
        Some(info) => Box::new(Scheduler::new(info.strategy, FaultId(1), behaving)),
        None => Box::new(behaving),
    }
}

/// The world of a scenario before anything has happened.
fn world<P: Attack>(scenario: &Scenario, attack: &str) -> World<P> {
    let n = scenario.n;
    let instance = Digest::of("fork", P::ABOUT.name.as_bytes());
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[5; 32])
            .expect("a possible number")
    };
    let (parties, signers) = ring("party", n);
    let (clients, client) = ring("client", 1);
    let context = Arc::new(Context {
        committee: Committee::new(parties, scenario.f).expect("f fits"),
        clients,
        leaders: scenario.leaders.clone(),
        delta: scenario.network.delta,
    });
    let params = P::params(&scenario.protocol.values);
    let requests = (1..=3).flat_map(|seq| {
        let payload = format!("put k v{seq}").into_bytes();
        let request = Arc::new(client[0].sign(Command { seq, payload }));
        PartyId::all(n).map(move |party| Arrival {
            at: Time::ZERO,
            party,
            request: request.clone(),
        })
    });
    let adversary = adversary(scenario, attack, &context, &params, &signers[0]);
    let spec = &scenario.network;
    World::new(Setup {
        requests: requests.collect(),
        network: Network {
            model: spec.model,
            delta: spec.delta,
            gst: spec.gst,
            before_gst: spec.before_gst,
            delay: spec.delay.clone(),
            early: spec.early.clone(),
            loss: spec.loss,
            duplicate: spec.duplicate,
            seed: scenario.seed,
        },
        real: None,
        environment: Environment { cuts: Vec::new(), crashes: scenario.crashes.clone() },
        rules: Vec::new(),
        corrupted: scenario.traitors(),
        budget: usize::from(attack == "G19"),
        adversary,
        expected: scenario.judged(),
        stop: Stop { decisions: Some(2), requests: None, time: Time(8_000_000_000) },
        observers: vec![Box::new(Watcher { digest: RunDigest::of(instance), records: Vec::new() })],
        show: true,
        witness: true,
        params,
        signers,
        context,
    })
}

/// Everything that can be seen of a run after its end.
#[derive(PartialEq, Debug)]
struct End {
    outcome: Outcome,
    now: Time,
    deliveries: u64,
    decided: Vec<u64>,
    pending: usize,
    witnessed: usize,
    digest: Digest,
    records: Vec<Record>,
}

fn end<P: Attack>(mut world: World<P>) -> End {
    let outcome = loop {
        if let Some(outcome) = world.advance() {
            break outcome;
        }
    };
    let (now, deliveries, pending) = (world.now(), world.deliveries(), world.pending());
    let (decided, witnessed) = (world.decided().to_vec(), world.witnessed().len());
    let watcher = world.into_observers().remove(0).into_any().downcast::<Watcher>();
    let Watcher { digest, records } = *watcher.unwrap_or_else(|_| panic!("who was put in"));
    let digest = digest.finish();
    End { outcome, now, deliveries, decided, pending, witnessed, digest, records }
}

fn forks_go_on_like_the_original<P: Attack>() {
    for (fault, attack) in CASES {
        let place = format!("{} {fault} {attack}", P::ABOUT.name);
        let scenario = scenario::<P>(fault);
        let begun = || {
            let mut world = world::<P>(&scenario, attack);
            world.start();
            world
        };
        let alone = end(begun());
        let mut original = begun();
        let mut later = Vec::new();
        let mut steps = 0;
        loop {
            if steps % EVERY == 0 {
                // One fork runs ahead of the original, one is left for after it.
                assert_same(&end(original.fork()), &alone, &place, steps);
                later.push((steps, original.fork()));
            }
            if original.advance().is_some() {
                break;
            }
            steps += 1;
        }
        assert!(later.len() > 3, "{place}: {steps} steps are too few to fork");
        assert_same(&end(original), &alone, &place, steps);
        for (steps, fork) in later {
            assert_same(&end(fork), &alone, &place, steps);
        }
    }
}

fn assert_same(fork: &End, alone: &End, place: &str, steps: usize) {
    let mut both = fork.records.iter().zip(&alone.records);
    if let Some((other, one)) = both.find(|(other, one)| other != one) {
        panic!("{place}, forked after {steps} steps:\n  {other:?}\nin place of\n  {one:?}");
    }
    assert!(fork == alone, "{place}, forked after {steps} steps");
}

#[test]
fn dolev_strong_forks() {
    forks_go_on_like_the_original::<DolevStrong>();
}

#[test]
fn pbft_forks() {
    forks_go_on_like_the_original::<Pbft>();
}

#[test]
fn pbft_classic_forks() {
    forks_go_on_like_the_original::<PbftClassic>();
}

#[test]
fn hotstuff_forks() {
    forks_go_on_like_the_original::<HotStuff>();
}

#[test]
fn chained_hotstuff_forks() {
    forks_go_on_like_the_original::<ChainedHotStuff>();
}
