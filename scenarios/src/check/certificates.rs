//! Certificates: every decision's proof is checked again from the public keys.

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, PartyId, Proof};
use byzlab_protocols::Context;
use byzlab_trace::{Detail, Event, EventId, What};

use super::{Found, Violation, count};
use crate::Property;

/// Checks proofs; a proof may be of a later slot that is linked to the decided one.
#[derive(Clone)]
pub(crate) struct Certificates {
    /// Of its own, so that nothing counts as checked because the run checked it.
    committee: Arc<Committee>,
    /// By party: what its proof is of, and the last decided value, while the proof's own slot
    /// is still to come.
    open: Vec<Option<Open>>,
    checked: u64,
    without: u64,
    violation: Option<Violation>,
}

#[derive(Clone)]
struct Open {
    subject: Digest,
    last: Digest,
    event: EventId,
}

impl Certificates {
    pub(crate) fn new(context: &Context) -> Self {
        let committee = Arc::new(context.committee.fresh());
        let open = vec![None; committee.n()];
        Certificates { committee, open, checked: 0, without: 0, violation: None }
    }

    /// Sees what an honest party does.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>) {
        if matches!(event.what, What::Recovered) {
            self.open[event.party.index()] = None;
        }
        let (What::Decided { slot, digest, .. }, Detail::Decision(decision)) = (event.what, detail)
        else {
            return;
        };
        let Some(proof) = &decision.proof else {
            self.without += 1;
            return;
        };
        self.checked += 1;
        let open = self.open[event.party.index()].take();
        let wrong = match open {
            Some(open) if open.last != decision.parent => {
                Some(format!("slot {slot} does not follow what the same proof decided before it"))
            }
            Some(open) if open.subject == proof.subject() => None,
            _ => check(&self.committee, proof.as_ref()),
        };
        if let Some(why) = wrong {
            let text = format!(
                "slot {slot}: the certificate of party {} proves nothing: {why}",
                event.party
            );
            self.violated(event, text);
        }
        if proof.subject() != digest {
            let open = Open { subject: proof.subject(), last: digest, event: event.id };
            self.open[event.party.index()] = Some(open);
        }
    }

    fn violated(&mut self, event: &Event, text: String) {
        self.violation.get_or_insert(Violation {
            property: Property::Certificates,
            at: event.at,
            parties: vec![event.party],
            events: vec![event.id],
            text,
        });
    }

    pub(crate) fn finish(&self) -> Found {
        if let Some(violation) = &self.violation {
            return Found::violated(violation.clone());
        }
        let mut open = self.open.iter().zip(PartyId::all(self.open.len()));
        if let Some((open, party)) = open.find_map(|(open, party)| Some((open.as_ref()?, party))) {
            return Found::violated(Violation {
                property: Property::Certificates,
                at: byzlab_protocols::Time::ZERO,
                parties: vec![party],
                events: vec![open.event],
                text: format!(
                    "party {party} decided {} by a proof of {}, which it never decided",
                    open.last, open.subject
                ),
            });
        }
        match (self.checked, self.without) {
            (0, 0) => Found::undecided("nobody decided"),
            (0, _) => Found::holds("the protocol gives no certificates"),
            (checked, _) => {
                Found::holds(format!("{} checked again", count(checked as usize, "certificate")))
            }
        }
    }
}

fn check(committee: &Committee, proof: &dyn Proof) -> Option<String> {
    proof.check(committee).err().map(|reason| reason.to_string())
}
