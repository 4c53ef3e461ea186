//! Bytes from the network (G15).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab::{
    crypto::Reject,
    protocols::{
        Command, Context, Durable, Effect, Effects, Input, Packet, Protocol, Span, Stream, Time,
        View, decode, dolev_strong::DolevStrong, hotstuff::HotStuff,
        hotstuff_chained::ChainedHotStuff, pbft::Pbft, pbft_classic::PbftClassic, step,
    },
};

use crate::{INPUTS, alone, bytes, context::context, in_use, measured};

/// Four parties that talk over links that lose messages.
pub(crate) struct Talk<P: Protocol> {
    context: Arc<Context>,
    machines: Vec<P>,
    due: Vec<(Time, usize, Input<P>)>,
    said: BTreeSet<Vec<u8>>,
    /// The first message of each kind.
    pub(crate) kinds: BTreeMap<&'static str, Vec<u8>>,
    /// The last record that was persisted, the last block that was kept, the last snapshot.
    pub(crate) disk: [Option<Vec<u8>>; 3],
}

impl<P: Protocol> Talk<P> {
    fn new() -> Self {
        let (context, signers, client) = context::<P>();
        let machine = |signer| P::new(&context, signer, &P::Params::default());
        let machines = signers.into_iter().map(machine).collect();
        // A log of slots has to come to a checkpoint.
        let requests = if P::ABOUT.slots { 40 } else { 5 };
        let mut due = Vec::new();
        for party in 0..4 {
            due.push((Time::ZERO, party, Input::Start(None)));
            for seq in 1..=requests {
                let request = client.sign(Command { seq, payload: b"put k v".to_vec() });
                due.push((Time::ZERO, party, Input::Command(Arc::new(request))));
            }
        }
        let (said, kinds) = (BTreeSet::new(), BTreeMap::new());
        Talk { context, machines, due, said, kinds, disk: [None, None, None] }
    }

    /// One step of whoever is due first.
    fn step(&mut self, random: &mut Stream) -> bool {
        let Some(at) = (0..self.due.len()).min_by_key(|at| self.due[*at].0) else { return false };
        let (now, party, input) = self.due.remove(at);
        let mut fx = Effects::at(now);
        step(&mut self.machines[party], &self.context, &input, &mut fx)
            .expect("honest parties are heard");
        for effect in fx.drain() {
            match effect {
                Effect::Send { packet, .. } => self.send(party, &packet, now, random),
                Effect::SetTimer { copy, timer, at } => {
                    self.due.push((at.max(now), party, Input::Timer { copy, timer }));
                }
                Effect::Persist(record) => self.keep(0, |bytes| record.save(bytes)),
                Effect::Keep(block) => self.keep(1, |bytes| block.save(bytes)),
                Effect::Save(snapshot) => {
                    self.keep(2, |bytes| bytes.extend_from_slice(snapshot.bytes()));
                }
                _ => {}
            }
        }
        true
    }

    fn keep(&mut self, what: usize, save: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        save(&mut bytes);
        self.disk[what] = Some(bytes);
    }

    /// Four parties after they said every kind of message.
    pub(crate) fn after_all() -> Talk<P> {
        let mut random = Stream::named(1, "talk");
        let mut talk = Talk::<P>::new();
        while talk.kinds.len() < P::ABOUT.kinds.len() || talk.said.len() < 40 {
            assert!(talk.step(&mut random) && talk.said.len() < 5000, "{:?}", talk.kinds.keys());
        }
        talk
    }

    fn send(&mut self, party: usize, packet: &Arc<Packet<P>>, now: Time, random: &mut Stream) {
        let wire = packet.wire().expect("honest parties send messages");
        let bytes = borsh::to_vec(wire).expect("a message has bytes");
        self.kinds.entry(packet.tag().kind).or_insert_with(|| bytes.clone());
        self.said.insert(bytes);
        let from = self.context.committee.parties().nth(party).expect("a party");
        for to in 0..4 {
            if to == party || random.below(3) > 0 {
                let packet = packet.clone();
                self.due.push((now.after(Span::TICK), to, Input::Packet { from, packet }));
            }
        }
    }
}

/// Everything that four parties say to each other until every kind of message was said.
fn messages<P: Protocol>() -> (Arc<Context>, Vec<P>, Vec<Vec<u8>>) {
    let talk = Talk::<P>::after_all();
    (talk.context, talk.machines, talk.said.into_iter().collect())
}

/// Decodes and checks; what decodes must be the one encoding of what it says.
fn verdict<P: Protocol>(context: &Context, raw: &[u8]) -> (Arc<Packet<P>>, Result<(), Reject>) {
    if let Ok(wire) = decode::<P>(raw) {
        assert_eq!(borsh::to_vec(&wire).expect("a message has bytes"), raw, "two encodings");
    }
    let packet = Packet::<P>::raw(raw.to_vec());
    let verdict = packet.verdict(context).as_ref().map(|_| ()).map_err(|why| *why);
    (packet, verdict)
}

fn fuzz<P: Protocol>() {
    let _alone = alone();
    let (context, machines, messages) = messages::<P>();
    let mut random = Stream::named(1, P::ABOUT.name);
    let (mut decoded, mut taken) = (0u64, 0u64);
    let before = in_use();
    for _ in 0..INPUTS {
        let raw = bytes::draw(&mut random, &messages);
        let ((packet, verdict), peak) = measured(|| verdict::<P>(&context, &raw));
        // One mebibyte is taken on trust for a string of bytes, before its first byte is read.
        assert!(
            peak <= (1 << 20) + 16 * 1024 + 32 * raw.len(),
            "{peak} bytes for {}: {raw:?}",
            raw.len()
        );
        decoded += u64::from(verdict != Err(Reject::Undecodable));
        if verdict.is_ok() {
            // Whatever a party takes, it takes without panic.
            let mut machine = random.pick(&machines).expect("four").clone();
            let mut fx = Effects::at(Time::ZERO.after(Span::millis(random.below(1000))));
            let from = context.leader(View(random.below(4)));
            let _ = step(&mut machine, &context, &Input::Packet { from, packet }, &mut fx);
            taken += 1;
        }
    }
    let grown = in_use().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes are kept for messages that are gone");
    assert!(decoded > INPUTS / 20, "only {decoded} inputs were decoded");
    assert!(taken > INPUTS / 1000, "only {taken} inputs were taken");
}

/// Every beginning of a message is refused, and so is a message with a tail.
fn cut<P: Protocol>() {
    let (context, _, messages) = messages::<P>();
    for bytes in messages.iter().step_by(messages.len() / 20) {
        assert_eq!(verdict::<P>(&context, bytes).1, Ok(()), "{}", P::ABOUT.name);
        let tail = [bytes.as_slice(), &[0]].concat();
        assert_eq!(verdict::<P>(&context, &tail).1, Err(Reject::Undecodable));
        for length in 0..bytes.len() {
            assert_eq!(verdict::<P>(&context, &bytes[..length]).1, Err(Reject::Undecodable));
        }
    }
}

#[test]
fn dolev_strong_takes_any_bytes() {
    fuzz::<DolevStrong>();
}

#[test]
fn pbft_takes_any_bytes() {
    fuzz::<Pbft>();
}

#[test]
fn hotstuff_takes_any_bytes() {
    fuzz::<HotStuff>();
}

#[test]
fn chained_hotstuff_takes_any_bytes() {
    fuzz::<ChainedHotStuff>();
}

#[test]
fn pbft_classic_takes_any_bytes() {
    fuzz::<PbftClassic>();
}

#[test]
fn no_part_of_a_message_is_a_message() {
    let _alone = alone();
    cut::<DolevStrong>();
    cut::<Pbft>();
    cut::<HotStuff>();
    cut::<ChainedHotStuff>();
    cut::<PbftClassic>();
}

#[test]
fn a_length_that_promises_more_than_there_is_is_not_believed() {
    let _alone = alone();
    let (context, _, _) = messages::<Pbft>();
    for fill in [0x7f, 0xff] {
        let ((_, verdict), peak) = measured(|| verdict::<Pbft>(&context, &[fill; 64]));
        assert!(verdict.is_err());
        assert!(peak < (1 << 20) + 16 * 1024, "{peak} bytes");
    }
}
