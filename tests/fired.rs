//! An attack that changed nothing proves nothing: what counts as fired, and who as faulty.

mod common;

use byzlab::{Lab, scenarios::Outcome};
use common::run_text;

const CORRUPTING: &str = "protocol = \"pbft\"\nn = 7\n[attack]\nname = \"G19\"\n";
const EXACT: &str = "protocol = \"hotstuff\"\n[attack]\nname = \"S4\"\n";

#[test]
fn corrupting_leaders_fires_once_for_each_that_was_corrupted() {
    let lab = Lab::new();
    for (budget, count) in [(1, 1), (2, 2)] {
        let (_, run) = run_text(&lab, &format!("{CORRUPTING}budget = {budget}"), None);
        assert_eq!(run.verdict.fired[0].count, count);
        assert_eq!(run.verdict.outcome, Outcome::AsExpected);
    }
}

#[test]
fn corrupting_nobody_is_no_attack() {
    let (_, run) = run_text(&Lab::new(), &format!("{CORRUPTING}budget = 0"), None);
    assert_eq!(run.verdict.outcome, Outcome::NotAsExpected);
    assert_eq!(run.verdict.reasons, ["attack G19 never had an effect"]);
}

#[test]
fn delaying_what_is_as_late_already_is_no_attack() {
    let lab = Lab::new();
    let (_, run) = run_text(&lab, EXACT, None);
    assert_eq!(run.verdict.outcome, Outcome::AsExpected, "{:?}", run.verdict.reasons);
    let late = format!("{EXACT}[network]\ndelta = \"100ms\"\ndelay.constant = \"100ms\"");
    let (_, run) = run_text(&lab, &late, None);
    assert_eq!(run.verdict.outcome, Outcome::NotAsExpected);
    assert_eq!(run.verdict.reasons, ["attack S4 never had an effect"]);
}

#[test]
fn a_view_of_a_crashed_leader_is_lost_to_a_faulty_one() {
    let crash = "[[event]]\nat = \"550ms\"\ncrash = { party = 1 }";
    let lab = Lab::new();
    let (_, run) = run_text(&lab, &format!("protocol = \"pbft\"\n{crash}"), None);
    assert!(run.metrics.lost_views > 0);
    assert_eq!(run.metrics.lost_to_faulty_leaders, run.metrics.lost_views);
    // One that comes back with its disk is honest, and its lost view is nobody's fault.
    let back = crash.replace("1 }", "1, restart_after = \"2s\" }");
    let (_, run) = run_text(&lab, &format!("protocol = \"pbft\"\n{back}"), None);
    assert!(run.metrics.lost_views > 0);
    assert_eq!(run.metrics.lost_to_faulty_leaders, 0);
}
