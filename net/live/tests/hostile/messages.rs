//! Messages that are wrong (N3, N4, N5, N10, N11, N12), against a receiver that decodes and checks
//! on the reader's task, as a node does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme, Signature, Signer};
use byzlab_live::transport::{Inbound, Transport};
use byzlab_protocols::{
    Context, Leaders, Packet, Protocol, Span, View,
    hotstuff::HotStuff,
    pbft::{Pbft, Vote, Wire},
};
use futures::AsyncWriteExt;

use crate::{
    Scene,
    common::{
        PATIENCE, config,
        raw::{Raw, framed},
        until,
    },
};

/// Decodes and checks, and keeps the count of what came of it.
#[derive(Clone)]
struct Checker {
    context: Arc<Context>,
    verdicts: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl Inbound for Checker {
    fn frame(&self, _: PartyId, frame: Bytes) {
        let packet = Packet::<Pbft>::raw(frame.to_vec());
        let verdict = match packet.verdict(&self.context) {
            Ok(_) => "taken".to_owned(),
            Err(reject) => reject.to_string(),
        };
        *self.verdicts.lock().unwrap().entry(verdict).or_insert(0) += 1;
    }
}

fn context(seed: u8) -> (Arc<Context>, Vec<Signer>) {
    let instance = Digest::of("test", &[seed]);
    let ring = |purpose| {
        KeyRing::insecure_from_seed(Scheme::Ed25519, instance, purpose, 4, &[seed; 32]).unwrap()
    };
    let (parties, signers) = ring("party");
    let (clients, _) = ring("client");
    let context = Context {
        committee: Committee::new(parties, 1).unwrap(),
        clients,
        leaders: Leaders::RoundRobin(Pbft::ABOUT.first_leader),
        delta: Span::millis(10),
    };
    (Arc::new(context), signers)
}

fn vote() -> Vote {
    Vote { view: View(1), hash: Digest::of("test", b"block"), justify_view: View(0) }
}

fn bytes(wire: &Wire) -> Vec<u8> {
    borsh::to_vec(wire).unwrap()
}

/// The order of the curve's base point: added to the second half of a signature, it gives another
/// encoding of the same number.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn plus_order(mut signature: Signature) -> Signature {
    let mut carry = 0;
    for (byte, more) in signature.0[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    signature
}

/// Wrong messages, each with what a receiver says of it.
fn wrong(signers: &[Signer], strangers: &[Signer]) -> Vec<(Vec<u8>, &'static str)> {
    let undecodable = "the bytes decode to no message";
    let signed = signers[1].sign(vote()).signed().clone();
    let right = bytes(&Wire::Vote(signed.clone()));
    let mut trailing = right.clone();
    trailing.push(0);
    let mut unknown = right.clone();
    unknown[0] = 0xff;
    let signature = |signature: Signature| {
        let mut signed = signed.clone();
        signed.signature = signature;
        bytes(&Wire::Vote(signed))
    };
    let mut outsider = signed.clone();
    outsider.by = PartyId(4);
    // A certificate: the statement, and how many signatures follow.
    let certificate = |signers: &[PartyId]| {
        let statement = byzlab_protocols::pbft::Vote2 { view: View(1), hash: vote().hash };
        let signatures = signers.iter().map(|party| (*party, Signature([1; 64]))).collect();
        bytes(&Wire::Commit(byzlab_crypto::Claim::new(statement, signatures)))
    };
    let many: Vec<_> = (0..u16::MAX).chain(0..40_000).map(PartyId).collect();
    let mut header_only = certificate(&[]);
    let at = header_only.len() - 4;
    header_only[at..].copy_from_slice(&1_000_000u32.to_le_bytes());
    let mut huge_header = header_only.clone();
    huge_header[at..].fill(0xff);
    vec![
        (trailing, undecodable),
        (unknown, undecodable),
        (right[..right.len() - 1].to_vec(), undecodable),
        (header_only, undecodable),
        (huge_header, undecodable),
        (vec![0; 1 << 20], undecodable),
        (vec![0xff; 1 << 20], undecodable),
        (signature(Signature([0; 64])), "the signature of party 1 does not verify"),
        (signature(plus_order(signed.signature)), "the signature of party 1 does not verify"),
        (signature(Signature([0xff; 64])), "the signature of party 1 does not verify"),
        (bytes(&Wire::Vote(outsider)), "party 4 has no seat in the committee"),
        // Another instance.
        (
            bytes(&Wire::Vote(strangers[1].sign(vote()).signed().clone())),
            "the signature of party 1 does not verify",
        ),
        (certificate(&many), "105535 signatures, more than there are parties"),
        (
            certificate(&[PartyId(0), PartyId(0), PartyId(1)]),
            "signers are not distinct and ascending at party 0",
        ),
    ]
}

/// N3, N4, N5, N10, N11, N12: none is taken, each is refused for its reason, and what costs the
/// sender little costs the receiver no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_messages_are_refused_on_the_way_in() {
    let scene = Scene::new().await;
    let ((context, signers), (_, strangers)) = (context(1), context(2));
    let checker = Checker { context, verdicts: Arc::default() };
    // In place of an honest party of the scene, one that checks.
    let mut alone = config(scene.seats[0], 4);
    alone.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let transport = Transport::start(alone, checker.clone()).await.unwrap();
    let raw = Raw::connect(&transport.local_addresses()[0], &scene.key).await.unwrap();
    let mut stream = scene.greeted(&raw).await;
    let right = bytes(&Wire::Vote(signers[1].sign(vote()).signed().clone()));
    let mut expected = BTreeMap::from([("taken".to_owned(), 2)]);
    let wrong = wrong(&signers, &strangers);
    stream.write_all(&framed(&right)).await.unwrap();
    for (bytes, reason) in &wrong {
        stream.write_all(&framed(bytes)).await.unwrap();
        *expected.entry((*reason).to_owned()).or_insert(0) += 1;
    }
    stream.write_all(&framed(&right)).await.unwrap();
    stream.flush().await.unwrap();
    let all = wrong.len() as u64 + 2;
    until("all are judged", || checker.verdicts.lock().unwrap().values().sum::<u64>() == all).await;
    assert_eq!(*checker.verdicts.lock().unwrap(), expected);
    // N10: what is a message of one protocol is none, or a wrong one, of another.
    let other = Packet::<HotStuff>::raw(right);
    assert!(other.verdict(&checker.context).is_err());
    assert_eq!(transport.counters().frames_in, all);
    transport.shutdown(PATIENCE).await;
    scene.survives().await;
}
