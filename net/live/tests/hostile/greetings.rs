//! Greetings that are wrong (N5, N6, N9, N10).

use std::time::Duration;

use byzlab_crypto::Digest;
use byzlab_live::transport::{Greeting, Refused};
use futures::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::{
    Scene,
    common::{
        PATIENCE, greeting,
        raw::{FRAMES, ask, framed, hello},
        text,
    },
};

/// N5, N6: whoever is of another instance, protocol, version or scenario, or says that it is
/// somebody else, is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_greetings_are_answered_and_counted() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    let (seat, other, to) = (scene.seat, scene.seats[1], scene.seats[0]);
    let changed = |change: fn(&mut Greeting)| {
        let mut greeting = greeting();
        change(&mut greeting);
        hello(seat, to, &greeting)
    };
    for (bytes, reason) in [
        (changed(|greeting| greeting.instance = Digest::ZERO), Refused::Instance),
        (changed(|greeting| greeting.protocol = "\u{1b}[2J".to_owned()), Refused::Protocol),
        (changed(|greeting| greeting.version = "0".to_owned()), Refused::Version),
        (changed(|greeting| greeting.scenario = Digest::ZERO), Refused::Scenario),
        (hello(other, to, &greeting()), Refused::Seat),
        (hello(to, to, &greeting()), Refused::Seat),
        (hello(seat, other, &greeting()), Refused::Seat),
        (hello(seat, 999, &greeting()), Refused::Seat),
    ] {
        let before = scene.counters().refused(reason);
        let (mut stream, answer) = raw.greet(&bytes).await.unwrap();
        assert_eq!(answer[0], 1, "refused");
        assert_eq!(scene.counters().refused(reason), before + 1);
        // Frames may be written all the same, and go nowhere.
        let _ = stream.write_all(&framed(&text(1))).await;
        let problem = scene.honest[0].link(seat).problem.unwrap();
        let quiet = problem.chars().all(|char| !char.is_control());
        assert!(quiet && problem.contains(reason.name()), "{problem:?}");
    }
    scene.survives().await;
}

/// N5, N9: what is no greeting, or not the only encoding of one, or too long, or not text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_greetings_are_counted() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    let right = scene.hello();
    let with_length = |body: &[u8]| [&(body.len() as u16).to_le_bytes()[..], body].concat();
    let mut longer = right[2..].to_vec();
    longer.push(0);
    let mut no_text = right.clone();
    let at = no_text.windows(4).position(|four| four == b"test").unwrap();
    no_text[at] = 0xff;
    let mut huge = right.clone();
    huge[at - 4..at].fill(0xff);
    let cases = [
        with_length(&[]),
        with_length(&[0; 3]),
        with_length(&longer),
        with_length(&[b'x'; 513]),
        vec![0xff; 2],
        no_text,
        huge,
    ];
    let count = cases.len() as u64;
    for (index, bytes) in cases.into_iter().enumerate() {
        raw.greet(&bytes).await.expect_err("no answer");
        scene.refused(Refused::Malformed, index as u64 + 1).await;
    }
    assert_eq!(scene.counters().refused(Refused::Malformed), count);
    scene.survives().await;
}

/// N7: a greeting that begins and does not end is given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_greetings_are_given_up() {
    let scene = Scene::with(|config| {
        config.limits.greeting_time = Duration::from_millis(500);
    })
    .await;
    let raw = scene.connect().await;
    let mut streams = Vec::new();
    for cut in [0, 1, 2, 10] {
        let mut stream = raw.open().await.unwrap();
        assert_eq!(ask(&mut stream, FRAMES).await.unwrap(), FRAMES);
        stream.write_all(&scene.hello()[..cut]).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    scene.refused(Refused::SlowGreeting, 4).await;
    scene.survives().await;
}

/// N9, N10: no other protocol is spoken on a connection, whatever is sent in its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_protocols_are_not_spoken() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    for protocol in
        ["/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.1.0", "/byzlab/frames/1", "\u{fffd}"]
    {
        let mut stream = raw.open().await.unwrap();
        let asked = timeout(PATIENCE, ask(&mut stream, protocol)).await.unwrap();
        assert!(asked.is_err() || asked.as_deref().is_ok_and(|answer| answer == "na"));
        let _ = stream.write_all(&[scene.hello(), framed(&text(1))].concat()).await;
        let _ = stream.flush().await;
    }
    // A name of any length is not waited for.
    let mut stream = raw.open().await.unwrap();
    let _ = stream.write_all(&[0xff; 100]).await;
    let _ = stream.flush().await;
    let end = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(end.is_ok() || end.is_err(), "it ends, one way or another");
    assert_eq!(scene.counters().frames_in, 40, "only those of honest parties");
    scene.survives().await;
}
