//! How fast frames go between four parties in one process, over loopback.
//!
//! `cargo run --release -p byzlab-live --example speed [seconds]`

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use byzlab_crypto::{Digest, KeyRing, PartyId, Scheme};
use byzlab_live::transport::{Config, Greeting, Inbound, Limits, PeerTable, Transport};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

const N: usize = 4;
const LENGTH: usize = 256;
/// Frames that each link may have on the way.
const WINDOW: u64 = 2000;

/// Counts what came, by sender, and tells of single frames.
struct Count {
    came: [AtomicU64; N],
    single: mpsc::UnboundedSender<(PartyId, Bytes)>,
}

struct Counting(Arc<Count>);

impl Inbound for Counting {
    fn frame(&self, from: PartyId, frame: Bytes) {
        self.0.came[from.index()].fetch_add(1, Ordering::Relaxed);
        if frame[0] == 1 {
            let _ = self.0.single.send((from, frame));
        }
    }
}

struct Party {
    transport: Transport,
    count: Arc<Count>,
    single: mpsc::UnboundedReceiver<(PartyId, Bytes)>,
}

fn main() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    let seconds = std::env::args().nth(1).map_or(5, |text| text.parse().expect("seconds"));
    runtime.block_on(async {
        let mut parties = start().await;
        round_trips(&mut parties).await;
        throughput(&parties, Duration::from_secs(seconds)).await;
    });
}

async fn start() -> Vec<Party> {
    let instance = Digest::of("byzlab/example/1", b"speed");
    let keys = KeyRing::insecure_from_seed(Scheme::Ed25519, instance, "party", N, &[1; 32]);
    let (ring, signers) = keys.expect("four keys");
    let public = ring.public_keys().expect("Ed25519 has public keys");
    let mut parties = Vec::new();
    for signer in &signers {
        let secret = signer.secret_key().expect("Ed25519 has secrets");
        let config = Config {
            peers: PeerTable::new(signer.party(), secret, &public).expect("good keys"),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
            greeting: Greeting {
                instance,
                protocol: "speed".to_owned(),
                version: "1".to_owned(),
                scenario: instance,
            },
            limits: Limits::default(),
        };
        let (sender, single) = mpsc::unbounded_channel();
        let count = Arc::new(Count { came: Default::default(), single: sender });
        let transport = Transport::start(config, Counting(count.clone())).await;
        parties.push(Party { transport: transport.expect("loopback"), count, single });
    }
    let addresses = parties.iter().map(|party| party.transport.local_addresses()[0].clone());
    let book: BTreeMap<_, _> = PartyId::all(N).zip(addresses).collect();
    parties.iter().for_each(|party| party.transport.dial_book(book.clone()));
    let ready = async {
        let open = |party: &Party| party.transport.links().iter().all(|link| link.sending);
        while !parties.iter().all(open) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), ready).await.expect("all links open");
    parties
}

async fn round_trips(parties: &mut [Party]) {
    let mut taken = Vec::new();
    let frame = Bytes::from(vec![1; LENGTH]);
    for _ in 0..5000 {
        let began = Instant::now();
        parties[0].transport.send(PartyId(1), frame.clone());
        let (from, frame) = parties[1].single.recv().await.expect("it runs");
        parties[1].transport.send(from, frame);
        parties[0].single.recv().await.expect("it runs");
        taken.push(began.elapsed());
    }
    taken.sort();
    let at = |percent: usize| taken[taken.len() * percent / 100];
    println!("round trip of {LENGTH} bytes: p50 {:?}, p99 {:?}", at(50), at(99));
}

/// All twelve links at once, each with a window of frames on the way.
async fn throughput(parties: &[Party], time: Duration) {
    let frame = Bytes::from(vec![0; LENGTH]);
    let count = |from: usize, to: usize| parties[to].count.came[from].load(Ordering::Relaxed);
    let links = (0..N).flat_map(|from| (0..N).map(move |to| (from, to)));
    let links: Vec<_> = links.filter(|(from, to)| from != to).collect();
    let before: Vec<_> = links.iter().map(|(from, to)| count(*from, *to)).collect();
    let mut sent = before.clone();
    let (cpu, began) = (cpu_time(), Instant::now());
    while began.elapsed() < time {
        for ((from, to), sent) in links.iter().zip(&mut sent) {
            for _ in 0..WINDOW.saturating_sub(*sent - count(*from, *to)) {
                parties[*from].transport.send(PartyId(*to as u16), frame.clone());
                *sent += 1;
            }
        }
        tokio::task::yield_now().await;
    }
    let came: u64 =
        links.iter().zip(&before).map(|((from, to), had)| count(*from, *to) - had).sum();
    let (cpu, elapsed) = (cpu_time().saturating_sub(cpu), began.elapsed());
    let each = cpu.as_secs_f64() * 1e6 / came as f64;
    let rate = came as f64 / elapsed.as_secs_f64();
    let dropped: u64 = parties.iter().map(|party| party.transport.counters().dropped).sum();
    println!("{rate:.0} frames of {LENGTH} bytes a second over 12 links, {dropped} dropped");
    println!("{each:.2} us of CPU a frame, both ends and the load");
}

/// What this process has used, by Linux's account in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 =
        { fields }.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}
