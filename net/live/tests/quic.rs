//! The same frames over QUIC: `cargo test -p byzlab-live --features quic --test quic`.
#![cfg(feature = "quic")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;
use byzlab_live::transport::{Config, PeerTable, Refused, Transport, TransportError};
use common::{Inbox, Party, config, introduce, keys, loopback, number, text, until};
use libp2p::{Multiaddr, multiaddr::Protocol};
use tokio::sync::mpsc;

fn quic() -> Multiaddr {
    "/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()
}

async fn start(party: usize, n: usize, listen: Multiaddr) -> Party {
    Party::start(Config { listen: vec![listen], ..config(party, n) }).await
}

/// Each sends to each; everything arrives, in the order of its sender.
async fn exchange(parties: &mut [Party], each: u64) {
    let n = parties.len();
    for number in 0..each {
        for (from, party) in parties.iter().enumerate() {
            (0..n).filter(|to| *to != from).for_each(|to| party.send(to, text(number)));
        }
    }
    for party in parties {
        let mut next = BTreeMap::new();
        for _ in 0..each * (n as u64 - 1) {
            let (from, frame) = party.next().await;
            let expected = next.entry(from).or_insert(0);
            assert_eq!(number(&frame), *expected, "from {from}");
            *expected += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_parties_exchange_frames_in_order_and_one_comes_back() {
    let mut parties = Vec::new();
    for party in 0..4 {
        parties.push(start(party, 4, quic()).await);
    }
    for party in &parties {
        let address = party.address();
        assert!(address.iter().any(|part| part == Protocol::QuicV1), "{address}");
        assert!(!address.iter().any(|part| part == Protocol::Udp(0)), "{address}");
    }
    introduce(&parties);
    exchange(&mut parties, 200).await;
    let long = vec![7; 1 << 20];
    parties[0].send(3, long.clone());
    assert_eq!(parties[3].next().await, (0, long.into()));
    for party in &parties {
        let counters = party.transport.counters();
        assert_eq!((counters.dropped, counters.lost, counters.opened), (0, 0, 3));
        assert!(counters.refused.is_empty(), "{:?}", counters.refused);
    }
    drop(parties.pop());
    until("the loss is noticed", || parties.iter().all(|party| !party.link(3).sending)).await;
    (0..50).for_each(|number| parties[0].send(3, text(number)));
    parties.push(start(3, 4, quic()).await);
    introduce(&parties);
    for expected in 0..50 {
        assert_eq!(parties[3].next().await, (0, text(expected)));
    }
}

/// Each dials the address that it knows, whatever the others speak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_speak_tcp_and_some_quic() {
    let mut parties = Vec::new();
    for (party, listen) in [quic(), loopback(), quic()].into_iter().enumerate() {
        parties.push(start(party, 3, listen).await);
    }
    introduce(&parties);
    exchange(&mut parties, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_and_a_port_in_use_is_named() {
    let party = start(0, 2, quic()).await;
    let other_keys = |seed| {
        let (signers, mut public) = keys(2, seed);
        public[0] = keys(2, 7).1[0];
        PeerTable::new(PartyId(1), signers[1].secret_key().unwrap(), &public).unwrap()
    };
    // One of the two dials, by their identities: here the stranger.
    let peers = (8..).map(other_keys).find(|peers| peers.dials(PartyId(0))).unwrap();
    let stranger = Party::start(Config { peers, listen: vec![quic()], ..config(1, 2) }).await;
    stranger.knows(0, party.address());
    let refused = || party.transport.counters().refused(Refused::Stranger) > 0;
    until("it is refused", refused).await;
    assert!(!party.link(1).connected);
    let (sender, _inbox) = mpsc::unbounded_channel();
    let again = Config { listen: vec![party.address()], ..config(0, 2) };
    match Transport::start(again, Inbox(sender)).await {
        Err(TransportError::Listen { reason, .. }) => {
            assert!(reason.contains("in use"), "{reason}");
        }
        other => panic!("{:?}", other.map(|_| "it listens")),
    }
}
