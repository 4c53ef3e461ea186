//! Connections that are wrong (N6, N7, N8, N13, N14).

use std::time::Duration;

use byzlab_crypto::PartyId;
use byzlab_live::transport::Refused;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::identity::Keypair;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    Scene,
    common::{
        PATIENCE, keys, port,
        raw::{Raw, ask, framed, secure, tcp},
        table, until,
    },
};

/// N6: an identity of nobody is refused, and so is one who should have waited to be dialled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_those_who_should_wait_are_refused() {
    let scene = Scene::new().await;
    let stranger = Keypair::ed25519_from_bytes([9; 32]).unwrap();
    for _ in 0..5 {
        if let Ok(raw) = Raw::connect(&scene.target(), &stranger).await {
            raw.gone().await;
        }
    }
    scene.refused(Refused::Stranger, 5).await;
    // The key of an honest party, stolen, that the target dials itself.
    let dials = |other: &&usize| table(scene.seats[0], 4).dials(PartyId(**other as u16));
    let dialled = scene.seats[1..].iter().find(dials);
    let (dialled, target) = match dialled {
        Some(dialled) => (*dialled, 0),
        None => (scene.seats[0], 1),
    };
    let secret = keys(4, 7).0[dialled].secret_key().unwrap();
    let key = Keypair::ed25519_from_bytes(secret).unwrap();
    let party = &scene.honest[target];
    if let Ok(raw) = Raw::connect(&party.address(), &key).await {
        raw.gone().await;
    }
    let refused = || party.transport.counters().refused(Refused::WrongDialer);
    until("the wrong one dialled", || refused() == 1).await;
    scene.survives().await;
}

/// N6: of two connections of one key the newer counts, and of two streams the newer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_has_one_connection_and_one_stream() {
    let mut scene = Scene::new().await;
    let first = scene.connect().await;
    let mut streams = [scene.greeted(&first).await, scene.greeted(&first).await];
    let ended = timeout(PATIENCE, streams[0].read(&mut [0])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "the older stream is read no more");
    let second = scene.connect().await;
    timeout(PATIENCE, first.gone()).await.expect("the older connection is closed");
    let mut stream = scene.greeted(&second).await;
    stream.write_all(&framed(b"new")).await.unwrap();
    stream.flush().await.unwrap();
    let (from, frame) = scene.honest[0].next().await;
    assert_eq!((from, &*frame), (scene.seat, &b"new"[..]));
    scene.survives().await;
}

/// N8: what is no frame of the multiplexer ends the connection; breaches of its rules are told off,
/// and lead nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_multiplexing_leads_nowhere() {
    let scene = Scene::new().await;
    let header = |kind: u8, flags: u16, stream: u32, length: u32| {
        let (flags, stream) = (flags.to_be_bytes(), stream.to_be_bytes());
        [&[0, kind][..], &flags, &stream, &length.to_be_bytes()].concat()
    };
    let open = || header(1, 1, 1, 0);
    let data = |length: u32| [header(0, 0, 1, length), vec![0; length as usize]].concat();
    let ends = [
        vec![0xff; 1000],
        header(9, 0, 1, 0),
        // Larger than any frame may be.
        header(0, 1, 1, u32::MAX),
    ];
    let told_off = [
        // Credit beyond what can be counted.
        [open(), header(1, 0, 1, u32::MAX), header(1, 0, 1, u32::MAX)].concat(),
        // More than the window of a new stream.
        [header(0, 1, 1, (256 << 10) + 1), vec![0; (256 << 10) + 1]].concat(),
        [open(), data(256 << 10), data(1)].concat(),
        // A stream that is opened twice, and one with the other end's number.
        [open(), open()].concat(),
        header(1, 1, 2, 0),
    ];
    for (case, bytes) in ends.iter().chain(&told_off).enumerate() {
        let mut io = secure(&scene.target(), &scene.key).await.unwrap();
        assert_eq!(ask(&mut io, "/yamux/1.0.0").await.unwrap(), "/yamux/1.0.0");
        // The other end may close before all is written.
        let _ = io.write_all(bytes).await;
        let _ = io.flush().await;
        if case < ends.len() {
            scene.refused(Refused::Multiplexing, case as u64 + 1).await;
            continue;
        }
        let go_away = async {
            let mut came = Vec::new();
            while !came.windows(12).any(|frame| frame[..8] == [0, 3, 0, 0, 0, 0, 0, 0]) {
                let mut piece = [0; 100];
                match io.read(&mut piece).await {
                    Ok(count @ 1..) => came.extend_from_slice(&piece[..count]),
                    _ => return,
                }
            }
        };
        timeout(PATIENCE, go_away).await.expect("it is told to go away");
    }
    scene.survives().await;
}

/// N7: what is no handshake, or none that ends, is given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_wrong_handshakes_are_given_up() {
    let scene = Scene::with(|config| {
        config.limits.greeting_time = Duration::from_millis(700);
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tcp(&scene.target()).await.unwrap());
    }
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4000], &[0; 4000]] {
        let mut io = tcp(&scene.target()).await.unwrap();
        let _ = io.write_all(bytes).await;
        let _ = io.flush().await;
        silent.push(io);
    }
    let mut half = tcp(&scene.target()).await.unwrap();
    ask(&mut half, "/noise").await.unwrap();
    half.write_all(&[0xff, 0xff, 1, 2, 3]).await.unwrap();
    half.flush().await.unwrap();
    scene.refused(Refused::Handshake, 24).await;
    scene.survives().await;
}

/// N13: what an earlier connection said, said again, proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_connection_says_nothing() {
    let scene = Scene::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
    let target = ("127.0.0.1", port(&scene.target()));
    let tape = tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(target).await.unwrap();
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
            (near.into_split(), far.into_split());
        let back = tokio::spawn(async move { copy(&mut from_far, &mut to_near).await });
        let mut tape = Vec::new();
        let mut piece = vec![0; 4096];
        while let Ok(count @ 1..) = from_near.read(&mut piece).await {
            tape.extend_from_slice(&piece[..count]);
            to_far.write_all(&piece[..count]).await.unwrap();
        }
        back.abort();
        tape
    });
    let raw = Raw::connect(&own.parse().unwrap(), &scene.key).await.unwrap();
    let mut stream = scene.greeted(&raw).await;
    stream.write_all(&framed(b"once")).await.unwrap();
    stream.flush().await.unwrap();
    let mut scene = scene;
    assert_eq!(&*scene.honest[0].next().await.1, b"once");
    drop((stream, raw));
    let tape = tape.await.unwrap();
    assert!(tape.len() > 300, "the whole connection is on the tape");
    for _ in 0..5 {
        let mut io = TcpStream::connect(target).await.unwrap();
        let _ = io.write_all(&tape).await;
        let _ = timeout(PATIENCE, io.read_to_end(&mut Vec::new())).await.unwrap();
    }
    scene.refused(Refused::Handshake, 5).await;
    scene.survives().await;
}

/// N14: a connection that is reset after each byte of its beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_may_break_at_each_byte_of_its_beginning() {
    let scene = Scene::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port());
    let own = own.parse().unwrap();
    let target = ("127.0.0.1", port(&scene.target()));
    let mut whole = false;
    let mut bytes = 0;
    while !whole {
        let client = async {
            let raw = Raw::connect(&own, &scene.key).await.ok()?;
            raw.greet(&scene.hello()).await.ok()
        };
        let relay = async {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(target).await.unwrap();
            let (mut from_near, mut to_near) = near.split();
            let (mut from_far, mut to_far) = far.split();
            let mut first = (&mut from_near).take(bytes);
            let back = copy(&mut from_far, &mut to_near);
            tokio::select! {
                _ = copy(&mut first, &mut to_far) => {}
                _ = back => {}
            }
            // Reset, not closed: what is unread is thrown away.
            far.set_zero_linger().unwrap();
            near.set_zero_linger().unwrap();
        };
        tokio::select! {
            greeted = client => whole = greeted.is_some(),
            () = relay => {}
        }
        bytes += 1;
    }
    assert!(bytes > 300, "a handshake and a greeting have more than {bytes} bytes");
    until("broken handshakes are counted", || scene.counters().refused(Refused::Handshake) > 100)
        .await;
    scene.survives().await;
}
