//! How fast the simulator is: deliveries for each second of one core, with all checkers, metrics
//! and the digest, no trace stored; decisions of large committees; whole small runs; and what a
//! signature costs.
//!
//! Time is that of the thread on its core, so that a shared machine changes it little.

use std::{fmt, time::Duration};

use byzlab::{
    Lab,
    crypto::{Digest, KeyRing, Scheme},
    protocols::{View, pbft::Vote},
    scenarios::{Document, Options, Scenario},
};
use criterion::{
    BatchSize, BenchmarkId, Criterion, Throughput,
    measurement::{Measurement, ValueFormatter, WallTime},
};

/// The processor time of the thread.
#[derive(Clone, Copy)]
struct CoreTime;

fn core_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("processor time is not negative")
}

impl Measurement for CoreTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        core_time()
    }

    fn end(&self, start: Duration) -> Duration {
        core_time() - start
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// A run in which nobody fails.
#[derive(Clone, Copy)]
struct Good {
    protocol: &'static str,
    n: usize,
    scheme: &'static str,
    commands: u64,
}

impl fmt::Display for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/n={}", self.protocol, self.scheme, self.n)
    }
}

impl Good {
    fn scenario(self, lab: &Lab) -> Scenario {
        let Good { protocol, n, scheme, commands } = self;
        // Dolev-Strong for f = 1: two rounds, in which all messages are sent.
        let f = if protocol == "dolev-strong" { "f = 1" } else { "" };
        let toml = format!(
            "protocol = \"{protocol}\"\nn = {n}\n{f}\ncrypto = \"{scheme}\"\nworkload.commands = {commands}\n"
        );
        Document::decode("bench", toml.as_bytes(), &[], lab.registry())
            .and_then(|document| document.resolve(None, lab.registry()))
            .unwrap_or_else(|problems| panic!("{problems}"))
    }
}

/// Runs a scenario; gives how many messages arrived.
fn run(lab: &Lab, scenario: &Scenario) -> u64 {
    let entry = lab.registry().get(scenario.protocol.about.name).expect("a known protocol");
    entry.run(scenario, &Options::default()).timing.deliveries
}

fn deliveries(criterion: &mut Criterion<CoreTime>) {
    let lab = Lab::new();
    let mut group = criterion.benchmark_group("deliveries");
    for protocol in ["dolev-strong", "pbft", "hotstuff", "pbft-classic"] {
        for (n, commands) in [(4, 1000), (16, 200), (64, 20), (128, 8)] {
            for scheme in ["ideal", "ed25519"] {
                let commands = if scheme == "ideal" { commands } else { commands.min(20) };
                let good = Good { protocol, n, scheme, commands };
                let scenario = good.scenario(&lab);
                group.throughput(Throughput::Elements(run(&lab, &scenario)));
                let id = BenchmarkId::from_parameter(good);
                group.bench_with_input(id, &scenario, |bencher, scenario| {
                    bencher.iter(|| run(&lab, scenario));
                });
            }
        }
    }
    group.finish();
}

fn decisions(criterion: &mut Criterion<CoreTime>) {
    let lab = Lab::new();
    let mut group = criterion.benchmark_group("decision");
    for (protocol, n) in [("pbft", 256), ("hotstuff", 1000)] {
        for scheme in ["ideal", "ed25519"] {
            let good = Good { protocol, n, scheme, commands: 1 };
            let scenario = good.scenario(&lab);
            group.bench_with_input(BenchmarkId::from_parameter(good), &scenario, |bencher, s| {
                bencher.iter(|| run(&lab, s));
            });
        }
    }
    group.finish();
}

fn runs(criterion: &mut Criterion<CoreTime>) {
    let lab = Lab::new();
    let good = Good { protocol: "pbft", n: 4, scheme: "ideal", commands: 20 };
    let scenario = good.scenario(&lab);
    let mut group = criterion.benchmark_group("runs");
    group.throughput(Throughput::Elements(1));
    group.bench_with_input(BenchmarkId::from_parameter(good), &scenario, |bencher, scenario| {
        bencher.iter(|| run(&lab, scenario));
    });
    group.finish();
}

/// What one Ed25519 signature costs, made and checked: the floor of a run with real signatures.
fn signatures(criterion: &mut Criterion<CoreTime>) {
    let instance = Digest::of("byzlab/bench/1", b"signatures");
    let (ring, signers) =
        KeyRing::insecure_from_seed(Scheme::Ed25519, instance, "party", 1, &[7; 32])
            .expect("one key is possible");
    let vote = |view| Vote { view: View(view), hash: instance, justify_view: View(0) };
    let mut group = criterion.benchmark_group("signature");
    let mut view = 0;
    group.bench_function("made", |bencher| {
        bencher.iter(|| {
            view += 1;
            signers[0].sign(vote(view))
        });
    });
    let signed = signers[0].sign(vote(0)).into_signed();
    // A ring that remembers nothing: the same signature is checked in full every time.
    group.bench_function("checked", |bencher| {
        bencher.iter_batched(|| ring.fresh(), |ring| ring.check(&signed), BatchSize::SmallInput);
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .with_measurement(CoreTime)
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    signatures(&mut criterion);
    deliveries(&mut criterion);
    decisions(&mut criterion);
    runs(&mut criterion);
    criterion.final_summary();
}
