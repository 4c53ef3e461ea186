//! Integrity: every slot is decided once and in order, every request executed once.
//!
//! A party that comes back from a crash may say again what it decided before; never something
//! else. What it decided before the crash stays in its history.

use std::collections::BTreeSet;

use byzlab_crypto::{Digest, PartyId};
use byzlab_protocols::{RequestId, Time};
use byzlab_trace::{Detail, Event, EventId, What};

use super::{Found, Violation};
use crate::Property;

/// The log of every party.
#[derive(Clone)]
pub(crate) struct Integrity {
    logs: Vec<Log>,
    violation: Option<Violation>,
    panicked: bool,
}

#[derive(Clone, Default)]
struct Log {
    /// Nothing where the log was taken over.
    slots: Vec<Option<Digest>>,
    executed: BTreeSet<RequestId>,
    /// Up to which slot it may repeat itself: what it had decided when it came back.
    repeats: usize,
}

impl Integrity {
    pub(crate) fn new(n: usize) -> Self {
        Integrity { logs: vec![Log::default(); n], violation: None, panicked: false }
    }

    /// Sees what an honest party does.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>) {
        let log = &mut self.logs[event.party.index()];
        match (event.what, detail) {
            (What::Recovered, _) => log.repeats = log.slots.len(),
            (What::Decided { slot, digest, .. }, Detail::Decision(decision)) => {
                if let Err(text) = log.decide(slot, digest, &decision.requests) {
                    let text = format!("party {} {text}", event.party);
                    self.violated(event.at, event.party, event.id, text);
                }
            }
            (What::Installed { slot, .. }, Detail::Installed(installed)) => {
                if let Err(text) = log.install(slot, &installed.requests) {
                    let text = format!("party {} {text}", event.party);
                    self.violated(event.at, event.party, event.id, text);
                }
            }
            (What::Panicked, Detail::Text(text)) => {
                self.panicked = true;
                let text = format!("party {} panicked: {text}", event.party);
                self.violated(event.at, event.party, event.id, text);
            }
            _ => {}
        }
    }

    fn violated(&mut self, at: Time, party: PartyId, event: EventId, text: String) {
        let property = Property::Integrity;
        let (parties, events) = (vec![party], vec![event]);
        self.violation.get_or_insert(Violation { property, at, parties, events, text });
    }

    /// Whether honest code panicked: that is never what a theorem allows.
    pub(crate) fn panicked(&self) -> bool {
        self.panicked
    }

    pub(crate) fn finish(&self) -> Found {
        match &self.violation {
            Some(violation) => Found::violated(violation.clone()),
            None => Found::holds("each slot decided once and in order, each request executed once"),
        }
    }
}

impl Log {
    fn decide(&mut self, slot: u64, digest: Digest, requests: &[RequestId]) -> Result<(), String> {
        let at = usize::try_from(slot).unwrap_or(usize::MAX);
        if at >= 1 && at <= self.slots.len() {
            let before = self.slots[at - 1];
            return match (at <= self.repeats, before.filter(|before| *before != digest)) {
                (true, None) => Ok(()),
                (_, Some(before)) => {
                    Err(format!("decided slot {slot} twice: {before}, then {digest}"))
                }
                (false, None) => Err(format!("decided slot {slot} twice")),
            };
        }
        if at != self.slots.len() + 1 {
            return Err(format!("decided slot {slot} after slot {}", self.slots.len()));
        }
        self.slots.push(Some(digest));
        self.execute(slot, requests)
    }

    /// The log up to a slot comes from elsewhere.
    fn install(&mut self, slot: u64, requests: &[RequestId]) -> Result<(), String> {
        let length = usize::try_from(slot).unwrap_or(usize::MAX);
        if length <= self.slots.len() {
            return Err(format!("took over slot {slot}, which it had decided"));
        }
        self.slots.resize(length, None);
        self.execute(slot, requests)
    }

    fn execute(&mut self, slot: u64, requests: &[RequestId]) -> Result<(), String> {
        match requests.iter().find(|id| !self.executed.insert(**id)) {
            Some(id) => Err(format!("executed {id} twice, again in slot {slot}")),
            None => Ok(()),
        }
    }
}
