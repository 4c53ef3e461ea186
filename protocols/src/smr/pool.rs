//! Requests that wait to be ordered.

use std::collections::BTreeMap;

use super::{Block, Chain, Request, RequestId};
use crate::Time;

/// The most requests that a party keeps waiting; later ones are turned away.
pub const MAX_PENDING: usize = 100_000;

/// Requests that were submitted and are not in the log, in the order of submission (corrections
/// D3: by instant, client, number).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Pool {
    waiting: BTreeMap<(Time, RequestId), Request>,
    known: BTreeMap<RequestId, Time>,
}

impl Pool {
    /// Takes a request in, once. Says whether it waits now and did not before.
    pub fn submit(&mut self, request: &Request, now: Time) -> bool {
        let id = RequestId::of(request);
        if self.waiting.len() >= MAX_PENDING || self.known.contains_key(&id) {
            return false;
        }
        self.known.insert(id, now);
        self.waiting.insert((now, id), request.clone());
        true
    }

    /// Takes out what a decided block executed.
    pub fn executed(&mut self, block: &Block) {
        for id in block.requests().iter() {
            if let Some(at) = self.known.remove(id) {
                self.waiting.remove(&(at, *id));
            }
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The requests in order.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.waiting.values()
    }

    /// The next requests for a block on `parent`: in order, at most `limit`, without those that
    /// are on the chain already, decided or not.
    pub fn batch(&self, chain: &Chain, parent: &Block, limit: usize) -> Vec<Request> {
        let undecided = chain.undecided_requests(parent);
        self.waiting
            .iter()
            .filter(|((_, id), _)| !undecided.contains(id))
            .map(|(_, request)| request.clone())
            .take(limit)
            .collect()
    }
}
