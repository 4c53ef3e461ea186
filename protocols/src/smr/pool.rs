//! Requests that wait to be ordered.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;

use super::{Block, Chain, MAX_BLOCK_BYTES, Request, RequestId, block::OVERHEAD};
use crate::{Context, Time};

/// The most bytes that a party keeps of requests of one client that wait; later ones are turned
/// away, and the client asks again. With very many clients each has an equal part of [`MAX_WAITING`].
pub const MAX_SHARE: usize = 32 << 20;

/// The most bytes that a party keeps of requests that wait, of all clients.
pub const MAX_WAITING: usize = 1 << 30;

/// What a request takes in a pool, in bytes: its payload, and this for all else.
const PLACE: usize = 256;

/// The bytes that a request of so long a payload takes in a pool.
pub fn weight(payload: usize) -> usize {
    payload + PLACE
}

/// The most bytes that a party keeps of requests of one of so many clients.
pub fn share(clients: usize) -> usize {
    MAX_SHARE.min(MAX_WAITING / clients.max(1))
}

/// Requests that were submitted and are not in the log, in the order of submission (corrections
/// D3: by instant, client, number).
///
/// Each client has a share of its own, so that one that asks for more than can be ordered delays
/// what others ask for by its share at the most, and keeps nothing of theirs out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pool {
    waiting: BTreeMap<(Time, RequestId), Request>,
    known: BTreeMap<RequestId, Time>,
    /// The bytes of each client that has any waiting.
    held: BTreeMap<PartyId, usize>,
    /// The bytes that a client may have waiting.
    share: usize,
}

impl Pool {
    /// A pool with nothing in it, for the clients of an instance.
    pub fn new(context: &Context) -> Pool {
        let share = share(context.clients.len());
        let (waiting, known, held) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Pool { waiting, known, held, share }
    }

    /// Takes a request in, once, if its client's share has room. Says whether it waits now and did
    /// not before.
    pub fn submit(&mut self, request: &Request, now: Time) -> bool {
        let id = RequestId::of(request);
        if self.known.contains_key(&id) {
            return false;
        }
        let held = self.held.get(&id.client).copied().unwrap_or(0);
        let held = held + weight(request.body().payload.len());
        if held > self.share {
            return false;
        }
        self.held.insert(id.client, held);
        self.known.insert(id, now);
        self.waiting.insert((now, id), request.clone());
        true
    }

    /// Whether a request of this name waits.
    pub fn contains(&self, id: &RequestId) -> bool {
        self.known.contains_key(id)
    }

    /// Takes out what a decided block executed.
    pub fn executed(&mut self, block: &Block) {
        block.requests().iter().for_each(|id| self.remove(id));
    }

    /// Takes out a request.
    pub fn remove(&mut self, id: &RequestId) {
        let Some(at) = self.known.remove(id) else { return };
        let Some(request) = self.waiting.remove(&(at, *id)) else { return };
        let held = self.held.entry(id.client).or_default();
        *held -= weight(request.body().payload.len());
        if *held == 0 {
            self.held.remove(&id.client);
        }
    }

    /// Whether anything waits that came by then.
    pub fn waits_since(&self, by: Time) -> bool {
        self.waiting.first_key_value().is_some_and(|((at, _), _)| *at <= by)
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

    /// The next requests for a block on `parent`: those that came by a time, in order, at most `limit`
    /// and no more bytes than a block may have, without those that are on the chain already, decided
    /// or not.
    pub fn batch(&self, chain: &Chain, parent: &Block, limit: usize, by: Time) -> Vec<Request> {
        let undecided = chain.undecided_requests(parent);
        self.next(limit, MAX_BLOCK_BYTES, by, |id| undecided.contains(id))
    }

    /// The next requests: those that came by a time, in order, at most `limit` and no more bytes in a
    /// block than `most`, without those that are taken care of.
    pub fn next(
        &self,
        limit: usize,
        most: usize,
        by: Time,
        taken: impl Fn(&RequestId) -> bool,
    ) -> Vec<Request> {
        let mut bytes = 4 * OVERHEAD;
        self.waiting
            .iter()
            .take_while(|((at, _), _)| *at <= by)
            .filter(|((_, id), _)| !taken(id))
            .map(|(_, request)| request.clone())
            .take(limit)
            .take_while(|request| {
                bytes += request.body().payload.len() + OVERHEAD;
                bytes <= most
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use byzlab_crypto::{Committee, Digest, KeyRing, Scheme, Signer};

    use super::*;
    use crate::{Command, Leaders, Span, smr::MAX_PAYLOAD};

    fn pool(count: usize) -> (Pool, Vec<Signer>) {
        let ring = |purpose, count| {
            KeyRing::insecure_from_seed(Scheme::Ideal, Digest::ZERO, purpose, count, &[0; 32])
                .expect("so many keys are possible")
        };
        let ((parties, _), (clients, signers)) = (ring("party", 4), ring("client", count));
        let context = Context {
            committee: Committee::new(parties, 1).expect("4 parties tolerate 1"),
            clients,
            leaders: Leaders::RoundRobin(PartyId(0)),
            delta: Span::millis(100),
        };
        (Pool::new(&context), signers)
    }

    fn request(signer: &Signer, seq: u64, length: usize) -> Request {
        Arc::new(signer.sign(Command { seq, payload: vec![0; length] }))
    }

    fn bytes(pool: &Pool) -> usize {
        pool.waiting.values().map(|request| weight(request.body().payload.len())).sum()
    }

    #[test]
    fn a_greedy_client_fills_its_share_and_keeps_nobody_out() {
        let (mut pool, clients) = pool(2);
        let most = MAX_SHARE / weight(MAX_PAYLOAD);
        let at = Time::ZERO.after(Span::millis(1));
        for seq in 0..most as u64 + 100 {
            let taken = pool.submit(&request(&clients[0], seq, MAX_PAYLOAD), at);
            assert_eq!(taken, seq < most as u64, "{seq}");
        }
        assert!(bytes(&pool) <= MAX_SHARE);
        assert!(!pool.submit(&request(&clients[0], 1, MAX_PAYLOAD), at), "it waits already");
        let honest = request(&clients[1], 1, MAX_PAYLOAD);
        assert!(pool.submit(&honest, at.after(Span::millis(1))));
        // Whatever the greedy one asks for in place of what is ordered comes after it.
        for seq in 0..most as u64 {
            pool.remove(&RequestId { client: PartyId(0), seq });
            let later = request(&clients[0], 10_000 + seq, MAX_PAYLOAD);
            assert!(pool.submit(&later, at.after(Span::millis(2))), "there is room again");
        }
        assert_eq!(pool.oldest(), Some(&honest));
        pool.remove(&RequestId::of(&honest));
        assert_eq!((pool.held.len(), pool.held[&PartyId(0)]), (1, bytes(&pool)));
    }

    #[test]
    fn small_requests_weigh_what_they_take_and_all_clients_fit() {
        let (mut pool, clients) = pool(1024);
        let mut seq = 0;
        while pool.submit(&request(&clients[7], seq, 0), Time::ZERO) {
            seq += 1;
        }
        assert_eq!(seq as usize, MAX_WAITING / 1024 / PLACE);
        assert!(pool.share >= weight(MAX_PAYLOAD));
    }
}
