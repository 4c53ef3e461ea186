//! Deadlines after GST, counted as the proofs count them (corrections A1, A4, E) and computed
//! here, not taken from the code: f faulty leaders, many seeds, all three kinds of time before GST.

mod common;

use byzlab::{
    Lab,
    scenarios::{
        Finding, Options, Property, Run, StoppedBy,
        report::{Paint, Report, text},
    },
};
use common::{resolve, run, run_text};
use rayon::prelude::*;

const DELTA: u64 = 100;
const MS: u64 = 1_000_000;
const SEEDS: u64 = 60;

/// Numbers that differ from seed to seed.
fn spread(seed: u64, salt: u64, below: u64) -> u64 {
    let mixed =
        (seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(29) % below
}

/// A network that becomes synchronous at `gst` (milliseconds), as unpleasant as `seed` makes it.
fn network(before: &str, gst: u64, seed: u64) -> String {
    let delay = match seed % 3 {
        0 => format!("constant = \"{DELTA}ms\""),
        1 => format!("uniform = [\"1ms\", \"{DELTA}ms\"]"),
        _ => format!("uniform = [\"{}ms\", \"{DELTA}ms\"]", DELTA - 10),
    };
    let loss = match before {
        "lossy" => format!("loss = 0.{}", 1 + spread(seed, 1, 9)),
        _ => String::new(),
    };
    format!(
        "[network]\nmodel = \"partial-synchrony\"\ndelta = \"{DELTA}ms\"\ndelay.{delay}\n\
         gst = \"{gst}ms\"\nbefore_gst = \"{before}\"\n{loss}\n"
    )
}

/// A scenario in which these parties say nothing.
fn silent(protocol: &str, n: u64, parties: &[u64], network: &str, goal: &str) -> String {
    faulty(protocol, n, parties, "silent", network, goal)
}

/// A scenario in which these parties misbehave.
fn faulty(
    protocol: &str,
    n: u64,
    parties: &[u64],
    behaviour: &str,
    network: &str,
    goal: &str,
) -> String {
    format!(
        "protocol = \"{protocol}\"\nn = {n}\ncrypto = \"ideal\"\n{network}\n\
         [[byzantine]]\nparties = {parties:?}\nbehaviour = \"{behaviour}\"\n{goal}\n\
         [expect]\nfired = false\n"
    )
}

/// When the last honest party was done, in nanoseconds.
fn done(toml: &str, seed: u64) -> (u64, Run) {
    let (_, run) = run_text(&Lab::new(), toml, Some(seed));
    assert_eq!(run.stopped_by, StoppedBy::Decisions, "seed {seed}\n{toml}");
    let termination = run.verdict.properties.iter();
    let termination = termination.filter(|verdict| verdict.property == Property::Termination);
    assert!(termination.into_iter().all(|verdict| verdict.finding == Finding::Holds));
    (run.end.0, run)
}

/// A run that ends with everything decided, and its events.
fn traced(toml: &str) -> Run {
    let lab = Lab::new();
    let scenario = resolve(&lab, toml, None).unwrap_or_else(|problems| panic!("{problems}"));
    let run = run(&lab, &scenario, &Options { trace: true, ..Options::default() });
    assert_eq!(run.stopped_by, StoppedBy::Decisions, "{toml}");
    run
}

/// The leaders of the first views that begin at or after GST: the worst parties to be silent.
fn first_leaders(gst: u64, n: u64, f: u64) -> Vec<u64> {
    let view = gst.div_ceil(4 * DELTA).max(1);
    (view..view + f).map(|view| view % n).collect()
}

/// Without a time before GST: k commits by 4Δ(1 + k + t⌈k/(n-t)⌉), and no view of an honest
/// leader is lost.
#[test]
fn pbft_meets_its_deadline_in_synchrony() {
    for (n, t) in [(4, 1), (7, 2), (10, 3)] {
        for k in [1_u64, 2, 5, 9] {
            (0..SEEDS / 3).into_par_iter().for_each(|seed| {
                let first = if seed % 2 == 0 { 1 } else { spread(seed, 2, n) };
                let parties: Vec<u64> = (first..first + t).map(|party| party % n).collect();
                let goal = format!("[stop]\ndecisions = {k}");
                let network = network("bounded", 0, seed);
                let (end, run) = done(&silent("pbft", n, &parties, &network, &goal), seed);
                let deadline = 4 * DELTA * (1 + k + t * k.div_ceil(n - t));
                assert!(end <= deadline * MS, "n={n} k={k} seed {seed}: {end} > {deadline} ms");
                let metrics = run.metrics;
                assert_eq!(metrics.lost_views, metrics.lost_to_faulty_leaders, "n={n} k={k}");
            });
        }
    }
}

/// The first commit at every honest party: by GST + 2Δ + 4Δ(t+2) if what was sent before GST
/// arrives by GST + Δ, by GST + 4Δ(2t+2) otherwise.
#[test]
fn pbft_meets_its_deadline_after_gst() {
    for (n, t) in [(4, 1), (7, 2)] {
        for before in ["bounded", "unbounded", "lossy"] {
            for behaviour in ["silent", "selective", "equivocate", "delay", "random"] {
                let seeds = (0..SEEDS / 2).into_par_iter();
                let late = seeds.filter(|seed| first_commit(n, t, before, behaviour, *seed));
                let late = late.count() as u64;
                assert!(late > SEEDS / 4, "n={n} {before}: only {late} runs went on after GST");
            }
        }
    }
}

/// Whether the first commit came after GST: by the deadline, then.
fn first_commit(n: u64, t: u64, before: &str, behaviour: &str, seed: u64) -> bool {
    let gst = 1 + spread(seed, 3, 24 * DELTA);
    let network = network(before, gst, seed);
    let parties = first_leaders(gst, n, t);
    let goal = "[stop]\ndecisions = 1";
    let (end, _) = done(&faulty("pbft", n, &parties, behaviour, &network, goal), seed);
    let deadline = match before {
        "bounded" => gst + 2 * DELTA + 4 * DELTA * (t + 2),
        _ => gst + 4 * DELTA * (2 * t + 2),
    };
    assert!(end <= deadline * MS, "n={n} {before} {behaviour} seed {seed}: {end}");
    end > gst * MS
}

/// Corrections A1: the leader shows its block to two parties and lets one of them alone lock on
/// it, and is silent ever after. Whoever leads next has the block in time, and no honest view is
/// lost: not to the body that the third party lacks, nor to delays of Δ in full.
#[test]
fn a_withheld_body_costs_pbft_no_honest_view() {
    let behave = |what: &str, when: &str| {
        format!("[[byzantine]]\nparty = 1\nbehaviour{what}\nwhen = {{ {when} }}\n")
    };
    for (shown, locked) in [("[0, 2]", 0), ("[0, 2]", 2), ("[2, 3]", 3), ("[0, 3]", 0)] {
        for delay in [1, DELTA / 2, DELTA] {
            let toml = [
                format!("protocol = \"pbft\"\nnetwork.delay.constant = \"{delay}ms\"\n"),
                "[workload]\ncommands = 6\n".to_owned(),
                behave(
                    &format!(".selective = {{ to = {shown} }}"),
                    "views = \"1..2\", kinds = [\"propose\"]",
                ),
                behave(
                    &format!(".selective = {{ to = [{locked}] }}"),
                    "views = \"1..2\", kinds = [\"vote\"]",
                ),
                behave(" = \"silent\"", "views = \"1..2\", kinds = [\"vote2\", \"commit\"]"),
                behave(" = \"silent\"", "views = \"2..1000\""),
            ];
            let run = traced(&toml.concat());
            assert!(run.verdict.fired.iter().all(|fired| fired.count > 0), "it did all that");
            // Views are 4Δ long, and party 1 leads every fourth of them.
            let last = (run.end.0 - 1) / (4 * DELTA * MS);
            let honest = (2..=last).filter(|view| view % 4 != 1).count() as u64;
            let decided = run.trace.iter().filter(|record| record.what == "decided");
            let withheld = u64::from(decided.into_iter().any(|record| record.view == Some(1)));
            assert_eq!(run.metrics.decisions, honest + withheld, "{shown} {locked} {delay}");
            let first = "[stop]\ndecisions = 1\n[expect]\nfired = false\n";
            let (first, _) = done(&(toml.concat() + first), 1);
            assert!(first <= 4 * DELTA * 3 * MS, "{shown} {locked} {delay}: first at {first}");
        }
    }
}

/// A view of HotStuff with a silent leader costs T = 10Δ and one delay for the timeouts; the one
/// after it decides in a new-view and seven hops.
#[test]
fn a_silent_leader_costs_hotstuff_one_timer() {
    for (n, f) in [(4, 1), (7, 2), (10, 3)] {
        for lost in 1..=f {
            for delay in [1, 10, DELTA] {
                let parties: Vec<u64> = (1..=lost).collect();
                let network =
                    format!("[network]\ndelta = \"{DELTA}ms\"\ndelay.constant = \"{delay}ms\"\n");
                let goal = "[stop]\ndecisions = 1";
                let (end, run) = done(&silent("hotstuff", n, &parties, &network, goal), 1);
                let expected = lost * (10 * DELTA + delay) + 8 * delay;
                assert_eq!(end, expected * MS, "n={n} lost={lost} delay={delay}");
                assert_eq!(run.metrics.lost_views, lost);
            }
        }
    }
}

/// A silent party costs chained HotStuff two timers in a turn: that of the view whose votes it should
/// have collected, and that of its own. The votes come with the timeouts, so that three certificates
/// stand in a row however the silent are placed; the last of them is made when its view ends.
#[test]
fn a_silent_party_costs_chained_hotstuff_two_timers() {
    for (n, parties, decided_in) in
        [(4, vec![0], 3), (4, vec![1], 4), (4, vec![2], 5), (4, vec![3], 6), (7, vec![1, 5], 4)]
            .into_iter()
            .chain([(7, vec![3, 6], 9)])
    {
        for delay in [1, 10, DELTA] {
            let network =
                format!("[network]\ndelta = \"{DELTA}ms\"\ndelay.constant = \"{delay}ms\"\n");
            let goal = "[stop]\ndecisions = 1";
            let toml = silent("hotstuff-chained", n, &parties, &network, goal);
            let (end, run) = done(&toml, 1);
            // Every view up to the one whose certificate decides takes a proposal and its votes, or
            // T and a timeout if its leader or its collector is silent. All enter together, but for
            // a view that is opened by its proposal: there most begin one delay later.
            let leads = |view: u64| parties.contains(&(view % n));
            let dead = |view: u64| leads(view) || leads(view + 1);
            let took = |view: u64| match dead(view) {
                true if view > 1 && !dead(view - 1) => 6 * DELTA + 2 * delay,
                true => 6 * DELTA + delay,
                false => 2 * delay,
            };
            let last = if dead(decided_in) { 0 } else { delay };
            let expected = (1..=decided_in).map(took).sum::<u64>() + last;
            assert_eq!(end, expected * MS, "n={n} silent={parties:?} delay={delay}");
            assert!(run.metrics.decisions >= 1);
        }
    }
}

/// After GST all timers have run out within T; the timeouts, and help for those behind, bring
/// everybody into one view within 2Δ more. Who was there first may have given it up already, so
/// it costs T again; each silent leader costs T + Δ; and the view that decides takes T. After an
/// unbounded or lossy time help may come one T later, as the last was lost, and as many honest
/// leaders as silent ones may lack the block to build on.
#[test]
fn hotstuff_decides_soon_after_gst() {
    let patience = 10 * DELTA;
    for (n, f) in [(4, 1), (7, 2)] {
        for before in ["bounded", "unbounded", "lossy"] {
            (0..SEEDS).into_par_iter().for_each(|seed| {
                let gst = 1 + spread(seed, 4, 60 * DELTA);
                let network = network(before, gst, seed);
                let first = spread(seed, 5, n);
                let parties: Vec<u64> = (first..first + f).map(|party| party % n).collect();
                let goal = "[stop]\ndecisions = 1\n[workload]\ncommands = 1";
                let (end, _) = done(&silent("hotstuff", n, &parties, &network, goal), seed);
                let views = f * (patience + DELTA);
                let lost = if before == "bounded" { 0 } else { patience + views };
                let deadline = gst + 2 * patience + 2 * DELTA + views + lost + patience;
                assert!(end <= deadline * MS, "n={n} {before} seed {seed}: {end}");
            });
        }
    }
}

/// A silent primary of classic PBFT costs T0 = 8Δ, the next one twice as much from the time on at
/// which a quorum has asked for it, and so on; then view change, new-view with the batch, and two
/// rounds.
#[test]
fn silent_primaries_cost_classic_pbft_a_doubled_time_each() {
    for (n, f) in [(4, 1), (7, 2), (10, 3)] {
        for lost in 1..=f {
            for delay in [1, 10, DELTA] {
                let parties: Vec<u64> = (0..lost).collect();
                let network =
                    format!("[network]\ndelta = \"{DELTA}ms\"\ndelay.constant = \"{delay}ms\"\n");
                let goal = "[stop]\ndecisions = 1";
                let (end, run) = done(&silent("pbft-classic", n, &parties, &network, goal), 1);
                let waited: u64 = (0..lost).map(|view| (8 * DELTA) << view).sum();
                let expected = waited + (lost - 1) * delay + 4 * delay;
                assert_eq!(end, expected * MS, "n={n} lost={lost} delay={delay}");
                assert_eq!(run.metrics.lost_views, lost);
            }
        }
    }
}

/// After GST: what fits before it may have doubled the time twice; then f silent primaries, two views
/// in which not everybody is yet, and one that executes, each with its doubled time and 4Δ.
#[test]
fn classic_pbft_executes_soon_after_gst() {
    for (n, f) in [(4, 1), (7, 2)] {
        for before in ["bounded", "unbounded", "lossy"] {
            (0..SEEDS).into_par_iter().for_each(|seed| {
                let gst = 1 + spread(seed, 6, 24 * DELTA);
                let network = network(before, gst, seed);
                let first = spread(seed, 7, n);
                let parties: Vec<u64> = (first..first + f).map(|party| party % n).collect();
                let goal = "[workload]\ncommands = 3";
                let toml = silent("pbft-classic", n, &parties, &network, goal);
                let (end, _) = done(&toml, seed);
                let views: u64 = (0..=f + 2).map(|view| (8 << (2 + view).min(6)) + 4).sum();
                let settled = 32 + 16 + 8;
                let deadline = gst + DELTA * (settled + views + 8 + 3 * 8 + 8);
                assert!(end <= deadline * MS, "n={n} {before} seed {seed}: {end}");
            });
        }
    }
}

/// At the deadline everything that was due by then has happened: what is not decided is late.
#[test]
fn a_run_that_ends_at_the_deadline_is_judged_by_it() {
    // Two silent parties of four: nothing is ever decided. 4Δ for each of four views: the two
    // that faulty parties lead, and one before and one for the decision.
    let ended = |time: &str| {
        let toml = format!(
            "protocol = \"pbft\"\nbeyond_bound = true\nworkload.commands = 1\n\
             byzantine = [{{ parties = [0, 1], behaviour = \"silent\" }}]\nstop.time = \"{time}\"\n"
        );
        let (_, run) = run_text(&Lab::new(), &toml, None);
        run.verdict.properties[Property::Termination as usize].finding
    };
    assert_eq!(ended("1600ms"), Finding::Violated);
    assert_eq!(ended("1599999999ns"), Finding::Undecided);
}

/// A leader that stays, or a view that is too short, voids the theorem: nothing is promised then.
#[test]
fn without_a_deadline_termination_is_not_promised() {
    let lab = Lab::new();
    for (toml, promised) in [
        ("protocol = \"pbft\"", true),
        ("protocol = \"pbft\"\nleaders = \"stable\"", false),
        ("protocol = \"hotstuff\"", true),
        ("protocol.hotstuff = { patience = 9 }", false),
        ("protocol = \"hotstuff-chained\"", true),
        ("protocol.hotstuff-chained = { patience = 5 }", false),
        ("protocol.hotstuff-chained = { salvage = false }", false),
        ("protocol = \"pbft-classic\"", true),
        ("protocol = \"pbft-classic\"\nleaders = \"stable\"", false),
        // Doubled until it is enough.
        ("protocol.pbft-classic = { patience = 1 }", true),
        (
            "protocol = \"pbft-classic\"\nworkload.to = [1]\n\
             network = { gst = \"2s\", before_gst = \"lossy\" }",
            false,
        ),
        ("protocol = \"pbft\"\nnetwork.model = \"asynchrony\"", false),
        (
            "protocol = \"hotstuff\"\nworkload.to = [1]\n\
             network = { gst = \"2s\", before_gst = \"lossy\" }",
            false,
        ),
        (
            "protocol = \"hotstuff\"\nworkload.to = [1]\n\
             network = { gst = \"2s\", before_gst = \"bounded\" }",
            true,
        ),
    ] {
        let (scenario, run) = run_text(&lab, &format!("{toml}\nworkload.commands = 2\n"), None);
        let entry = lab.registry().get(scenario.protocol.about.name).expect("it ran");
        assert_eq!(entry.deadline(&scenario).is_some(), promised, "{toml}");
        let termination = &run.verdict.properties[Property::Termination as usize];
        assert_eq!(termination.expected.is_some(), promised, "{toml}");
        let repeat = String::new();
        let (scenario, run) = (&scenario, &run);
        let report = Report { scenario, run, repeat, timing: false, memory: None };
        let told = text(&report, Paint::Plain).contains("termination is not promised");
        assert_eq!(told, !promised, "{toml}");
    }
}
