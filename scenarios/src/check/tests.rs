//! Checkers against short histories written by hand: what each must notice (the K rows of the
//! catalogue), and what it must let pass.

use byzlab_crypto::{Digest, PartyId, PartySet};
use byzlab_protocols::{Decision, RequestId, Time, View};
use byzlab_sim::Stop;
use byzlab_trace::{Detail, Event, EventId, What};

use super::{Agreement, Found, Integrity, Termination, Validity};
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
        let decision = Decision {
            slot: *slot,
            view: View(*slot),
            committed: View(*slot),
            digest: digest(value),
            parent: digest(parent),
            requests: requests.iter().map(request).collect(),
            proof: None,
            rounds: None,
        };
        let what = What::Decided { slot: *slot, view: View(*slot), digest: digest(value), hops: 1 };
        let event = event(*at, *party, id, what);
        see(&event, Detail::Decision(&decision));
    }
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
    assert_eq!(validity(&[Decides(1, 1, 1, "v", "", &[7])], &[0, 1]), Finding::Violated);
    // K5: whether or not the sender decided.
    assert_eq!(validity(&[Decides(1, 1, 1, "w", "", &[])], &[0, 1]), Finding::Violated);
    assert_eq!(validity(&[Decides(1, 1, 1, "", "", &[])], &[0, 1]), Finding::Violated);
    assert_eq!(validity(&[Decides(1, 1, 1, "w", "", &[])], &[1]), Finding::Holds, "a traitor's");
    assert_eq!(validity(&[], &[0, 1]), Finding::Undecided);
}
