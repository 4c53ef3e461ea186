//! Checkers against short histories written by hand: what each must notice (the K rows of the
//! catalogue), and what it must let pass.

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, PartySet, Proof, Reject, Scheme};
use byzlab_protocols::{Context, Decision, Leaders, RequestId, Span, Time, View};
use byzlab_sim::Stop;
use byzlab_trace::{Detail, Event, EventId, What};

use super::{Agreement, Certificates, Found, Integrity, Termination, Validity};
use crate::{Finding, setup::Plan};

/// At a time, a party decides a value in a slot, on the value before, executing requests.
struct Decides(u64, u16, u64, &'static str, &'static str, &'static [u64]);

fn digest(name: &str) -> Digest {
    if name.is_empty() { Digest::ZERO } else { Digest::of("test", name.as_bytes()) }
}

fn request(seq: &u64) -> RequestId {
    RequestId { client: PartyId(0), seq: *seq }
}

/// Shows a history to a checker, as honest parties lived it.
fn history(all: &[Decides], mut see: impl FnMut(&Event, Detail<'_>)) {
    for (Decides(at, party, slot, value, parent, requests), id) in all.iter().zip(1..) {
        let decision = decision(*slot, value, parent, requests);
        see(&event(*at, *party, id, decided(*slot, value)), Detail::Decision(&decision));
    }
}

fn decision(slot: u64, value: &str, parent: &str, requests: &[u64]) -> Decision {
    Decision {
        slot,
        view: View(slot),
        committed: View(slot),
        digest: digest(value),
        parent: digest(parent),
        requests: requests.iter().map(request).collect(),
        proof: None,
        rounds: None,
    }
}

fn decided(slot: u64, value: &str) -> What {
    What::Decided { slot, view: View(slot), digest: digest(value), hops: 1 }
}

fn event(at: u64, party: u16, id: u64, what: What) -> Event {
    Event { id: EventId(id), at: Time(at), party: PartyId(party), cause: None, what }
}

/// Two parties, a deadline at 100, two requests; in broadcasts party 0 sends "v".
fn plan() -> Plan {
    let judged: PartySet = [PartyId(0), PartyId(1)].into_iter().collect();
    Plan {
        deadline: Some(Time(100)),
        stop: Stop { decisions: Some(2), requests: None, time: Time(1000) },
        requests: [1, 2].map(|seq| (request(&seq), Time::ZERO)).into(),
        others: [(request(&5), Time(3))].into(),
        broadcasts: Vec::new(),
        honest: judged,
        judged,
    }
}

fn agreement(all: &[Decides]) -> Finding {
    let mut checker = Agreement::default();
    history(all, |event, detail| checker.see(event, detail));
    checker.finish().finding
}

#[test]
fn agreement_is_judged_slot_by_slot_and_link_by_link() {
    let good = [
        Decides(1, 0, 1, "a", "genesis", &[]),
        Decides(2, 0, 2, "b", "a", &[]),
        Decides(3, 1, 1, "a", "genesis", &[]),
    ];
    assert_eq!(agreement(&good), Finding::Holds, "a log may be shorter");
    // K1: the last decisions are the same.
    let first_differs = [
        Decides(1, 0, 1, "a", "genesis", &[]),
        Decides(2, 0, 2, "b", "a", &[]),
        Decides(3, 1, 1, "x", "genesis", &[]),
        Decides(4, 1, 2, "b", "a", &[]),
    ];
    assert_eq!(agreement(&first_differs), Finding::Violated);
    // K6: logs of one length, and the same set of values in another order.
    let order = [
        Decides(1, 0, 1, "a", "", &[]),
        Decides(2, 0, 2, "b", "", &[]),
        Decides(3, 1, 1, "b", "", &[]),
        Decides(4, 1, 2, "a", "", &[]),
    ];
    assert_eq!(agreement(&order), Finding::Violated);
    let another_parent = [Decides(1, 0, 1, "a", "genesis", &[]), Decides(2, 0, 2, "b", "x", &[])];
    assert_eq!(agreement(&another_parent), Finding::Violated);
    // K2: nothing decided is no agreement.
    assert_eq!(agreement(&[]), Finding::Undecided);
    // K7: the last event counts like every other one.
    let last = [Decides(1, 0, 1, "a", "", &[]), Decides(1, 1, 1, "b", "", &[])];
    assert_eq!(agreement(&last), Finding::Violated);
}

fn integrity(all: &[Decides]) -> Found {
    let mut checker = Integrity::new(2);
    history(all, |event, detail| checker.see(event, detail));
    checker.finish()
}

#[test]
fn integrity_is_one_decision_a_slot_in_order_and_one_execution_a_request() {
    let good = [Decides(1, 0, 1, "a", "", &[1]), Decides(2, 0, 2, "b", "a", &[2])];
    assert_eq!(integrity(&good).finding, Finding::Holds);
    for (why, bad) in [
        ("a gap", [Decides(1, 0, 1, "a", "", &[1]), Decides(2, 0, 3, "c", "b", &[2])]),
        ("backwards", [Decides(1, 0, 2, "b", "a", &[1]), Decides(2, 0, 1, "a", "", &[2])]),
        ("twice the same", [Decides(1, 0, 1, "a", "", &[]), Decides(2, 0, 1, "a", "", &[])]),
        ("executed twice", [Decides(1, 0, 1, "a", "", &[1]), Decides(2, 0, 2, "b", "a", &[1])]),
    ] {
        assert_eq!(integrity(&bad).finding, Finding::Violated, "{why}");
    }
}

/// K11: what a party decided before a crash stays in its history.
#[test]
fn a_party_that_comes_back_repeats_itself_and_says_nothing_else() {
    for (again, expected) in [("a", Finding::Holds), ("x", Finding::Violated)] {
        let mut checker = Integrity::new(2);
        history(&[Decides(1, 0, 1, "a", "", &[])], |event, detail| checker.see(event, detail));
        checker.see(&event(2, 0, 9, What::Recovered), Detail::None);
        history(&[Decides(3, 0, 1, again, "", &[])], |event, detail| checker.see(event, detail));
        assert_eq!(checker.finish().finding, expected, "{again}");
    }
}

fn termination(all: &[Decides], end: u64) -> Finding {
    let (mut checker, plan) = (Termination::new(2), plan());
    history(all, |event, detail| checker.see(event, detail, &plan));
    checker.finish(&plan, &plan.judged, Time(end), false).finding
}

#[test]
fn termination_is_everybody_by_the_deadline() {
    let both = |last: u64| {
        [
            Decides(1, 0, 1, "a", "", &[]),
            Decides(2, 0, 2, "b", "a", &[]),
            Decides(3, 1, 1, "a", "", &[]),
            Decides(last, 1, 2, "b", "a", &[]),
        ]
    };
    assert_eq!(termination(&both(100), 100), Finding::Holds, "the deadline itself is in time");
    assert_eq!(termination(&both(101), 101), Finding::Violated);
    assert_eq!(termination(&both(50)[..3], 99), Finding::Undecided, "it may still come");
    assert_eq!(termination(&both(50)[..3], 100), Finding::Violated, "one of two is late");
}

fn validity(all: &[Decides], honest: &[u16]) -> Finding {
    let mut plan = plan();
    plan.broadcasts = vec![(PartyId(0), digest("v"))];
    let mut checker = Validity::default();
    history(all, |event, detail| checker.see(event, detail, &plan));
    checker.finish(&plan, &honest.iter().map(|party| PartyId(*party)).collect()).finding
}

#[test]
fn validity_is_what_was_asked_for_and_what_an_honest_sender_sent() {
    assert_eq!(validity(&[Decides(1, 1, 1, "v", "", &[1])], &[0, 1]), Finding::Holds);
    assert_eq!(validity(&[Decides(1, 1, 1, "v", "", &[5])], &[0, 1]), Finding::Holds, "of another");
    assert_eq!(validity(&[Decides(1, 1, 1, "v", "", &[7])], &[0, 1]), Finding::Violated);
    // K5: whether or not the sender decided.
    assert_eq!(validity(&[Decides(1, 1, 1, "w", "", &[])], &[0, 1]), Finding::Violated);
    assert_eq!(validity(&[Decides(1, 1, 1, "", "", &[])], &[0, 1]), Finding::Violated);
    assert_eq!(validity(&[Decides(1, 1, 1, "w", "", &[])], &[1]), Finding::Holds, "a traitor's");
    assert_eq!(validity(&[], &[0, 1]), Finding::Undecided);
}

/// A proof by hand: of a value, right or wrong.
#[derive(Debug)]
struct Claim(&'static str, bool);

impl Proof for Claim {
    fn check(&self, _committee: &Committee) -> Result<(), Reject> {
        if self.1 { Ok(()) } else { Err(Reject::Signature(PartyId(1))) }
    }

    fn subject(&self) -> Digest {
        digest(self.0)
    }

    fn signers(&self) -> PartySet {
        PartySet::EMPTY
    }
}

fn context() -> Context {
    let instance = Digest::of("test", b"certificates");
    let ring = KeyRing::insecure_from_seed(Scheme::Ideal, instance, "party", 2, &[1; 32]);
    let (parties, _) = ring.expect("two keys");
    Context {
        clients: parties.fresh(),
        committee: Committee::new(parties, 0).expect("f is below n"),
        leaders: Leaders::Stable(PartyId(0)),
        delta: Span::TICK,
    }
}

/// What party 0 decides, slot by slot: value, parent, and the proof of what.
fn certificates(all: &[(&'static str, &'static str, Option<Claim>)], crash: bool) -> Finding {
    let mut checker = Certificates::new(&context());
    for ((value, parent, claim), slot) in all.iter().zip(1..) {
        let proof = claim.as_ref().map(|claim| Arc::new(Claim(claim.0, claim.1)) as Arc<dyn Proof>);
        let mut decision = decision(slot, value, parent, &[]);
        decision.proof = proof;
        let what = decided(slot, value);
        checker.see(&event(slot, 0, slot, what), Detail::Decision(&decision));
    }
    if crash {
        checker.see(&event(9, 0, 9, What::Corrupted), Detail::None);
    }
    checker.finish().finding
}

#[test]
fn every_decision_has_a_proof_of_itself_or_of_what_follows_it() {
    let right = |of| Some(Claim(of, true));
    let each = || [("a", "", right("a")), ("b", "a", right("b"))];
    let both = || [("a", "", right("b")), ("b", "a", right("b"))];
    assert_eq!(certificates(&each(), false), Finding::Holds);
    assert_eq!(certificates(&both(), false), Finding::Holds, "one proof for two");
    assert_eq!(certificates(&[], false), Finding::Undecided);
    assert_eq!(certificates(&[("a", "", None), ("b", "a", None)], false), Finding::Holds);
    for (why, bad) in [
        ("a wrong proof", [("a", "", Some(Claim("a", false))), ("b", "a", right("b"))]),
        ("of something that never came", [("a", "", right("c")), ("b", "a", right("c"))]),
        ("not linked", [("a", "", right("b")), ("b", "x", right("b"))]),
        ("none, where others have one", [("a", "", right("a")), ("b", "a", None)]),
        ("none, and the proof was of it", [("a", "", right("b")), ("b", "a", None)]),
    ] {
        assert_eq!(certificates(&bad, false), Finding::Violated, "{why}");
    }
    // Corrupted in the middle of a step: what was still to come is nobody's business.
    assert_eq!(certificates(&both()[..1], false), Finding::Violated);
    assert_eq!(certificates(&both()[..1], true), Finding::Holds);
}

#[test]
fn a_slot_that_cannot_be_is_a_violation_and_no_panic() {
    for slot in [0, u64::MAX] {
        let all = [Decides(1, 0, slot, "a", "", &[])];
        assert_eq!(integrity(&all).finding, Finding::Violated, "slot {slot}");
        assert_ne!(validity(&all, &[0, 1]), Finding::Undecided, "slot {slot}");
        assert_eq!(agreement(&all), Finding::Holds, "slot {slot}");
    }
}
