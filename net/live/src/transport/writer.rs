//! The task that sends one party what waits for it: opens a stream, greets, writes, and does so
//! again when the stream is lost.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use byzlab_crypto::PartyId;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::swarm::Stream;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    Refused,
    backoff::Backoff,
    counters::add,
    frames::PREFIX,
    greeting::{self, Answer},
    hub::Command,
    shared::Shared,
};

/// Frames from this length on are written on their own, not copied together.
const LONG: usize = 16 * 1024;

/// Sends `to` what waits for it until the queue is closed.
pub(super) async fn run(shared: Arc<Shared>, to: PartyId, hub: mpsc::UnboundedSender<Command>) {
    let mut backoff = Backoff::new(&format!("{} writes to {to}", shared.own()));
    let mut opened = false;
    let queue = &shared.party(to).queue;
    loop {
        let stream = tokio::select! {
            stream = open(&shared, to, &hub) => stream,
            () = queue.closed() => return,
        };
        let worked = stream.is_ok();
        let problem = match stream {
            Err(problem) => problem,
            Ok(stream) => {
                add(&shared.tally.opened, 1);
                add(&shared.tally.reopened, usize::from(opened));
                opened = true;
                backoff.works();
                {
                    let mut state = shared.state(to);
                    state.sending = true;
                    state.problem = None;
                }
                let lost = write_frames(&shared, to, stream).await;
                shared.state(to).sending = false;
                match lost {
                    Ok(()) => return,
                    Err(error) => format!("the stream to party {to} was lost: {error}"),
                }
            }
        };
        shared.problem(to, problem);
        tokio::select! {
            () = sleep(backoff.failed(worked)) => {}
            () = queue.closed() => return,
        }
    }
}

/// A stream that was greeted and welcomed.
async fn open(
    shared: &Shared,
    to: PartyId,
    hub: &mpsc::UnboundedSender<Command>,
) -> Result<Stream, String> {
    let (reply, stream) = oneshot::channel();
    let gone = || format!("there is no connection to party {to}");
    hub.send(Command::Open(to, reply)).map_err(|_| gone())?;
    let mut stream = stream
        .await
        .map_err(|_| gone())?
        .map_err(|error| format!("party {to} accepts no stream: {error}"))?;
    let hello = shared.hello(shared.own(), to);
    let greet = async {
        greeting::write(&mut stream, &hello).await?;
        greeting::read::<Answer>(&mut stream).await
    };
    match timeout(shared.limits.greeting_time, greet).await {
        Ok(Ok(Answer::Welcome)) => Ok(stream),
        Ok(Ok(Answer::Refused(theirs))) => {
            Err(match theirs.mismatch(&shared.hello(to, shared.own())) {
                Some(mismatch) => format!("party {to} refuses us: {mismatch}"),
                None => format!("party {to} refuses us and does not say why"),
            })
        }
        Ok(Err(error)) => Err(format!("party {to} does not answer the greeting: {error}")),
        Err(_) => Err(format!("party {to} does not answer the greeting in time")),
    }
}

/// Writes frames until the queue is closed and empty, or the stream is lost.
async fn write_frames(shared: &Shared, to: PartyId, mut stream: Stream) -> io::Result<()> {
    let queue = &shared.party(to).queue;
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    loop {
        // Nothing comes back on this stream but its end.
        let mut byte = [0];
        let more = tokio::select! {
            biased;
            more = queue.take(&mut batch) => more,
            read = stream.read(&mut byte) => {
                if read? > 0 {
                    shared.tally.refuse(Refused::Chatter);
                    return Err(io::Error::other("the other end talks on a one-way stream"));
                }
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        if !more {
            return close(stream).await;
        }
        let total = batch.iter().map(Bytes::len).sum();
        if let Err(error) = write(&mut stream, &batch, &mut bytes).await {
            add(&shared.tally.lost, batch.len());
            return Err(error);
        }
        shared.tally.frames_out.fetch_add(batch.len() as u64, Ordering::Relaxed);
        add(&shared.tally.bytes_out, total);
        batch.clear();
    }
}

/// Closes, and waits until the other end has read all and lets go of the stream too: what was
/// written may still wait in a buffer that is lost with the connection.
async fn close(mut stream: Stream) -> io::Result<()> {
    stream.close().await?;
    // An error is an end like any other.
    let _ = stream.read(&mut [0]).await;
    Ok(())
}

/// Writes a batch with few writes: short frames together, long ones without copying them.
async fn write(stream: &mut Stream, batch: &[Bytes], together: &mut Vec<u8>) -> io::Result<()> {
    together.clear();
    for frame in batch {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        together.extend_from_slice(&length.to_le_bytes());
        if frame.len() < LONG {
            together.extend_from_slice(frame);
        }
        if frame.len() >= LONG || together.len() >= LONG - PREFIX {
            stream.write_all(together).await?;
            together.clear();
        }
        if frame.len() >= LONG {
            stream.write_all(frame).await?;
        }
    }
    stream.write_all(together).await?;
    stream.flush().await
}
