//! More than a network can take, and then little again: what it was asked for is done, in the view that
//! it was in, and what comes after takes as long as what came before.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use byzlab_live::clients::{Network as Nodes, Reach, Session};

use super::up::{Network, PATIENCE};

/// Whoever knows no measure sends it at once: more than a party keeps of a client, and more than the
/// transport has room for.
const FLOOD: usize = 40 << 20;
/// The bytes of each value of it.
const VALUE: usize = 60_000;
/// Commands that come one after the other.
const FEW: usize = 3;

async fn ask(nodes: &Nodes, client: usize) -> Session {
    let signer = nodes.signer(client).expect("it has a key");
    let retry = Duration::from_millis(500);
    Session::connect(nodes, signer, Reach::All, retry, PATIENCE).await.expect("the nodes are there")
}

/// How long a few commands take.
async fn few(session: &mut Session) -> Duration {
    let begun = Instant::now();
    for at in 0..FEW {
        session.call(format!("put few {at}").into_bytes(), PATIENCE).await.expect("it is done");
    }
    begun.elapsed()
}

/// Everything gathers for a second and is proposed at once, so that the primary has more to send than
/// finds room, however fast the machine is.
#[test]
fn a_flood_ends_no_view_and_leaves_nothing_behind() {
    let text = "protocol = { pbft-classic = { batch = 512, patience = 9, pace = 1000 } }\n\
                network = { delta = \"1s\", delay.constant = \"1us\" }\n\
                workload.commands = 1\n\
                runtime = { clients = 2, sync = false, journal = false }\n";
    let network = Network::with(Path::new(env!("CARGO_BIN_EXE_byzlab")), "flood", text);
    let file = std::fs::read_to_string(network.folder.join("network.json")).expect("it is there");
    let nodes = Nodes::parse(&file).expect("the description of a network");
    let threads =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    threads.expect("the system has threads").block_on(async {
        let (mut greedy, mut modest) = (ask(&nodes, 0).await, ask(&nodes, 1).await);
        let before = few(&mut modest).await;
        let value = "x".repeat(VALUE);
        for at in 0..FLOOD / VALUE {
            let put = format!("put many{} {value}", at % 10);
            greedy.submit(put.into_bytes(), PATIENCE).expect("it is short enough");
        }
        assert!(!greedy.has_room(), "whoever asks is told that this is too much");
        while let Some((seq, result)) = greedy.next().await {
            result.unwrap_or_else(|gave_up| panic!("{seq}: {gave_up}"));
        }
        assert!(greedy.has_room());
        let after = few(&mut modest).await;
        assert!(after < 2 * before, "{after:?} after the flood, {before:?} before it");
    });
    let views: Vec<_> =
        network.status().iter().map(|state| state["status"]["view"].clone()).collect();
    assert_eq!(views, [1, 1, 1, 1], "the primary got everything executed");
}
