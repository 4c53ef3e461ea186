//! The deadline of HotStuff, worked out by hand for the worst order of leaders.

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme};
use byzlab_protocols::{
    BeforeGst, Context, Goal, Leaders, Protocol, Situation, Span, Time,
    hotstuff::{HotStuff, Params},
};

const DELTA: Span = Span::millis(100);

fn context(n: usize, f: usize, leaders: Leaders) -> Arc<Context> {
    let instance = Digest::of("byzlab/test/1", b"deadline");
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
            .expect("so many keys are possible")
            .0
    };
    let committee = Committee::new(ring("party", n), f).expect("f is below n");
    Arc::new(Context { committee, clients: ring("client", 1), leaders, delta: DELTA })
}

/// All know of every request, the network is synchronous, and nobody is ever down.
fn calm(n: usize, f: usize, decisions: u64) -> Situation {
    Situation {
        gst: Time::ZERO,
        before_gst: BeforeGst::Bounded,
        submitted: Time::ZERO,
        restarted: Time::ZERO,
        goal: Goal::Requests(decisions),
        requests: decisions,
        reached: n - f,
        informed: true,
    }
}

fn deadline(context: &Context, situation: &Situation) -> Option<Time> {
    HotStuff::deadline(context, &Params::default(), situation)
}

/// In units of Δ, from `from`.
fn deltas(context: &Context, situation: &Situation, from: Time) -> u64 {
    let span = deadline(context, situation).expect("a deadline").since(from);
    assert_eq!(span.0 % DELTA.0, 0);
    span.0 / DELTA.0
}

fn turns() -> Leaders {
    Leaders::RoundRobin(PartyId(1))
}

#[test]
fn the_deadline_counts_each_view_that_can_be_lost() {
    let (gst, four) = (Time::ZERO.after(DELTA * 5), context(4, 1, turns()));
    // T and 2Δ until all have the timers of one view; a faulty leader, the next one spoilt by what
    // the faulty one kept, and the one that decides.
    assert_eq!(deltas(&four, &calm(4, 1, 1), Time::ZERO), 12 + 2 * 12 + 10);
    // A view that some gave up before GST, and the next one spoilt likewise, come before.
    let bounded = Situation { gst, ..calm(4, 1, 1) };
    assert_eq!(deltas(&four, &bounded, gst), 12 + 4 * 12 + 10);
    // The last help before GST was lost, and the next comes T later.
    let lossy = Situation { before_gst: BeforeGst::Lossy, ..bounded };
    assert_eq!(deltas(&four, &lossy, gst), 10 + 12 + 4 * 12 + 10);
    let down = Situation { restarted: gst, ..calm(4, 1, 1) };
    assert_eq!(deltas(&four, &down, gst), 10 + 12 + 4 * 12 + 10);
    // Leaders F H F H H H H: the block of the H between two F can be lost, and k blocks need
    // k + 1 views, so that four of them may take two turns.
    let seven = context(7, 2, turns());
    assert_eq!(deltas(&seven, &calm(7, 2, 3), Time::ZERO), 12 + 2 * 2 * 12 + 3 * 10);
    assert_eq!(deltas(&seven, &calm(7, 2, 4), Time::ZERO), 12 + 2 * 4 * 12 + 4 * 10);
}

#[test]
fn the_deadline_leaves_time_to_fetch_what_was_decided_in_a_long_absence() {
    let four = context(4, 1, turns());
    for requests in [1, 640, 6_400] {
        let gst = Time::ZERO.after(DELTA * 5);
        let situation = Situation { gst, requests, ..calm(4, 1, 1) };
        // 64 blocks in a message; of three in turn that are asked, two each 2Δ, one has them.
        let slack = deltas(&four, &situation, gst) - deltas(&four, &calm(4, 1, 1), Time::ZERO);
        assert!(slack >= 8 * (requests / 64), "{requests} blocks: {slack}");
    }
}

#[test]
fn nothing_is_promised_to_whoever_may_never_know_that_it_lacks_something() {
    let gst = Time::ZERO.after(DELTA * 5);
    let few = Situation { reached: 1, informed: false, ..calm(4, 1, 1) };
    let promised = |leaders: Leaders, situation: &Situation| {
        deadline(&context(4, 1, leaders), situation).is_some()
    };
    assert!(promised(turns(), &few) && promised(turns(), &Situation { gst, ..few }));
    for before_gst in [BeforeGst::Unbounded, BeforeGst::Lossy] {
        assert!(!promised(turns(), &Situation { gst, before_gst, ..few }));
        assert!(promised(turns(), &Situation { gst, before_gst, ..calm(4, 1, 1) }));
    }
    // The next leaders, who are told, are not others than the last one.
    let script = || Leaders::Scripted(vec![PartyId(1), PartyId(1)], PartyId(1));
    assert!(!promised(script(), &few) && promised(script(), &calm(4, 1, 1)));
    assert!(!promised(turns(), &Situation { reached: 0, ..few }));
}
