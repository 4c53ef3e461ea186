//! A session that many share: each asks for one thing and waits for its result.

use std::{collections::BTreeMap, time::Duration};

use byzlab_crypto::Signer;
use tokio::sync::{
    mpsc::{Receiver, Sender, channel},
    oneshot,
};

use super::{Believed, Network, Reach, Session, SessionError};

/// Why a call has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// Too many others wait. It was not asked.
    #[error("too many requests wait already")]
    Busy,
    /// The session came to nothing.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// How many calls wait for the session, and how many requests it has in flight.
const CALLS: usize = 1024;
const IN_FLIGHT: usize = 4096;

struct Call {
    payload: Vec<u8>,
    result: oneshot::Sender<Result<Believed, SessionError>>,
}

/// A session that many share. It ends with the last clone.
#[derive(Clone)]
pub struct Gateway {
    calls: Sender<Call>,
}

impl Gateway {
    /// Opens a session that connects as nodes appear. What is not answered is asked again after
    /// `retry` and given up after `patience`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(network: &Network, signer: Signer, retry: Duration, patience: Duration) -> Gateway {
        let session = Session::open(network, signer, Reach::All, retry);
        let (calls, queue) = channel(CALLS);
        tokio::spawn(run(session, queue, patience));
        Gateway { calls }
    }

    /// Asks for one thing and waits for its result.
    ///
    /// # Errors
    /// There was none. Unless a request was given up it was not executed.
    pub async fn call(&self, payload: Vec<u8>) -> Result<Believed, CallError> {
        let (result, settled) = oneshot::channel();
        self.calls.try_send(Call { payload, result }).map_err(|_| CallError::Busy)?;
        // The session outlives whoever holds this, and settles all it took.
        Ok(settled.await.map_err(|_| CallError::Busy)??)
    }
}

async fn run(mut session: Session, mut calls: Receiver<Call>, patience: Duration) {
    let mut waiting = BTreeMap::new();
    loop {
        while let Some((seq, result)) = session.settled() {
            let asked: Option<oneshot::Sender<_>> = waiting.remove(&seq);
            // Whoever asked may be gone.
            let _ = asked.map(|asked| asked.send(result.map_err(SessionError::from)));
        }
        tokio::select! {
            call = calls.recv(), if waiting.len() < IN_FLIGHT && session.has_room() => {
                let Some(Call { payload, result }) = call else { return };
                let asked = session.reachable().and_then(|()| session.submit(payload, patience));
                match asked {
                    Ok(seq) => drop(waiting.insert(seq, result)),
                    Err(error) => drop(result.send(Err(error))),
                }
            }
            () = session.turn() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{
        PortLimits,
        double::{Manner, network},
    };

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn many_ask_at_once_and_each_hears_of_its_own() {
        let manners = [Manner::Lying, Manner::Honest, Manner::Honest, Manner::Honest];
        let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
        let signer = network.signer(0).expect("two clients");
        let gateway = Gateway::open(&network, signer, LONG, LONG);
        // Nobody is connected yet: it says so at once, and nothing was sent.
        let early = gateway.call(b"put k early".to_vec()).await.expect_err("nobody is there");
        assert!(early.to_string().starts_with("only 0 of 4 nodes can be reached"), "{early}");
        while gateway.call(b"get k".to_vec()).await.is_err() {
            tokio::task::yield_now().await;
        }
        let puts = (0..50).map(|at| {
            let gateway = gateway.clone();
            tokio::spawn(async move {
                let put = gateway.call(format!("put k{at} v{at}").into_bytes()).await;
                assert_eq!(put.expect("it is done").result, b"ok");
                gateway.call(format!("get k{at}").into_bytes()).await.expect("it is done").result
            })
        });
        let puts: Vec<_> = puts.collect();
        for (at, put) in puts.into_iter().enumerate() {
            let result = String::from_utf8(put.await.expect("no panic")).expect("text");
            assert_eq!(result, format!("v{at}"));
        }
        let get = gateway.call(b"get k".to_vec()).await.expect("it is done");
        assert_eq!(get.result, b"", "what was refused was never sent");
    }

    #[tokio::test]
    async fn more_calls_than_there_is_room_for_are_turned_away() {
        let manners = [Manner::Silent; 2];
        let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
        let signer = network.signer(0).expect("two clients");
        let gateway = Gateway::open(&network, signer, LONG, Duration::from_secs(1));
        let unreachable =
            |error: &_| matches!(error, CallError::Session(SessionError::Unreachable { .. }));
        while gateway.call(b"get k".to_vec()).await.is_err_and(|error| unreachable(&error)) {
            tokio::task::yield_now().await;
        }
        let calls: Vec<_> = (0..IN_FLIGHT + CALLS + 1)
            .map(|at| {
                let gateway = gateway.clone();
                tokio::spawn(async move { gateway.call(format!("get k{at}").into_bytes()).await })
            })
            .collect();
        let (mut busy, mut given_up) = (0, 0);
        for call in calls {
            match call.await.expect("no panic").expect_err("nobody answers") {
                CallError::Busy => busy += 1,
                CallError::Session(SessionError::GaveUp(_)) => given_up += 1,
                CallError::Session(other) => panic!("{other}"),
            }
        }
        assert!(busy > 0 && given_up >= CALLS, "{busy} {given_up}");
    }
}
