//! A relay of TCP connections that can be cut.

#![allow(dead_code, reason = "no test uses all of it")]

use libp2p::Multiaddr;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::port;

/// Relays connections to a party, all of them cut at once by asking.
pub(crate) struct Proxy {
    pub(crate) address: Multiaddr,
    cut: tokio::sync::mpsc::UnboundedSender<tokio::sync::oneshot::Sender<usize>>,
    _task: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(target: &Multiaddr) -> Proxy {
        let target = ("127.0.0.1", port(target));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (cut, mut cuts) =
            tokio::sync::mpsc::unbounded_channel::<tokio::sync::oneshot::Sender<usize>>();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut relays = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((mut near, _)) = listener.accept() => {
                        relays.spawn(async move {
                            let mut far = TcpStream::connect(target).await.unwrap();
                            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                        });
                    }
                    Some(_) = relays.join_next() => {}
                    Some(done) = cuts.recv() => {
                        let live = relays.len();
                        relays.shutdown().await;
                        done.send(live).unwrap();
                    }
                }
            }
        });
        let address = format!("/ip4/127.0.0.1/tcp/{own}").parse().unwrap();
        Proxy { address, cut, _task: task }
    }

    /// Cuts what there is, and says how many connections that was.
    pub(crate) async fn cut(&self) -> usize {
        let (done, cut) = tokio::sync::oneshot::channel();
        self.cut.send(done).unwrap();
        cut.await.unwrap()
    }
}
