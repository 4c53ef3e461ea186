use byzlab_crypto::{Digest, PartyId, Signature, Signer};
use tokio::io::AsyncReadExt;

use super::*;
use crate::clients::double::{Double, INSTANCE, Manner, loopback, network};

async fn one(manner: Manner, limits: PortLimits) -> (Arc<Double>, Server, Signer) {
    let (network, mut doubles, mut servers) = network(&[manner], 0, limits).await;
    (doubles.remove(0), servers.remove(0), network.signer(0).expect("two clients"))
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address()).await.expect("it listens")
}

async fn greeted(server: &Server) -> TcpStream {
    let mut stream = connect(server).await;
    let hello = ToNode::Hello { version: VERSION, instance: INSTANCE };
    stream.write_all(&frame(&hello)).await.expect("it reads");
    let welcome = hear(&mut stream).await.expect("it answers");
    assert!(matches!(welcome, ToClient::Welcome(_)), "{welcome:?}");
    stream
}

async fn hear(stream: &mut TcpStream) -> Option<ToClient> {
    read::<ToClient>(stream, FRAME).await.expect("it speaks well")
}

/// Reads until the connection is closed, in order or not.
async fn closed(stream: &mut TcpStream) {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn signed(signer: &Signer, seq: u64, payload: &str) -> Signed<Command> {
    signer.sign(Command { seq, payload: payload.as_bytes().to_vec() }).into_signed()
}

async fn refused(server: &Server, first: &[u8]) -> String {
    let mut stream = connect(server).await;
    stream.write_all(first).await.expect("it reads");
    match hear(&mut stream).await {
        Some(ToClient::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_greeting_is_refused_with_the_reason() {
    let limits = PortLimits { greeting: Duration::from_millis(100), ..PortLimits::default() };
    let (_double, server, signer) = one(Manner::Honest, limits).await;
    let hello = |version, instance| frame(&ToNode::Hello { version, instance });
    let words = refused(&server, &hello(VERSION + 1, INSTANCE)).await;
    assert_eq!(words, "client speaks version 2, this node 1");
    let words = refused(&server, &hello(VERSION, Digest([1; 32]))).await;
    assert_eq!(words, "client is of instance 01010101, this node of 07070707");
    let words = refused(&server, &frame(&ToNode::Watch(vec![]))).await;
    assert_eq!(words, "a greeting was expected first");
    // Longer than a greeting may be, and said to be 4 GiB long.
    let submit = frame(&ToNode::Submit(vec![signed(&signer, 1, "get k")]));
    assert!(refused(&server, &submit).await.contains("at most 64 are taken"));
    assert!(refused(&server, &[0xff; 4]).await.contains("a frame of 4294967295 bytes"));
    assert_eq!(refused(&server, &[]).await, "no greeting in time");
    assert_eq!(refused(&server, &[35, 0]).await, "no greeting in time");
    assert_eq!(value(&server.counters().refused), 7);
    assert_eq!(value(&server.counters().connections), 0);
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection_and_no_other() {
    let (_double, server, signer) = one(Manner::Honest, PortLimits::default()).await;
    let mut good = greeted(&server).await;
    let second = frame(&ToNode::Hello { version: VERSION, instance: INSTANCE });
    let bad: [&[u8]; 5] =
        [&[0xff; 4], &[1, 0, 0, 0, 77], &[5, 0, 0, 0, 1, 255, 255, 255, 255], &[0; 4], &second];
    for bytes in bad {
        let mut stream = greeted(&server).await;
        stream.write_all(bytes).await.expect("it reads");
        closed(&mut stream).await;
    }
    assert_eq!(value(&server.counters().malformed), bad.len() as u64);
    let submit = ToNode::Submit(vec![signed(&signer, 1, "put k v")]);
    good.write_all(&frame(&submit)).await.expect("it reads");
    let outcome = Outcome::Done { slot: 1, result: b"ok".to_vec() };
    let request = RequestId { client: PartyId(0), seq: 1 };
    let answers = ToClient::Answers(vec![Answer { request, outcome }]);
    assert_eq!(hear(&mut good).await, Some(answers));
}

#[tokio::test]
async fn forged_and_overlong_requests_never_reach_the_party() {
    let (double, server, signer) = one(Manner::Honest, PortLimits::default()).await;
    let mut stream = greeted(&server).await;
    let mut forged = signed(&signer, 1, "put k v");
    forged.body.payload = b"put k w".to_vec();
    let mut foreign = signed(&signer, 2, "put k v");
    foreign.by = PartyId(1);
    let mut outsider = signed(&signer, 3, "put k v");
    outsider.by = PartyId(2);
    let mut unsigned = signed(&signer, 4, "put k v");
    unsigned.signature = Signature([0; 64]);
    let long = signed(&signer, 5, &"x".repeat(byzlab_protocols::smr::MAX_PAYLOAD + 1));
    let requests = vec![forged, foreign, outsider, unsigned, long];
    let count = requests.len();
    stream.write_all(&frame(&ToNode::Submit(requests))).await.expect("it reads");
    let mut answers = Vec::new();
    while answers.len() < count {
        match hear(&mut stream).await {
            Some(ToClient::Answers(more)) => answers.extend(more),
            other => panic!("no answers: {other:?}"),
        }
    }
    let invalid = |answer: &Answer| matches!(answer.outcome, Outcome::Invalid(_));
    assert!(answers.iter().all(invalid), "{answers:?}");
    assert_eq!(value(&server.counters().invalid), count as u64);
    assert_eq!(value(&server.counters().requests), 0);
    assert_eq!(double.replies().waiting(), 0);
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_and_room_is_made_by_those_who_leave() {
    let limits = PortLimits { connections: 2, ..PortLimits::default() };
    let (_double, server, _signer) = one(Manner::Honest, limits).await;
    let (_one, two) = (greeted(&server).await, greeted(&server).await);
    closed(&mut connect(&server).await).await;
    assert_eq!(value(&server.counters().too_many), 1);
    drop(two);
    // Its task ends some time after: until then others are turned away.
    let hello = frame(&ToNode::Hello { version: VERSION, instance: INSTANCE });
    loop {
        let mut stream = connect(&server).await;
        let _ = stream.write_all(&hello).await;
        if let Ok(Some(ToClient::Welcome(_))) = read::<ToClient>(&mut stream, FRAME).await {
            break;
        }
    }
}

#[tokio::test]
async fn what_a_connection_waits_for_is_bounded_and_goes_with_it() {
    let limits = PortLimits { in_flight: 10, ..PortLimits::default() };
    let (double, server, _signer) = one(Manner::Silent, limits).await;
    let mut stream = greeted(&server).await;
    let ids = (0..10_000).map(|seq| RequestId { client: PartyId(0), seq }).collect();
    stream.write_all(&frame(&ToNode::Watch(ids))).await.expect("it reads");
    let last = signed(&double_signer(), 1, "get k");
    stream.write_all(&frame(&ToNode::Submit(vec![last]))).await.expect("it reads");
    while value(&server.counters().requests) < 1 {
        tokio::task::yield_now().await;
    }
    assert!((10..=20).contains(&double.replies().waiting()));
    drop(stream);
    while double.replies().waiting() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_answered_takes_no_place_of_what_waits() {
    let limits = PortLimits { in_flight: 10, ..PortLimits::default() };
    let (double, server, signer) = one(Manner::Honest, limits).await;
    let mut stream = greeted(&server).await;
    let slow = (0..9).map(|seq| RequestId { client: PartyId(1), seq }).collect();
    stream.write_all(&frame(&ToNode::Watch(slow))).await.expect("it reads");
    for seq in 0..100 {
        let submit = ToNode::Submit(vec![signed(&signer, seq, "put k v")]);
        stream.write_all(&frame(&submit)).await.expect("it reads");
        assert!(matches!(hear(&mut stream).await, Some(ToClient::Answers(_))));
    }
    assert_eq!(double.replies().waiting(), 9);
}

fn double_signer() -> Signer {
    let seed = crate::clients::double::SEED.0;
    let scheme = byzlab_crypto::Scheme::Ed25519;
    let keys = byzlab_crypto::KeyRing::insecure_from_seed(scheme, INSTANCE, "client", 2, &seed);
    keys.expect("two keys").1.remove(0)
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection_and_nobody_else_waits() {
    let limits = PortLimits { answers: 1 << 20, ..PortLimits::default() };
    let (_double, server, signer) = one(Manner::Honest, limits).await;
    let mut slow = greeted(&server).await;
    let value_of_k = format!("put k {}", "v".repeat(60_000));
    slow.write_all(&frame(&ToNode::Submit(vec![signed(&signer, 0, &value_of_k)])))
        .await
        .expect("it reads");
    // It asks for far more than what the buffers of its connection hold, until it is cut off.
    for round in 0.. {
        let gets = (1..=100).map(|seq| signed(&signer, round * 100 + seq, "get k")).collect();
        if slow.write_all(&frame(&ToNode::Submit(gets))).await.is_err()
            || value(&server.counters().slow) > 0
        {
            break;
        }
    }
    assert_eq!(value(&server.counters().slow), 1);
    let mut good = greeted(&server).await;
    let submit = ToNode::Submit(vec![signed(&signer, u64::MAX, "put l w")]);
    good.write_all(&frame(&submit)).await.expect("it reads");
    assert!(matches!(hear(&mut good).await, Some(ToClient::Answers(_))));
}

#[tokio::test]
async fn a_port_that_is_in_use_says_so_and_one_that_is_dropped_is_free() {
    let (double, server, _signer) = one(Manner::Honest, PortLimits::default()).await;
    let address = server.address();
    let again = serve(double.clone(), address, PortLimits::default()).await;
    assert_eq!(again.err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
    let mut stream = greeted(&server).await;
    drop(server);
    closed(&mut stream).await;
    assert!(TcpStream::connect(address).await.is_err());
    assert_ne!(loopback().port(), address.port());
}
