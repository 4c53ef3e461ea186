//! What a run cost: messages, bytes, signatures; latency in time and in message delays; views.
//!
//! Messages are counted where they are sent, one for each receiver, none to oneself (corrections
//! B5). `signatures_verified` counts, at each honest receiver, the signatures that a message
//! carries: what it has to check if it remembers none.

use std::collections::{BTreeMap, BTreeSet};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{About, RequestId, Role, Tag, Time, View};
use byzlab_trace::{Detail, Event, What};

use crate::{Histogram, setup::Plan};

/// Costs of one kind of message, or of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KindCosts {
    /// Messages sent.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Signatures made for them.
    pub signatures_made: u64,
    /// Signatures that their receivers had to check.
    pub signatures_verified: u64,
}

/// Costs by party: one row of the matrix of kinds and parties, summed.
pub type PartyCosts = KindCosts;

/// Percentiles of what was measured; all 0 if nothing was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl Latency {
    fn of(mut values: Vec<u64>) -> Latency {
        values.sort_unstable();
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1) - 1;
            values.get(rank).copied().unwrap_or_default()
        };
        Latency { p50: at(50), p99: at(99), max: values.last().copied().unwrap_or_default() }
    }
}

/// What a run cost.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Metrics {
    /// All messages.
    pub total: KindCosts,
    /// By kind, in the order of the protocol; kinds that were never sent are left out.
    pub by_kind: Vec<(&'static str, KindCosts)>,
    /// By party: what it sent, and what it had to check.
    pub by_party: Vec<PartyCosts>,
    /// Nanoseconds from proposal to decision, over honest parties and slots.
    pub latency_ns: Latency,
    /// How they are distributed.
    pub latencies: Histogram,
    /// Message delays from proposal to decision, or rounds.
    pub latency_hops: Latency,
    /// Nanoseconds from a client's request to f + 1 equal answers.
    pub client_latency_ns: Latency,
    /// Requests that a client believes to be executed: f + 1 parties gave it the same answer.
    pub answered: u64,
    /// The most slots that an honest party decided.
    pub decisions: u64,
    /// Views that were gone through.
    pub views: u64,
    /// Those in which nothing new was decided.
    pub lost_views: u64,
    /// Those of them that a party led which counts as faulty.
    pub lost_to_faulty_leaders: u64,
    /// The fewest and the most messages of a view that decided, synchronisation left out.
    pub messages_per_decision: (u64, u64),
}

/// One attempt to decide: a view; of a protocol with slots, a slot in a view.
type Attempt = (View, u64);

/// Gathers what [`Metrics`] are made of.
#[derive(Clone)]
pub(crate) struct Meter {
    about: &'static About,
    judged: PartySet,
    one_honest: usize,
    /// By kind, then by party; what is no kind of the protocol comes last.
    costs: Vec<Vec<KindCosts>>,
    /// Messages by attempt, synchronisation left out.
    by_attempt: BTreeMap<Attempt, u64>,
    /// The first proposal of an attempt.
    proposed: BTreeMap<Attempt, Time>,
    slots: Vec<u64>,
    entered: View,
    /// The attempts in which something was committed.
    decided_in: BTreeSet<Attempt>,
    latencies: Vec<u64>,
    hops: Vec<u64>,
    replies: BTreeMap<RequestId, Vec<(Vec<u8>, PartySet)>>,
    answered: BTreeSet<RequestId>,
    client_latencies: Vec<u64>,
    /// That of the last message sent, with its count: saves a look-up for most messages.
    present: (Attempt, u64),
}

impl Meter {
    pub(crate) fn new(about: &'static About, judged: PartySet, n: usize, f: usize) -> Self {
        Meter {
            about,
            judged,
            one_honest: f + 1,
            costs: vec![vec![KindCosts::default(); n]; about.kinds.len() + 1],
            by_attempt: BTreeMap::new(),
            proposed: BTreeMap::new(),
            slots: vec![0; n],
            entered: View::GENESIS,
            decided_in: BTreeSet::new(),
            latencies: Vec::new(),
            hops: Vec::new(),
            replies: BTreeMap::new(),
            answered: BTreeSet::new(),
            client_latencies: Vec::new(),
            present: ((View::GENESIS, 0), 0),
        }
    }

    fn kind(&self, name: &'static str) -> usize {
        // Names come from the table of kinds: nearly always it is the very same string.
        let kinds = self.about.kinds;
        let here = kinds.iter().position(|kind| std::ptr::eq(kind.name, name));
        let here = here.or_else(|| kinds.iter().position(|kind| kind.name == name));
        here.unwrap_or(kinds.len())
    }

    fn attempt(&self, view: View, slot: u64) -> Attempt {
        (view, if self.about.slots { slot } else { 0 })
    }

    /// Counts a message that is sent.
    pub(crate) fn sent(&mut self, at: Time, party: PartyId, tag: &Tag, bytes: u32, copies: u16) {
        let index = self.kind(tag.kind);
        let kind = self.about.kinds.get(index);
        let costs = &mut self.costs[index][party.index()];
        costs.messages += u64::from(copies);
        costs.bytes += u64::from(copies) * u64::from(bytes);
        costs.signatures_made += u64::from(kind.is_some_and(|kind| kind.signed));
        let attempt = self.attempt(tag.view, tag.slot);
        match kind.map(|kind| kind.role) {
            None | Some(Role::Sync) => return,
            Some(Role::Proposal) => {
                self.proposed.entry(attempt).or_insert(at);
            }
            Some(Role::Vote | Role::Certificate | Role::ViewChange) => {}
        }
        if self.present.0 != attempt {
            self.settle();
            self.present.0 = attempt;
        }
        self.present.1 += u64::from(copies);
    }

    fn settle(&mut self) {
        let (attempt, count) = std::mem::take(&mut self.present);
        *self.by_attempt.entry(attempt).or_insert(0) += count;
    }

    /// Counts a message that arrived.
    pub(crate) fn delivered(&mut self, party: PartyId, from: PartyId, tag: &Tag) {
        if party != from {
            let kind = self.kind(tag.kind);
            self.costs[kind][party.index()].signatures_verified += u64::from(tag.signatures);
        }
    }

    /// Sees an event that is neither of the two.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>, plan: &Plan) {
        if !self.judged.contains(event.party) {
            return;
        }
        match (event.what, detail) {
            (What::Entered(view), _) => self.entered = self.entered.max(view),
            (What::Decided { slot, view, hops, .. }, Detail::Decision(decision)) => {
                let proposed = self.attempt(view, slot);
                let committed = self.attempt(decision.committed, slot);
                let slots = &mut self.slots[event.party.index()];
                if slot <= *slots {
                    return;
                }
                *slots = slot;
                self.decided_in.insert(committed);
                self.hops.push(u64::from(hops));
                if let Some(proposed) = self.proposed.get(&proposed) {
                    self.latencies.push(event.at.since(*proposed).0);
                }
            }
            (What::Installed { slot, .. }, _) => {
                let slots = &mut self.slots[event.party.index()];
                *slots = slot.max(*slots);
            }
            (What::Replied(id), Detail::Reply(reply)) if !self.answered.contains(&id) => {
                self.reply(event, id, &reply.result, plan);
            }
            _ => {}
        }
    }

    /// A client believes what f + 1 parties say alike.
    fn reply(&mut self, event: &Event, id: RequestId, result: &[u8], plan: &Plan) {
        let answers = self.replies.entry(id).or_default();
        let at = answers.iter().position(|(known, _)| known == result).unwrap_or_else(|| {
            answers.push((result.to_vec(), PartySet::EMPTY));
            answers.len() - 1
        });
        answers[at].1.insert(event.party);
        if answers[at].1.len() >= self.one_honest {
            self.replies.remove(&id);
            self.answered.insert(id);
            if let Some(asked) = plan.asked(&id) {
                self.client_latencies.push(event.at.since(asked).0);
            }
        }
    }

    /// The metrics of the run; `leader` says who led a view, `honest` who did not count as faulty.
    pub(crate) fn finish(mut self, leader: impl Fn(View) -> PartyId, honest: &PartySet) -> Metrics {
        self.settle();
        let add = |sum: &mut KindCosts, costs: &KindCosts| {
            sum.messages += costs.messages;
            sum.bytes += costs.bytes;
            sum.signatures_made += costs.signatures_made;
            sum.signatures_verified += costs.signatures_verified;
        };
        let by_party = vec![KindCosts::default(); self.slots.len()];
        let mut metrics = Metrics { by_party, ..Metrics::default() };
        for (at, parties) in self.costs.iter().enumerate() {
            let mut sum = KindCosts::default();
            for (party, costs) in parties.iter().enumerate() {
                add(&mut sum, costs);
                add(&mut metrics.by_party[party], costs);
            }
            add(&mut metrics.total, &sum);
            if sum != KindCosts::default() {
                let name = self.about.kinds.get(at).map_or(Tag::RAW, |kind| kind.name);
                metrics.by_kind.push((name, sum));
            }
        }
        let fruitful: BTreeSet<View> = self.decided_in.iter().map(|(view, _)| *view).collect();
        let last = fruitful.last().copied().unwrap_or_default();
        // The last views may be on their way still.
        let gone = self.entered.0.saturating_sub(1 + self.about.pipeline);
        let gone = View(gone).max(last);
        let lost = (1..=gone.0).map(View).filter(|view| !fruitful.contains(view));
        for view in lost {
            metrics.lost_views += 1;
            metrics.lost_to_faulty_leaders += u64::from(!honest.contains(leader(view)));
        }
        let complete = self.decided_in.iter().filter_map(|of| self.by_attempt.get(of).copied());
        let (fewest, most) = complete
            .fold((u64::MAX, 0), |(fewest, most), count| (count.min(fewest), count.max(most)));
        metrics.messages_per_decision = if most == 0 { (0, 0) } else { (fewest, most) };
        metrics.views = gone.0;
        metrics.decisions = self.slots.iter().copied().max().unwrap_or_default();
        metrics.latencies = self.latencies.iter().copied().collect();
        metrics.latency_ns = Latency::of(self.latencies);
        metrics.latency_hops = Latency::of(self.hops);
        metrics.answered = self.answered.len() as u64;
        metrics.client_latency_ns = Latency::of(self.client_latencies);
        metrics
    }
}
