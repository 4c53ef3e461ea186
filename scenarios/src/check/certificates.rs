//! Certificates: every decision's proof is checked again from the public keys.

use std::sync::Arc;

use byzlab_crypto::{Committee, Digest, Proof};
use byzlab_protocols::Context;
use byzlab_trace::{Detail, Event, What};

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
    /// The first decision without a proof: of a protocol that gives none, unless others have one.
    without: Option<Violation>,
    violation: Option<Violation>,
}

#[derive(Clone)]
struct Open {
    subject: Digest,
    last: Digest,
    event: Event,
}

impl Certificates {
    pub(crate) fn new(context: &Context) -> Self {
        let committee = Arc::new(context.committee.fresh());
        let open = vec![None; committee.n()];
        Certificates { committee, open, checked: 0, without: None, violation: None }
    }

    /// Sees what an honest party does.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>) {
        if matches!(event.what, What::Recovered | What::Corrupted) {
            self.open[event.party.index()] = None;
        }
        if let (What::Installed { slot, .. }, Detail::Installed(installed)) = (event.what, detail) {
            self.checked += 1;
            let wrong = check(&self.committee, installed.proof.as_ref());
            return self.found(event, slot, wrong);
        }
        let (What::Decided { slot, digest, .. }, Detail::Decision(decision)) = (event.what, detail)
        else {
            return;
        };
        let Some(proof) = &decision.proof else {
            let text = format!("slot {slot}: party {} has no certificate", event.party);
            self.without.get_or_insert_with(|| violation(event, text));
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
        self.found(event, slot, wrong);
        if proof.subject() != digest {
            let open = Open { subject: proof.subject(), last: digest, event: *event };
            self.open[event.party.index()] = Some(open);
        }
    }

    fn found(&mut self, event: &Event, slot: u64, wrong: Option<String>) {
        if let Some(why) = wrong {
            let text = format!(
                "slot {slot}: the certificate of party {} proves nothing: {why}",
                event.party
            );
            self.violation.get_or_insert_with(|| violation(event, text));
        }
    }

    pub(crate) fn finish(&self) -> Found {
        if let Some(violation) = &self.violation {
            return Found::violated(violation.clone());
        }
        if let Some(Open { subject, last, event }) = self.open.iter().flatten().next() {
            let party = event.party;
            let text = format!(
                "party {party} decided {last} by a proof of {subject}, which it never decided"
            );
            return Found::violated(violation(event, text));
        }
        match (self.checked, &self.without) {
            (0, None) => Found::undecided("nobody decided"),
            (0, Some(_)) => Found::holds("the protocol gives no certificates"),
            (_, Some(without)) => Found::violated(without.clone()),
            (checked, None) => {
                Found::holds(format!("{} checked again", count(checked as usize, "certificate")))
            }
        }
    }
}

fn violation(event: &Event, text: String) -> Violation {
    Violation {
        property: Property::Certificates,
        at: event.at,
        parties: vec![event.party],
        events: vec![event.id],
        text,
    }
}

fn check(committee: &Committee, proof: &dyn Proof) -> Option<String> {
    proof.check(committee).err().map(|reason| reason.to_string())
}
