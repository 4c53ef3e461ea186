//! Decoders of what comes over a socket, for those who look for bytes that break them, and bytes
//! that these take.

use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use byzlab_crypto::{Digest, PartyId, Signed, Signer};
use byzlab_protocols::{Command, RequestId};

use crate::{
    clients::{Answer, FRAME, Outcome, ToClient, ToNode, VERSION, Welcome, wire},
    frame::{self, SendId},
    transport::fuzzing as streams,
};

/// Reads frames of the transport to the end of the bytes; says whether all were frames of a node,
/// and at least one.
pub fn frames(bytes: &[u8]) -> bool {
    let Some(frames) = now(streams::frames(bytes)) else { return false };
    let opened = frames.into_iter().map(|whole| {
        let (id, packet) = frame::open(whole.clone())?;
        assert_eq!(frame::frame(id, &packet), whole, "two encodings");
        Some(packet)
    });
    let opened: Vec<Option<Bytes>> = opened.collect();
    !opened.is_empty() && opened.iter().all(Option::is_some)
}

/// Reads the first words on a stream; says whether they are some.
pub fn greeting(bytes: &[u8]) -> bool {
    now(streams::greeting(bytes))
}

/// Reads frames of the client port to the end of the bytes; says whether all were messages, in
/// one direction or the other, and at least one.
pub fn client_frames(bytes: &[u8]) -> bool {
    now(client_messages::<ToNode>(bytes)) | now(client_messages::<ToClient>(bytes))
}

async fn client_messages<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> bool {
    let (mut rest, mut some) = (bytes, false);
    loop {
        let before = rest;
        match wire::read::<T>(&mut rest, FRAME).await {
            Err(_) => return false,
            Ok(None) => return some,
            Ok(Some(message)) => {
                let read = &before[..before.len() - rest.len()];
                assert_eq!(wire::frame(&message), read, "two encodings");
                some = true;
            }
        }
    }
}

/// Nothing here waits: all bytes are there.
fn now<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a timer needs nothing of the system");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}

/// What a frame must end in.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes that are taken: by which of the functions above, under which name.
pub fn seeds(signer: &Signer) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let packet = |number: u64, bytes: &[u8]| {
        let frame = frame::frame(SendId { incarnation: 1, number }, bytes);
        [&u32::try_from(frame.len()).expect("it is short").to_le_bytes()[..], &frame].concat()
    };
    let command = |seq| signer.sign(Command { seq, payload: b"put k v".to_vec() }).into_signed();
    let requests: Vec<Signed<Command>> = (1..=2).map(command).collect();
    let id = |seq| RequestId { client: signer.party(), seq };
    let hello = ToNode::Hello { version: VERSION, instance: Digest([7; 32]) };
    let asks = [hello, ToNode::Submit(requests), ToNode::Watch(vec![id(3), id(4)])];
    let protocol = "pbft".to_owned();
    let outcomes = [
        Outcome::Done { slot: 1, result: b"ok".to_vec() },
        Outcome::Busy,
        Outcome::Invalid("signature".to_owned()),
    ];
    let answers = (1..).zip(outcomes).map(|(seq, outcome)| Answer { request: id(seq), outcome });
    let says = [
        ToClient::Welcome(Welcome { party: PartyId(1), protocol, n: 4, f: 1 }),
        ToClient::Answers(answers.collect()),
        ToClient::Refused("no".to_owned()),
    ];
    let mut seeds = vec![
        ("frames", "two", [packet(0, b"x"), packet(1, &[7; 300])].concat()),
        ("client", "asks", asks.iter().flat_map(wire::frame).collect()),
        ("client", "says", says.iter().flat_map(wire::frame).collect()),
    ];
    seeds.extend(streams::seeds().map(|(name, bytes)| ("hello", name, bytes)));
    seeds
}
