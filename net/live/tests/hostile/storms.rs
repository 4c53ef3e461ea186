//! Too many of everything (N7, N15).

use byzlab_live::transport::Refused;
use futures::AsyncWriteExt;

use crate::{
    Scene,
    common::{
        Party, config,
        raw::{FRAMES, ask, framed, tcp},
        text, until,
    },
};

/// N7: a thousand connections that say nothing. Those that are there go on; who comes anew gets in
/// once they are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_that_say_nothing() {
    let mut scene = Scene::with(|config| {
        config.limits.greeting_time = std::time::Duration::from_secs(2);
        config.limits.handshakes = 100;
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..1000 {
        silent.push(tcp(&scene.target()).await.unwrap());
    }
    scene.exchange().await;
    scene.refused(Refused::Connections, 800).await;
    let raw = loop {
        // Refused while the others are waited for.
        match crate::Raw::connect(&scene.target(), &scene.key).await {
            Ok(raw) => break raw,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    scene.greeted(&raw).await;
    drop(silent);
    scene.survives().await;
}

/// N7: a thousand streams on one connection, half of them with a greeting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_of_one_peer() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    let mut streams = Vec::new();
    for number in 0..1000 {
        let Ok(mut stream) = raw.open().await else { break };
        if ask(&mut stream, FRAMES).await.is_ok() && number % 2 == 0 {
            let _ = stream.write_all(&scene.hello()).await;
            let _ = stream.flush().await;
        }
        streams.push(stream);
    }
    assert_eq!(streams.len(), 1000);
    scene.refused(Refused::Streams, 900).await;
    drop(streams);
    // Its places are free again.
    until("a stream is welcome", || scene.counters().refused(Refused::Streams) >= 900).await;
    scene.survives().await;
}

/// A stream that opens with as much as its window holds and is never granted costs nothing for
/// long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_full_of_bytes_that_nobody_asked_for() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    let bytes = vec![0xff; 200 << 10];
    for _ in 0..300 {
        let Ok(mut stream) = raw.open().await else { break };
        let _ = stream.write_all(&bytes).await;
    }
    drop(raw);
    scene.survives().await;
}

/// N15: connections one after the other, as fast as they can be made. Those that come before the
/// ones they replace are gone may be too many; the peer gets in all the same, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_connections_of_one_peer() {
    let mut scene = Scene::new().await;
    let mut heard = 0;
    for round in 0..300u64 {
        let Ok(raw) = crate::Raw::connect(&scene.target(), &scene.key).await else { continue };
        if round % 2 == 0 {
            let Ok((mut stream, answer)) = raw.greet(&scene.hello()).await else { continue };
            assert_eq!(answer, [0], "welcome");
            stream.write_all(&framed(&text(round))).await.unwrap();
            stream.flush().await.unwrap();
            assert_eq!(scene.honest[0].next().await, (scene.seat, text(round)));
            heard += 1;
        }
        if round % 30 == 0 {
            scene.exchange().await;
        }
    }
    assert!(heard > 50, "only {heard} of 150 were let in");
    scene.survives().await;
}

/// Frames as fast as they can be written, on all links of the hostile party.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames() {
    let mut scene = Scene::new().await;
    let raw = scene.connect().await;
    let mut stream = scene.greeted(&raw).await;
    let seat = scene.seat;
    let flood = tokio::spawn(async move {
        let frames = framed(&[7; 100]).repeat(500);
        for _ in 0..200 {
            stream.write_all(&frames).await.unwrap();
        }
        stream.flush().await.unwrap();
        stream
    });
    // Honest frames come between those of the flood.
    scene.honest[1].send(scene.seats[0], text(scene.said));
    let mut honest = 0;
    for _ in 0..=100_000 {
        let (from, frame) = scene.honest[0].next().await;
        honest += u64::from(from != seat);
        assert_eq!(frame.len() == 100, from == seat);
    }
    assert_eq!(honest, 1);
    drop(flood.await.unwrap());
    scene.survives().await;
}

/// A party that starts while its peer is under attack gets in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_party_returns_during_a_storm() {
    let mut scene = Scene::new().await;
    let storm = {
        let (target, key) = (scene.target(), scene.key.clone());
        tokio::spawn(async move {
            loop {
                let _ = crate::Raw::connect(&target, &key).await;
            }
        })
    };
    let seat = scene.seats[2];
    let away = scene.honest.pop().unwrap();
    drop(away);
    // What is written before that is lost with the connection.
    until("the loss is noticed", || scene.honest.iter().all(|party| !party.link(seat).sending))
        .await;
    let back = Party::start(config(seat, 4)).await;
    scene.honest.push(back);
    scene.introduce();
    scene.exchange().await;
    storm.abort();
    scene.is_bounded();
}
