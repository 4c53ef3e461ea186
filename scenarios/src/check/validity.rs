//! Validity: what is decided was asked for.
//!
//! Ordering: every request of a decided block was made by its client (external validity).
//! Broadcast: an honest sender's value is what is decided of its broadcast (broadcast validity).

use byzlab_trace::{Detail, Event, What};

use super::{Found, Violation};
use crate::{Property, setup::Plan};

/// The first decision that nobody asked for.
#[derive(Clone)]
pub(crate) struct Validity {
    decided: bool,
    violation: Option<Violation>,
}

impl Validity {
    pub(crate) fn new() -> Self {
        Validity { decided: false, violation: None }
    }

    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>, plan: &Plan) {
        let (What::Decided { slot, digest, .. }, Detail::Decision(decision)) = (event.what, detail)
        else {
            return;
        };
        if !plan.judged.contains(event.party) {
            return;
        }
        self.decided = true;
        let invented = decision.requests.iter().find(|id| !plan.requests.contains_key(id));
        if let Some(id) = invented {
            let text = format!(
                "slot {slot}: party {} executes {id}, which no client asked for",
                event.party
            );
            self.violated(event, text);
        }
        let Some((sender, value)) = plan.broadcasts.get(slot as usize - 1) else { return };
        if plan.judged.contains(*sender) && digest != *value {
            let text = format!(
                "broadcast {slot}: honest party {sender} sent {value}, party {} decided {}",
                event.party,
                if digest == byzlab_crypto::Digest::ZERO {
                    "the default value".to_owned()
                } else {
                    digest.to_string()
                },
            );
            self.violated(event, text);
        }
    }

    fn violated(&mut self, event: &Event, text: String) {
        self.violation.get_or_insert(Violation {
            property: Property::Validity,
            at: event.at,
            parties: vec![event.party],
            events: vec![event.id],
            text,
        });
    }

    pub(crate) fn finish(&self, plan: &Plan) -> Found {
        match &self.violation {
            Some(violation) => Found::violated(violation.clone()),
            None if !self.decided => Found::undecided("nobody decided"),
            None if plan.broadcasts.is_empty() => {
                Found::holds("every decided request was made by its client")
            }
            None => Found::holds("what honest senders sent is what was decided"),
        }
    }
}
