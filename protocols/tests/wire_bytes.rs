//! Bytes from the network, right or wrong: decoded or refused, never a panic (G15).

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, KeyRing, Reject, Scheme};
use byzlab_protocols::{
    Command, Context, Effect, Effects, Input, Leaders, Packet, Protocol, Span, Stream, Time,
    decode, dolev_strong::DolevStrong, hotstuff::HotStuff, pbft::Pbft, step,
};

/// What four parties say among themselves in the first few steps, encoded.
fn messages<P: Protocol>() -> (Arc<Context>, Vec<Vec<u8>>) {
    let instance = Digest::of("byzlab/test/1", b"bytes");
    let ring = |purpose, count| {
        KeyRing::insecure_from_seed(Scheme::Ideal, instance, purpose, count, &[7; 32])
            .expect("so many keys are possible")
    };
    let (parties, signers) = ring("party", 4);
    let (clients, client) = ring("client", 1);
    let context = Arc::new(Context {
        committee: Committee::new(parties, 1).expect("f is below n"),
        clients,
        leaders: Leaders::RoundRobin(P::ABOUT.first_leader),
        delta: Span::millis(10),
    });
    let request = Arc::new(client[0].sign(Command { seq: 1, payload: b"put k v".to_vec() }));
    let mut machines: Vec<_> =
        signers.into_iter().map(|signer| P::new(&context, signer, &P::Params::default())).collect();
    // Whatever is due next: packets at once, to all; timers when nothing else is left.
    let mut due: Vec<(Time, usize, Input<P>)> = Vec::new();
    for party in 0..4 {
        due.push((Time::ZERO, party, Input::Start(None)));
        due.push((Time::ZERO, party, Input::Command(request.clone())));
    }
    let mut bytes = Vec::new();
    for _ in 0..400 {
        let Some(at) = (0..due.len()).min_by_key(|at| due[*at].0) else { break };
        let (now, party, input) = due.remove(at);
        let mut fx = Effects::at(now);
        step(&mut machines[party], &context, &input, &mut fx).expect("honest parties are heard");
        for effect in fx.drain() {
            match effect {
                Effect::Send { packet, .. } => {
                    let wire = packet.wire().expect("honest parties send messages");
                    bytes.push(borsh::to_vec(wire).expect("a message has bytes"));
                    let from = context.committee.parties().nth(party).expect("a party");
                    for to in 0..4 {
                        let packet = packet.clone();
                        due.push((now.after(Span::TICK), to, Input::Packet { from, packet }));
                    }
                }
                Effect::SetTimer { copy, timer, at } => {
                    due.push((at.max(now), party, Input::Timer { copy, timer }));
                }
                _ => {}
            }
        }
    }
    bytes.sort_unstable();
    bytes.dedup();
    assert!(bytes.len() > 3, "{}: only {} messages", P::ABOUT.name, bytes.len());
    (context, bytes)
}

/// The verdict on raw bytes; what decodes must be the one encoding of what it says.
fn verdict<P: Protocol>(context: &Context, raw: &[u8]) -> Result<(), Reject> {
    if let Ok(wire) = decode::<P>(raw) {
        assert_eq!(borsh::to_vec(&wire).expect("a message has bytes"), raw, "two encodings");
    }
    Packet::<P>::raw(raw.to_vec()).verdict(context).as_ref().map(|_| ()).map_err(|why| *why)
}

fn try_bytes<P: Protocol>() {
    let (context, messages) = messages::<P>();
    let mut random = Stream::named(1, P::ABOUT.name);
    for bytes in messages.iter().take(40) {
        assert_eq!(verdict::<P>(&context, bytes), Ok(()), "{}", P::ABOUT.name);
        let tail = [bytes.as_slice(), &[0]].concat();
        assert_eq!(verdict::<P>(&context, &tail), Err(Reject::Undecodable));
        for length in 0..bytes.len() {
            assert_eq!(verdict::<P>(&context, &bytes[..length]), Err(Reject::Undecodable));
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << random.below(8);
            let _ = verdict::<P>(&context, &changed);
            changed[at] = 0xff;
            let _ = verdict::<P>(&context, &changed);
        }
    }
    for _ in 0..2000 {
        let noise: Vec<u8> = (0..random.below(300)).map(|_| random.bits() as u8).collect();
        let _ = verdict::<P>(&context, &noise);
    }
    // A length that promises more than there is must not be believed.
    for fill in [0x7f, 0xff] {
        assert!(verdict::<P>(&context, &[fill; 64]).is_err());
    }
}

#[test]
fn dolev_strong_takes_any_bytes() {
    try_bytes::<DolevStrong>();
}

#[test]
fn pbft_takes_any_bytes() {
    try_bytes::<Pbft>();
}

#[test]
fn hotstuff_takes_any_bytes() {
    try_bytes::<HotStuff>();
}
