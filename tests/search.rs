//! The search: it finds broken pieces that it knows nothing of, what it shrinks can be run again,
//! and the published rules survive as many runs.

mod common;

use std::{path::Path, process::Command};

use byzlab::{
    Lab,
    scenarios::{
        Document, Finding, Options, Outcome, Property, PropertyVerdict,
        search::{Hit, Hunt, Progress, STRATEGIES, Shrunk, Space, shrink, write},
    },
};
use common::{root, run, scenario_files};

fn document(lab: &Lab, text: &str) -> Document {
    let document = Document::decode("search.toml", text.as_bytes(), &[], lab.registry());
    document.unwrap_or_else(|problems| panic!("{problems}"))
}

fn hunt<'a>(space: &'a Space<'a>, wanted: &[Property], progress: Progress) -> Hunt<'a> {
    Hunt::new(space, STRATEGIES.iter().collect(), wanted.to_vec(), progress)
}

fn fresh() -> Progress {
    Progress { seed: 1, ..Progress::default() }
}

/// So many runs, or fewer if something falls.
fn runs(hunt: &mut Hunt<'_>, most: u64) -> Option<Hit> {
    while hunt.progress.runs < most {
        if let Some(hit) = hunt.batch(most - hunt.progress.runs) {
            return Some(hit);
        }
    }
    None
}

/// Searches and shrinks.
fn find(lab: &Lab, text: &str, wanted: &[Property], most: u64) -> Option<(Hit, Shrunk)> {
    let document = document(lab, text);
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let hit = runs(&mut hunt(&space, wanted, fresh()), most)?;
    let shrunk = shrink(&space, &hit, lab.registry(), &|| true);
    let shrunk = shrunk.unwrap_or_else(|why| panic!("{text}: {why}"));
    Some((hit, shrunk))
}

/// Runs that are made for each protocol at the most, broken or not.
const MOST: [(&str, u64); 5] = [
    ("dolev-strong", 2000),
    ("pbft", 2000),
    ("pbft-classic", 1000),
    ("hotstuff", 1500),
    ("hotstuff-chained", 1000),
];

/// Pieces that fall, and the most faults and messages until then that shrinking leaves.
const PIECES: [(&str, &str, Property, usize, u64); 17] = [
    ("dolev-strong", "M17", Property::Agreement, 1, 4),
    ("dolev-strong", "M18", Property::Agreement, 2, 4),
    ("dolev-strong", "M20", Property::Agreement, 2, 30),
    ("dolev-strong", "M22", Property::Agreement, 2, 16),
    ("dolev-strong", "M24", Property::Validity, 2, 30),
    ("dolev-strong", "one-value", Property::Agreement, 1, 8),
    ("pbft", "M26", Property::Accountability, 1, 10),
    ("pbft", "M27", Property::Agreement, 3, 50),
    ("pbft", "M32", Property::Termination, 0, 4),
    ("hotstuff", "M41", Property::Certificates, 0, 8),
    ("hotstuff", "M37", Property::Integrity, 4, 130),
    ("hotstuff", "M39", Property::Agreement, 4, 70),
    ("pbft-classic", "late-votes", Property::Agreement, 1, 70),
    ("pbft-classic", "no-watermarks", Property::Termination, 1, 1000),
    ("hotstuff-chained", "double-vote", Property::Accountability, 1, 8),
    ("hotstuff-chained", "M41", Property::Certificates, 0, 8),
    ("hotstuff-chained", "M47", Property::Termination, 0, 80),
];

#[test]
fn broken_pieces_fall_and_what_is_found_is_small_and_can_be_run_again() {
    let lab = Lab::new();
    let mut wrong = Vec::new();
    for (protocol, piece, property, faults, messages) in PIECES {
        let most = MOST.iter().find(|(name, _)| *name == protocol).map_or(0, |(_, most)| *most);
        let text = format!("protocol.{protocol} = {{ broken = \"{piece}\" }}\n");
        let Some((hit, shrunk)) = find(&lab, &text, &[property], most) else {
            wrong.push(format!("{protocol} {piece} survives {most} runs"));
            continue;
        };
        let (run_number, strategy) = (hit.run, hit.strategy);
        println!("{protocol} {piece}: run {run_number} ({strategy})\n{}", shrunk.file);
        let again = document(&lab, &shrunk.file).resolve(None, lab.registry());
        let again = again.unwrap_or_else(|problems| panic!("{problems}\n{}", shrunk.file));
        let judged = run(&lab, &again, &Options::default());
        assert_eq!(judged.verdict.outcome, Outcome::AsExpected, "{}", shrunk.file);
        assert_eq!(judged.digest, shrunk.run.digest, "{}", shrunk.file);
        assert_eq!(judged.verdict.label, "in-model", "{}", shrunk.file);
        let fallen = judged.verdict.violations.iter().any(|one| one.property == property);
        assert!(fallen, "{property:?} falls no more\n{}", shrunk.file);
        let (left, sent) = (again.faults.len(), shrunk.messages.1);
        if left > faults || sent > messages {
            let most = format!("{faults} faults and {messages} messages");
            wrong.push(format!("{protocol} {piece}: {left}, {sent}; at the most {most}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_published_rules_survive_as_many_runs() {
    let lab = Lab::new();
    for (protocol, most) in MOST {
        // Sixteen slots to a checkpoint are more than the search asks for.
        let often = if protocol == "pbft-classic" { "checkpoint = 1" } else { "" };
        let document = document(&lab, &format!("protocol.{protocol} = {{ {often} }}\n"));
        let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
        let mut hunt = hunt(&space, &Property::ALL, fresh());
        let hit = runs(&mut hunt, most);
        assert!(hit.is_none(), "{protocol}: {hit:?}");
        let progress = hunt.progress;
        assert_eq!(progress.runs, most);
        // With too little patience nothing is decided for minutes: long, but no flood.
        assert!(progress.flooded <= 1, "{protocol}: {} runs were cut off", progress.flooded);
        assert_eq!(progress.strategies.len(), STRATEGIES.len(), "every strategy took part");
        let share = progress.out_of_model * 10 / progress.runs;
        assert!(share < 2, "{protocol}: {} runs broke their model", progress.out_of_model);
        let reached = progress.lines.iter().filter(|runs| **runs > 0).count();
        let lines = space.base.protocol.about.lines.len();
        assert!(reached * 10 >= lines * 9, "{protocol}: {reached} of {lines} lines were reached");
    }
}

/// The same with real signatures, a few runs.
#[test]
fn the_published_rules_survive_with_real_signatures() {
    let lab = Lab::new();
    for (protocol, _) in MOST {
        let text = format!("protocol = \"{protocol}\"\ncrypto = \"ed25519\"\n");
        let document = document(&lab, &text);
        let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
        let hit = runs(&mut hunt(&space, &Property::ALL, fresh()), 64);
        assert!(hit.is_none(), "{protocol}: {hit:?}");
    }
}

/// With one traitor more than the bound allows agreement falls, and then the guilty are found, as
/// many as promised and nobody else.
#[test]
fn beyond_the_bound_the_guilty_are_found_and_nobody_else() {
    let lab = Lab::new();
    for (protocol, most) in [("pbft", 512), ("hotstuff", 512)] {
        let text = format!("protocol = \"{protocol}\"\nbeyond_bound = true\n");
        let document = document(&lab, &text);
        let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
        let mut hunt = hunt(&space, &[Property::Agreement], fresh());
        let mut accused = 0;
        while let Some(hit) = runs(&mut hunt, most) {
            let judged = run(&lab, &hit.scenario, &Options::default());
            let falls = |one: &PropertyVerdict| {
                one.property == Property::Accountability && one.finding == Finding::Violated
            };
            assert!(!judged.verdict.properties.iter().any(falls), "{protocol}, run {}", hit.run);
            accused += usize::from(!judged.verdict.accused.is_empty());
        }
        assert!(accused > 0, "{protocol}: agreement never fell");
    }
}

/// A traitor that forgets answers what it said to itself, and one that replays says more with each
/// answer: 90,000 messages in one instant, when it still replayed to itself.
#[test]
fn a_traitor_that_forgets_and_replays_does_not_feed_itself() {
    let lab = Lab::new();
    let text = "protocol = \"hotstuff\"\nseed = 583\nleaders = [2, 1]\n\
        [[byzantine]]\nparty = 2\nbehaviour = \"amnesia\"\nwhen = { views = \"2..3\" }\n\
        [[byzantine]]\nparty = 2\nbehaviour.replay = { count = 4 }\n";
    let scenario = document(&lab, text).resolve(None, lab.registry());
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    let messages = run(&lab, &scenario, &Options::default()).metrics.total.messages;
    assert!((100..2000).contains(&messages), "{messages} messages");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let found = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let lab = Lab::new();
            let text = "protocol.dolev-strong = { broken = \"M18\" }\n";
            let (hit, shrunk) = find(&lab, text, &[Property::Agreement], 2000).expect("a find");
            (hit.run, hit.strategy, shrunk.runs, shrunk.file)
        })
    };
    assert_eq!(found(1), found(3));
}

#[test]
fn a_search_that_is_resumed_goes_on_as_if_it_had_never_stopped() {
    let lab = Lab::new();
    let document = document(&lab, "protocol = \"pbft\"\n");
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let mut whole = hunt(&space, &Property::ALL, fresh());
    assert!(runs(&mut whole, 384).is_none());
    let mut first = hunt(&space, &Property::ALL, fresh());
    assert!(runs(&mut first, 192).is_none());
    let kept = serde_json::to_string(&first.progress).expect("numbers");
    let progress = serde_json::from_str(&kept).expect("what was written");
    let mut second = hunt(&space, &Property::ALL, progress);
    assert!(runs(&mut second, 384).is_none());
    assert_eq!(second.progress, whole.progress);
}

#[test]
fn what_the_file_says_stays() {
    let lab = Lab::new();
    let text = "protocol = \"pbft\"\nn = 5\nleaders = [3]\nnetwork.gst = \"700ms\"\n\
                [workload]\ncommands = 3\n[[byzantine]]\nparty = 2\nbehaviour = \"silent\"\n";
    let document = document(&lab, text);
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    assert!(runs(&mut hunt(&space, &Property::ALL, fresh()), 64).is_none());
    let broken = text.replace("protocol = \"pbft\"", "protocol.pbft = { broken = \"M32\" }");
    let found = find(&lab, &broken, &[Property::Termination], 64).expect("M32 never votes again");
    assert_eq!(found.0.scenario.n, 5);
    assert_eq!(found.0.scenario.byzantine.len(), 1);
    assert_eq!(found.0.scenario.demanded(), 3);
}

/// The file that is written of a scenario gives the same run as its own file.
#[test]
fn a_scenario_that_is_written_is_the_same_scenario() {
    let lab = Lab::new();
    let folders = ["museum", "network", "crash", "good-case", "generic"];
    let files = folders.map(|name| scenario_files(&format!("scenarios/library/{name}")));
    for path in files.concat() {
        let bytes = std::fs::read(&path).expect("the file can be read");
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let set = ["crypto = \"ideal\"".to_owned()];
        let decoded = Document::decode(&name, &bytes, &set, lab.registry());
        let scenario = decoded.and_then(|document| document.resolve(None, lab.registry()));
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        let entry = lab.registry().get(scenario.protocol.about.name).expect("a protocol");
        let text = write(&scenario, entry.fields());
        let again = document(&lab, &text).resolve(None, lab.registry());
        let again = again.unwrap_or_else(|problems| panic!("{name}: {problems}\n{text}"));
        let digest = |scenario| run(&lab, scenario, &Options::default()).digest;
        assert_eq!(digest(&scenario), digest(&again), "{name}:\n{text}");
    }
}

#[test]
fn the_command_says_what_it_found_or_what_it_covered() {
    let folder = std::env::temp_dir().join(format!("byzlab-search-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let search = |protocol: &str, more: &[&str]| {
        let file = folder.join("base.toml");
        std::fs::write(&file, protocol).expect("a file");
        let output = Command::new(env!("CARGO_BIN_EXE_byzlab"))
            .args(["search", &file.display().to_string(), "--runs", "128"])
            .args(more)
            .output();
        let output = output.expect("byzlab runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text)
    };
    let out = folder.join("found.toml");
    let broken = "protocol.pbft = { broken = \"M32\" }\n";
    let (status, text) = search(broken, &["--out", &out.display().to_string()]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("found: termination falls in run 1 "), "{text}");
    assert!(text.contains("\n  nothing but termination falls in 127 more runs either\n"), "{text}");
    let repeated = repeat(&out);
    assert_eq!(repeated, Some(0), "what was found is as its file expects");
    let (status, text) = search("protocol = \"pbft\"\n", &["--strategy", "swarm"]);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("nothing found in 128 runs, seed 1\n        128 by swarm"), "{text}");
    let (status, _) = search("protocol = \"pbft\"\n", &["--strategy", "luck"]);
    assert_eq!(status, Some(2));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

/// M30 falls to a leader that is stuck first, and a few runs later two parties disagree.
#[test]
fn where_only_termination_falls_the_search_goes_on_for_a_while() {
    let lab = Lab::new();
    let document = document(&lab, "protocol.pbft = { broken = \"M30\" }\n");
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let mut all = hunt(&space, &Property::ALL, fresh());
    let first = runs(&mut all, 200).expect("something falls");
    assert_eq!(first.fallen, [Property::Termination]);
    assert!(all.longer(&first, |_| 0).is_none(), "no run more than are allowed");
    let safety = all.longer(&first, |progress| 200 - progress.runs).expect("agreement falls");
    assert!(safety.fallen.contains(&Property::Agreement) && safety.run > first.run);
    let made = all.progress.runs;
    assert!(all.longer(&safety, |_| 200).is_none(), "safety fell already");
    assert_eq!(all.progress.runs, made);
    let mut one = hunt(&space, &[Property::Termination], fresh());
    let only = runs(&mut one, 200).expect("termination falls");
    assert!(one.longer(&only, |_| 200).is_none(), "nothing else is wanted");
    assert_eq!(one.progress.runs, only.run);
}

/// What seems boldest leads to 107 messages here, of which nothing simpler is left.
#[test]
fn what_is_long_to_read_is_shrunk_again_in_another_order() {
    let lab = Lab::new();
    let document = document(&lab, "protocol.pbft = { broken = \"M37\" }\n");
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let mut hunt = hunt(&space, &Property::ALL, Progress { seed: 3, ..Progress::default() });
    let hit = runs(&mut hunt, 3000).expect("integrity falls");
    let shrunk = shrink(&space, &hit, lab.registry(), &|| true);
    let shrunk = shrunk.unwrap_or_else(|why| panic!("{why}"));
    assert!(shrunk.messages.1 < 30, "{:?}\n{}", shrunk.messages, shrunk.file);
}

#[test]
fn the_command_says_that_only_termination_fell_before() {
    let folder = std::env::temp_dir().join(format!("byzlab-longer-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("base.toml");
    std::fs::write(&file, "protocol.pbft = { broken = \"M30\" }\n").expect("a file");
    let search = |threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_byzlab"))
            .args(["search", &file.display().to_string(), "--runs", "200"])
            .env("RAYON_NUM_THREADS", threads)
            .output();
        String::from_utf8_lossy(&output.expect("byzlab runs").stdout).into_owned()
    };
    let text = search("1");
    assert!(text.starts_with("found: agreement falls in run "), "{text}");
    assert!(text.contains("\n  only termination fell before, in run "), "{text}");
    assert_eq!(text, search("3"));
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

fn repeat(file: &Path) -> Option<i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_byzlab")).arg("run").arg(file).output();
    output.expect("byzlab runs").status.code()
}
