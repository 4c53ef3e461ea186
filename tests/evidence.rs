//! Evidence as a file: it proves guilt in another process, from public keys alone; changed in any
//! bit it proves nothing; it never names an honest party.

mod common;

use std::{collections::BTreeSet, path::PathBuf, process::Command};

use byzlab::{
    Lab,
    crypto::PartyId,
    scenarios::{EvidenceFile, Finding, Options, Property},
};
use common::{resolve, root, run, scenario_files};

fn byzlab(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    let output = command.args(arguments).current_dir(root()).output().expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A place for a file that only this test writes.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("evidence-{name}.json"))
}

/// Two traitors of four that run twice.
fn twins(seed: u64) -> String {
    format!(
        "protocol = \"pbft\"\nseed = {seed}\nbeyond_bound = true\nworkload.commands = 2\n\
         byzantine = [{{ parties = [0, 1], behaviour = \"twins\" }}]\n"
    )
}

#[test]
fn another_process_believes_it() {
    for protocol in ["pbft", "pbft-classic", "hotstuff", "hotstuff-chained"] {
        let scenario = format!("scenarios/library/beyond/{protocol}-twins-two-of-four.toml");
        let file = place(protocol);
        let path = file.to_str().expect("a plain path");
        let (status, _, errors) = byzlab(&["run", &scenario, "--evidence", path]);
        assert_eq!((status, &*errors), (0, ""), "{scenario}");
        let (status, output, errors) = byzlab(&["verify-evidence", path]);
        assert_eq!((status, &*errors), (0, ""), "{output}");
        let guilty: Vec<_> = output.lines().filter(|line| line.contains("is guilty")).collect();
        assert!(guilty.len() >= 2, "the overlap of two quorums: {output}");

        let text = std::fs::read_to_string(&file).expect("it was written");
        let changed = text.replacen("\"culprit\": 1", "\"culprit\": 3", 1);
        assert_ne!(changed, text);
        std::fs::write(&file, changed).expect("writable");
        let (status, output, _) = byzlab(&["verify-evidence", path]);
        assert_eq!((status, &*output), (1, "proves nothing: the file is not as it was written\n"));
    }
}

#[test]
fn no_bit_of_it_can_be_changed() {
    let lab = Lab::new();
    let scenario = resolve(&lab, &twins(3), None).expect("a scenario");
    let outcome = run(&lab, &scenario, &Options::default());
    let bytes = EvidenceFile::of(&scenario, &outcome).expect("real signatures").text().into_bytes();
    let check = |bytes: &[u8]| EvidenceFile::read(bytes)?.check(bytes, lab.registry());
    assert!(check(&bytes).is_ok_and(|guilty| guilty.len() >= 2));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(check(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }
}

/// Whoever can make the digest fit again still has no signature.
#[test]
fn the_signatures_decide_and_not_the_digest() {
    let lab = Lab::new();
    let scenario = resolve(&lab, &twins(5), None).expect("a scenario");
    let outcome = run(&lab, &scenario, &Options::default());
    let file = EvidenceFile::of(&scenario, &outcome).expect("real signatures");
    let other = resolve(&lab, &twins(6), None).expect("a scenario");
    let outcome = run(&lab, &other, &Options::default());
    let mut foreign = EvidenceFile::of(&other, &outcome).expect("real signatures");
    foreign.keys.clone_from(&file.keys);
    let mut blamed = file.clone();
    blamed.evidence[0].culprit = PartyId(2);
    let mut swapped = file.clone();
    swapped.keys.swap(0, 2);
    let mut invented = file.clone();
    invented.evidence[0].fault = "treason".to_owned();
    let mut empty = file.clone();
    empty.evidence.clear();
    for (name, file) in [
        ("keys of another instance", foreign),
        ("an honest party blamed", blamed),
        ("keys of others", swapped),
        ("another fault", invented),
        ("nobody", empty),
    ] {
        let file = file.sealed();
        let text = file.text();
        assert!(file.check(text.as_bytes(), lab.registry()).is_err(), "{name}");
    }
}

/// Every scenario of the library that breaks agreement: enough traitors are proven guilty, and
/// nobody else.
#[test]
fn whoever_breaks_agreement_is_proven_guilty() {
    let lab = Lab::new();
    let mut broken = 0;
    for path in scenario_files("scenarios/library/beyond") {
        let text = std::fs::read_to_string(&path).expect("a file of the library");
        let scenario = resolve(&lab, &text, None).expect("a right file");
        let outcome = run(&lab, &scenario, &Options::default());
        let agreement = &outcome.verdict.properties[Property::Agreement as usize];
        if agreement.finding != Finding::Violated || !scenario.protocol.about.accountable {
            continue;
        }
        broken += 1;
        let file = EvidenceFile::of(&scenario, &outcome).expect("real signatures");
        let bytes = file.text().into_bytes();
        let guilty = file.check(&bytes, lab.registry()).expect("it proves what it says");
        let guilty: BTreeSet<_> = guilty.into_iter().map(|(party, _)| party).collect();
        let meet = (2 * (scenario.n - scenario.f)).saturating_sub(scenario.n);
        assert!(guilty.len() >= meet, "{}: {guilty:?}", path.display());
        let judged = scenario.judged();
        assert!(guilty.iter().all(|party| !judged.contains(*party)), "{}", path.display());
    }
    assert!(broken >= 10, "only {broken} scenarios break agreement");
}

#[test]
fn wrong_input_is_told() {
    let file = place("wrong");
    let _ = std::fs::remove_file(&file);
    let path = file.to_str().expect("a plain path");
    let scenario = "scenarios/library/pbft/equivocating-leader.toml";
    let ideal = ["run", scenario, "--set", "crypto = \"ideal\"", "--evidence", path];
    let (status, output, errors) = byzlab(&ideal);
    assert_eq!((status, &*output), (2, ""), "{errors}");
    assert!(errors.contains("ideal signatures prove nothing") && !file.exists(), "{errors}");
    let (status, _, errors) = byzlab(&["run", "scenarios/library/beyond", "--evidence", path]);
    assert!(status == 2 && errors.contains("--evidence writes one run"), "{errors}");
    for (text, why) in [("", "not a file of evidence"), ("{\"schema\": 1}", "missing field")] {
        std::fs::write(&file, text).expect("writable");
        let (status, output, errors) = byzlab(&["verify-evidence", path]);
        assert!(status == 2 && output.is_empty() && errors.contains(why), "{errors}");
    }
}
