//! What the checkers start from: who counts towards f, and who is judged (K9 of the catalogue; the
//! other rows stand beside the checkers and the judge).

mod common;

use byzlab::{Lab, crypto::PartySet};
use common::{resolve, run_text};

fn numbers(set: PartySet) -> Vec<u16> {
    set.iter().map(|party| party.0).collect()
}

/// A crash of a party, and what follows it.
fn crash(party: u16, at: u64, how: &str) -> String {
    format!("[[event]]\nat = \"{at}ms\"\ncrash = {{ party = {party}{how} }}\n")
}

const KEPT: &str = ", restart_after = \"10ms\"";
const LOST: &str = ", restart_after = \"10ms\", disk = \"lost\"";
const STALE: &str = ", restart_after = \"10ms\", disk = \"stale\"";

/// The faults of a file; how many count; whose words are judged; of whom liveness expects anything.
type Row = (&'static str, String, usize, &'static [u16], &'static [u16]);

#[test]
fn everybody_counts_once() {
    let traitor = "[[byzantine]]\nparty = 1\nbehaviour = \"silent\"\n";
    let twice = format!("{traitor}[[byzantine]]\nparty = 1\nbehaviour = \"replay\"\n");
    let g19 = "[attack]\nname = \"G19\"\nbudget = 2\n";
    let rows: &[Row] = &[
        ("pbft", String::new(), 0, &[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 6]),
        ("pbft", twice, 1, &[0, 2, 3, 4, 5, 6], &[0, 2, 3, 4, 5, 6]),
        (
            "pbft",
            traitor.to_owned() + &crash(1, 5, ""),
            1,
            &[0, 2, 3, 4, 5, 6],
            &[0, 2, 3, 4, 5, 6],
        ),
        ("pbft", crash(1, 5, ""), 1, &[0, 1, 2, 3, 4, 5, 6], &[0, 2, 3, 4, 5, 6]),
        ("pbft", crash(1, 5, KEPT), 0, &[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 6]),
        ("pbft", crash(1, 5, LOST), 1, &[0, 2, 3, 4, 5, 6], &[0, 2, 3, 4, 5, 6]),
        (
            "hotstuff",
            crash(1, 5, KEPT) + &crash(1, 50, STALE),
            1,
            &[0, 2, 3, 4, 5, 6],
            &[0, 2, 3, 4, 5, 6],
        ),
        (
            "hotstuff",
            crash(1, 5, KEPT) + &crash(1, 50, ""),
            1,
            &[0, 1, 2, 3, 4, 5, 6],
            &[0, 2, 3, 4, 5, 6],
        ),
        ("dolev-strong", crash(1, 5, KEPT), 1, &[0, 1, 2, 3, 4, 5, 6], &[0, 2, 3, 4, 5, 6]),
        ("pbft", g19.to_owned(), 2, &[0, 1, 2, 3, 4, 5, 6], &[0, 1, 2, 3, 4, 5, 6]),
    ];
    let lab = Lab::new();
    for (protocol, faults, faulty, honest, judged) in rows {
        let toml = format!("protocol = \"{protocol}\"\nn = 7\nf = 2\n{faults}");
        let scenario = resolve(&lab, &toml, None).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(scenario.faulty(), *faulty, "{faults}");
        assert_eq!(numbers(scenario.honest()), *honest, "{faults}");
        assert_eq!(numbers(scenario.judged()), *judged, "{faults}");
    }
}

/// K9.
#[test]
fn who_may_be_corrupted_later_counts_from_the_start() {
    let lab = Lab::new();
    let attack = |n: u64, budget: u64, more: &str| {
        let attack = format!("[attack]\nname = \"G19\"\nbudget = {budget}\n");
        format!("protocol = \"pbft\"\nn = {n}\n{more}{attack}")
    };
    assert!(resolve(&lab, &attack(7, 2, ""), None).is_ok());
    let problems = resolve(&lab, &attack(7, 3, ""), None).expect_err("f is 2");
    assert!(problems.to_string().contains("3 faulty parties, but f = 2"), "{problems}");
    let (_, run) = run_text(&lab, &attack(7, 3, "beyond_bound = true\n"), None);
    assert_eq!(run.verdict.label, "beyond-bound");
    assert_eq!(run.verdict.fired[0].count, 3, "and not one more");
    // A crash beside a full budget is one too many.
    let one_more = attack(7, 2, "") + &crash(6, 5, "");
    let problems = resolve(&lab, &one_more, None).expect_err("f is 2");
    assert!(problems.to_string().contains("3 faulty parties, but f = 2"), "{problems}");
}
