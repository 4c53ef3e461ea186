//! Accountability: nobody honest is accused, every accusation has evidence that verifies from
//! the public keys; and after a disagreement enough of the guilty are named.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_crypto::{Evidence, EvidenceRule, PartyId, PartySet};
use byzlab_protocols::{About, Context, Time};
use byzlab_trace::{Detail, Event, What};

use super::{Found, Violation, count};
use crate::{Finding, Property, setup::Plan};

/// All accusations, the first of each culprit and fault.
#[derive(Clone)]
pub(crate) struct Accountability {
    context: Arc<Context>,
    about: &'static About,
    rules: Vec<EvidenceRule>,
    honest: PartySet,
    accused: BTreeMap<(PartyId, String), Evidence>,
    violation: Option<Violation>,
}

impl Accountability {
    pub(crate) fn new(context: Arc<Context>, about: &'static About, plan: &Plan) -> Self {
        Accountability {
            context,
            about,
            rules: (about.evidence)(),
            honest: plan.honest,
            accused: BTreeMap::new(),
            violation: None,
        }
    }

    /// Sees what an honest party does: what corrupted ones say of others is nobody's accusation.
    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>) {
        if let (What::Accused(_), Detail::Evidence(evidence)) = (event.what, detail) {
            self.accuse(evidence, event.at, Some(event));
        }
    }

    /// A party is corrupted from now on.
    pub(crate) fn corrupted(&mut self, party: PartyId) {
        self.honest.remove(party);
    }

    /// Takes in an accusation of a party, or of the forensics after the run.
    pub(crate) fn accuse(&mut self, evidence: &Evidence, at: Time, event: Option<&Event>) {
        let key = (evidence.culprit, evidence.fault.clone());
        if self.accused.contains_key(&key) {
            return;
        }
        let ring = self.context.committee.ring();
        let proven = self.rules.iter().any(|rule| rule.check(ring, evidence).is_ok());
        let guilty = !self.honest.contains(evidence.culprit);
        self.accused.insert(key, evidence.clone());
        let wrong = match (proven, guilty) {
            (true, true) => return,
            (false, _) => format!("evidence that does not verify: {evidence}"),
            (true, false) => format!("an honest party is accused: {evidence}"),
        };
        self.violation.get_or_insert(Violation {
            property: Property::Accountability,
            at,
            parties: vec![evidence.culprit],
            events: event.map(|event| event.id).into_iter().collect(),
            text: wrong,
        });
    }

    /// The accusations, by culprit.
    pub(crate) fn accused(&self) -> Vec<Evidence> {
        self.accused.values().cloned().collect()
    }

    /// What is found, given what was found of agreement and how many are faulty.
    pub(crate) fn finish(&self, agreement: Finding, faulty: usize, at: Time) -> Found {
        if let Some(violation) = &self.violation {
            return Found::violated(violation.clone());
        }
        let culprits: PartySet = self.accused.keys().map(|(culprit, _)| *culprit).collect();
        let committee = &self.context.committee;
        let (named, meet) = (culprits.len(), committee.meet());
        // Corrections B1: witnesses exist while fewer than a quorum are faulty.
        let promised = self.about.accountable && faulty < committee.quorum();
        match agreement {
            Finding::Violated if promised && named < meet => Found::violated(Violation {
                property: Property::Accountability,
                at,
                parties: culprits.iter().collect(),
                events: Vec::new(),
                text: format!("{} named, {meet} promised", count(named, "culprit")),
            }),
            Finding::Violated if promised => {
                Found::holds(format!("{} named, {meet} promised", count(named, "culprit")))
            }
            _ if named == 0 => Found::holds("nobody is accused"),
            _ => Found::holds(format!("{named} accused, each with proof")),
        }
    }
}
