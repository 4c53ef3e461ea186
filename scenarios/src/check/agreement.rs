//! Agreement: the logs of honest parties agree, slot by slot and link by link.

use std::collections::BTreeMap;

use byzlab_crypto::{Digest, PartyId, PartySet};
use byzlab_protocols::smr::log_digest;
use byzlab_trace::{Detail, Event, EventId, What};

use super::{Found, Violation, count, value};
use crate::Property;

/// The first honest decision of each slot, and the first disagreement.
#[derive(Clone, Default)]
pub(crate) struct Agreement {
    /// By slot.
    first: BTreeMap<u64, First>,
    parties: PartySet,
    /// The digests of the log of first decisions, from slot 1 on, as far as somebody asked.
    logs: Vec<Digest>,
    violation: Option<Violation>,
}

#[derive(Clone, Copy)]
struct First {
    digest: Digest,
    parent: Digest,
    party: PartyId,
    event: EventId,
}

impl Agreement {
    /// Sees what an honest party does.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>) {
        match (event.what, detail) {
            (What::Decided { slot, digest, .. }, Detail::Decision(decision)) => {
                self.parties.insert(event.party);
                let own =
                    First { digest, parent: decision.parent, party: event.party, event: event.id };
                self.decided(event, slot, own);
            }
            (What::Installed { slot, log }, _) => self.installed(event, slot, log),
            (What::Conflicted { slot, digest }, _) => {
                let first = self.first.get(&slot).copied();
                let other = first.map_or(event.party, |first| first.party);
                let events = first.map(|first| first.event).into_iter().chain([event.id]);
                self.violated(
                    event,
                    &[event.party, other],
                    events.collect(),
                    format!("party {} holds a valid proof for {digest} in slot {slot}, which conflicts with its log", event.party),
                );
            }
            _ => {}
        }
    }

    fn decided(&mut self, event: &Event, slot: u64, own: First) {
        if let Some(first) = self.first.get(&slot).copied() {
            if first.digest != own.digest {
                let text = format!(
                    "slot {slot}: party {} decided {}, party {} decided {}",
                    first.party,
                    value(first.digest),
                    own.party,
                    value(own.digest)
                );
                let events = vec![first.event, own.event];
                self.violated(event, &[first.party, own.party], events, text);
            }
            return;
        }
        // A log is a chain: the parent of a slot is what the slot before holds.
        if let Some(before) = slot.checked_sub(1).and_then(|slot| self.first.get(&slot).copied())
            && own.parent != Digest::ZERO
            && own.parent != before.digest
        {
            let text = format!(
                "slot {slot}: party {} decided {}, which follows {} and not {}, decided by party {}",
                own.party, own.digest, own.parent, before.digest, before.party
            );
            let events = vec![before.event, own.event];
            self.violated(event, &[before.party, own.party], events, text);
        }
        self.first.insert(slot, own);
    }

    /// A log that is taken over is the one that was decided: by somebody, slot by slot.
    fn installed(&mut self, event: &Event, slot: u64, log: Digest) {
        self.parties.insert(event.party);
        if self.log(slot) != Some(log) {
            let text = format!(
                "party {} takes over a log of {slot} slots that honest parties did not decide",
                event.party
            );
            self.violated(event, &[event.party], vec![event.id], text);
        }
    }

    /// The digest of the log up to a slot, if every slot in it was decided.
    fn log(&mut self, slot: u64) -> Option<Digest> {
        while (self.logs.len() as u64) < slot {
            let next = self.first.get(&(self.logs.len() as u64 + 1))?;
            let before = self.logs.last().copied().unwrap_or(Digest::ZERO);
            self.logs.push(log_digest(before, next.digest));
        }
        self.logs.get(usize::try_from(slot).ok()?.checked_sub(1)?).copied()
    }

    fn violated(&mut self, event: &Event, parties: &[PartyId], events: Vec<EventId>, text: String) {
        let parties = parties.to_vec();
        let property = Property::Agreement;
        self.violation.get_or_insert(Violation { property, at: event.at, parties, events, text });
    }

    pub(crate) fn finish(&self) -> Found {
        match &self.violation {
            Some(violation) => Found::violated(violation.clone()),
            None if self.parties.is_empty() => Found::undecided("nobody decided"),
            None => {
                let slots = self.first.len();
                let (slots, logs) = (count(slots, "slot"), self.parties.len());
                let agree = if logs == 1 { "log agrees" } else { "logs agree" };
                Found::holds(format!("{slots}, {logs} honest {agree}"))
            }
        }
    }
}
