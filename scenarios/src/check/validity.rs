//! Validity: what is decided was asked for.
//!
//! Ordering: every request of a decided block was made by its client (external validity).
//! Broadcast: an honest sender's value is what is decided of its broadcast (broadcast validity).

use std::collections::BTreeMap;

use byzlab_crypto::{PartyId, PartySet};
use byzlab_trace::{Detail, Event, What};

use super::{Found, Violation, value};
use crate::{Property, setup::Plan};

/// The first decision that nobody asked for.
#[derive(Clone, Default)]
pub(crate) struct Validity {
    decided: bool,
    violation: Option<Violation>,
    /// By sender: the first of its broadcasts of which something else was decided. Whether it was
    /// honest shows at the end.
    broken: BTreeMap<PartyId, Violation>,
}

impl Validity {
    /// Sees what an honest party does.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>, plan: &Plan) {
        let (slot, requests, digest) = match (event.what, detail) {
            (What::Decided { slot, digest, .. }, Detail::Decision(decision)) => {
                (slot, &decision.requests, Some(digest))
            }
            (What::Installed { slot, .. }, Detail::Installed(installed)) => {
                (slot, &installed.requests, None)
            }
            _ => return,
        };
        self.decided = true;
        let invented = requests.iter().find(|id| plan.asked(id).is_none());
        if let Some(id) = invented {
            let text = format!(
                "slot {slot}: party {} executes {id}, which no client asked for",
                event.party
            );
            self.violation.get_or_insert(violation(event, text));
        }
        let asked = slot.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let asked = asked.and_then(|at| plan.broadcasts.get(at));
        let Some(((sender, sent), digest)) = asked.zip(digest) else { return };
        if digest != *sent {
            let text = format!(
                "broadcast {slot}: honest party {sender} sent {sent}, party {} decided {}",
                event.party,
                value(digest),
            );
            self.broken.entry(*sender).or_insert_with(|| violation(event, text));
        }
    }

    /// What is found, given who was honest to the end.
    pub(crate) fn finish(&self, plan: &Plan, honest: &PartySet) -> Found {
        let broken = self.broken.iter().filter(|(sender, _)| honest.contains(**sender));
        let broken = broken.map(|(_, violation)| violation).min_by_key(|violation| violation.at);
        match self.violation.as_ref().or(broken) {
            Some(violation) => Found::violated(violation.clone()),
            None if !self.decided => Found::undecided("nobody decided"),
            None if plan.broadcasts.is_empty() => {
                Found::holds("every decided request was made by its client")
            }
            None => Found::holds("what honest senders sent is what was decided"),
        }
    }
}

fn violation(event: &Event, text: String) -> Violation {
    Violation {
        property: Property::Validity,
        at: event.at,
        parties: vec![event.party],
        events: vec![event.id],
        text,
    }
}
