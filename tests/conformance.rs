//! The good case costs what the posts say: message delays, messages, signatures, and the clock.
//! The numbers are written down here once more, from the posts, not taken from the code.

mod common;

use byzlab::{
    Lab,
    scenarios::{Document, Finding, Options, Run, Scenario},
};
use common::{resolve, run, run_text};

/// Δ, in milliseconds; times in traces are nanoseconds.
const DELTA: u64 = 100;
const MS: u64 = 1_000_000;

/// What a post states of one decision at one size.
struct Stated {
    protocol: &'static str,
    n: u64,
    f: u64,
    hops: u64,
    messages: u64,
}

const STATED: &[Stated] = &[
    Stated { protocol: "dolev-strong", n: 4, f: 1, hops: 2, messages: 12 },
    Stated { protocol: "dolev-strong", n: 7, f: 2, hops: 3, messages: 42 },
    Stated { protocol: "pbft", n: 4, f: 1, hops: 3, messages: 42 },
    Stated { protocol: "pbft", n: 7, f: 2, hops: 3, messages: 138 },
    Stated { protocol: "pbft-classic", n: 4, f: 1, hops: 3, messages: 24 },
    Stated { protocol: "pbft-classic", n: 7, f: 2, hops: 3, messages: 84 },
    Stated { protocol: "hotstuff", n: 4, f: 1, hops: 7, messages: 24 },
    Stated { protocol: "hotstuff", n: 7, f: 2, hops: 7, messages: 48 },
    Stated { protocol: "hotstuff-chained", n: 4, f: 1, hops: 7, messages: 6 },
    Stated { protocol: "hotstuff-chained", n: 7, f: 2, hops: 7, messages: 12 },
];

/// The same for any size.
fn stated(protocol: &'static str, n: u64, f: u64) -> Stated {
    let (hops, messages) = match protocol {
        "dolev-strong" if f == 0 => (1, n - 1),
        "dolev-strong" => (f + 1, n * (n - 1)),
        "pbft" => (3, 3 * n * (n - 1) + 2 * (n - 1)),
        "pbft-classic" => (3, 2 * n * (n - 1)),
        "hotstuff" => (7, 8 * (n - 1)),
        "hotstuff-chained" => (7, 2 * (n - 1)),
        other => panic!("no post states anything of {other}"),
    };
    Stated { protocol, n, f, hops, messages }
}

/// A scenario without faults in which every message takes `delay` milliseconds.
fn good_case(protocol: &str, n: u64, f: u64, delta: u64, delay: u64, commands: u64) -> String {
    format!(
        "protocol = \"{protocol}\"\nn = {n}\nf = {f}\ncrypto = \"ideal\"\n\
         network = {{ delta = \"{delta}ms\", delay.constant = \"{delay}ms\" }}\n\
         workload = {{ commands = {commands} }}\n"
    )
}

/// Runs a good case and keeps its events.
fn traced(toml: &str) -> (Scenario, Run) {
    let lab = Lab::new();
    let scenario = resolve(&lab, toml, None).unwrap_or_else(|problems| panic!("{problems}"));
    let run = run(&lab, &scenario, &Options { trace: true, ..Options::default() });
    assert!(run.verdict.properties.iter().all(|verdict| verdict.finding == Finding::Holds));
    (scenario, run)
}

/// A decision of a party.
struct Decided {
    view: u64,
    slot: u64,
    /// Nanoseconds since the proposal of the view was sent, and by whom that was.
    took: u64,
    party: u64,
    is_leader: bool,
    hops: u64,
}

fn decisions(scenario: &Scenario, run: &Run) -> Vec<Decided> {
    let proposal = |kind: &str| match scenario.protocol.about.name {
        "dolev-strong" => kind == "send",
        "pbft" | "hotstuff-chained" => kind == "propose",
        "pbft-classic" => kind == "pre-prepare",
        _ => kind == "prepare",
    };
    let decided = run.trace.iter().filter(|record| record.what == "decided");
    decided
        .map(|decided| {
            let view = decided.view.expect("a decision has a view");
            let proposed = run.trace.iter().find(|record| {
                record.what == "sent"
                    && record.view == Some(view)
                    && (!scenario.protocol.about.slots || record.slot == decided.slot)
                    && record.kind.as_deref().is_some_and(proposal)
            });
            let proposed = proposed.expect("what is decided was proposed");
            Decided {
                view,
                slot: decided.slot.expect("and a slot"),
                took: decided.at - proposed.at,
                party: decided.party.into(),
                is_leader: decided.party == proposed.party,
                hops: decided.hops.expect("and message delays").into(),
            }
        })
        .collect()
}

#[test]
fn the_good_case_takes_the_stated_message_delays() {
    for stated in STATED {
        let &Stated { protocol, n, f, hops, .. } = stated;
        for delay in [DELTA, DELTA / 10, 1] {
            let (scenario, run) = traced(&good_case(protocol, n, f, DELTA, delay, 3));
            let decisions = decisions(&scenario, &run);
            assert_eq!(decisions.len() as u64, 3 * n, "{protocol}: every party, every slot");
            for Decided { view, slot, took, party, is_leader, hops: measured } in decisions {
                let place = format!("{protocol} n={n} delay={delay}ms view {view}");
                // Whoever leads the view of HotStuff in which a block is decided forms the last
                // certificate itself: chained, that is the third view after its own.
                let early = match protocol {
                    "hotstuff" => is_leader,
                    "hotstuff-chained" => (view + 3) % n == party,
                    _ => false,
                };
                let early = u64::from(early);
                let hops = hops - early;
                // The views of classic PBFT decide many slots each, those of the others one.
                let attempt = if scenario.protocol.about.slots { 1 } else { slot };
                assert_eq!(view, attempt, "{place}: no view is lost");
                assert_eq!(measured, hops, "{place}");
                let expected = match protocol {
                    "dolev-strong" => hops * DELTA,
                    "pbft" => 2 * DELTA + delay,
                    _ => hops * delay,
                };
                assert_eq!(took, expected * MS, "{place}: from proposal to decision");
                if delay == DELTA {
                    assert_eq!(took, measured * DELTA * MS, "{place}: calibration");
                }
            }
        }
    }
}

/// What was measured of a run beside what is stated, at the code's own word too.
fn assert_costs(scenario: &Scenario, run: &Run, stated: &Stated, decisions: u64) {
    let &Stated { protocol, n, f, hops, messages } = stated;
    let place = format!("{protocol} n={n} f={f}");
    let metrics = &run.metrics;
    let good_case = (scenario.protocol.about.good_case)(scenario.n, scenario.f);
    assert_eq!((good_case.hops, good_case.messages), (hops, messages), "{place}: as printed");
    assert_eq!(metrics.messages_per_decision, (messages, messages), "{place}: every view");
    assert_eq!((metrics.latency_hops.p50, metrics.latency_hops.max), (hops, hops), "{place}");
    let views = if scenario.protocol.about.slots { 1 } else { decisions };
    assert_eq!((metrics.decisions, metrics.views), (decisions, views), "{place}");
    assert_eq!(metrics.lost_views, 0, "{place}");
}

#[test]
fn the_good_case_costs_the_stated_messages() {
    for stated in STATED {
        for delay in [DELTA, DELTA / 10] {
            let toml = good_case(stated.protocol, stated.n, stated.f, DELTA, delay, 20);
            let (scenario, run) = run_text(&Lab::new(), &toml, None);
            assert_costs(&scenario, &run, stated, 20);
        }
    }
}

/// In lock step everybody says everything once, however messages overtake each other. (In HotStuff
/// a decision that overtakes a certificate spares a vote.)
#[test]
fn random_delays_change_no_count_in_lock_step() {
    let network = "network = { delta = \"100ms\", delay.uniform = [\"1ms\", \"100ms\"] }";
    let in_lock_step = ["dolev-strong", "pbft"];
    for stated in STATED.iter().filter(|stated| in_lock_step.contains(&stated.protocol)) {
        let &Stated { protocol, n, f, messages, .. } = stated;
        let toml = format!("protocol = \"{protocol}\"\nn = {n}\nf = {f}\ncrypto = \"ideal\"\n");
        for seed in 0..10 {
            let (_, run) = run_text(&Lab::new(), &format!("{toml}{network}"), Some(seed));
            let counts = run.metrics.messages_per_decision;
            assert_eq!(counts, (messages, messages), "{protocol} n={n} seed {seed}");
        }
    }
}

#[test]
fn dolev_strong_makes_and_checks_the_stated_signatures() {
    for (n, f) in [(4, 1), (7, 2), (7, 6)] {
        let toml = good_case("dolev-strong", n, f, DELTA, 10, 5);
        let (_, run) = run_text(&Lab::new(), &toml, None);
        let total = run.metrics.total;
        assert_eq!(total.signatures_made, 5 * n, "everybody signs once a broadcast");
        let checked = (n - 1) + 2 * (n - 1) * (n - 1);
        assert_eq!(total.signatures_verified, 5 * checked, "n={n}");
    }
}

/// View v begins at 4vΔ, proposes at (4v + 1)Δ, and commits at (4v + 3)Δ + δ.
#[test]
fn pbft_commits_by_its_clock() {
    for n in [4, 7] {
        for delay in [1, 37, DELTA] {
            let (_, run) = traced(&good_case("pbft", n, (n - 1) / 3, DELTA, delay, 3));
            for decided in run.trace.iter().filter(|record| record.what == "decided") {
                let view = decided.view.expect("a decision has a view");
                assert_eq!(decided.at, ((4 * view + 3) * DELTA + delay) * MS, "n={n}");
            }
            assert_eq!(run.end.0, (15 * DELTA + delay) * MS, "the third");
        }
    }
}

/// Broadcast k is decided at the end of its round f + 1, neither earlier nor later.
#[test]
fn dolev_strong_decides_at_the_end_of_round_f_plus_one() {
    for n in 2..=7 {
        for f in 0..n {
            for short in [false, true] {
                let toml = good_case("dolev-strong", n, f, DELTA, 13, 3).replace(
                    "protocol = \"dolev-strong\"",
                    &format!("protocol.dolev-strong = {{ short_rounds = {short} }}"),
                );
                let rounds = if short { (f + 1).min(n - 1) } else { f + 1 };
                let (_, run) = traced(&toml);
                let decided: Vec<_> =
                    run.trace.iter().filter(|record| record.what == "decided").collect();
                assert_eq!(decided.len() as u64, 3 * n);
                for decided in decided {
                    let broadcast = decided.view.expect("a decision has a broadcast");
                    let end = broadcast * rounds * DELTA * MS;
                    assert_eq!(decided.at, end, "n={n} f={f} short={short}");
                }
            }
        }
    }
}

/// HotStuff and classic PBFT are as fast as the network, the others as slow as their clock.
#[test]
fn only_those_without_a_clock_are_responsive() {
    let delta = 1000;
    for (n, f) in [(4, 1), (7, 2)] {
        for delay in [1, 10, 100] {
            let run = |protocol| {
                let toml = good_case(protocol, n, f, delta, delay, 10);
                run_text(&Lab::new(), &toml, None).1
            };
            let hotstuff = run("hotstuff");
            assert_eq!(hotstuff.metrics.latency_ns.max, 7 * delay * MS);
            assert_eq!(hotstuff.end.0, 10 * 8 * delay * MS, "new-views and seven hops a decision");
            // Ten views, and the three that decide the last of them: a proposal and votes each,
            // and the proposal that tells of it.
            let chained = run("hotstuff-chained");
            assert_eq!(chained.metrics.latency_ns.max, 7 * delay * MS);
            assert_eq!(chained.end.0, (2 * 12 + 1) * delay * MS, "a view takes two delays");
            let classic = run("pbft-classic");
            assert_eq!(classic.metrics.latency_ns.max, 3 * delay * MS);
            assert_eq!(classic.end.0, 3 * delay * MS, "all ten are in flight at once");
            let pbft = run("pbft");
            assert_eq!(pbft.metrics.latency_ns.max, (2 * delta + delay) * MS);
            assert_eq!(pbft.end.0, ((4 * 10 + 3) * delta + delay) * MS);
            let dolev_strong = run("dolev-strong");
            assert_eq!(dolev_strong.metrics.latency_ns.max, (f + 1) * delta * MS);
            assert_eq!(dolev_strong.end.0, 10 * (f + 1) * delta * MS);
        }
    }
}

/// A user sets n on the command line over any file.
#[test]
fn the_good_case_holds_at_any_size() {
    let lab = Lab::new();
    let network = "network.delay.constant = \"100ms\"\nworkload.commands = 5\ncrypto = \"ideal\"";
    for protocol in ["dolev-strong", "pbft", "pbft-classic", "hotstuff", "hotstuff-chained"] {
        let toml = format!("protocol = \"{protocol}\"\n{network}\n");
        for n in [10, 13, 31] {
            let f = (n - 1) / 3;
            let stated = stated(protocol, n, f);
            let set = [
                format!("n = {n}"),
                format!("f = {f}"),
                format!("expect.costs.hops = {}", stated.hops),
                format!("expect.costs.messages = {}", stated.messages),
            ];
            let document = Document::decode("any.toml", toml.as_bytes(), &set, lab.registry());
            let document = document.unwrap_or_else(|problems| panic!("{problems}"));
            let scenario = document.resolve(None, lab.registry()).expect("sizes fit together");
            let run = run(&lab, &scenario, &Options::default());
            assert_eq!(run.verdict.reasons, Vec::<String>::new());
            assert_costs(&scenario, &run, &stated, 5);
            let mut wrong = scenario.clone();
            wrong.expect.messages = Some(stated.messages + 1);
            let reasons = common::run(&lab, &wrong, &Options::default()).verdict.reasons;
            assert_eq!(reasons.len(), 1, "a wrong expectation is not met: {reasons:?}");
        }
    }
}

/// The command for that: measured and stated side by side.
#[test]
fn the_command_prints_measured_beside_stated() {
    for protocol in ["dolev-strong", "pbft", "pbft-classic", "hotstuff", "hotstuff-chained"] {
        for n in [4, 7, 10] {
            let f = (n - 1) / 3;
            let Stated { hops, messages, .. } = stated(protocol, n, f);
            let toml = format!("protocol = \"{protocol}\"\nworkload.commands = 3\n");
            let set = [format!("n={n}"), format!("f={f}")];
            let printed = byzlab(&["run", "-", "--set", &set[0], "--set", &set[1]], &toml);
            let line = format!(
                "{messages} messages, {hops} hops at most   (good case: {messages} and {hops})"
            );
            assert!(printed.contains(&line), "{line}\n{printed}");
        }
    }
}

/// Runs the command line on a file that it reads from standard input.
fn byzlab(arguments: &[&str], file: &str) -> String {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("it reads");
    input.write_all(file.as_bytes()).expect("all of it");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
