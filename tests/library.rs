//! The library: every scenario file is as it says, with its own seed and with others, and
//! together they show what there is to show.

mod common;

use std::{collections::BTreeSet, path::Path};

use byzlab::{
    Lab,
    crypto::Scheme,
    protocols::byzantine::BEHAVIOURS,
    scenarios::{Document, Finding, Options, Outcome, Scenario},
};
use common::{root, run, scenario_files};
use rayon::prelude::*;

const LIBRARY: &str = "scenarios/library";

/// A file of the library with its text and what the text says.
struct Entry {
    name: String,
    text: String,
    document: Document,
    /// Resolved for the seed of the file.
    scenario: Scenario,
}

/// All files; one that is not a scenario is reported at once.
fn library(lab: &Lab) -> Vec<Entry> {
    let files = scenario_files(LIBRARY);
    let (entries, wrong): (Vec<_>, Vec<_>) =
        files.iter().map(|path| entry(lab, path)).partition(Result::is_ok);
    let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} files are no scenarios:\n{}", wrong.len(), wrong.join("\n"));
    entries.into_iter().filter_map(Result::ok).collect()
}

fn entry(lab: &Lab, path: &Path) -> Result<Entry, String> {
    let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let document = Document::decode(&name, text.as_bytes(), &[], lab.registry())
        .map_err(|problems| problems.to_string())?;
    let scenario =
        document.resolve(None, lab.registry()).map_err(|problems| problems.to_string())?;
    Ok(Entry { name, text, document, scenario })
}

/// Runs a file with one seed, another one than its own with ideal signatures; says in what it is not as
/// expected.
fn judged(lab: &Lab, entry: &Entry, seed: u64) -> Option<String> {
    let mut scenario = match entry.document.resolve(Some(seed), lab.registry()) {
        Ok(scenario) => scenario,
        Err(problems) => return Some(format!("{}, seed {seed}:\n{problems}", entry.name)),
    };
    if seed != entry.scenario.seed {
        scenario.crypto = Scheme::Ideal;
    }
    let run = run(lab, &scenario, &Options::default());
    let mut reasons = run.verdict.reasons.clone();
    if run.nondeterministic {
        reasons.push("a second run of the same scenario differs".to_owned());
    }
    let fine = run.verdict.outcome == Outcome::AsExpected && !run.nondeterministic;
    let outcome = run.verdict.outcome.name();
    (!fine).then(|| format!("{}, seed {seed}: {outcome}: {}", entry.name, reasons.join("; ")))
}

#[test]
fn every_scenario_is_as_it_expects_whatever_the_seed() {
    let lab = Lab::new();
    let entries = library(&lab);
    let runs: Vec<(&Entry, u64)> = entries
        .iter()
        .flat_map(|entry| {
            let seeds = BTreeSet::from([entry.scenario.seed, 1, 2, 3]);
            seeds.into_iter().map(move |seed| (entry, seed))
        })
        .collect();
    let wrong: Vec<String> =
        runs.par_iter().filter_map(|(entry, seed)| judged(&lab, entry, *seed)).collect();
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} of {} runs:\n{}", runs.len(), wrong.join("\n"));
}

#[test]
fn every_file_has_a_title_a_post_and_an_expectation_of_its_own() {
    let mut titles = BTreeSet::new();
    for Entry { name, text, .. } in library(&Lab::new()) {
        let table: toml::Table = text.parse().expect("it was decoded before");
        let given = |key: &str| {
            let value = table.get(key).unwrap_or_else(|| panic!("{name} has no {key}"));
            value.as_str().unwrap_or_default().to_owned()
        };
        assert!(!given("title").is_empty(), "{name}: an empty title");
        assert!(titles.insert(given("title")), "{name}: another file has the same title");
        assert!(given("post").starts_with("https://"), "{name}: {} is no post", given("post"));
        let expect = table.get("expect").and_then(toml::Value::as_table);
        let expect = expect.unwrap_or_else(|| panic!("{name} has no [expect]"));
        assert!(!expect.is_empty(), "{name} expects nothing");
    }
}

#[test]
fn forty_files_and_ten_that_expect_a_violation() {
    let entries = library(&Lab::new());
    let fails = |entry: &&Entry| {
        entry.scenario.expect.properties.values().any(|finding| *finding == Finding::Violated)
    };
    let failing = entries.iter().filter(fails).count();
    assert!(entries.len() >= 40, "{} files", entries.len());
    assert!(failing >= 10, "{failing} files expect a violation");
}

#[test]
fn every_behaviour_is_shown_against_every_protocol_for_which_it_means_something() {
    let lab = Lab::new();
    let entries = library(&lab);
    let shown: BTreeSet<(&str, &str)> = entries
        .iter()
        .flat_map(|entry| {
            let protocol = entry.scenario.protocol.about.name;
            let traitors = &entry.scenario.byzantine;
            traitors.iter().map(move |traitor| (protocol, traitor.behaviour.as_str()))
        })
        .collect();
    for protocol in lab.registry().entries() {
        let (name, can) = (protocol.about().name, protocol.can());
        for behaviour in BEHAVIOURS.iter().filter(|behaviour| (behaviour.means)(&can)) {
            assert!(shown.contains(&(name, behaviour.name)), "{name}: no {}", behaviour.name);
        }
    }
}

/// The attacks on any protocol, and those on a protocol that has a folder in the library.
#[test]
fn every_attack_of_the_catalogue_is_shown() {
    let lab = Lab::new();
    let entries = library(&lab);
    // As the file says it: a planned attack is none any more once it is resolved.
    let attacks = entries.iter().filter_map(|entry| {
        let table: toml::Table = entry.text.parse().expect("it was decoded before");
        Some(table.get("attack")?.get("name")?.as_str()?.to_owned())
    });
    let shown: BTreeSet<String> = attacks.collect();
    let told = |protocol: Option<&str>| {
        protocol.is_none_or(|protocol| root().join(LIBRARY).join(protocol).is_dir())
    };
    for attack in lab.registry().attacks().iter().filter(|attack| told(attack.protocol)) {
        assert!(shown.contains(attack.id), "no scenario has attack {}", attack.id);
    }
}
