//! Properties over random scenarios: within model and bound everything that the theorems promise
//! holds; beyond the bound nobody honest is accused, and nobody honest panics.
//!
//! A failing case prints the smallest scenario file that still fails, and its seed is kept under
//! `tests/proptest-regressions`. `PROPTEST_CASES=20000 cargo test --release --test properties`
//! runs more.

mod case;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod network;

use byzlab::{
    Lab,
    scenarios::{Finding, Options, Outcome, Property, Run, Scenario, StoppedBy},
};
use case::{Bound, Case, Wanted, cases};
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestCaseResult, TestError,
    TestRng, TestRunner,
};

/// Draws cases and holds a run of each against the test.
fn check(
    name: &'static str,
    share: u32,
    wanted: Wanted,
    test: fn(&Case, &Scenario, &Run) -> Result<(), String>,
) {
    let file = format!("{}/tests/proptest-regressions/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let defaults = Config::default();
    let config = Config {
        cases: defaults.cases.div_ceil(share),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file.leak()))),
        max_shrink_iters: 20_000,
        ..defaults
    };
    let lab = Lab::new();
    let mut runner = TestRunner::new(config);
    let result = runner.run(&cases(wanted), |case| judge(&lab, &case, test));
    if let Err(error) = result {
        panic!("{name}: {error}");
    }
}

fn judge(
    lab: &Lab,
    case: &Case,
    test: fn(&Case, &Scenario, &Run) -> Result<(), String>,
) -> TestCaseResult {
    let scenario = common::resolve(lab, &case.toml, None)
        .map_err(|problems| TestCaseError::fail(format!("not a scenario: {problems}")))?;
    let run = common::run(lab, &scenario, &Options::default());
    test(case, &scenario, &run).map_err(TestCaseError::fail)
}

fn found(run: &Run, property: Property) -> Finding {
    let verdicts = &run.verdict.properties;
    let verdict = verdicts.iter().find(|verdict| verdict.property == property);
    verdict.expect("every property is judged").finding
}

/// What holds whatever happens: no honest party panics, none is accused.
fn always(case: &Case, _scenario: &Scenario, run: &Run) -> Result<(), String> {
    let verdict = &run.verdict;
    if run.stopped_by == StoppedBy::Panic {
        return Err(format!("honest code panicked: {:?}", verdict.violations));
    }
    let innocent = |party: usize| !case.adaptive && !case.faulty.contains(&party);
    if let Some(evidence) = verdict.accused.iter().find(|of| innocent(of.culprit.index())) {
        return Err(format!("an honest party is accused: {evidence}"));
    }
    match found(run, Property::Accountability) {
        Finding::Holds => Ok(()),
        _ => Err(format!("accountability: {:?}", verdict.violations)),
    }
}

/// Safety: whatever was decided is right.
fn safe(_case: &Case, _scenario: &Scenario, run: &Run) -> Result<(), String> {
    let mut safe = Property::ALL.into_iter().filter(|of| *of != Property::Termination);
    match safe.find(|of| found(run, *of) == Finding::Violated) {
        Some(property) => Err(format!("{}: {:?}", property.name(), run.verdict.violations)),
        None => Ok(()),
    }
}

/// What the theorem promises: safety always, termination where there is a deadline.
fn promised(case: &Case, scenario: &Scenario, run: &Run) -> Result<(), String> {
    always(case, scenario, run)?;
    let verdict = &run.verdict;
    if verdict.label != "in-model" {
        return Err(format!("the generator left the model: {:?}", verdict.out_of_model));
    }
    safe(case, scenario, run)?;
    if case.live && verdict.outcome != Outcome::AsExpected {
        return Err(format!("{:?} {:?}", verdict.reasons, verdict.violations));
    }
    Ok(())
}

fn within(protocol: &'static str, most: usize) {
    let lab = Lab::new();
    let entry = lab.registry().get(protocol).expect("a protocol of byzlab");
    check(protocol, 1, Wanted::of(entry, most, "ideal", Bound::Within), promised);
}

fn signed(name: &'static str, protocol: &'static str) {
    let lab = Lab::new();
    let entry = lab.registry().get(protocol).expect("a protocol of byzlab");
    check(name, 16, Wanted::of(entry, 4, "ed25519", Bound::Within), promised);
}

fn beyond(name: &'static str, protocol: &'static str, most: usize) {
    let lab = Lab::new();
    let entry = lab.registry().get(protocol).expect("a protocol of byzlab");
    check(name, 1, Wanted::of(entry, most, "ideal", Bound::Beyond), always);
}

/// Whether some case within the bound breaks a broken twin: the same cases every time.
fn breaks(protocol: &str, id: &'static str) -> bool {
    let lab = Lab::new();
    let entry = lab.registry().get(protocol).expect("a protocol of byzlab");
    let wanted = Wanted { broken: Some(id), ..Wanted::of(entry, 5, "ideal", Bound::Within) };
    let config =
        Config { cases: 8000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let result = runner.run(&cases(wanted), |case| judge(&lab, &case, safe));
    matches!(result, Err(TestError::Fail(..)))
}

#[test]
fn the_cases_break_what_is_broken() {
    let broken = [
        ("dolev-strong", "M17"),
        ("dolev-strong", "M20"),
        ("dolev-strong", "M22"),
        ("dolev-strong", "M25"),
        ("pbft", "M27"),
        ("pbft", "M59"),
        ("hotstuff", "M41"),
        ("hotstuff-chained", "M42"),
        ("pbft-classic", "M37"),
        ("pbft-classic", "late-votes"),
    ];
    for (protocol, id) in broken {
        assert!(breaks(protocol, id), "{protocol}: no case shows that {id} is broken");
    }
}

#[test]
fn dolev_strong_keeps_its_promises() {
    within("dolev-strong", 6);
}

#[test]
fn pbft_keeps_its_promises() {
    within("pbft", 10);
}

#[test]
fn hotstuff_keeps_its_promises() {
    within("hotstuff", 10);
}

#[test]
fn chained_hotstuff_keeps_its_promises() {
    within("hotstuff-chained", 10);
}

#[test]
fn pbft_classic_keeps_its_promises() {
    within("pbft-classic", 10);
}

#[test]
fn dolev_strong_keeps_its_promises_with_real_signatures() {
    signed("dolev-strong-ed25519", "dolev-strong");
}

#[test]
fn pbft_keeps_its_promises_with_real_signatures() {
    signed("pbft-ed25519", "pbft");
}

#[test]
fn hotstuff_keeps_its_promises_with_real_signatures() {
    signed("hotstuff-ed25519", "hotstuff");
}

#[test]
fn chained_hotstuff_keeps_its_promises_with_real_signatures() {
    signed("hotstuff-chained-ed25519", "hotstuff-chained");
}

#[test]
fn pbft_classic_keeps_its_promises_with_real_signatures() {
    signed("pbft-classic-ed25519", "pbft-classic");
}

#[test]
fn dolev_strong_accuses_nobody_honest_beyond_its_bound() {
    beyond("dolev-strong-beyond", "dolev-strong", 6);
}

#[test]
fn pbft_accuses_nobody_honest_beyond_its_bound() {
    beyond("pbft-beyond", "pbft", 10);
}

#[test]
fn hotstuff_accuses_nobody_honest_beyond_its_bound() {
    beyond("hotstuff-beyond", "hotstuff", 10);
}

#[test]
fn chained_hotstuff_accuses_nobody_honest_beyond_its_bound() {
    beyond("hotstuff-chained-beyond", "hotstuff-chained", 10);
}

#[test]
fn pbft_classic_accuses_nobody_honest_beyond_its_bound() {
    beyond("pbft-classic-beyond", "pbft-classic", 10);
}
