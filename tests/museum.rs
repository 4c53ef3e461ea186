//! The museum: each broken piece fails in a file of its own, and the published rules stand there.
//! And each behaviour breaks something: an attack that never does proves nothing by failing.

mod common;

use std::collections::BTreeMap;

use byzlab::{
    Lab,
    protocols::byzantine::BEHAVIOURS,
    scenarios::{Document, Finding, Options, Outcome, Property, Run, Scenario},
};
use common::{root, run, run_text, scenario_files};

const FOLDER: &str = "scenarios/library/museum";

/// A file of the museum, and which piece it is about.
struct Exhibit {
    file: String,
    text: String,
    scenario: Scenario,
    protocol: &'static str,
    piece: &'static str,
}

fn exhibits(lab: &Lab) -> Vec<Exhibit> {
    let files = scenario_files(FOLDER);
    files.iter().map(|path| exhibit(lab, path)).collect()
}

fn exhibit(lab: &Lab, path: &std::path::Path) -> Exhibit {
    let file = path.strip_prefix(root()).expect("below the root").display().to_string();
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let document = Document::decode(&file, text.as_bytes(), &[], lab.registry());
    let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    let protocol = scenario.protocol.about.name;
    let piece = scenario.protocol.broken.unwrap_or_else(|| panic!("{file} breaks nothing")).0;
    Exhibit { file, text, scenario, protocol, piece }
}

/// The same file with the published rules, and no word on what is expected.
fn published(exhibit: &Exhibit) -> String {
    let broken = format!("broken = \"{}\"", exhibit.piece);
    assert_eq!(exhibit.text.matches(&broken).count(), 1, "{}: `{broken}` once", exhibit.file);
    let text = exhibit.text.replace(&format!(", {broken}"), "").replace(&broken, "");
    let (text, expect) = text.split_once("[expect]").expect("an [expect]");
    assert!(!expect.contains("\n["), "{}: [expect] comes last", exhibit.file);
    text.to_owned()
}

fn findings(run: &Run, finding: Finding) -> Vec<Property> {
    let properties = run.verdict.properties.iter();
    properties
        .filter(|verdict| verdict.finding == finding)
        .map(|verdict| verdict.property)
        .collect()
}

/// What its file says will fall.
fn doomed(run: &Run) -> Vec<Property> {
    let properties = run.verdict.properties.iter();
    let doomed = properties.filter(|verdict| verdict.expected == Some(Finding::Violated));
    doomed.map(|verdict| verdict.property).collect()
}

/// Runs an exhibit both ways. Gives what fell, or why it does not show what it should.
fn judge(lab: &Lab, exhibit: &Exhibit) -> Result<Vec<Property>, String> {
    let broken = run(lab, &exhibit.scenario, &Options::default());
    let doomed = doomed(&broken);
    if doomed.is_empty() {
        return Err("its file expects no violation".to_owned());
    }
    if broken.verdict.outcome != Outcome::AsExpected {
        return Err(format!("it survives: {}", broken.verdict.reasons.join("; ")));
    }
    if broken.verdict.label != "in-model" {
        return Err(format!("its run is {}", broken.verdict.label));
    }
    let (_, sound) = run_text(lab, &published(exhibit), None);
    let fallen = findings(&sound, Finding::Violated);
    if !fallen.is_empty() || sound.verdict.label != "in-model" {
        let label = sound.verdict.label;
        return Err(format!("the published rules fall as well: {fallen:?}, {label}"));
    }
    let holds = findings(&sound, Finding::Holds);
    match doomed.iter().find(|property| !holds.contains(property)) {
        Some(property) => Err(format!("{} of the published rules stays open", property.name())),
        None => Ok(doomed),
    }
}

#[test]
fn every_broken_piece_fails_and_the_published_rules_survive_the_same() {
    let lab = Lab::new();
    let mut survivors = Vec::new();
    let mut killed: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for exhibit in exhibits(&lab) {
        let Exhibit { file, protocol, piece, .. } = &exhibit;
        match judge(&lab, &exhibit) {
            Ok(properties) => {
                let names: Vec<_> = properties.iter().map(|property| property.name()).collect();
                println!("piece {protocol:<13} {piece:<14} killed by {}", names.join(", "));
                killed.entry((protocol, piece)).or_default().push(file.clone());
            }
            Err(why) => survivors.push(format!("{protocol} {piece} ({file}): {why}")),
        }
    }
    for entry in lab.registry().entries() {
        let about = entry.about();
        for (piece, what) in about.broken {
            let shown = killed.contains_key(&(about.name, *piece));
            let named =
                survivors.iter().any(|line| line.starts_with(&format!("{} {piece} ", about.name)));
            if !shown && !named {
                survivors.push(format!("{} {piece}, {what}: no file shows it failing", about.name));
            }
        }
    }
    assert!(survivors.is_empty(), "pieces that survive:\n  {}", survivors.join("\n  "));
}

#[test]
fn the_page_of_the_museum_names_every_piece_and_every_file() {
    let lab = Lab::new();
    let page = std::fs::read_to_string(root().join("docs/museum.md")).expect("the page");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    for exhibit in exhibits(&lab) {
        let Exhibit { file, protocol, piece, .. } = exhibit;
        let stem = file.trim_start_matches(FOLDER).trim_start_matches('/');
        assert!(stem.starts_with(protocol), "{file} is in the folder of its protocol");
        let row = rows.iter().find(|row| row.contains(stem));
        let row = row.unwrap_or_else(|| panic!("docs/museum.md has no row for {stem}"));
        assert!(row.starts_with(&format!("| {piece} ")), "docs/museum.md: {stem} shows {piece}");
    }
}

/// How a behaviour is shown to break something.
enum Shown {
    /// A scenario, its faults last, and the property that falls with them and holds without.
    Scenario(&'static str, Property),
    /// No rule that is a value stands against it: patches of the crypto crate are killed instead.
    Patch(&'static str),
    /// No piece falls to it alone so far. It is drawn by the search, among others.
    Nothing,
}

use Shown::{Nothing, Patch, Scenario as Falls};

const BEHAVES: &[(&str, Shown)] = &[
    (
        "silent",
        Falls(
            "protocol.hotstuff = { broken = \"all-new-views\" }\n[workload]\ncommands = 4\n\
         [[byzantine]]\nparty = 3\nbehaviour = \"silent\"",
            Property::Termination,
        ),
    ),
    (
        "crash",
        Falls(
            "protocol.hotstuff = { broken = \"all-new-views\" }\n[workload]\ncommands = 4\n\
         [[byzantine]]\nparty = 3\nbehaviour.crash = { at = \"100ms\" }",
            Property::Termination,
        ),
    ),
    (
        "equivocate",
        Falls(
            "protocol.dolev-strong = { broken = \"one-value\" }\nf = 1\n[workload]\ncommands = 1\n\
         [[byzantine]]\nparty = 0\nbehaviour = \"equivocate\"",
            Property::Agreement,
        ),
    ),
    (
        "double-vote",
        Falls(
            include_str!("../scenarios/library/beyond/pbft-equivocation-two-of-four.toml"),
            Property::Agreement,
        ),
    ),
    (
        "withhold",
        Falls(
            "protocol = \"pbft\"\nbeyond_bound = true\n[workload]\ncommands = 4\n\
         [[byzantine]]\nparties = [0, 1]\nbehaviour = \"withhold\"",
            Property::Termination,
        ),
    ),
    (
        "selective",
        Falls(
            "protocol = \"dolev-strong\"\nf = 1\nbeyond_bound = true\n[workload]\ncommands = 1\n\
         [[byzantine]]\nparty = 0\nbehaviour.selective = { to = [3] }\n\
         [[byzantine]]\nparty = 3\nbehaviour.selective = { to = [1] }",
            Property::Agreement,
        ),
    ),
    (
        "delay",
        Falls(
            "protocol.dolev-strong = { broken = \"M18\" }\nf = 1\n[workload]\ncommands = 1\n\
         [[byzantine]]\nparty = 0\nbehaviour.delay = { by = \"150ms\" }\n\
         [[byzantine]]\nparty = 0\nbehaviour.selective = { to = [1] }",
            Property::Agreement,
        ),
    ),
    (
        "replay",
        Falls(
            "protocol.dolev-strong = { broken = \"M24\" }\nf = 1\n[workload]\ncommands = 8\n\
         [[byzantine]]\nparty = 3\nbehaviour.replay = { count = 4 }",
            Property::Validity,
        ),
    ),
    ("impersonate", Patch("crypto/M03.patch")),
    ("garbage", Patch("crypto/M12-packet.patch")),
    ("forge", Patch("crypto/M04.patch")),
    (
        "twins",
        Falls(
            include_str!("../scenarios/library/beyond/pbft-twins-two-of-four.toml"),
            Property::Agreement,
        ),
    ),
    (
        "amnesia",
        Falls(
            include_str!("../scenarios/library/museum/pbft/m29-too-few-statuses.toml"),
            Property::Agreement,
        ),
    ),
    (
        "stale",
        Falls(
            "protocol.pbft = { broken = \"M31\" }\nleaders = [1, 0]\nworkload.commands = 4\n\
         network = { gst = \"2s\", delay_before_gst = { constant = \"10ms\" } }\n\
         [[byzantine]]\nparty = 0\nbehaviour.stale = { part = \"own\" }\n\
         when = { views = \"2..3\" }\n\
         [[rule]]\non = { to = [0, 2, 3], kind = \"vote2\", view = 1 }\ndo.hold_until = \"2s\"\n\
         [[rule]]\non = { from = 1, to = [0, 2, 3], kind = \"commit\" }\ndo.hold_until = \"2s\"\n\
         [[rule]]\non = { from = 1, to = 0, kind = \"status\", view = 2 }\ndo.hold_until = \"2s\"",
            Property::Agreement,
        ),
    ),
    (
        "random",
        Falls(
            "protocol.dolev-strong = { broken = \"one-value\" }\nf = 1\n[workload]\ncommands = 8\n\
         [[byzantine]]\nparty = 0\nbehaviour = \"random\"",
            Property::Agreement,
        ),
    ),
    (
        "lie",
        Falls(
            "protocol.dolev-strong = { broken = \"M21\" }\nf = 1\nworkload.commands = 4\n\
         [[byzantine]]\nparty = 0\nbehaviour.lie = { number = 1 }",
            Property::Validity,
        ),
    ),
    (
        "usurp",
        Falls(
            "protocol.dolev-strong = { broken = \"M21\" }\nf = 1\nworkload.commands = 4\n\
         [[byzantine]]\nparty = 0\nbehaviour = \"usurp\"",
            Property::Validity,
        ),
    ),
    // Whoever gives up early is one party: where one is enough (M34), times that double outgrow its haste.
    ("hasty", Nothing),
];

#[test]
fn every_behaviour_breaks_something() {
    let lab = Lab::new();
    for info in BEHAVIOURS {
        let row = BEHAVES.iter().find(|(name, _)| *name == info.name);
        match &row.unwrap_or_else(|| panic!("{} breaks nothing here", info.name)).1 {
            Patch(patch) => {
                let patch = root().join("tests/mutants").join(patch);
                assert!(patch.is_file(), "{}: {}", info.name, patch.display());
            }
            Falls(text, property) => breaks(&lab, info.name, text, *property),
            Nothing => {}
        }
    }
    assert_eq!(BEHAVES.len(), BEHAVIOURS.len(), "a behaviour that is no more");
}

/// The property falls, the behaviour took part, and without any fault the property stands.
fn breaks(lab: &Lab, name: &str, text: &str, property: Property) {
    let text = text.split("[expect]").next().expect("a first part");
    let (_, attacked) = run_text(lab, text, None);
    assert!(findings(&attacked, Finding::Violated).contains(&property), "{name}: {property:?}");
    let fired = attacked.verdict.fired.iter().filter(|fired| fired.name == name);
    assert!(fired.map(|fired| fired.count).sum::<u64>() > 0, "{name} never took part");
    let (quiet, _) = text.split_once("[[").expect("faults");
    let (_, calm) = run_text(lab, quiet, None);
    assert!(findings(&calm, Finding::Holds).contains(&property), "{name}: {property:?} anyway");
}

/// Replication after the fact: a party whose log conflicts looks for bodies that it cannot place.
#[test]
fn a_party_whose_log_conflicts_asks_no_more_often_than_its_timers() {
    let file = root().join(FOLDER).join("hotstuff/m39-no-lock.toml");
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let (scenario, run) = run_text(&Lab::new(), &text, None);
    let messages = run.metrics.by_kind.iter().find(|(kind, _)| *kind == "fetch");
    let fetches = messages.map_or(0, |(_, costs)| costs.messages);
    // Every 2Δ each party asks f + 1 others, for two bodies at the most.
    let rounds = run.end.0 / (2 * scenario.network.delta.0);
    let most = 2 * scenario.n as u64 * (scenario.f as u64 + 1) * rounds;
    assert!(fetches > 0, "nobody lacks a body: this shows nothing");
    assert!(fetches <= most, "{fetches} messages, at most {most}");
}
