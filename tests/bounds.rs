//! Lower bounds pointed at every protocol: planned the same way every time, and no false alarms.

mod common;

use byzlab::{
    Lab,
    scenarios::{Finding, Options, Property, Run, Scenario},
};
use common::{resolve, run};

fn play(toml: &str) -> (Scenario, Run) {
    let lab = Lab::new();
    let scenario = resolve(&lab, toml, None).unwrap_or_else(|problems| panic!("{problems}"));
    let run = run(&lab, &scenario, &Options::default());
    (scenario, run)
}

fn found(run: &Run, property: Property) -> Finding {
    run.verdict.properties[property as usize].finding
}

/// The protocols of partial synchrony.
const PARTIAL: [&str; 4] = ["pbft", "pbft-classic", "hotstuff", "hotstuff-chained"];

/// A three-chain needs leaders of one half in a row: chained HotStuff has them listed.
fn cast(protocol: &str, n: usize, b: usize) -> String {
    if protocol != "hotstuff-chained" {
        return String::new();
    }
    let (second, parties) = ((n - b) / 2, (n - b..n).collect::<Vec<_>>());
    let leaders = [[0; 5], [second; 5]].concat();
    format!("leaders = {leaders:?}\nattack.parties = {parties:?}\n")
}

fn brain(protocol: &str, n: usize, f: usize, b: usize) -> String {
    let cast = cast(protocol, n, b);
    format!(
        "protocol = \"{protocol}\"\nn = {n}\nf = {f}\ncrypto = \"ideal\"\nbeyond_bound = true\n\
         network = {{ gst = \"60s\", before_gst = \"unbounded\", \
         delay_before_gst.constant = \"10ms\" }}\nattack.name = \"split-brain\"\n\
         attack.budget = {b}\n{cast}stop.decisions = 1\n"
    )
}

/// `meet` parties with two faces split the others; one less do not, whatever the protocol.
#[test]
fn the_split_brain_falls_at_meet_and_stands_below_it() {
    for protocol in PARTIAL {
        for (n, f, meet) in [(3, 1, 1), (4, 1, 2), (6, 2, 2), (7, 2, 3), (9, 3, 3)] {
            let (_, over) = play(&brain(protocol, n, f, meet));
            let text = format!("{protocol} n = {n}: {meet} of them");
            assert_eq!(found(&over, Property::Agreement), Finding::Violated, "{text}");
            assert_eq!(found(&over, Property::Accountability), Finding::Holds, "{text}");
            if meet > 1 {
                let below = brain(protocol, n, f, meet - 1).replace("60s", "2s");
                let (_, below) = play(&below);
                assert_eq!(found(&below, Property::Agreement), Finding::Holds, "below: {text}");
            }
        }
    }
}

fn pivots(protocol: &str, time: &str) -> String {
    format!(
        "protocol = \"{protocol}\"\ncrypto = \"ideal\"\nnetwork.model = \"asynchrony\"\n\
         attack.name = \"S3\"\nworkload.commands = 1\nstop.time = \"{time}\"\n"
    )
}

/// Nobody decides as long as it is played; as soon as it is not, somebody does.
#[test]
fn nobody_decides_as_long_as_pivots_are_held_back() {
    for protocol in PARTIAL {
        let (scenario, played) = play(&pivots(protocol, "8s"));
        assert!(played.metrics.decisions == 0, "{protocol} decided");
        assert!(scenario.rules.len() > 3, "{protocol}: {} pivots", scenario.rules.len());
        assert!(scenario.traitors().is_empty() && !scenario.is_beyond_bound());
        for kept in [0, 1, scenario.rules.len() - 1] {
            let mut fewer = scenario.clone();
            fewer.rules.truncate(kept);
            let run = run(&Lab::new(), &fewer, &Options::default());
            assert!(run.metrics.decisions > 0, "{protocol} after {kept} pivots");
        }
    }
}

/// The same file is planned the same way, and longer for longer.
#[test]
fn plans_do_not_change_and_grow_with_the_time() {
    let rules = |time| format!("{:?}", play(&pivots("hotstuff", time)).0.rules);
    assert_eq!(rules("8s"), rules("8s"));
    assert!(rules("16s").len() > rules("8s").len());
}

/// Whoever hears from more than f others cannot be isolated; with as many corrupted it can.
#[test]
fn isolation_takes_all_who_speak_to_the_victim() {
    let toml = |f: usize, budget: usize| {
        format!(
            "protocol = \"dolev-strong\"\nn = 6\nf = {f}\nbeyond_bound = true\n\
             crypto = \"ideal\"\nattack = {{ name = \"isolation\", budget = {budget} }}\n\
             workload.commands = 1\n"
        )
    };
    for (f, budget, finding) in [
        (0, 1, Finding::Violated),
        (1, 1, Finding::Holds),
        (2, 2, Finding::Holds),
        (4, 4, Finding::Holds),
    ] {
        let (_, run) = play(&toml(f, budget));
        assert_eq!(found(&run, Property::Agreement), finding, "f = {f}, {budget} corrupted");
    }
}

#[test]
fn a_chain_of_crashes_takes_one_more_than_the_rounds_allow() {
    for f in 1..=3 {
        let toml = |budget| {
            format!(
                "protocol = \"dolev-strong\"\nn = 7\nf = {f}\nbeyond_bound = true\n\
                 crypto = \"ideal\"\nattack = {{ name = \"crash-chain\", budget = {budget} }}\n\
                 workload.commands = 1\n"
            )
        };
        let agreement = |budget| found(&play(&toml(budget)).1, Property::Agreement);
        assert_eq!(agreement(f), Finding::Holds, "{f} of {f}");
        assert_eq!(agreement(f + 1), Finding::Violated, "{} of {f}", f + 1);
    }
}

/// Where signatures are checked the imagined parties convince nobody, at any n.
#[test]
fn the_hexagon_needs_a_protocol_without_signatures() {
    for (n, f) in [(3, 1), (4, 2), (5, 2)] {
        let (_, run) = play(&format!(
            "protocol = \"dolev-strong\"\nn = {n}\nf = {f}\nleaders = \"stable\"\n\
             attack.name = \"hexagon\"\nworkload.commands = 2\nstop.decisions = 1\n"
        ));
        assert_eq!(found(&run, Property::Agreement), Finding::Holds, "n = {n}");
        assert!(run.verdict.fired.iter().all(|fired| fired.count > 0));
    }
}

#[test]
fn what_cannot_be_planned_is_said() {
    let lab = Lab::new();
    for (toml, says) in [
        ("protocol = \"pbft\"\nattack.name = \"split-brain\"\n", "needs partial synchrony"),
        ("protocol = \"dolev-strong\"\nattack.name = \"S3\"\n", "may be slow"),
        (
            "protocol = \"pbft\"\nnetwork.model = \"asynchrony\"\nattack.name = \"S3\"\n",
            "needs a time in [stop]",
        ),
        (
            "protocol = \"pbft\"\nattack = { name = \"isolation\", parties = [1] }\n",
            "chooses for itself",
        ),
        (
            "protocol = \"dolev-strong\"\nbeyond_bound = true\n\
             attack = { name = \"crash-chain\", budget = 4 }\n",
            "somebody who is left",
        ),
    ] {
        let problems = resolve(&lab, toml, None).err().map(|problems| problems.to_string());
        assert!(problems.as_ref().is_some_and(|text| text.contains(says)), "{says}: {problems:?}");
    }
}
