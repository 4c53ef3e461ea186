//! Chains of the next broadcast: where clocks differ they come before it has begun here, and what a
//! traitor shows in their place must not keep them out.

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_protocols::{
    Context, Effect, Effects, Leaders, Protocol, Span, Time, View,
    dolev_strong::{Chain, DolevStrong, Endorse, Params, Timer, Wire},
    value_digest,
};

const DELTA: Span = Span::millis(100);
const SENDER: PartyId = PartyId(0);
const TRAITOR: u16 = 2;

/// Three parties, two of which may be faulty: rounds of a broadcast.
const ROUNDS: u64 = 3;

fn lab() -> (Arc<Context>, Vec<Signer>) {
    let instance = Digest::of("byzlab/test/1", b"early");
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
            .expect("so many keys are possible")
    };
    let (parties, signers) = ring("party", 3);
    let context = Context {
        committee: Committee::new(parties, 2).expect("f is below n"),
        clients: ring("client", 1).0,
        leaders: Leaders::Stable(SENDER),
        delta: DELTA,
    };
    (Arc::new(context), signers)
}

/// A chain of the second broadcast.
fn chain(context: &Context, keys: &[Signer], value: &str, signers: &[u16]) -> Arc<Chain> {
    let body =
        Endorse { broadcast: View(2), sender: SENDER, value: value_digest(value.as_bytes()) };
    let sign =
        |by: &u16| (PartyId(*by), keys[usize::from(*by)].sign(body.clone()).signed().signature);
    let signatures = signers.iter().map(sign).collect();
    let wire = Wire { broadcast: View(2), value: value.into(), signatures };
    DolevStrong::check(context, &wire).expect("every signature is right")
}

/// What party 1 decides in the second broadcast if these chains reach it a moment before.
fn decides(context: &Arc<Context>, keys: &[Signer], early: &[Arc<Chain>]) -> Digest {
    let mut machine = DolevStrong::new(context, keys[1].clone(), &Params::default());
    let begins = DELTA.0 * ROUNDS;
    let mut step = |at: u64, input: &dyn Fn(&mut DolevStrong, &mut Effects<DolevStrong>)| {
        let mut fx = Effects::at(Time(at));
        input(&mut machine, &mut fx);
        let mut decided = fx.drain().filter_map(|effect| match effect {
            Effect::Decide(decision) => Some((decision.slot, decision.digest)),
            _ => None,
        });
        decided.next_back()
    };
    step(0, &|machine, fx| machine.start(None, fx));
    step(0, &|machine, fx| machine.timer(Timer::Begin(View(1)), fx));
    for round in 1..ROUNDS {
        step(DELTA.0 * round, &|machine, fx| machine.timer(Timer::End(View(1), round), fx));
    }
    for chain in early {
        step(begins - 1, &|machine, fx| machine.message(PartyId(TRAITOR), chain, fx));
    }
    step(begins, &|machine, fx| machine.timer(Timer::End(View(1), ROUNDS), fx));
    let ends = (1..=ROUNDS).map(|round| {
        let at = begins + DELTA.0 * round;
        step(at, &|machine, fx| machine.timer(Timer::End(View(2), round), fx))
    });
    let (slot, digest) = ends.last().flatten().expect("it decides at the end of the last round");
    assert_eq!(slot, 2);
    digest
}

#[test]
fn what_no_party_would_keep_does_not_stand_in_the_place_of_what_it_keeps() {
    let (context, keys) = lab();
    let chain = |value, signers: &[u16]| chain(&context, &keys, value, signers);
    let v = value_digest(b"v");
    let senders = chain("v", &[0]);
    assert_eq!(decides(&context, &keys, &[]), Digest::ZERO);
    assert_eq!(decides(&context, &keys, std::slice::from_ref(&senders)), v);
    for (why, signers) in [
        ("a repeated signer", &[0, TRAITOR, TRAITOR][..]),
        ("not begun by the sender", &[TRAITOR, 0]),
    ] {
        let shown = [chain("v", signers), senders.clone()];
        assert_eq!(decides(&context, &keys, &shown), v, "{why}");
    }
    // Of the next sender's values two are enough for the default value, and two are kept.
    let three = ["v", "w", "x"].map(|value| chain(value, &[0]));
    assert_eq!(decides(&context, &keys, &three), Digest::ZERO);
    assert_eq!(decides(&context, &keys, &[three[0].clone(), three[0].clone()]), v);
}
