use super::*;
use crate::clients::{
    PortLimits,
    double::{Manner, network},
    serve,
};

/// Long enough for whatever a loaded machine does in between.
const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(20);

async fn session(network: &Network, reach: Reach) -> Session {
    let signer = network.signer(1).expect("two clients");
    Session::connect(network, signer, reach, SOON, LONG).await.expect("all nodes are there")
}

#[tokio::test]
async fn what_was_put_can_be_got_though_f_nodes_lie_and_are_heard_first() {
    let manners = [Manner::Lying, Manner::Honest, Manner::Honest, Manner::Honest];
    let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
    for reach in [Reach::All, Reach::First(PartyId(2))] {
        let mut session = session(&network, reach).await;
        let put = session.call(b"put k some words".to_vec(), LONG).await.expect("it is done");
        assert_eq!(put.result, b"ok");
        let get = session.call(b"get k".to_vec(), LONG).await.expect("it is done");
        assert_eq!(get.result, b"some words");
        assert_eq!(session.in_flight(), 0);
    }
}

#[tokio::test]
async fn many_requests_in_flight_all_end() {
    let (network, _doubles, servers) =
        network(&[Manner::Honest; 4], 1, PortLimits::default()).await;
    let mut session = session(&network, Reach::All).await;
    let mut asked: Vec<_> = (0..500)
        .map(|at| session.submit(format!("put k{at} v").into_bytes(), LONG).expect("short"))
        .collect();
    let mut ended = Vec::new();
    while let Some((seq, result)) = session.next().await {
        assert_eq!(result.expect("it is believed").result, b"ok");
        ended.push(seq);
    }
    asked.sort_unstable();
    ended.sort_unstable();
    assert_eq!(asked, ended);
    let invalid = servers[0].counters().invalid.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(invalid, 0);
}

#[tokio::test]
async fn without_f_plus_1_that_agree_a_request_is_given_up_by_its_deadline() {
    let manners = [Manner::Lying, Manner::Honest, Manner::Busy, Manner::Silent];
    let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
    let mut session = session(&network, Reach::All).await;
    while session.up() < 4 {
        let event = session.events.recv().await.expect("links live as long as the session");
        session.hear(event);
    }
    let failed = session.call(b"get k".to_vec(), Duration::from_millis(300)).await;
    let words = failed.expect_err("nobody can be believed").to_string();
    assert!(words.starts_with("no result that 2 parties agree on"), "{words}");
    assert!(words.ends_with("whether it was executed is not known"), "{words}");
}

#[tokio::test]
async fn nodes_that_are_not_there_are_named_with_the_reason() {
    let (mut network, _doubles, servers) =
        network(&[Manner::Honest; 4], 1, PortLimits::default()).await;
    drop(servers);
    // Two in each other's place, one of another instance: none of them counts.
    network.nodes.swap(0, 1);
    let signer = network.signer(0).expect("two clients");
    let failed = Session::connect(&network, signer, Reach::All, SOON, Duration::from_millis(200));
    let words = failed.await.err().expect("nobody is there").to_string();
    assert!(
        words.starts_with("only 0 of 4 nodes can be reached, 2 are needed: node 0: "),
        "{words}"
    );
    assert!(words.contains("node 3: "), "{words}");
}

#[tokio::test]
async fn a_node_of_another_seat_or_instance_is_not_believed() {
    let (mut network, _doubles, _servers) =
        network(&[Manner::Honest; 2], 1, PortLimits::default()).await;
    network.nodes.swap(0, 1);
    let connect = |network: Network| async move {
        let signer = network.signer(0).expect("two clients");
        let short = Duration::from_secs(2);
        let failed = Session::connect(&network, signer, Reach::All, SOON, short).await;
        failed.err().expect("nobody fits").to_string()
    };
    let words = connect(network.clone()).await;
    assert!(words.contains("node 0: this is party 1, not 0"), "{words}");
    network.nodes.swap(0, 1);
    network.instance = byzlab_crypto::Digest([9; 32]);
    let words = connect(network).await;
    assert!(
        words.contains("refused: client is of instance 09090909, this node of 07070707"),
        "{words}"
    );
}

#[tokio::test]
async fn a_request_outlives_the_loss_of_a_node_and_its_return() {
    let (network, doubles, mut servers) =
        network(&[Manner::Honest; 2], 1, PortLimits::default()).await;
    let mut session = session(&network, Reach::All).await;
    // Both have to agree, and one of them forgets what it hears and then goes away.
    doubles[1].deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    let seq = session.submit(b"put k v".to_vec(), LONG).expect("short");
    drop(servers.remove(1));
    while session.up() == 2 {
        let event = session.events.recv().await.expect("links live as long as the session");
        session.hear(event);
    }
    doubles[1].deaf.store(false, std::sync::atomic::Ordering::SeqCst);
    let back = serve(doubles[1].clone(), network.nodes[1], PortLimits::default()).await;
    let _back = back.expect("the port is free again");
    let (settled, result) = session.next().await.expect("one is in flight");
    assert_eq!((settled, result.expect("it is believed").result), (seq, b"ok".to_vec()));
}
