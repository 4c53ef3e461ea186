//! The referee: what breaks the model is said, what does not is not, and a rule fires when it changes
//! what becomes of a message, not before.

mod common;

use byzlab::{
    Lab,
    scenarios::{Options, Outcome, Run},
};
use common::{resolve, run, run_text};

const MS: u64 = 1_000_000;

/// PBFT with a traitor that does nothing wrong by itself, and these lines more.
fn with_traitor(lines: &str) -> String {
    format!(
        "protocol = \"pbft\"\nworkload.commands = 3\n[[byzantine]]\nparty = 3\n\
         behaviour = \"silent\"\nwhen = {{ views = \"900..901\" }}\n{lines}"
    )
}

fn judged(toml: &str) -> Run {
    run_text(&Lab::new(), toml, None).1
}

fn fired(run: &Run, name: &str) -> u64 {
    let mut fired = run.verdict.fired.iter();
    fired.find(|fired| fired.name.contains(name)).expect("a fault of this name").count
}

/// The model promises nothing of what traitors send or receive.
#[test]
fn links_of_traitors_may_be_cut_for_ever() {
    for (cut, label) in [
        ("cut = { from = [3], to = [0, 1, 2] }", "in-model"),
        ("cut = { from = [0, 1, 2], to = [3] }", "in-model"),
        ("partition = [[0, 1, 2], [3]]", "in-model"),
        ("cut = { from = [2], to = [0] }", "out-of-model"),
        ("partition = [[0, 1], [2, 3]]", "out-of-model"),
    ] {
        let run = judged(&with_traitor(&format!("[[event]]\n{cut}\n")));
        assert_eq!(run.verdict.label, label, "{cut}: {:?}", run.verdict.out_of_model);
    }
    for (rule, label) in [
        ("on = { from = 3 }", "in-model"),
        ("on = { to = 3 }", "in-model"),
        ("on = { from = 2, to = 1, kind = \"vote\" }", "out-of-model"),
    ] {
        let run = judged(&with_traitor(&format!("[[rule]]\n{rule}\ndo = \"drop\"\n")));
        assert_eq!(run.verdict.label, label, "{rule}: {:?}", run.verdict.out_of_model);
    }
}

/// A message to a traitor counts: the traitor acts by it.
#[test]
fn a_rule_that_changes_nothing_has_not_fired() {
    for (rule, changes) in [
        ("on = { from = 3 }\ndo = \"drop\"", true),
        ("on = { to = 3 }\ndo = \"drop\"", true),
        ("on = { from = 3 }\ndo = { hold_until = \"1ns\" }", false),
        ("on = { from = 3 }\ndo = { hold_until = \"9s\" }", true),
        ("on = { to = 2 }\ndo = { duplicate = 2 }", true),
    ] {
        let run = judged(&with_traitor(&format!("[[rule]]\n{rule}\n")));
        assert_eq!(fired(&run, "rule 1") > 0, changes, "{rule}");
        let idle = run.verdict.reasons.iter().any(|reason| reason.contains("rule 1"));
        assert_eq!(idle, !changes, "{rule}: {:?}", run.verdict.reasons);
    }
    // Of two rules that drop one message the second has nothing to drop.
    let drop = "[[rule]]\non = { from = 3 }\ndo = \"drop\"\n";
    let run = judged(&with_traitor(&drop.repeat(2)));
    assert!(fired(&run, "rule 1") > 0);
    assert_eq!(fired(&run, "rule 2"), 0);
}

/// When messages of party 1 reach party 2, in milliseconds since they were sent.
fn took(toml: &str) -> Vec<u64> {
    let lab = Lab::new();
    let scenario = resolve(&lab, toml, None).unwrap_or_else(|problems| panic!("{problems}"));
    let run = run(&lab, &scenario, &Options { trace: true, ..Options::default() });
    assert_ne!(run.verdict.outcome, Outcome::NotAsExpected, "{:?}", run.verdict.reasons);
    let delivered = run
        .trace
        .iter()
        .filter(|record| record.what == "delivered" && record.party == 2 && record.from == Some(1));
    let sent = |id| run.trace.iter().find(|record| record.id == id).expect("it was sent").at;
    delivered.map(|record| (record.at - sent(record.send.expect("a send"))) / MS).collect()
}

/// However often a message arrives, none of its copies escapes the rules or the adversary.
#[test]
fn a_copy_does_not_overtake_what_is_held_back() {
    let twice = "protocol = \"pbft\"\nworkload.commands = 2\n\
                 network = { delay.constant = \"10ms\", duplicate = 1 }\n";
    let on = "on = { from = 1, to = 2 }";
    for (faults, slowest) in [
        (format!("[[rule]]\n{on}\ndo = {{ delay = \"50ms\" }}\n"), 60),
        (
            format!(
                "[[rule]]\n{on}\ndo = {{ duplicate = 3 }}\n[[rule]]\n{on}\ndo = {{ delay = \"50ms\" }}\n"
            ),
            60,
        ),
        ("[attack]\nname = \"S4\"\n".to_owned(), 100),
    ] {
        let took = took(&format!("{twice}{faults}"));
        assert!(took.len() > 10, "{faults}: {} arrivals", took.len());
        assert!(took.iter().all(|took| *took == slowest), "{faults}: {took:?}");
    }
}
