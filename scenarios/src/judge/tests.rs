//! The judge against histories written by hand: whose events count, and what a run is called that
//! broke its bound, its model or its code (K3, K10, K11, K15 of the catalogue).

use byzlab_crypto::{Digest, Evidence, PartyId, Signer};
use byzlab_protocols::{
    Attack, Decision, RequestId, Time, View,
    dolev_strong::{DolevStrong, Endorse},
    hotstuff::HotStuff,
    pbft::Pbft,
    value_digest,
};
use byzlab_trace::{Detail, Event, EventId, Observer, What};

use super::{Judge, Late, Outcome, Verdict};
use crate::{Document, Finding, Property, Registry, Scenario, setup};

/// A judge who is told what happened.
struct Trial {
    scenario: Scenario,
    judge: Judge,
    signers: Vec<Signer>,
    events: u64,
}

impl Trial {
    /// A trial of one decision of a protocol, with these lines more.
    fn of(protocol: &str, lines: &str) -> Trial {
        let work = if protocol == "dolev-strong" { "inputs = [\"a\"]" } else { "commands = 1" };
        Trial::of_file(&format!("protocol = \"{protocol}\"\nworkload.{work}\n{lines}"))
    }

    fn of_file(toml: &str) -> Trial {
        let registry = Registry::new().with::<DolevStrong>().with::<Pbft>().with::<HotStuff>();
        let document = Document::decode("trial.toml", toml.as_bytes(), &[], &registry);
        let scenario = document.and_then(|document| document.resolve(None, &registry));
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        let (judge, signers) = match scenario.protocol.about.name {
            "pbft" => bench::<Pbft>(&scenario),
            "hotstuff" => bench::<HotStuff>(&scenario),
            _ => bench::<DolevStrong>(&scenario),
        };
        Trial { scenario, judge, signers, events: 0 }
    }

    /// What happened to a party.
    fn see(&mut self, party: u16, what: What, detail: Detail<'_>) {
        self.events += 1;
        let (id, at, party) = (EventId(self.events), Time(self.events), PartyId(party));
        self.judge.see(&Event { id, at, party, cause: None, what }, detail);
    }

    fn happens(&mut self, party: u16, what: What) {
        self.see(party, what, Detail::None);
    }

    /// A party decides a value in slot 1, and executes the one request that there is.
    fn decides(&mut self, party: u16, value: &str) {
        self.executes(party, value, 1);
    }

    /// A party decides a value in slot 1, and executes a request.
    fn executes(&mut self, party: u16, value: &str, seq: u64) {
        let digest = value_digest(value.as_bytes());
        let decision = Decision {
            slot: 1,
            view: View(1),
            committed: View(1),
            digest,
            parent: Digest::ZERO,
            requests: [RequestId { client: PartyId(0), seq }].into(),
            proof: None,
            rounds: None,
        };
        let what = What::Decided { slot: 1, view: View(1), digest, hops: 1 };
        self.see(party, what, Detail::Decision(&decision));
    }

    /// Statements of a party on two values in the first broadcast.
    fn accuses(&mut self, party: u16, evidence: &Evidence) {
        self.see(party, What::Accused(evidence.culprit), Detail::Evidence(evidence));
    }

    fn endorse(&self, by: u16, value: &str) -> byzlab_crypto::Verified<Endorse> {
        let (broadcast, sender) = (View(1), PartyId(0));
        let value = value_digest(value.as_bytes());
        self.signers[usize::from(by)].sign(Endorse { broadcast, sender, value })
    }

    fn verdict(&self) -> Verdict {
        self.judge.verdict(&self.scenario, Time(self.events), false)
    }

    fn found(&self, property: Property) -> Finding {
        self.verdict().properties[property as usize].finding
    }
}

/// The judge of a scenario, and everybody's keys.
fn bench<P: Attack>(scenario: &Scenario) -> (Judge, Vec<Signer>) {
    let made = setup::make::<P>(scenario, &[], &setup::KeySource::of(scenario));
    (Judge::new(scenario, &made.plan, &made.setup.context), made.setup.signers)
}

const TRAITOR: &str = "[[byzantine]]\nparty = 0\nbehaviour = \"silent\"\n";

/// K3.
#[test]
fn what_a_traitor_decides_is_nobodys_business() {
    let mut trial = Trial::of("pbft", TRAITOR);
    for (party, value) in [(0, "x"), (1, "a"), (2, "a"), (0, "y"), (3, "a")] {
        trial.decides(party, value);
    }
    trial.happens(0, What::Conflicted { slot: 1, digest: Digest::ZERO });
    assert_eq!(trial.found(Property::Agreement), Finding::Holds);
    assert_eq!(trial.found(Property::Integrity), Finding::Holds);
    trial.decides(2, "b");
    assert_eq!(trial.found(Property::Agreement), Finding::Violated, "an honest one's counts");
}

/// Through the port of a running party come requests that the file knows nothing of.
#[test]
fn a_request_that_reached_a_party_was_made_by_its_client() {
    let clients = "workload.clients = { count = 1, rate = 10, requests = 1 }\n";
    let other = RequestId { client: PartyId(0), seq: 77 };
    for (at, seq, validity) in [
        (1, 77, Finding::Holds),
        // A traitor's journal tells what it was asked for as well.
        (0, 77, Finding::Holds),
        (1, 78, Finding::Violated),
    ] {
        let mut trial = Trial::of_file(&format!("protocol = \"pbft\"\n{clients}{TRAITOR}"));
        trial.happens(at, What::Submitted(other));
        for party in [1, 2, 3] {
            trial.executes(party, "a", seq);
        }
        assert_eq!(trial.found(Property::Validity), validity, "{seq} at {at}");
        let termination = trial.found(Property::Termination);
        assert_eq!(termination, Finding::Undecided, "what the file asks for is not done");
    }
}

/// Late messages excuse what stands on Δ: everything in synchrony, liveness elsewhere. Agreement
/// of PBFT does not.
#[test]
fn what_came_too_late_excuses_what_stands_on_the_bound() {
    let expect = "[expect]\nagreement = \"holds\"\ntermination = \"holds\"\n";
    for (protocol, outcome) in
        [("dolev-strong", Outcome::Inconclusive), ("pbft", Outcome::NotAsExpected)]
    {
        let mut trial = Trial::of(protocol, expect);
        trial.see(2, What::OutOfModel, Detail::Text("a message came too late"));
        trial.decides(1, "a");
        assert_eq!(trial.verdict().outcome, Outcome::Inconclusive, "{protocol}: nothing fell");
        trial.decides(2, "b");
        assert_eq!(trial.found(Property::Agreement), Finding::Violated);
        assert_eq!(trial.verdict().outcome, outcome, "{protocol}");
        let mut unnamed = Trial::of(protocol, "");
        unnamed.see(2, What::OutOfModel, Detail::Text("a message came too late"));
        unnamed.decides(1, "a");
        unnamed.decides(2, "b");
        assert_eq!(unnamed.verdict().outcome, outcome, "{protocol}: a promise, named or not");
        let mut meant = Trial::of(protocol, &format!("{expect}label = \"out-of-model\"\n"));
        meant.see(2, What::OutOfModel, Detail::Text("a message came too late"));
        meant.decides(1, "a");
        meant.decides(2, "b");
        let outcome = meant.verdict().outcome;
        assert_eq!(outcome, Outcome::NotAsExpected, "{protocol}: it was meant to");
    }
}

/// A real network that was too slow is no fault of anybody, whatever the file expects: an attack may
/// have missed. But what fell fell.
#[test]
fn a_real_network_that_was_late_raises_no_false_alarm() {
    let late = |broke_model| Late { broke_model, slow: Some("a message was late".to_owned()) };
    let verdict = |expect: &str, late: Option<&Late>, values: [&str; 2]| {
        let mut trial = Trial::of("pbft", &format!("{TRAITOR}[expect]\n{expect}"));
        if let Some(late) = late {
            trial.judge.excuse(late.clone());
            if late.broke_model {
                trial.see(2, What::OutOfModel, Detail::Text("a message came too late"));
            }
        }
        trial.happens(1, What::Fired(byzlab_trace::FaultId(0)));
        [1, 2, 3]
            .into_iter()
            .for_each(|party| trial.decides(party, values[usize::from(party > 2)]));
        trial.verdict()
    };
    let outcome = |expect: &str, late: Option<&Late>, values| verdict(expect, late, values).outcome;
    for expect in
        ["label = \"in-model\"", "agreement = \"violated\"", "accused = [0]", "costs.hops = 3"]
    {
        let late = late(expect.starts_with("label"));
        let same = ["a", "a"];
        assert_eq!(outcome(expect, Some(&late), same), Outcome::Inconclusive, "{expect}");
        let told = verdict(expect, Some(&late), same).reasons;
        assert!(told.iter().any(|why| why.ends_with("a message was late")), "{told:?}");
        let split = outcome("agreement = \"holds\"", Some(&late), ["a", "b"]);
        assert_eq!(split, Outcome::NotAsExpected, "two values are two values");
    }
    let missed = outcome("agreement = \"violated\"", None, ["a", "a"]);
    assert_eq!(missed, Outcome::NotAsExpected, "nobody was late");
    // Who is accused too much is no matter of time.
    let late = late(false);
    let accused = |trial: &mut Trial, evidence: &Evidence| {
        trial.judge.excuse(late.clone());
        trial.accuses(1, evidence);
        trial.verdict()
    };
    let lines = "f = 1\n[[byzantine]]\nparty = 0\nbehaviour = \"silent\"\n[expect]\nfired = false\n\
                 termination = \"undecided\"\naccused = []\n";
    let mut trial = Trial::of("dolev-strong", lines);
    let (v, w) = (trial.endorse(0, "v"), trial.endorse(0, "w"));
    let evidence = Evidence::pair(&v, &w).expect("a sender that signed two values");
    assert_eq!(accused(&mut trial, &evidence).outcome, Outcome::NotAsExpected);
}

/// The label that a file expects is no excuse either: the real network came by it in its own way.
#[test]
fn a_real_network_that_broke_the_model_is_no_pass_for_a_file_about_that() {
    let meant = "[expect]\nlabel = \"out-of-model\"\nagreement = \"holds\"\n";
    for (broke_model, expected) in [(false, Outcome::AsExpected), (true, Outcome::Inconclusive)] {
        let mut trial = Trial::of("pbft", meant);
        (0..4).for_each(|party| trial.decides(party, "a"));
        trial.see(2, What::OutOfModel, Detail::Text("a rule drops a message"));
        trial.judge.excuse(Late { broke_model, slow: None });
        let verdict = trial.verdict();
        assert_eq!(verdict.outcome, expected, "{:?}", verdict.reasons);
    }
}

/// In a synchronous network, too, the safety of a protocol for partial synchrony stands on no Δ; and of one
/// for synchrony only agreement and validity do.
#[test]
fn what_stands_on_no_bound_is_excused_by_no_lateness() {
    let late = Late { broke_model: true, slow: Some("a message was late".to_owned()) };
    let synchrony = "network = { model = \"synchrony\", delay.constant = \"10ms\" }\n";
    for (protocol, split) in
        [("pbft", Outcome::NotAsExpected), ("dolev-strong", Outcome::Inconclusive)]
    {
        let mut trial = Trial::of(protocol, synchrony);
        trial.judge.excuse(late.clone());
        trial.see(2, What::OutOfModel, Detail::Text("a message came too late"));
        (1..3).for_each(|party| trial.decides(party, ["a", "b"][usize::from(party) - 1]));
        let verdict = trial.verdict();
        assert_eq!(verdict.outcome, split, "{protocol}: {:?}", verdict.reasons);
        let broken: Vec<_> = verdict.broken_promises().map(|found| found.property).collect();
        assert_eq!(broken.contains(&Property::Agreement), split == Outcome::NotAsExpected);
    }
    let mut trial = Trial::of("dolev-strong", synchrony);
    trial.judge.excuse(late);
    trial.see(1, What::Panicked, Detail::Text("index out of bounds"));
    assert_eq!(trial.verdict().outcome, Outcome::NotAsExpected, "integrity is no matter of time");
}

/// K11: liveness expects nothing of a party that is down for good; what it said while it was up
/// it said as an honest party. Without its disk it may say anything.
#[test]
fn what_a_party_decided_before_its_crash_counts() {
    let crash = |how: &str| format!("[[event]]\nat = \"50ms\"\ncrash = {{ party = 1{how} }}\n");
    let (back, lost) = (", restart_after = \"9ms\"", ", restart_after = \"9ms\", disk = \"lost\"");
    for (protocol, how, expected) in [
        ("pbft", "", Finding::Violated),
        ("pbft", back, Finding::Violated),
        ("pbft", lost, Finding::Holds),
        ("hotstuff", "", Finding::Violated),
        ("dolev-strong", "", Finding::Violated),
        ("dolev-strong", back, Finding::Violated),
    ] {
        let mut trial = Trial::of(protocol, &crash(how));
        trial.decides(1, "x");
        trial.happens(1, What::Crashed);
        for party in [0, 2, 3] {
            trial.decides(party, "a");
        }
        assert_eq!(trial.found(Property::Agreement), expected, "{protocol} {how}");
        assert_eq!(trial.found(Property::Termination), Finding::Holds, "{protocol} {how}");
    }
}

/// A party is honest until it is corrupted, and what it said until then stands.
#[test]
fn corruption_takes_back_nothing_that_was_said_before() {
    for (before, expected) in [(true, Finding::Violated), (false, Finding::Holds)] {
        let mut trial = Trial::of("pbft", "[attack]\nname = \"G19\"\nbudget = 1\n");
        trial.decides(0, "a");
        if before {
            trial.decides(1, "x");
        }
        trial.happens(1, What::Corrupted);
        if !before {
            trial.decides(1, "x");
        }
        assert_eq!(trial.found(Property::Agreement), expected, "decided before: {before}");
    }
}

#[test]
fn a_panic_of_honest_code_is_never_as_expected() {
    let crash = "[[event]]\nat = \"50ms\"\ncrash = { party = 1 }\n";
    let beyond = "beyond_bound = true\n[[event]]\nat = \"50ms\"\ncrash = { party = [1, 2] }\n";
    let broken = "protocol.pbft = { broken = \"M29\" }\n";
    for lines in ["", crash, beyond, broken, "[expect]\nagreement = \"holds\"\n"] {
        let mut trial = match lines.starts_with("protocol") {
            true => Trial::of_file(&format!("{lines}workload.commands = 1\n")),
            false => Trial::of("pbft", lines),
        };
        trial.decides(0, "a");
        trial.see(1, What::Panicked, Detail::Text("index out of bounds"));
        let verdict = trial.verdict();
        let finding = trial.found(Property::Integrity);
        assert_eq!(finding, Finding::Violated, "{lines}");
        assert_eq!(verdict.outcome, Outcome::NotAsExpected, "{lines}");
    }
    let mut trial = Trial::of("pbft", "[expect]\nintegrity = \"violated\"\nfired = false\n");
    trial.see(1, What::Panicked, Detail::Text("as the file says"));
    assert!(!trial.verdict().reasons.iter().any(|reason| reason.contains("panic")));
}

/// K10: a run that broke its model is no pass, unless it is what the file is about.
#[test]
fn a_run_that_broke_its_model_is_no_pass() {
    let named = "[expect]\nagreement = \"holds\"\ntermination = \"holds\"\n";
    let meant = "[expect]\nagreement = \"holds\"\nlabel = \"out-of-model\"\n";
    let denied = "[expect]\nagreement = \"holds\"\nlabel = \"in-model\"\n";
    for (lines, expected) in [
        ("", Outcome::Inconclusive),
        (named, Outcome::Inconclusive),
        (meant, Outcome::AsExpected),
        (denied, Outcome::NotAsExpected),
    ] {
        let mut trial = Trial::of("pbft", lines);
        (0..4).for_each(|party| trial.decides(party, "a"));
        trial.see(2, What::OutOfModel, Detail::Text("a rule drops a message"));
        let verdict = trial.verdict();
        assert_eq!(verdict.label, "out-of-model");
        assert_eq!(verdict.outcome, expected, "{lines}: {:?}", verdict.reasons);
        assert!(!verdict.reasons.is_empty() || expected == Outcome::AsExpected, "{lines}");
    }
}

/// No honest party is accused, whatever the number of traitors and whatever the network does.
#[test]
fn whoever_accuses_the_honest_is_wrong_beyond_every_bound() {
    let two = "beyond_bound = true\n[[byzantine]]\nparties = [2, 3]\nbehaviour = \"silent\"\n";
    for (lines, label) in [("", "in-model"), (two, "beyond-bound"), ("", "out-of-model")] {
        let expect = "[expect]\nfired = false\ntermination = \"undecided\"\n";
        let lines = format!("f = 1\n{lines}{expect}label = \"{label}\"\n");
        let mut trial = Trial::of("dolev-strong", &lines);
        trial.decides(1, "a");
        if label == "out-of-model" {
            trial.see(0, What::OutOfModel, Detail::Text("by hand"));
        }
        let (v, w) = (trial.endorse(0, "v"), trial.endorse(0, "w"));
        let evidence = Evidence::pair(&v, &w).expect("a sender that signed two values");
        assert_eq!(trial.verdict().outcome, Outcome::AsExpected, "{label}");
        trial.accuses(1, &evidence);
        let verdict = trial.verdict();
        assert_eq!(verdict.label, label);
        assert_eq!(verdict.outcome, Outcome::NotAsExpected, "{label}: {:?}", verdict.reasons);
    }
}

/// K15: whoever relays may sign two values. Its signatures prove nothing, not even of a traitor.
#[test]
fn a_relay_of_two_values_is_not_guilty() {
    let mut trial =
        Trial::of("dolev-strong", "f = 1\n[[byzantine]]\nparty = 2\nbehaviour = \"silent\"\n");
    let (v, w) = (trial.endorse(2, "v"), trial.endorse(2, "w"));
    assert_eq!(Evidence::pair(&v, &w), None);
    let (of_sender, other) = (trial.endorse(0, "v"), trial.endorse(0, "w"));
    let mut forged = Evidence::pair(&of_sender, &other).expect("a sender that signed two values");
    forged.culprit = PartyId(2);
    for (statement, signed) in forged.statements.iter_mut().zip([&v, &w]) {
        statement.signature = signed.signed().signature;
    }
    trial.accuses(1, &forged);
    assert_eq!(trial.found(Property::Accountability), Finding::Violated);
}
