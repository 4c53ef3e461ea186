//! Lengths and what follows them (N1, N2), and peers that do not read.

use std::time::{Duration, Instant};

use byzlab_live::transport::Refused;
use futures::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::{
    Scene,
    common::{PATIENCE, raw::framed, text, until},
};

/// N1, N2: each wrong length ends the stream, and nothing is handed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_lengths_are_refused_before_anything_is_read_for_them() {
    let scene = Scene::new().await;
    let raw = scene.connect().await;
    let limit = byzlab_live::transport::Limits::default().frame as u32;
    for (count, (bytes, reason)) in [
        (0u32.to_le_bytes().to_vec(), Refused::EmptyFrame),
        (u32::MAX.to_le_bytes().to_vec(), Refused::LongFrame),
        (u64::MAX.to_le_bytes().to_vec(), Refused::LongFrame),
        ((limit + 1).to_le_bytes().to_vec(), Refused::LongFrame),
    ]
    .into_iter()
    .enumerate()
    {
        let mut stream = scene.greeted(&raw).await;
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        scene.refused(reason, count.max(1) as u64).await;
        // The stream ends, the connection does not.
        let end = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
        assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
    }
    assert_eq!(scene.counters().refused(Refused::LongFrame), 3);
    scene.survives().await;
}

/// N1: a body that never comes, or comes by and by, takes no more memory than what came, and ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_trickles_is_cut_off() {
    let scene = Scene::with(|config| {
        config.limits.frame_time = Duration::from_millis(300);
    })
    .await;
    let raw = scene.connect().await;
    let mut stream = scene.greeted(&raw).await;
    stream.write_all(&(16u32 << 20).to_le_bytes()).await.unwrap();
    let trickle = async {
        while stream.write_all(&[0]).await.is_ok() && stream.flush().await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, trickle).await.unwrap();
    assert_eq!(scene.counters().refused(Refused::SlowFrame), 1);
    // The first bytes of a length alone are the beginning of a frame too.
    let mut stream = scene.greeted(&raw).await;
    stream.write_all(&[1, 0]).await.unwrap();
    stream.flush().await.unwrap();
    scene.refused(Refused::SlowFrame, 2).await;
    scene.survives().await;
}

/// N2: a frame of just the limit is a frame; all of it but one byte is kept and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_frames_cost_what_they_are_long() {
    let mut scene = Scene::new().await;
    let raw = scene.connect().await;
    let mut stream = scene.greeted(&raw).await;
    let limit = byzlab_live::transport::Limits::default().frame;
    let piece = vec![7; 1 << 16];
    stream.write_all(&(limit as u32).to_le_bytes()).await.unwrap();
    for _ in 0..limit / piece.len() {
        stream.write_all(&piece).await.unwrap();
    }
    stream.flush().await.unwrap();
    let (from, frame) = scene.honest[0].next().await;
    assert_eq!((from, frame.len()), (scene.seat, limit));
    drop(frame);
    let mut open = Vec::new();
    for _ in 0..3 {
        // Streams of the same peer: one is read at a time, the newest.
        let mut stream = scene.greeted(&raw).await;
        stream.write_all(&(limit as u32).to_le_bytes()).await.unwrap();
        for _ in 0..limit / piece.len() - 1 {
            stream.write_all(&piece).await.unwrap();
        }
        stream.flush().await.unwrap();
        open.push(stream);
    }
    assert!(open[0].write_all(&vec![7; 1 << 20]).await.is_err(), "nobody reads it any more");
    scene.survives().await;
}

/// A peer that accepts and never reads costs what waits for it, and nobody's time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_blocks_nobody() {
    let mut scene = Scene::new().await;
    let mut raw = scene.connect().await;
    let stream = raw.welcome().await.unwrap();
    let mut longest = Duration::ZERO;
    for round in 0..10 {
        for _ in 0..200 {
            let frame = bytes::Bytes::from(vec![1; 64 << 10]);
            let began = Instant::now();
            scene.honest[0].send(scene.seat, frame);
            longest = longest.max(began.elapsed());
        }
        scene.exchange().await;
        assert!(round > 0 || scene.counters().refused.is_empty());
    }
    assert!(longest < Duration::from_secs(1), "a send waited {longest:?}");
    let counters = scene.counters();
    assert!(counters.dropped > 1000, "{} of 2000 dropped", counters.dropped);
    assert!(counters.bytes_out < 4 << 20, "{} bytes written", counters.bytes_out);
    drop((stream, raw));
    // The seat that is gone keeps its queue; what honest parties said was not touched.
    let seat = scene.seat;
    until("the loss is noticed", || !scene.honest[0].link(seat).sending).await;
    scene.exchange().await;
    scene.is_bounded();
}

/// The way back of a one-way stream carries nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_talks_on_a_stream_that_is_not_theirs_loses_it() {
    let scene = Scene::new().await;
    let mut raw = scene.connect().await;
    for count in 1..=3 {
        let mut stream = raw.welcome().await.unwrap();
        let written = async {
            stream.write_all(&framed(&text(1))).await?;
            stream.flush().await
        };
        written.await.unwrap();
        scene.refused(Refused::Chatter, count).await;
    }
    let honest: u64 = scene.honest.iter().map(|party| party.transport.counters().reopened).sum();
    assert!(honest <= 3, "only the streams to the hostile party were opened again");
    scene.goes_on().await;
}
