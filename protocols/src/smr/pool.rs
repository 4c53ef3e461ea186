//! Requests that wait to be ordered.

use std::collections::BTreeMap;

use super::{Block, Chain, MAX_BLOCK_BYTES, Request, RequestId, block::OVERHEAD};
use crate::Time;

/// The most requests that a party keeps waiting; later ones are turned away.
pub const MAX_PENDING: usize = 1_000_000;

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
        block.requests().iter().for_each(|id| self.remove(id));
    }

    /// Takes out a request.
    pub fn remove(&mut self, id: &RequestId) {
        if let Some(at) = self.known.remove(id) {
            self.waiting.remove(&(at, *id));
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

    /// The one that waits longest.
    pub fn oldest(&self) -> Option<&Request> {
        self.waiting.values().next()
    }

    /// The next requests for a block on `parent`: in order, at most `limit` and no more bytes than
    /// a block may have, without those that are on the chain already, decided or not.
    pub fn batch(&self, chain: &Chain, parent: &Block, limit: usize) -> Vec<Request> {
        let undecided = chain.undecided_requests(parent);
        self.next(limit, |id| undecided.contains(id))
    }

    /// The next requests: in order, at most `limit` and no more bytes than a block may have, without
    /// those that are taken care of.
    pub fn next(&self, limit: usize, taken: impl Fn(&RequestId) -> bool) -> Vec<Request> {
        let mut bytes = 4 * OVERHEAD;
        self.waiting
            .iter()
            .filter(|((_, id), _)| !taken(id))
            .map(|(_, request)| request.clone())
            .take(limit)
            .take_while(|request| {
                bytes += request.body().payload.len() + OVERHEAD;
                bytes <= MAX_BLOCK_BYTES
            })
            .collect()
    }
}
