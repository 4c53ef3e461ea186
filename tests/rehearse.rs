//! What hangs on exact times, or on traitors that act as one, is seen before it is run over a real
//! network.

mod common;

use byzlab::{
    Lab,
    protocols::{About, Field, Time, attack::Can, byzantine::Misfit},
    scenarios::{
        AttackInfo, Document, Entry, Explored, Finding, Options, Property, Rehearsal, Rehearsed,
        Run, Scenario, rehearse,
    },
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

/// A protocol that is wrong where one party alone is slow.
struct Falls<'a> {
    entry: &'a dyn Entry,
    property: Property,
}

impl Entry for Falls<'_> {
    fn run(&self, scenario: &Scenario, options: &Options) -> Run {
        let mut run = self.entry.run(scenario, options);
        if options.rehearsal == Some(2) {
            let mut properties = run.verdict.properties.iter_mut();
            let fallen = properties.find(|found| found.property == self.property);
            fallen.expect("all are judged").finding = Finding::Violated;
        }
        run
    }

    fn about(&self) -> &'static About {
        self.entry.about()
    }

    fn fields(&self) -> &'static [Field] {
        self.entry.fields()
    }

    fn can(&self) -> Can {
        self.entry.can()
    }

    fn attacks(&self) -> Vec<AttackInfo> {
        self.entry.attacks()
    }

    fn deadline(&self, scenario: &Scenario) -> Option<Time> {
        self.entry.deadline(scenario)
    }

    fn explore(&self, scenario: &Scenario) -> Explored {
        self.entry.explore(scenario)
    }

    fn misfits(&self, scenario: &Scenario) -> Vec<(usize, Misfit)> {
        self.entry.misfits(scenario)
    }

    fn rehearse(&self, scenario: &Scenario, first: bool) -> Rehearsal {
        self.entry.rehearse(scenario, first)
    }
}

/// Whatever label the run has: what is promised anywhere and falls is a find.
#[test]
fn what_falls_in_a_rehearsal_is_a_find_and_hangs_on_no_exact_times() {
    let lab = Lab::new();
    let late = "network.delay.constant = \"10ms\"\n[[rule]]\n\
                on = { from = [1], to = [2], kind = \"propose\" }\ndo.delay = \"90ms\"\n";
    for lines in ["", late] {
        let toml = format!("protocol = \"pbft\"\nworkload.commands = 2\n{lines}");
        let scenario = common::resolve(&lab, &toml, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        let entry = lab.registry().get("pbft").expect("a protocol");
        let shown = |property| rehearse(&Falls { entry, property }, &scenario);
        for property in [Property::Agreement, Property::Accountability] {
            let Rehearsed::Fell(why) = shown(property) else { panic!("{property:?}") };
            assert!(why.contains(property.name()) && why.contains("rehearsal 2"), "{why}");
        }
        // A party that is later takes longer: the real run will tell.
        assert!(!matches!(shown(Property::Termination), Rehearsed::Fell(_)));
    }
}
