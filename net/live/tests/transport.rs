//! Frames between honest parties, whatever happens to their connections.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::needless_range_loop, reason = "parties are numbers")]

mod common;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use byzlab_crypto::{Digest, PartyId};
use byzlab_live::transport::{Greeting, Inbound, PeerTable, Refused, Transport, TransportError};
use common::{
    Inbox, PATIENCE, Party, committee, config, introduce, keys, number, proxy::Proxy, table, text,
    until,
};

/// Each sends to each; everything arrives, in the order of its sender.
async fn exchange(parties: &mut [Party], each: u64) {
    let n = parties.len();
    for number in 0..each {
        for from in 0..n {
            (0..n).filter(|to| *to != from).for_each(|to| parties[from].send(to, text(number)));
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
        assert!(party.inbox.try_recv().is_err(), "more than was sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_and_four_parties_exchange_frames_in_order() {
    for n in [2, 4] {
        let mut parties = committee(n).await;
        exchange(&mut parties, 1000).await;
        for party in &parties {
            let counters = party.transport.counters();
            let frames = 1000 * (n as u64 - 1);
            assert_eq!((counters.frames_out, counters.frames_in), (frames, frames));
            assert_eq!((counters.dropped, counters.lost, counters.reopened), (0, 0, 0));
            assert_eq!(counters.opened, n as u64 - 1);
            assert!(counters.refused.is_empty(), "{:?}", counters.refused);
            for link in party.transport.links() {
                assert!(link.connected && link.sending && link.receiving, "{link:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_up_to_the_limit_arrive_between_small_ones() {
    let mut parties = committee(2).await;
    let limit = config(0, 2).limits.frame;
    let lengths = [1, 16_379, 16_380, 16_384, 65_532, 65_536, 1, 1 << 20, limit, 3];
    let frames = lengths.map(|length| vec![length as u8; length]);
    frames.iter().for_each(|frame| parties[0].send(1, frame.clone()));
    for frame in &frames {
        let (from, got) = parties[1].next().await;
        assert!(from == 0 && got == *frame, "{} bytes in place of {}", got.len(), frame.len());
    }
    parties[0].send(1, vec![0; limit + 1]);
    parties[0].send(1, Vec::new());
    parties[0].send(0, vec![1]);
    parties[0].send(2, vec![1]);
    assert_eq!(parties[0].transport.counters().dropped, 4);
}

/// Nobody knows an address when the first frames are sent, and then all connect at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_that_start_at_once_lose_nothing() {
    let mut parties = Vec::new();
    for party in 0..16 {
        parties.push(Party::start(config(party, 16)).await);
    }
    for from in 0..16 {
        (0..16).filter(|to| *to != from).for_each(|to| parties[from].send(to, text(from as u64)));
    }
    introduce(&parties);
    for party in &mut parties {
        let mut heard = std::collections::BTreeSet::new();
        for _ in 0..15 {
            let (from, frame) = party.next().await;
            assert_eq!(number(&frame), from as u64);
            assert!(heard.insert(from));
        }
    }
    exchange(&mut parties, 20).await;
    for party in &parties {
        let counters = party.transport.counters();
        assert_eq!((counters.dropped, counters.lost), (0, 0));
        assert_eq!((counters.opened, counters.reopened), (15, 0));
        assert!(counters.refused.is_empty(), "{:?}", counters.refused);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_opened_again() {
    let mut parties = vec![Party::start(config(0, 2)).await, Party::start(config(1, 2)).await];
    let dialler = usize::from(!table(0, 2).dials(PartyId(1)));
    let proxy = Proxy::to(&parties[1 - dialler].address()).await;
    parties[dialler].knows(1 - dialler, proxy.address.clone());
    exchange(&mut parties, 10).await;
    for time in 1..=3 {
        assert_eq!(proxy.cut().await, 1);
        for party in 0..2 {
            until("both streams are open again", || {
                let link = parties[party].link(1 - party);
                parties[party].transport.counters().reopened == time && link.receiving
            })
            .await;
        }
        exchange(&mut parties, 10).await;
    }
    for party in &parties {
        let counters = party.transport.counters();
        assert_eq!((counters.opened, counters.lost, counters.dropped), (4, 0, 0));
    }
    assert_eq!(parties[1 - dialler].transport.counters().dials, 0, "only one of two dials");
}

/// A party that goes and comes back, on another port, gets what was sent meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_wait_for_a_party_that_is_away() {
    let mut parties = committee(2).await;
    exchange(&mut parties, 10).await;
    drop(parties.pop());
    until("the loss is noticed", || !parties[0].link(1).sending).await;
    (0..100).for_each(|number| parties[0].send(1, text(number)));
    parties.push(Party::start(config(1, 2)).await);
    introduce(&parties);
    for expected in 0..100 {
        assert_eq!(parties[1].next().await, (0, text(expected)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_greeting_is_refused_and_both_ends_say_why() {
    type Change = fn(&mut Greeting);
    let changes: [(Refused, Change); 4] = [
        (Refused::Instance, |greeting| greeting.instance = Digest::of("test", b"another")),
        (Refused::Protocol, |greeting| greeting.protocol = "other".to_owned()),
        (Refused::Version, |greeting| greeting.version = "2".to_owned()),
        (Refused::Scenario, |greeting| greeting.scenario = Digest::of("test", b"another")),
    ];
    for (reason, change) in changes {
        let mut other = config(1, 2);
        change(&mut other.greeting);
        let mut parties = vec![Party::start(config(0, 2)).await, Party::start(other).await];
        introduce(&parties);
        parties[0].send(1, text(1));
        for party in 0..2 {
            let transport = &parties[party].transport;
            until("it is refused", || transport.counters().refused(reason) > 0).await;
            let said = || parties[party].link(1 - party).problem.unwrap_or_default();
            let words = format!("another {}", reason.name());
            until("both say why", || said().contains(&words)).await;
            assert_eq!(transport.counters().opened, 0);
        }
        assert!(parties[1].inbox.try_recv().is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused() {
    let mut parties = committee(2).await;
    // A committee of three, in the eyes of the third.
    let (_, mut public) = keys(2, 7);
    let strangers = (8..=255).map(|seed| {
        let (signers, keys) = keys(1, seed);
        (signers[0].secret_key().unwrap(), keys[0])
    });
    let tables = strangers.map(|(secret, key)| {
        public.truncate(2);
        public.push(key);
        PeerTable::new(PartyId(2), secret, &public).unwrap()
    });
    let dials_both = |table: &PeerTable| table.dials(PartyId(0)) && table.dials(PartyId(1));
    let peers = { tables }.find(dials_both).unwrap();
    let mut stranger = Party::start(byzlab_live::transport::Config { peers, ..config(0, 2) }).await;
    stranger.knows(0, parties[0].address());
    stranger.send(0, text(666));
    until("it came twice", || parties[0].transport.counters().refused(Refused::Stranger) >= 2)
        .await;
    exchange(&mut parties, 10).await;
    assert!(!stranger.link(0).sending);
    assert_eq!(stranger.transport.counters().frames_out, 0);
    assert!(stranger.inbox.try_recv().is_err());
}

/// Whoever answers at an address must be who is expected there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impostor_at_a_known_address_is_found_out() {
    let parties = committee(3).await;
    let dialler = (0..3).find(|a| (0..3).all(|b| b == *a || table(*a, 3).dials(PartyId(b as u16))));
    let dialler = dialler.unwrap();
    let [first, second] = [(dialler + 1) % 3, (dialler + 2) % 3];
    let fresh = Party::start(config(dialler, 3)).await;
    fresh.knows(first, parties[second].address());
    fresh.send(first, text(1));
    let said = || fresh.link(first).problem.unwrap_or_default();
    let words = format!("who is not party {first}");
    until("the wrong one is found out", || said().contains(&words)).await;
    assert_eq!(fresh.transport.counters().frames_out, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_sends_what_waits() {
    let mut parties = committee(2).await;
    exchange(&mut parties, 1).await;
    (0..5000).for_each(|number| parties[0].send(1, text(number)));
    let first = parties.remove(0);
    first.transport.shutdown(PATIENCE).await;
    for expected in 0..5000 {
        assert_eq!(parties[0].next().await, (0, text(expected)));
    }
}

/// Takes its time with each frame.
struct Slow(Inbox);

impl Inbound for Slow {
    fn frame(&self, from: PartyId, frame: Bytes) {
        std::thread::sleep(Duration::from_millis(1));
        self.0.frame(from, frame);
    }
}

/// What was written is not yet read: it may wait in a buffer that ends with the process.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shutdown_waits_for_a_slow_reader() {
    let mut sends = config(0, 2);
    sends.limits.queue_bytes = 64 << 20;
    let first = Party::start(sends).await;
    let (sender, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    let slow = Transport::start(config(1, 2), Slow(Inbox(sender))).await.unwrap();
    first.knows(1, slow.local_addresses()[0].clone());
    slow.dial_book([(PartyId(0), first.address())].into());
    until("they are connected", || first.link(1).sending).await;
    (0..1500).for_each(|number: u32| first.send(1, vec![number as u8; 32 * 1024]));
    first.transport.shutdown(PATIENCE).await;
    for expected in 0..1500 {
        let (_, frame) = tokio::time::timeout(PATIENCE, inbox.recv()).await.unwrap().unwrap();
        assert_eq!(frame[0], expected as u8);
    }
}

/// With nobody there to take what waits, the end comes when patience does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_waits_for_nobody_who_is_not_there() {
    let party = Party::start(config(0, 4)).await;
    (1..4).for_each(|to| party.send(to, text(1)));
    tokio::time::timeout(PATIENCE / 2, party.transport.shutdown(PATIENCE)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_start_says_why() {
    let party = Party::start(config(0, 2)).await;
    let (inbox, _) = tokio::sync::mpsc::unbounded_channel();
    let mut taken = config(1, 2);
    taken.listen = party.transport.local_addresses();
    let error = Transport::start(taken, Inbox(inbox.clone())).await.err().unwrap();
    let expected = format!("cannot listen on {}: Address already in use", party.address());
    assert!(error.to_string().starts_with(&expected), "{error}");
    let mut long = config(1, 2);
    long.greeting.protocol = "x".repeat(65);
    let error = Transport::start(long, Inbox(inbox.clone())).await.err().unwrap();
    assert_eq!(error, TransportError::LongName);
    let mut small = config(1, 2);
    small.limits.queue_bytes = small.limits.frame - 1;
    let error = Transport::start(small, Inbox(inbox.clone())).await.err().unwrap();
    assert!(matches!(error, TransportError::Limits { .. }));
    let mut nowhere = config(1, 2);
    nowhere.listen = vec!["/memory/1".parse().unwrap()];
    let error = Transport::start(nowhere, Inbox(inbox)).await.err().unwrap();
    assert!(error.to_string().contains("no transport"), "{error}");
}
