//! A client's connection to one node: kept up, written in batches, read all the while.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use byzlab_crypto::{Digest, PartyId};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc::{Receiver, Sender},
    time::{sleep, timeout},
};

use super::wire::{
    Answer, FRAME, SUBMIT, ToClient, ToNode, VERSION, WATCH, Welcome, frame, frame_of_items, read,
};

/// Something for the node, encoded.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// [`SUBMIT`] or [`WATCH`].
    pub(super) variant: u8,
    pub(super) bytes: Bytes,
}

/// What a link tells its session.
pub(super) enum Event {
    /// The node greeted.
    Up(PartyId),
    /// The node cannot be reached, or no longer, and why.
    Down(PartyId, String),
    /// The node answered.
    Answers(PartyId, Vec<Answer>),
}

/// With whom a link is.
pub(super) struct Peer {
    pub(super) party: PartyId,
    pub(super) address: SocketAddr,
    pub(super) instance: Digest,
    pub(super) n: usize,
    pub(super) f: usize,
}

/// In what time a node has to take a connection and greet.
const GREETING: Duration = Duration::from_secs(5);
/// How long to wait before the first, and at the most before a later attempt to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How many items are written at once.
const ITEMS: usize = 4096;

/// Keeps the link up until its session is gone.
pub(super) async fn run(peer: Peer, mut queue: Receiver<Item>, events: Sender<Event>) {
    let mut backoff = BACKOFF.0;
    loop {
        let greeted = timeout(GREETING, greet(&peer)).await;
        let why = match greeted.unwrap_or_else(|_| Err("no greeting in time".to_owned())) {
            Ok(stream) => {
                backoff = BACKOFF.0;
                // What waited was for the connection before: the session tells all of it again.
                while queue.try_recv().is_ok() {}
                if events.send(Event::Up(peer.party)).await.is_err() {
                    return;
                }
                exchange(&peer, stream, &mut queue, &events).await
            }
            Err(why) => why,
        };
        if events.send(Event::Down(peer.party, why)).await.is_err() {
            return;
        }
        sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

async fn greet(peer: &Peer) -> Result<BufReader<TcpStream>, String> {
    let failed = |error: io::Error| error.to_string();
    let stream = TcpStream::connect(peer.address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let hello = frame(&ToNode::Hello { version: VERSION, instance: peer.instance });
    stream.write_all(&hello).await.map_err(failed)?;
    match read::<ToClient>(&mut stream, FRAME).await.map_err(failed)? {
        Some(ToClient::Welcome(welcome)) => fits(peer, &welcome).map(|()| stream),
        Some(ToClient::Refused(why)) => Err(format!("refused: {why}")),
        Some(ToClient::Answers(_)) => Err("it answers before it greets".to_owned()),
        None => Err("it closed the connection".to_owned()),
    }
}

fn fits(peer: &Peer, welcome: &Welcome) -> Result<(), String> {
    if welcome.party != peer.party {
        return Err(format!("this is party {}, not {}", welcome.party, peer.party));
    }
    let (n, f) = (usize::from(welcome.n), usize::from(welcome.f));
    if (n, f) != (peer.n, peer.f) {
        let (own_n, own_f) = (peer.n, peer.f);
        return Err(format!("it says n = {n}, f = {f}; expected n = {own_n}, f = {own_f}"));
    }
    Ok(())
}

/// Writes and reads until either fails. Both at once: a node that is told much answers much.
async fn exchange(
    peer: &Peer,
    stream: BufReader<TcpStream>,
    queue: &mut Receiver<Item>,
    events: &Sender<Event>,
) -> String {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let result = tokio::select! {
        result = listen(peer.party, &mut reader, events) => result,
        result = tell(&mut writer, queue) => result,
    };
    result.map_or_else(|error| error.to_string(), |()| "it closed the connection".to_owned())
}

async fn listen(
    party: PartyId,
    reader: &mut (impl AsyncRead + Unpin),
    events: &Sender<Event>,
) -> io::Result<()> {
    while let Some(message) = read::<ToClient>(reader, FRAME).await? {
        let ToClient::Answers(answers) = message else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a second greeting"));
        };
        if events.send(Event::Answers(party, answers)).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn tell(
    writer: &mut (impl AsyncWrite + Unpin),
    queue: &mut Receiver<Item>,
) -> io::Result<()> {
    let mut items = Vec::new();
    while queue.recv_many(&mut items, ITEMS).await > 0 {
        for frame in frames(&mut items) {
            writer.write_all(&frame).await?;
        }
        writer.flush().await?;
    }
    Ok(())
}

/// The frames of items, in order, none too long.
fn frames(items: &mut Vec<Item>) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for variant in [SUBMIT, WATCH] {
        let (mut some, mut bytes) = (Vec::new(), 5);
        for item in items.iter().filter(|item| item.variant == variant) {
            if bytes + item.bytes.len() > FRAME {
                frames.push(frame_of_items(variant, &some));
                (some, bytes) = (Vec::new(), 5);
            }
            bytes += item.bytes.len();
            some.push(item.bytes.clone());
        }
        if !some.is_empty() {
            frames.push(frame_of_items(variant, &some));
        }
    }
    items.clear();
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_items_make_several_frames_none_too_long() {
        let item = |variant, length| Item { variant, bytes: vec![0; length].into() };
        let mut items: Vec<_> = (0..40).map(|_| item(SUBMIT, 64 << 10)).collect();
        items.extend([item(WATCH, 10), item(WATCH, 10)]);
        let frames = frames(&mut items);
        assert_eq!(frames.len(), 4);
        let counts = frames.iter().map(|frame| (frame[4], frame[5])).collect::<Vec<_>>();
        assert_eq!(counts, [(SUBMIT, 15), (SUBMIT, 15), (SUBMIT, 10), (WATCH, 2)]);
        assert!(frames.iter().all(|frame| frame.len() <= 4 + FRAME));
        assert!(items.is_empty());
    }
}
