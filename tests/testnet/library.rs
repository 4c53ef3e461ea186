//! One scenario of the library for each protocol and behaviour, the shortest one, over real
//! sockets and between real processes: the verdict is the simulator's.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use byzlab::{
    Lab,
    scenarios::{Document, Options, Outcome, Scenario},
};

use super::{byzlab, common, done, objects, path};

/// Every duration so many times longer: this machine builds and tests beside it.
const SCALE: u64 = 2;
/// So many runs at a time: most of a run is waiting.
const AT_ONCE: usize = 16;

fn resolved(lab: &Lab, file: &Path) -> Scenario {
    let bytes = std::fs::read(file).expect("it can be read");
    let document = Document::decode(path(file), &bytes, &[], lab.registry());
    let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
    scenario.unwrap_or_else(|problems| panic!("{problems}"))
}

/// By protocol and behaviour (none is the good case): virtual end and file of the shortest run.
fn shortest() -> BTreeMap<(&'static str, String), (u64, PathBuf)> {
    let lab = Lab::new();
    let mut shortest: BTreeMap<_, (u64, PathBuf)> = BTreeMap::new();
    for file in common::scenario_files("scenarios/library") {
        let scenario = resolved(&lab, &file);
        let whole = scenario.attack.is_none() && scenario.rules.is_empty() && scenario.n <= 7;
        let calm = scenario.crashes.is_empty() && scenario.cuts.is_empty();
        let alone = scenario.byzantine.len() <= 1 && scenario.protocol.broken.is_none();
        let ideal = scenario.crypto.name() == "ideal";
        // Costs hang on exact delays: how many views are lost, and what a traitor's message that came
        // late, which is no fault of the network, is good for. Twins of several parties need one mind.
        let costs = [scenario.expect.hops, scenario.expect.messages];
        let costly = costs.iter().any(Option::is_some) && !scenario.byzantine.is_empty();
        let exact = scenario.expect.lost_views.is_some() || costly;
        let twins = scenario.byzantine.iter().filter(|traitor| traitor.behaviour == "twins");
        let one_mind = twins.map(|traitor| traitor.parties.len()).sum::<usize>() > 1;
        let real = calm && !ideal && !exact && !one_mind;
        if !whole || !alone || !real || scenario.is_beyond_bound() {
            continue;
        }
        let run = common::run(&lab, &scenario, &Options::default());
        assert_eq!(run.verdict.outcome, Outcome::AsExpected, "{}", file.display());
        let behaviour = scenario.byzantine.first().map(|traitor| traitor.behaviour.clone());
        let key = (scenario.protocol.about.name, behaviour.unwrap_or_default());
        let best = shortest.entry(key).or_insert((u64::MAX, PathBuf::new()));
        if run.end.0 < best.0 {
            *best = (run.end.0, file);
        }
    }
    shortest
}

#[test]
fn each_protocol_and_behaviour_gets_the_verdict_of_the_simulator() {
    let mut chosen: Vec<_> = shortest().into_iter().collect();
    // The longest first, so that all end together.
    chosen.sort_by_key(|(_, (end, _))| std::cmp::Reverse(*end));
    let protocols: Vec<_> = chosen.iter().map(|((protocol, _), _)| *protocol).collect();
    for name in Lab::new().registry().names() {
        let count = protocols.iter().filter(|protocol| **protocol == name).count();
        assert!(count >= 5, "{name}: only {count} behaviours");
    }
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(((protocol, behaviour), (_, file))) =
                    chosen.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    if let Err(why) = same_verdict(file) {
                        let why = format!("{protocol} {behaviour}: {}\n{why}", file.display());
                        wrong.lock().expect("nobody panics").push(why);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panicked");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), chosen.len(), wrong.join("\n"));
}

/// The runs of a file in all three runtimes: all as expected, all with the same findings.
/// If not: what was found. What came late is no fault of the protocol, and is made again by itself.
fn same_verdict(file: &Path) -> Result<(), String> {
    let scale = format!("runtime.scale={SCALE}");
    let arguments =
        ["run", path(file), "--runtime", "sim,libp2p,processes", "--set", &scale, "--json"];
    let (status, out, err) = done(byzlab(&arguments));
    let runs = objects(&out);
    let findings = |at: usize| {
        let properties = runs[at]["properties"].as_object().expect("properties");
        let verdicts =
            properties.iter().map(|(name, found)| (name.clone(), found["verdict"].clone()));
        verdicts.collect::<BTreeMap<_, _>>()
    };
    let runtimes: Vec<_> = runs.iter().map(|run| run["runtime"].clone()).collect();
    if status != Some(0) || runtimes != ["sim", "libp2p", "processes"] {
        let told: Vec<_> = runs
            .iter()
            .map(|run| format!("{} {} {}", run["runtime"], run["outcome"], run["reasons"]))
            .collect();
        return Err(format!("status {status:?}: {}\n{err}", told.join("; ")));
    }
    let same = findings(0) == findings(1) && findings(0) == findings(2);
    if same { Ok(()) } else { Err("the findings differ".to_owned()) }
}

#[test]
fn what_a_real_network_cannot_honour_is_said_before_it_starts() {
    let refused = |set: &str, why: &str| {
        let set = format!("--set={set}");
        let file = "scenarios/library/good-case/pbft-four.toml";
        let (status, out, err) = done(byzlab(&["run", file, "--runtime", "libp2p", &set]));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(why), "{err}");
    };
    refused("crypto=\"ideal\"", "set crypto = \"ed25519\"");
    refused("attack={ name = \"S2\" }", "sees and schedules every message");
    // In a folder the others are run.
    let folder = common::root().join("target/testnet-folder");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let tiny = "protocol = \"pbft\"\nworkload.commands = 1\nruntime.scale = 3\n";
    std::fs::write(folder.join("a.toml"), tiny).expect("it is written");
    let ideal = format!("crypto = \"ideal\"\n{tiny}");
    std::fs::write(folder.join("b.toml"), ideal).expect("it is written");
    // Real time comes on top of a delay of nearly all of Δ.
    let exact = "network.delay.constant = \"10ms\"\n\
                 [[rule]]\non = { from = [1], to = [2], kind = \"propose\" }\ndo.delay = \"85ms\"\n";
    std::fs::write(folder.join("c.toml"), format!("{tiny}{exact}")).expect("it is written");
    let ask = ["run", path(&folder), "--runtime", "libp2p", "--at-once", "2", "--json"];
    let (status, out, err) = done(byzlab(&ask));
    assert_eq!((status, objects(&out).len()), (Some(0), 1), "{err}");
    assert!(err.contains("left out:") && err.contains("b.toml"), "{err}");
    assert!(err.contains("c.toml") && err.contains("it hangs on exact times"), "{err}");
}

/// A Δ that no machine keeps: the run tells nothing, and is made again more slowly before it says so.
#[test]
fn a_run_that_was_too_slow_to_tell_is_made_again_more_slowly() {
    let folder = common::root().join("target/testnet-slow");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("hasty.toml");
    let hasty = "protocol = \"pbft\"\nworkload.commands = 1\n\
                 network = { delta = \"200us\", delay.constant = \"1us\" }\n";
    std::fs::write(&file, hasty).expect("it is written");
    let (status, out, err) = done(byzlab(&["run", path(&file), "--runtime", "libp2p", "--json"]));
    assert!(status == Some(0) || status == Some(3), "{status:?} {out} {err}");
    assert_eq!(objects(&out).len(), 1, "{out}");
    assert!(err.contains("again with scale 3"), "{err}");
    let repeat = objects(&out)[0]["repeat"].as_str().map(str::to_owned);
    assert!(repeat.is_some_and(|line| line.contains("--set runtime.scale=")), "{out}");
}
