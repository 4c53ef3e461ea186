//! Replies on their way from the party to those who wait for them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use byzlab_protocols::{Reply, RequestId};
use tokio::sync::Notify;

use super::wire::{Answer, Outcome};

/// How many replies are remembered for those who ask again, and how many bytes of results.
const REMEMBERED: usize = 65_536;
const REMEMBERED_BYTES: usize = 8 << 20;

/// Replies of one party. What it says is handed to those who wait for it, and remembered for a
/// while: a client whose connection broke asks again, and a party executes a request once.
#[derive(Default)]
pub struct Replies {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: BTreeMap<RequestId, Vec<(u64, Arc<Mailbox>)>>,
    remembered: BTreeMap<RequestId, (u64, Arc<[u8]>)>,
    order: VecDeque<RequestId>,
    bytes: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by a panic: each lock guards one short update.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replies {
    /// What the party said, once it may leave.
    pub fn publish(&self, replies: impl IntoIterator<Item = Reply>) {
        let mut inner = lock(&self.inner);
        for reply in replies {
            let result: Arc<[u8]> = reply.result.as_ref().into();
            inner.remember(reply.request, reply.slot, result.clone());
            for (_, mailbox) in inner.waiting.remove(&reply.request).into_iter().flatten() {
                mailbox.put(done(reply.request, reply.slot, &result));
            }
        }
    }

    /// Has the reply to a request put into a mailbox, now if it is remembered. `owner` tells who
    /// waits, so that it can stop.
    pub(super) fn wait(&self, request: RequestId, owner: u64, mailbox: &Arc<Mailbox>) {
        let mut inner = lock(&self.inner);
        if let Some((slot, result)) = inner.remembered.get(&request) {
            return mailbox.put(done(request, *slot, result));
        }
        let waiting = inner.waiting.entry(request).or_default();
        if !waiting.iter().any(|(other, _)| *other == owner) {
            waiting.push((owner, mailbox.clone()));
        }
    }

    /// `owner` does not wait for these any more.
    pub(super) fn forget(&self, requests: impl IntoIterator<Item = RequestId>, owner: u64) {
        let mut inner = lock(&self.inner);
        for request in requests {
            if let Some(waiting) = inner.waiting.get_mut(&request) {
                waiting.retain(|(other, _)| *other != owner);
                if waiting.is_empty() {
                    inner.waiting.remove(&request);
                }
            }
        }
    }

    /// Leaves those for which `owner` still waits.
    pub(super) fn keep_waiting(&self, requests: &mut VecDeque<RequestId>, owner: u64) {
        let inner = lock(&self.inner);
        requests.retain(|request| {
            let waiting = inner.waiting.get(request);
            waiting.is_some_and(|waiting| waiting.iter().any(|(other, _)| *other == owner))
        });
    }

    /// For how many requests somebody waits.
    pub fn waiting(&self) -> usize {
        lock(&self.inner).waiting.len()
    }
}

impl Inner {
    fn remember(&mut self, request: RequestId, slot: u64, result: Arc<[u8]>) {
        self.bytes += result.len();
        match self.remembered.insert(request, (slot, result)) {
            Some((_, before)) => self.bytes -= before.len(),
            None => self.order.push_back(request),
        }
        while self.order.len() > REMEMBERED || self.bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, result)) = self.remembered.remove(&oldest) {
                self.bytes -= result.len();
            }
        }
    }
}

fn done(request: RequestId, slot: u64, result: &[u8]) -> Answer {
    Answer { request, outcome: Outcome::Done { slot, result: result.to_vec() } }
}

/// Answers that wait to be written to one connection, bounded in bytes: whoever does not read
/// loses the connection, not our memory.
pub(super) struct Mailbox {
    most: usize,
    inner: Mutex<Waiting>,
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Waiting {
    answers: Vec<Answer>,
    bytes: usize,
    overflown: bool,
}

impl Mailbox {
    pub(super) fn new(most: usize) -> Mailbox {
        Mailbox { most, inner: Mutex::default(), changed: Notify::new() }
    }

    pub(super) fn put(&self, answer: Answer) {
        let mut inner = lock(&self.inner);
        if inner.overflown {
            return;
        }
        inner.bytes += answer.size();
        if inner.bytes > self.most {
            *inner = Waiting { overflown: true, ..Waiting::default() };
        } else {
            inner.answers.push(answer);
        }
        drop(inner);
        self.changed.notify_one();
    }

    /// Whether it became too much.
    pub(super) fn is_overflown(&self) -> bool {
        lock(&self.inner).overflown
    }

    /// What waits; nothing if it became too much.
    pub(super) fn take(&self) -> Option<Vec<Answer>> {
        let mut inner = lock(&self.inner);
        if inner.overflown {
            return None;
        }
        inner.bytes = 0;
        Some(std::mem::take(&mut inner.answers))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use byzlab_crypto::PartyId;

    use super::*;

    fn id(seq: u64) -> RequestId {
        RequestId { client: PartyId(0), seq }
    }

    fn reply(seq: u64, result: Vec<u8>) -> Reply {
        Reply { request: id(seq), slot: seq, result: Cow::Owned(result) }
    }

    #[test]
    fn a_reply_reaches_those_who_wait_for_it_before_and_after() {
        let replies = Replies::default();
        let (one, two) = (Arc::new(Mailbox::new(1000)), Arc::new(Mailbox::new(1000)));
        replies.wait(id(1), 1, &one);
        replies.wait(id(1), 1, &one);
        replies.wait(id(2), 1, &one);
        replies.forget([id(2)], 1);
        replies.publish([reply(1, b"a".to_vec()), reply(2, b"b".to_vec())]);
        assert_eq!(one.take(), Some(vec![done(id(1), 1, b"a")]));
        assert_eq!(two.take(), Some(vec![]));
        replies.wait(id(2), 2, &two);
        assert_eq!(two.take(), Some(vec![done(id(2), 2, b"b")]));
        assert_eq!(replies.waiting(), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_number_and_in_bytes() {
        let replies = Replies::default();
        let remembered = |replies: &Replies| {
            let inner = lock(&replies.inner);
            assert_eq!(inner.order.len(), inner.remembered.len());
            let bytes: usize = inner.remembered.values().map(|(_, result)| result.len()).sum();
            assert_eq!(bytes, inner.bytes);
            (inner.order.len(), bytes)
        };
        (0..70_000).for_each(|seq| replies.publish([reply(seq, vec![0; 2])]));
        assert_eq!(remembered(&replies), (REMEMBERED, 2 * REMEMBERED));
        (0..70_000).for_each(|seq| replies.publish([reply(seq % 300, vec![0; 64 << 10])]));
        assert!(remembered(&replies).1 <= REMEMBERED_BYTES);
    }

    #[test]
    fn a_mailbox_that_nobody_empties_gives_up() {
        let mailbox = Mailbox::new(1000);
        (0..15).for_each(|seq| mailbox.put(done(id(seq), 1, b"")));
        assert_eq!(mailbox.take().map(|answers| answers.len()), Some(15));
        (0..16).for_each(|seq| mailbox.put(done(id(seq), 1, b"")));
        assert_eq!(mailbox.take(), None);
        mailbox.put(done(id(1), 1, b""));
        assert_eq!(mailbox.take(), None);
    }
}
