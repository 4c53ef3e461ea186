//! Hostile peers (N1 to N15): nothing panics, memory is bounded, honest parties go on, and the
//! counters say what was refused.
//!
//! Each attack runs alone, so that the memory it takes can be measured: that of the hostile peer,
//! which is in the same process, is in it too.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../common/mod.rs"]
mod common;
mod connections;
mod frames;
mod greetings;
mod messages;
mod storms;

use byzlab_crypto::PartyId;
use byzlab_live::transport::{Config, Counters, Refused};
use common::{
    Party, config, greeting, keys,
    raw::{Raw, hello},
    table, text, until,
};
use libp2p::{Multiaddr, core::muxing::SubstreamBox, identity::Keypair};
use peak_alloc::PeakAlloc;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one hostile peer may cost, over all honest parties that it attacks.
const MOST: usize = 64 << 20;

static ALONE: Mutex<()> = Mutex::const_new(());

/// Three honest parties and the seat of a hostile one, which is the one that dials all others.
struct Scene {
    honest: Vec<Party>,
    /// The seats of the honest parties.
    seats: Vec<usize>,
    /// The seat of the hostile one.
    seat: usize,
    key: Keypair,
    /// The next number that the honest parties say.
    said: u64,
    before: usize,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    async fn new() -> Scene {
        Scene::with(|_| {}).await
    }

    async fn with(change: fn(&mut Config)) -> Scene {
        let alone = ALONE.lock().await;
        let dials_all = |seat: &usize| {
            (0..4).all(|other| other == *seat || table(*seat, 4).dials(PartyId(other as u16)))
        };
        let seat = (0..4).find(dials_all).unwrap();
        let seats: Vec<_> = (0..4).filter(|other| *other != seat).collect();
        let mut honest = Vec::new();
        for party in &seats {
            let mut config = config(*party, 4);
            change(&mut config);
            honest.push(Party::start(config).await);
        }
        let secret = keys(4, 7).0[seat].secret_key().unwrap();
        let key = Keypair::ed25519_from_bytes(secret).unwrap();
        let before = 0;
        let mut scene = Scene { honest, seats, seat, key, said: 0, before, _alone: alone };
        scene.introduce();
        scene.exchange().await;
        scene.before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        scene
    }

    /// Tells the honest parties where they are.
    fn introduce(&self) {
        let parties = self.seats.iter().zip(&self.honest);
        let book: std::collections::BTreeMap<_, _> =
            parties.map(|(seat, party)| (PartyId(*seat as u16), party.address())).collect();
        self.honest.iter().for_each(|party| party.transport.dial_book(book.clone()));
    }

    fn target(&self) -> Multiaddr {
        self.honest[0].address()
    }

    fn counters(&self) -> Counters {
        self.honest[0].transport.counters()
    }

    async fn connect(&self) -> Raw {
        Raw::connect(&self.target(), &self.key).await.unwrap()
    }

    /// The right first words, to the first honest party.
    fn hello(&self) -> Vec<u8> {
        hello(self.seat, self.seats[0], &greeting())
    }

    async fn greeted(&self, raw: &Raw) -> SubstreamBox {
        let (stream, answer) = raw.greet(&self.hello()).await.unwrap();
        assert_eq!(answer, [0], "welcome");
        stream
    }

    async fn refused(&self, reason: Refused, times: u64) {
        let name = reason.name();
        until(name, || self.counters().refused(reason) >= times).await;
    }

    /// Honest parties hear each other, in order, and nothing else.
    async fn exchange(&mut self) {
        for number in self.said..self.said + 20 {
            for (at, from) in self.honest.iter().enumerate() {
                let others = self.seats.iter().enumerate().filter(|(other, _)| *other != at);
                others.for_each(|(_, to)| from.send(*to, text(number)));
            }
        }
        for party in &mut self.honest {
            let mut next = std::collections::BTreeMap::new();
            for _ in 0..40 {
                let (from, frame) = party.next().await;
                assert_ne!(from, self.seat, "a frame of the hostile party");
                let next = next.entry(from).or_insert(self.said);
                assert_eq!(frame, text(*next));
                *next += 1;
            }
        }
        self.said += 20;
    }

    /// Honest parties go on, nothing of theirs was lost, and memory was bounded all along.
    async fn survives(self) {
        for party in &self.honest {
            assert_eq!(party.transport.counters().reopened, 0);
        }
        self.goes_on().await;
    }

    /// The same where the hostile party makes an honest one open streams to it again.
    async fn goes_on(mut self) {
        self.exchange().await;
        for party in &self.honest {
            let counters = party.transport.counters();
            assert_eq!((counters.lost, counters.dropped), (0, 0));
        }
        self.is_bounded();
    }

    fn is_bounded(&self) {
        let peak = MEMORY.peak_usage().saturating_sub(self.before);
        assert!(peak < MOST, "{} MiB for one hostile peer", peak >> 20);
        eprintln!("{} KiB at the most", peak >> 10);
    }
}
