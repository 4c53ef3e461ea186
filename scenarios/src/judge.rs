//! The judge: all checkers, the metrics and the digest of one run, and the verdict of them all.

use std::{any::Any, sync::Arc};

use byzlab_crypto::{Digest, Evidence, PartyId, PartySet};
use byzlab_protocols::{Context, Model, Time};
use byzlab_trace::{Detail, Event, Observer, RunDigest, What};

use crate::{
    Finding, FiredCount, Metrics, Property, Scenario, Violation,
    check::{
        Accountability, Agreement, Certificates, Fired, Found, Integrity, Termination, Validity,
    },
    metrics::Meter,
    setup::Plan,
    theorem,
};

#[cfg(test)]
mod tests;

/// Whether a run was as its file expects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// As expected, an expected violation included.
    AsExpected,
    /// Not as expected.
    NotAsExpected,
    /// The run broke its model, or ended before what is expected could be told.
    Inconclusive,
}

impl Outcome {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::AsExpected => "as-expected",
            Outcome::NotAsExpected => "not-as-expected",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

/// What was found of a property, and whether that was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PropertyVerdict {
    /// Which property.
    pub property: Property,
    /// What was found.
    pub finding: Finding,
    /// What was expected; nothing if anything goes.
    pub expected: Option<Finding>,
    /// Whether a theorem promises here that it holds, whatever the file expects.
    pub promised: bool,
    /// One line for people.
    pub detail: String,
}

/// The verdict on a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// As expected or not.
    pub outcome: Outcome,
    /// `in-model`, `beyond-bound` or `out-of-model`.
    pub label: &'static str,
    /// The properties.
    pub properties: Vec<PropertyVerdict>,
    /// What fell.
    pub violations: Vec<Violation>,
    /// Who is accused, with proof.
    pub accused: Vec<Evidence>,
    /// What changed what honest parties received.
    pub fired: Vec<FiredCount>,
    /// Why the run is not as expected, one line each.
    pub reasons: Vec<String>,
    /// How the run broke its model, if it did.
    pub out_of_model: Option<String>,
    /// How late the real network was on which it ran.
    pub late: Late,
}

/// How much later a real network was than its scenario says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Late {
    /// Whether it broke the model, and not the scenario: whatever stands on Δ shows nothing.
    pub broke_model: bool,
    /// What was later by more than the quarter of Δ that is kept free for it, if something was: an
    /// attack may miss by that.
    pub slow: Option<String>,
}

/// Watches a run and judges it.
#[derive(Clone)]
pub struct Judge {
    plan: Arc<Plan>,
    context: Arc<Context>,
    digest: RunDigest,
    meter: Meter,
    agreement: Agreement,
    validity: Validity,
    integrity: Integrity,
    termination: Termination,
    certificates: Certificates,
    accountability: Accountability,
    fired: Fired,
    /// Whose words are judged, and of whom liveness expects something: fewer, once the adversary
    /// corrupts some.
    honest: PartySet,
    judged: PartySet,
    out_of_model: Option<String>,
    /// What a real network did that is not in the scenario.
    late: Late,
    /// Lines of the pseudo-code that fired at honest parties.
    noted: Vec<u64>,
}

impl Judge {
    /// A judge for a run of the scenario.
    pub(crate) fn new(scenario: &Scenario, plan: &Plan, context: &Arc<Context>) -> Judge {
        let about = scenario.protocol.about;
        let judged = plan.judged;
        Judge {
            plan: Arc::new(plan.clone()),
            context: context.clone(),
            digest: RunDigest::of(context.committee.instance()),
            meter: Meter::new(about, judged, scenario.n, scenario.f),
            agreement: Agreement::default(),
            validity: Validity::default(),
            integrity: Integrity::new(scenario.n),
            termination: Termination::new(scenario.n),
            certificates: Certificates::new(context),
            accountability: Accountability::new(context.clone(), about, plan),
            fired: Fired::new(&scenario.faults),
            honest: plan.honest,
            judged,
            out_of_model: None,
            late: Late::default(),
            noted: vec![0; about.lines.len() + 1],
        }
    }

    /// Takes in proofs of guilt that were found after the run.
    pub(crate) fn accuse(&mut self, evidence: &[Evidence], at: Time) {
        evidence.iter().for_each(|evidence| self.accountability.accuse(evidence, at, None));
    }

    /// Learns how late a real network was.
    pub(crate) fn excuse(&mut self, late: Late) {
        self.late = late;
    }

    /// What was found of agreement so far.
    pub(crate) fn agreement(&self) -> Finding {
        self.agreement.finish().finding
    }

    /// What everybody knew in the run.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// The digest of the run so far.
    pub(crate) fn digest(&self) -> Digest {
        self.digest.clone().finish()
    }

    /// How often each numbered line of the pseudo-code fired at an honest party; line 0 is none.
    pub(crate) fn noted(&self) -> &[u64] {
        &self.noted
    }

    /// The metrics of the run.
    pub(crate) fn metrics(&self) -> Metrics {
        let context = &self.context;
        self.meter.clone().finish(|view| context.leader(view), &self.judged)
    }

    /// The verdict on a run that ended at `end`.
    pub(crate) fn verdict(&self, scenario: &Scenario, end: Time, quiet: bool) -> Verdict {
        let agreement = self.agreement.finish();
        let accountability = self.accountability.finish(agreement.finding, scenario.faulty(), end);
        let found = [
            agreement,
            self.validity.finish(&self.plan, &self.judged),
            self.integrity.finish(),
            self.termination.finish(&self.plan, &self.judged, end, quiet),
            self.certificates.finish(),
            accountability,
        ];
        let label = if self.out_of_model.is_some() {
            "out-of-model"
        } else if scenario.is_beyond_bound() {
            "beyond-bound"
        } else {
            "in-model"
        };
        let mut verdict = Verdict {
            outcome: Outcome::AsExpected,
            label,
            properties: Vec::new(),
            violations: Vec::new(),
            accused: self.accountability.accused(),
            fired: self.fired.counts().to_vec(),
            reasons: Vec::new(),
            out_of_model: self.out_of_model.clone(),
            late: self.late.clone(),
        };
        for (property, found) in Property::ALL.into_iter().zip(found) {
            verdict.property(scenario, property, found, self.plan.deadline);
        }
        if self.integrity.panicked()
            && !scenario.expect.properties.contains_key(&Property::Integrity)
        {
            verdict.fail("honest code panicked".to_owned());
        }
        verdict.compare(scenario, &self.metrics());
        verdict
    }
}

/// Whether a message that is later than Δ can break a property of the protocol: liveness always, and safety
/// where the protocol is one for synchrony.
fn stands_on_delta(scenario: &Scenario, property: Property) -> bool {
    match property {
        Property::Termination => true,
        Property::Agreement | Property::Validity => {
            scenario.protocol.about.model == Model::Synchrony
        }
        Property::Integrity | Property::Certificates | Property::Accountability => false,
    }
}

impl Verdict {
    fn property(
        &mut self,
        scenario: &Scenario,
        property: Property,
        found: Found,
        deadline: Option<Time>,
    ) {
        let named = scenario.expect.properties.get(&property).copied();
        let promised = theorem::promised(scenario, property, deadline);
        // No network makes an honest party guilty, and what does not stand on Δ no late message excuses.
        let always = property == Property::Accountability;
        let stands = stands_on_delta(scenario, property);
        let anywhere = !stands && !scenario.is_beyond_bound();
        let promised = promised.filter(|_| always || anywhere || self.label == "in-model");
        let expected = named.or(promised);
        match expected {
            Some(expected) if expected == found.finding => {}
            Some(expected) if found.finding == Finding::Undecided => {
                self.doubt();
                self.reasons.push(format!(
                    "{} is undecided, expected: {}",
                    property.name(),
                    expected.name()
                ));
            }
            Some(expected) => {
                let reason = format!(
                    "{} {}, expected: {}",
                    property.name(),
                    found.finding.name(),
                    expected.name()
                );
                // What was to fall and did not is an attack that may have come late.
                let missed = found.finding != Finding::Violated && self.late.slow.is_some();
                self.fail_unless(missed || (stands && self.is_excused(scenario)), reason);
            }
            None => {}
        }
        let Found { finding, detail, violation } = found;
        let promised = promised == Some(Finding::Holds);
        self.violations.extend(violation);
        self.properties.push(PropertyVerdict { property, finding, expected, promised, detail });
    }

    /// Properties that fell though a theorem promises that they hold.
    pub fn broken_promises(&self) -> impl Iterator<Item = &PropertyVerdict> {
        let broken =
            |found: &&PropertyVerdict| found.promised && found.finding == Finding::Violated;
        self.properties.iter().filter(broken)
    }

    /// What is expected cannot be told.
    fn doubt(&mut self) {
        if self.outcome == Outcome::AsExpected {
            self.outcome = Outcome::Inconclusive;
        }
    }

    /// Not as expected outweighs inconclusive.
    fn fail(&mut self, reason: String) {
        self.outcome = Outcome::NotAsExpected;
        self.reasons.push(reason);
    }

    /// Not as expected, unless there is an excuse: then nothing can be told.
    fn fail_unless(&mut self, excused: bool, reason: String) {
        if !excused {
            return self.fail(reason);
        }
        self.doubt();
        self.reasons.push(reason);
    }

    /// A run that broke its model without being meant to shows nothing by what it missed.
    fn is_excused(&self, scenario: &Scenario) -> bool {
        self.late.broke_model || (self.out_of_model.is_some() && scenario.expect.label.is_none())
    }

    fn compare(&mut self, scenario: &Scenario, metrics: &Metrics) {
        let expect = &scenario.expect;
        let missed = self.late.slow.is_some() || self.is_excused(scenario);
        if expect.fired {
            let idle: Vec<_> = self.fired.iter().filter(|fired| fired.count == 0).collect();
            let idle: Vec<_> = idle.into_iter().map(idle_reason).collect();
            idle.into_iter().for_each(|reason| self.fail_unless(missed, reason));
        }
        match (&expect.label, &self.out_of_model) {
            // Whatever label the file expects, this is not how the run was to come by it.
            (_, why) if self.late.broke_model => {
                let why = self.late.slow.as_ref().or(why.as_ref()).cloned().unwrap_or_default();
                self.reasons.push(format!("the real network broke the model: {why}"));
                self.doubt();
            }
            (Some(label), _) if label == self.label => {}
            (Some(label), _) => {
                self.fail(format!("the run is {}, expected: {label}", self.label));
            }
            (None, Some(why)) => {
                self.reasons.push(format!("the scenario broke its model: {why}"));
                self.doubt();
            }
            (None, None) => {}
        }
        if let Some(expected) = &expect.accused {
            let mut accused: Vec<PartyId> =
                self.accused.iter().map(|evidence| evidence.culprit).collect();
            accused.dedup();
            let mut expected = expected.clone();
            expected.sort_unstable();
            if accused != expected {
                let missed = accused.iter().all(|culprit| expected.contains(culprit));
                let (accused, expected) = (list(&accused), list(&expected));
                let reason = format!("accused: {accused}, expected: {expected}");
                self.fail_unless(missed && self.late.slow.is_some(), reason);
            }
        }
        let (fewest, most) = metrics.messages_per_decision;
        let costs = [
            ("hops", expect.hops, metrics.latency_hops.max, metrics.latency_hops.max),
            ("messages", expect.messages, fewest, most),
            ("lost views", expect.lost_views, metrics.lost_views, metrics.lost_views),
        ];
        for (name, expected, low, high) in costs {
            if let Some(expected) =
                expected.filter(|expected| (*expected, *expected) != (low, high))
            {
                let measured =
                    if low == high { low.to_string() } else { format!("{low} to {high}") };
                let reason = format!("{name}: {measured}, expected: {expected}");
                self.fail_unless(missed, reason);
            }
        }
        let untold = self.outcome == Outcome::Inconclusive && !self.late.broke_model;
        self.reasons.extend(self.late.slow.clone().filter(|_| untold));
    }
}

fn idle_reason(fired: &FiredCount) -> String {
    match fired.party {
        Some(party) => format!("party {party} never had an effect with `{}`", fired.name),
        None => format!("{} never had an effect", fired.name),
    }
}

fn list(parties: &[PartyId]) -> String {
    let numbers: Vec<_> = parties.iter().map(ToString::to_string).collect();
    if numbers.is_empty() { "nobody".to_owned() } else { numbers.join(", ") }
}

impl Observer for Judge {
    fn see(&mut self, event: &Event, detail: Detail<'_>) {
        self.digest.add(event);
        match event.what {
            What::Delivered { from, tag, .. } => {
                self.meter.delivered(event.party, from, &tag);
                return;
            }
            What::Sent { tag, bytes, copies, .. } => {
                self.meter.sent(event.at, event.party, &tag, bytes, copies);
                return;
            }
            What::Timer | What::Persisted | What::Rejected(_) => return,
            What::Noted(line) => {
                if self.judged.contains(event.party)
                    && let Some(count) = self.noted.get_mut(usize::from(line))
                {
                    *count += 1;
                }
                return;
            }
            What::Corrupted => {
                self.honest.remove(event.party);
                self.judged.remove(event.party);
                self.accountability.corrupted(event.party);
                self.certificates.see(event, detail);
            }
            What::OutOfModel => {
                if let Detail::Text(text) = detail {
                    self.out_of_model.get_or_insert_with(|| text.to_owned());
                }
            }
            // Its client signed it, whoever it was that it reached first.
            What::Submitted(id) if self.plan.asked(&id).is_none() => {
                Arc::make_mut(&mut self.plan).others.insert(id, event.at);
            }
            // Only honest machines are caught, whether or not they count as faulty later.
            What::Panicked => return self.integrity.see(event, detail),
            _ => {}
        }
        let plan = self.plan.clone();
        self.meter.see(event, detail, &plan);
        self.fired.see(event);
        if self.honest.contains(event.party) {
            self.agreement.see(event, detail);
            self.validity.see(event, detail, &plan);
            self.integrity.see(event, detail);
            self.termination.see(event, detail, &plan);
            self.certificates.see(event, detail);
            self.accountability.see(event, detail);
        }
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
