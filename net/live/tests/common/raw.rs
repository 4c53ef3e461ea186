//! A peer that keeps no rule: libp2p by hand, layer by layer.

#![allow(dead_code, reason = "no test uses all of it")]

use std::{io, pin::Pin, task::Poll};

use byzlab_crypto::PartyId;
use byzlab_live::transport::Greeting;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{
    Multiaddr,
    core::{
        StreamMuxer,
        muxing::{StreamMuxerBox, SubstreamBox},
        upgrade::OutboundConnectionUpgrade,
    },
    identity::Keypair,
    noise,
    tcp::tokio::TcpStream,
    yamux,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::port;

pub(crate) const FRAMES: &str = "/byzlab/frames/2";

pub(crate) async fn tcp(address: &Multiaddr) -> io::Result<TcpStream> {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port(address))).await?;
    socket.set_nodelay(true)?;
    Ok(TcpStream(socket))
}

/// A line of the negotiation of protocols.
pub(crate) fn line(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len() + 1).unwrap();
    [&[length], text.as_bytes(), b"\n"].concat()
}

async fn read_line(io: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut length = [0];
    io.read_exact(&mut length).await?;
    let mut text = vec![0; length[0].into()];
    io.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

/// Asks for a protocol; says what the other end answers.
pub(crate) async fn ask(
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
    protocol: &str,
) -> io::Result<String> {
    io.write_all(&[line("/multistream/1.0.0"), line(protocol)].concat()).await?;
    io.flush().await?;
    read_line(io).await?;
    read_line(io).await
}

/// Grants whatever protocol is asked for.
pub(crate) async fn grant(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<String> {
    let header = read_line(io).await?;
    let protocol = read_line(io).await?;
    io.write_all(&[line(&header), line(&protocol)].concat()).await?;
    io.flush().await?;
    Ok(protocol)
}

pub(crate) type Secure = noise::Output<TcpStream>;

/// A connection on which the key was proved.
pub(crate) async fn secure(address: &Multiaddr, key: &Keypair) -> io::Result<Secure> {
    let mut socket = tcp(address).await?;
    ask(&mut socket, "/noise").await?;
    let config = noise::Config::new(key).map_err(io::Error::other)?;
    let upgrade = config.upgrade_outbound(socket, "/noise");
    upgrade.await.map(|(_, secure)| secure).map_err(io::Error::other)
}

/// A connection with streams. Streams that the other end opens wait, unanswered, to be accepted.
pub(crate) struct Raw {
    wishes: mpsc::UnboundedSender<oneshot::Sender<io::Result<SubstreamBox>>>,
    came: mpsc::UnboundedReceiver<SubstreamBox>,
    task: JoinHandle<()>,
}

impl Raw {
    pub(crate) async fn connect(address: &Multiaddr, key: &Keypair) -> io::Result<Raw> {
        let mut secure = secure(address, key).await?;
        ask(&mut secure, "/yamux/1.0.0").await?;
        let mut config = yamux::Config::default();
        config.set_max_num_streams(4000);
        let muxer = config.upgrade_outbound(secure, "/yamux/1.0.0").await?;
        let (wishes, wished) = mpsc::unbounded_channel();
        let (coming, came) = mpsc::unbounded_channel();
        let task = tokio::spawn(drive(StreamMuxerBox::new(muxer), wished, coming));
        Ok(Raw { wishes, came, task })
    }

    pub(crate) async fn open(&self) -> io::Result<SubstreamBox> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        let (reply, stream) = oneshot::channel();
        self.wishes.send(reply).map_err(|_| gone())?;
        stream.await.map_err(|_| gone())?
    }

    /// Opens a stream for frames and greets.
    pub(crate) async fn greet(&self, hello: &[u8]) -> io::Result<(SubstreamBox, Vec<u8>)> {
        let mut stream = self.open().await?;
        ask(&mut stream, FRAMES).await?;
        stream.write_all(hello).await?;
        stream.flush().await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut answer = vec![0; u16::from_le_bytes(length).into()];
        stream.read_exact(&mut answer).await?;
        Ok((stream, answer))
    }

    /// The next stream that the other end opens.
    pub(crate) async fn accept(&mut self) -> Option<SubstreamBox> {
        self.came.recv().await
    }

    /// Accepts a stream of frames and welcomes whoever opens it.
    pub(crate) async fn welcome(&mut self) -> io::Result<SubstreamBox> {
        let mut stream = self.accept().await.ok_or(io::ErrorKind::NotConnected)?;
        grant(&mut stream).await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut hello = vec![0; u16::from_le_bytes(length).into()];
        stream.read_exact(&mut hello).await?;
        stream.write_all(&[1, 0, 0]).await?;
        stream.flush().await?;
        Ok(stream)
    }

    /// Waits until the connection is gone.
    pub(crate) async fn gone(mut self) {
        (&mut self.task).await.unwrap();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Wish = oneshot::Sender<io::Result<SubstreamBox>>;

/// Keeps a connection going until it is gone.
async fn drive(
    mut muxer: StreamMuxerBox,
    mut wished: mpsc::UnboundedReceiver<Wish>,
    coming: mpsc::UnboundedSender<SubstreamBox>,
) {
    let mut waiting: Vec<Wish> = Vec::new();
    std::future::poll_fn(|cx| {
        let mut muxer = Pin::new(&mut muxer);
        while let Poll::Ready(Some(wish)) = wished.poll_recv(cx) {
            waiting.push(wish);
        }
        while let Some(wish) = waiting.pop() {
            match muxer.as_mut().poll_outbound(cx) {
                Poll::Ready(stream) => _ = wish.send(stream.map_err(io::Error::other)),
                Poll::Pending => {
                    waiting.push(wish);
                    break;
                }
            }
        }
        while let Poll::Ready(stream) = muxer.as_mut().poll_inbound(cx) {
            let Ok(stream) = stream else { return Poll::Ready(()) };
            let _ = coming.send(stream);
        }
        match muxer.poll(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

/// The first words on a stream, with their length.
pub(crate) fn hello(from: usize, to: usize, greeting: &Greeting) -> Vec<u8> {
    let (from, to) = (PartyId(from as u16), PartyId(to as u16));
    let body = borsh::to_vec(&(from, to, greeting)).unwrap();
    [&(body.len() as u16).to_le_bytes()[..], &body].concat()
}

/// A frame with its length.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_le_bytes()[..], frame].concat()
}
