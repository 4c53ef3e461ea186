//! What hangs on exact times, or on traitors that act as one, is seen before it is run over a real
//! network.

mod common;

use byzlab::{
    Lab,
    scenarios::{Document, Rehearsed, Scenario, rehearse},
};

fn shown(lab: &Lab, scenario: &Scenario) -> Rehearsed {
    let entry = lab.registry().get(scenario.protocol.about.name);
    rehearse(entry.expect("a known protocol"), scenario)
}

fn of_text(toml: &str) -> Rehearsed {
    let lab = Lab::new();
    let scenario = common::resolve(&lab, toml, None).unwrap_or_else(|wrong| panic!("{wrong}"));
    shown(&lab, &scenario)
}

fn of_file(file: &str) -> Rehearsed {
    let lab = Lab::new();
    let bytes = std::fs::read(common::root().join("scenarios/library").join(file));
    let document = Document::decode(file, &bytes.expect("it is there"), &[], lab.registry());
    let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
    shown(&lab, &scenario.unwrap_or_else(|wrong| panic!("{wrong}")))
}

fn differs(shown: &Rehearsed, by: &str) {
    let Rehearsed::Differs(why) = shown else { panic!("{shown:?}, and not: {by}") };
    assert!(why.contains(by), "{why}, and not: {by}");
}

#[test]
fn what_leaves_room_for_real_time_is_the_same_over_any_network() {
    for file in [
        "pbft/equivocating-leader.toml",
        "hotstuff/silent-leader.toml",
        "dolev-strong/silent-sender.toml",
        "crash/pbft-leader-disk-kept.toml",
    ] {
        assert_eq!(of_file(file), Rehearsed::Same, "{file}");
    }
}

/// Real time comes on top: a message that takes all of Δ is late, one that leaves a quarter is not.
#[test]
fn a_message_that_takes_all_that_it_may_is_too_late() {
    let late = |by: &str| {
        format!(
            "protocol = \"pbft\"\nworkload.commands = 2\nnetwork.delay.constant = \"10ms\"\n\
             [[rule]]\non = {{ from = [1], to = [2], kind = \"propose\" }}\ndo.delay = \"{by}\"\n"
        )
    };
    assert_eq!(of_text(&late("60ms")), Rehearsed::Same);
    differs(&of_text(&late("90ms")), "later than the model allows");
    // A draw is cut off early enough.
    let drawn = "protocol = \"pbft\"\nworkload.commands = 2\nnetwork.delay.constant = \"100ms\"\n";
    assert_eq!(of_text(drawn), Rehearsed::Same);
}

/// In one process they share what they saw: over a network each knows what it was sent.
#[test]
fn traitors_that_act_as_one_do_not_over_a_network() {
    differs(&of_file("beyond/pbft-equivocation-two-of-four.toml"), "agreement holds");
}

#[test]
fn who_hangs_on_costs_alone_is_run_without_them() {
    let shown = of_file("good-case/hotstuff-four.toml");
    assert!(matches!(shown, Rehearsed::CostsDiffer(_)), "{shown:?}");
}

/// The race of a traitor that is slower than the others: it is accused of what comes after the end.
#[test]
fn a_slow_party_is_rehearsed() {
    differs(&of_file("pbft-classic/view-change-spam.toml"), "accused: nobody");
}
