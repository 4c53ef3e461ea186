//! The task of one inbound stream: greets, then hands over frames.

use std::{io, sync::Arc};

use byzlab_crypto::PartyId;
use futures::AsyncWriteExt;
use libp2p::swarm::Stream;
use tokio::{
    sync::OwnedSemaphorePermit,
    task::coop,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Refused,
    counters::add,
    frames::{End, Frames},
    greeting::{self, Answer, Hello},
    shared::Shared,
};

/// Serves a stream that `from` opened until it ends; its place among `from`'s streams is free
/// then.
pub(super) async fn serve(
    shared: Arc<Shared>,
    from: PartyId,
    mut stream: Stream,
    _place: OwnedSemaphorePermit,
) {
    let due = Instant::now() + shared.limits.greeting_time;
    if !timeout_at(due, is_welcome(&shared, from, &mut stream)).await.unwrap_or_else(|_| {
        shared.tally.refuse(Refused::SlowGreeting);
        false
    }) {
        return;
    }
    let (turn, stopped) = shared.party(from).reading.take_over().await;
    let welcome = greeting::write(&mut stream, &Answer::Welcome);
    if !matches!(timeout(shared.limits.greeting_time, welcome).await, Ok(Ok(()))) {
        return;
    }
    shared.state(from).receiving = true;
    tokio::select! {
        () = take_frames(&shared, from, stream) => {}
        _ = stopped => {}
    }
    shared.state(from).receiving = false;
    drop(turn);
}

/// Reads the greeting, and answers it if it is refused.
async fn is_welcome(shared: &Shared, from: PartyId, stream: &mut Stream) -> bool {
    let hello = match greeting::read::<Hello>(stream).await {
        Ok(hello) => hello,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            shared.tally.refuse(Refused::Malformed);
            shared.problem(from, format!("party {from} sends no greeting: {error}"));
            return false;
        }
        // It went away before it said anything.
        Err(_) => return false,
    };
    let Some(mismatch) = hello.mismatch(&shared.hello(from, shared.own())) else { return true };
    shared.tally.refuse(mismatch.reason);
    shared.problem(from, format!("party {from} is refused: {mismatch}"));
    let answer = Answer::Refused(shared.hello(shared.own(), from));
    // It may be gone already.
    let _ = greeting::write(stream, &answer).await;
    let _ = stream.close().await;
    false
}

async fn take_frames(shared: &Shared, from: PartyId, stream: Stream) {
    let mut frames = Frames::new(stream, shared.limits.frame, shared.limits.frame_time);
    let end = loop {
        match frames.next().await {
            Ok(frame) => {
                add(&shared.tally.frames_in, 1);
                add(&shared.tally.bytes_in, frame.len());
                shared.inbound.frame(from, frame);
                // A stream that always has more must let the others have their turn.
                coop::consume_budget().await;
            }
            Err(end) => break end,
        }
    };
    match end {
        End::Stream(error) => tracing::debug!(%from, ?error, "an inbound stream ended"),
        End::Refused(reason) => {
            shared.tally.refuse(reason);
            shared.problem(from, format!("party {from} is refused: {}", reason.name()));
        }
    }
}
