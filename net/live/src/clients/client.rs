//! A client without I/O: what it asks, whom it believes, when it gives up.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byzlab_crypto::{Digest, PartyId, Signed, Signer};
use byzlab_protocols::{Command, RequestId, Span, Time, smr::weight};

use super::wire::{Answer, Outcome};

/// Whom a request is sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// All parties at once.
    All,
    /// This one first, and all when it is asked again. The others are told to expect it, so that
    /// they answer too.
    First(PartyId),
}

/// Something for one party.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Post {
    /// For whom.
    pub to: PartyId,
    /// What.
    pub request: Arc<Signed<Command>>,
    /// Whether the party only has to tell what comes of it.
    pub watch: bool,
}

/// How a request ended.
pub type Settled = (u64, Result<Believed, GaveUp>);

/// A result that f + 1 parties gave alike: at least one of them is honest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Believed {
    /// Where in the log.
    pub slot: u64,
    /// The result.
    pub result: Vec<u8>,
    /// When it was believed.
    pub at: Time,
}

/// The deadline passed: the request may have been executed, now or later, or never.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "no result that {needed} parties agree on: {answered} of {n} answered, {busy} were busy, \
     {refused} refused it{reason}; whether it was executed is not known"
)]
pub struct GaveUp {
    /// How many must say the same.
    pub needed: usize,
    /// How many parties there are.
    pub n: usize,
    /// How many gave a result.
    pub answered: usize,
    /// How many were busy.
    pub busy: usize,
    /// How many said that it is no request.
    pub refused: usize,
    /// What one of them said.
    pub reason: String,
}

struct Pending {
    request: Arc<Signed<Command>>,
    sent: Time,
    deadline: Time,
    again: Time,
    /// How long after that it is asked once more: each time twice as long.
    pause: Span,
    /// The first result of each party; what it says later counts for nothing.
    results: BTreeMap<PartyId, (u64, Digest)>,
    busy: BTreeSet<PartyId>,
    refused: BTreeMap<PartyId, String>,
}

/// A client: one key, its requests in flight.
pub struct Client {
    signer: Signer,
    n: usize,
    f: usize,
    reach: Reach,
    retry: Span,
    /// How long answers took lately.
    usual: Span,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    /// By when something has to be done for which request.
    due: BTreeSet<(Time, u64)>,
    /// The bytes of requests in flight.
    bytes: usize,
}

/// So many times as long as answers took lately a request is not late.
const USUAL: u64 = 3;
/// The longest reason of a party that is repeated.
const REASON: usize = 200;

impl Client {
    /// A client of a committee of `n` parties, `f` of which may lie. It counts its requests from
    /// `first` on: a key uses each number once. What is not answered is asked again after `retry`, or
    /// later where answers take long, and then after twice as long each time: a system that has too
    /// much to do is not given more.
    ///
    /// # Panics
    /// If there are not more than `f` parties: nobody could be believed.
    pub fn new(
        signer: Signer,
        (n, f): (usize, usize),
        reach: Reach,
        retry: Span,
        first: u64,
    ) -> Client {
        assert!(f < n, "f + 1 of {n} parties have to agree, f is {f}");
        let (pending, due, usual, bytes) = (BTreeMap::new(), BTreeSet::new(), Span::ZERO, 0);
        let retry = retry.max(Span(1));
        Client { signer, n, f, reach, retry, usual, next: first, pending, due, bytes }
    }

    /// Asks for something, until `deadline`. The number of the request, and whom to send it.
    pub fn submit(&mut self, payload: Vec<u8>, now: Time, deadline: Time) -> (u64, Vec<Post>) {
        let seq = self.next;
        self.next += 1;
        self.bytes += weight(payload.len());
        let request = Arc::new(self.signer.sign(Command { seq, payload }).into_signed());
        let again = now.after(self.retry);
        let pending = Pending {
            request: request.clone(),
            sent: now,
            deadline,
            again,
            pause: self.retry * 2,
            results: BTreeMap::new(),
            busy: BTreeSet::new(),
            refused: BTreeMap::new(),
        };
        self.due.insert((again.min(deadline), seq));
        self.pending.insert(seq, pending);
        let posts = PartyId::all(self.n).map(|to| {
            let watch = matches!(self.reach, Reach::First(first) if first != to);
            Post { to, request: request.clone(), watch }
        });
        (seq, posts.collect())
    }

    /// Hears an answer of a party. Tells what is believed from now on.
    pub fn answer(&mut self, from: PartyId, answer: Answer, now: Time) -> Option<Settled> {
        let seq = answer.request.seq;
        if answer.request.client != self.signer.party() || from.index() >= self.n {
            return None;
        }
        let pending = self.pending.get_mut(&seq)?;
        let (slot, result) = match answer.outcome {
            Outcome::Done { slot, result } => (slot, result),
            Outcome::Busy => {
                pending.busy.insert(from);
                return None;
            }
            Outcome::Invalid(reason) => {
                let reason = reason.chars().take(REASON).collect();
                pending.refused.entry(from).or_insert(reason);
                return None;
            }
        };
        // A digest of each is enough, however long the results of liars are.
        let claim = (slot, Digest::of("byzlab/client/result/1", &result));
        if pending.results.contains_key(&from) {
            return None;
        }
        pending.results.insert(from, claim);
        let alike = pending.results.values().filter(|other| **other == claim).count();
        if alike < self.f + 1 {
            return None;
        }
        // What was asked again says nothing of how long an answer takes: it waited for the asking.
        if let Some(pending) = self.settle(seq).filter(|one| one.pause == self.retry * 2) {
            let took = now.since(pending.sent);
            self.usual = Span(self.usual.0 - self.usual.0 / 8 + took.0 / 8);
        }
        Some((seq, Ok(Believed { slot, result, at: now })))
    }

    /// When [`Client::tick`] has something to do.
    pub fn due(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Asks again what was not answered in time, and gives up what has reached its deadline.
    pub fn tick(&mut self, now: Time) -> (Vec<Post>, Vec<Settled>) {
        let (mut posts, mut settled) = (Vec::new(), Vec::new());
        while let Some((at, seq)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let Some(pending) = self.pending.get_mut(&seq) else { continue };
            if pending.deadline <= now {
                let gave_up = pending.gave_up(self.n, self.f);
                self.settle(seq);
                settled.push((seq, Err(gave_up)));
                continue;
            }
            // Half of its time is left for it to be asked again, whatever is usual.
            let half = Span(pending.deadline.since(pending.sent).0 / 2);
            let late = pending.sent.after((self.usual * USUAL).min(half));
            if late > now {
                pending.again = late;
                self.due.insert((late.min(pending.deadline), seq));
                continue;
            }
            pending.again = now.after(pending.pause);
            pending.pause = pending.pause * 2;
            self.due.insert((pending.again.min(pending.deadline), seq));
            posts.extend(pending.again_to(PartyId::all(self.n)));
        }
        (posts, settled)
    }

    /// A party can be reached again: what it has to be told once more.
    pub fn reconnected(&self, party: PartyId) -> Vec<Post> {
        self.pending.values().flat_map(|pending| pending.again_to([party])).collect()
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Their bytes, each counted as a party counts what waits.
    pub fn bytes_in_flight(&self) -> usize {
        self.bytes
    }

    /// The name of a request of this client.
    pub fn id(&self, seq: u64) -> RequestId {
        RequestId { client: self.signer.party(), seq }
    }

    fn settle(&mut self, seq: u64) -> Option<Pending> {
        let pending = self.pending.remove(&seq)?;
        self.due.remove(&(pending.again.min(pending.deadline), seq));
        self.bytes -= weight(pending.request.body.payload.len());
        Some(pending)
    }
}

impl Pending {
    /// Posts to those of the parties that have not answered.
    fn again_to(&self, parties: impl IntoIterator<Item = PartyId>) -> Vec<Post> {
        let silent = parties.into_iter().filter(|to| !self.results.contains_key(to));
        silent.map(|to| Post { to, request: self.request.clone(), watch: false }).collect()
    }

    fn gave_up(&self, n: usize, f: usize) -> GaveUp {
        let busy = self.busy.iter().filter(|party| !self.results.contains_key(party)).count();
        let reason = self.refused.values().next().map(|reason| format!(" ({reason})"));
        GaveUp {
            needed: f + 1,
            n,
            answered: self.results.len(),
            busy,
            refused: self.refused.len(),
            reason: reason.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
