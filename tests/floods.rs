//! Every run ends: attacks and honest parties do not answer each other without a bound, and a run in
//! which they would is cut off.

mod common;

use byzlab::{
    Lab,
    scenarios::{Finding, Outcome, Property, Run, StoppedBy},
};
use common::run_text;

fn run(toml: &str) -> Run {
    run_text(&Lab::new(), toml, None).1
}

/// A batch stands in a false certificate for a slot that it is not made for: to get it helps nobody,
/// and whoever looks for it does so every 2Δ, not once for each answer.
#[test]
fn a_batch_for_another_slot_is_not_asked_for_at_once_again() {
    let run =
        run("protocol.pbft-classic = { broken = \"M33\" }\nn = 4\n[[byzantine]]\nparty = 0\n\
         behaviour.lie = { number = 5 }\n[workload]\ncommands = 4\n[stop]\nevents = 100000\n");
    assert_ne!(run.stopped_by, StoppedBy::Events);
    assert!(run.metrics.total.messages < 10_000, "{} messages", run.metrics.total.messages);
}

/// A clock that runs fast inside another one does not run faster still.
#[test]
fn a_fast_clock_is_no_faster_for_being_named_twice() {
    let hasty = "[[byzantine]]\nparty = 1\nbehaviour = \"hasty\"\n";
    let messages = |clocks: usize| {
        let head = "protocol = \"pbft\"\nn = 4\ncrypto = \"ideal\"\n";
        let clocks = hasty.repeat(clocks);
        let tail = "[network]\ndelay.constant = \"22.5ms\"\n[stop]\nevents = 100000\n";
        let run = run(&format!("{head}{clocks}{tail}"));
        assert_ne!(run.stopped_by, StoppedBy::Events);
        run.metrics.total.messages
    };
    let once = messages(1);
    assert!(once > messages(0), "it speaks in views that nobody else is in");
    assert_eq!(once, messages(2));
}

#[test]
fn a_run_that_is_cut_off_says_so_and_leaves_open_what_is_open() {
    let text = |most| format!("protocol = \"pbft\"\nn = 4\n[stop]\nevents = {most}\n");
    let whole = run(&text(10_000));
    assert_eq!(
        (whole.stopped_by, whole.verdict.outcome),
        (StoppedBy::Decisions, Outcome::AsExpected)
    );
    let cut = run(&text(5));
    assert_eq!((cut.stopped_by, cut.verdict.outcome), (StoppedBy::Events, Outcome::Inconclusive));
    let properties = &cut.verdict.properties;
    let termination = properties.iter().find(|of| of.property == Property::Termination);
    assert_eq!(termination.map(|of| of.finding), Some(Finding::Undecided));
}
