//! Committees of transports on loopback.

#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod proxy;
pub(crate) mod raw;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use byzlab_crypto::{Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_live::transport::{Config, Greeting, Inbound, Limits, LinkState, PeerTable, Transport};
use libp2p::{Multiaddr, multiaddr::Protocol};
use tokio::{sync::mpsc, time::timeout};

/// Longer than anything takes, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Any port of loopback.
pub(crate) fn loopback() -> Multiaddr {
    "/ip4/127.0.0.1/tcp/0".parse().unwrap()
}

pub(crate) fn port(address: &Multiaddr) -> u16 {
    let ports = address.iter().filter_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    ports.last().unwrap()
}

/// The keys of a committee.
pub(crate) fn keys(n: usize, seed: u8) -> (Vec<Signer>, Vec<[u8; 32]>) {
    let instance = Digest::of("test", b"transport");
    let (ring, signers) =
        KeyRing::insecure_from_seed(Scheme::Ed25519, instance, "party", n, &[seed; 32]).unwrap();
    (signers, ring.public_keys().unwrap())
}

pub(crate) fn greeting() -> Greeting {
    Greeting {
        instance: Digest::of("test", b"transport"),
        protocol: "test".to_owned(),
        version: "1".to_owned(),
        scenario: Digest::of("test", b"scenario"),
    }
}

pub(crate) fn table(party: usize, n: usize) -> PeerTable {
    let (signers, public) = keys(n, 7);
    let secret = signers[party].secret_key().unwrap();
    PeerTable::new(PartyId(party as u16), secret, &public).unwrap()
}

pub(crate) fn config(party: usize, n: usize) -> Config {
    let limits = Limits { greeting_time: Duration::from_secs(5), ..Limits::default() };
    Config { peers: table(party, n), listen: vec![loopback()], greeting: greeting(), limits }
}

/// Puts all that comes into a channel.
pub(crate) struct Inbox(pub(crate) mpsc::UnboundedSender<(PartyId, Bytes)>);

impl Inbound for Inbox {
    fn frame(&self, from: PartyId, frame: Bytes) {
        let _ = self.0.send((from, frame));
    }
}

/// A party that runs.
pub(crate) struct Party {
    pub(crate) transport: Transport,
    pub(crate) inbox: mpsc::UnboundedReceiver<(PartyId, Bytes)>,
}

impl Party {
    pub(crate) async fn start(config: Config) -> Party {
        let (sender, inbox) = mpsc::unbounded_channel();
        let transport = Transport::start(config, Inbox(sender)).await.unwrap();
        Party { transport, inbox }
    }

    pub(crate) fn address(&self) -> Multiaddr {
        self.transport.local_addresses()[0].clone()
    }

    pub(crate) fn knows(&self, party: usize, address: Multiaddr) {
        self.transport.dial_book(BTreeMap::from([(PartyId(party as u16), address)]));
    }

    pub(crate) fn send(&self, to: usize, frame: impl Into<Bytes>) {
        self.transport.send(PartyId(to as u16), frame.into());
    }

    /// The next frame, whoever sent it.
    pub(crate) async fn next(&mut self) -> (usize, Bytes) {
        let (from, frame) = timeout(PATIENCE, self.inbox.recv()).await.unwrap().unwrap();
        (from.index(), frame)
    }

    pub(crate) fn link(&self, to: usize) -> LinkState {
        let links = self.transport.links();
        links.into_iter().find(|link| link.party.index() == to).unwrap()
    }
}

/// Parties that know each other's addresses.
pub(crate) async fn committee(n: usize) -> Vec<Party> {
    let mut parties = Vec::new();
    for party in 0..n {
        parties.push(Party::start(config(party, n)).await);
    }
    introduce(&parties);
    parties
}

pub(crate) fn introduce(parties: &[Party]) {
    let addresses = parties.iter().enumerate();
    let book: BTreeMap<_, _> =
        addresses.map(|(party, running)| (PartyId(party as u16), running.address())).collect();
    parties.iter().for_each(|party| party.transport.dial_book(book.clone()));
}

/// Waits until something is so: what is waited for has no event of its own.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "never: {what}");
}

pub(crate) fn text(number: u64) -> Bytes {
    number.to_string().into()
}

pub(crate) fn number(frame: &[u8]) -> u64 {
    std::str::from_utf8(frame).unwrap().parse().unwrap()
}
