//! Which theorem covers a scenario, what it promises, and what puts a scenario beyond it.

use byzlab_crypto::PartySet;
use byzlab_protocols::{Context, Goal, Model, Protocol, Situation, Time};

use crate::{Finding, Property, Reach, Scenario};

/// Why the theorem does not apply; empty if it does.
pub fn beyond(scenario: &Scenario) -> Vec<String> {
    let about = scenario.protocol.about;
    let (n, f, b) = (scenario.n, scenario.f, scenario.faulty());
    let mut reasons = Vec::new();
    let bound = (about.tolerates)(n);
    if f > bound {
        reasons.push(format!(
            "f = {f} exceeds the bound {bound} for {} with n = {n} ({})",
            about.name, about.bound
        ));
    }
    if b > f {
        reasons.push(format!("{b} faulty parties, but f = {f}"));
    }
    // What is made for partial synchrony is safe in every network; in asynchrony only its
    // liveness is not promised.
    if about.model == Model::Synchrony && scenario.network.model > about.model {
        reasons.push(format!(
            "{} needs {}, the network promises {}",
            about.name,
            about.model.name(),
            scenario.network.model.name()
        ));
    }
    reasons
}

/// The theorem in one line.
pub fn statement(scenario: &Scenario) -> String {
    let about = scenario.protocol.about;
    format!("{} with {} in {}: {}", about.name, about.bound, about.model.name(), about.post)
}

/// What is promised of a property, if the run keeps its model; nothing where nothing is. Without a
/// deadline termination is not promised ([`crate::Entry::deadline`]). Accountability is, beyond the
/// bound too: that is what it is for, and no correct party ever signs what proves guilt.
pub fn promised(
    scenario: &Scenario,
    property: Property,
    deadline: Option<Time>,
) -> Option<Finding> {
    if scenario.protocol.broken.is_some() {
        return None;
    }
    match property {
        Property::Accountability => Some(Finding::Holds),
        _ if !beyond(scenario).is_empty() => None,
        Property::Termination if deadline.is_none() => None,
        _ => Some(Finding::Holds),
    }
}

/// By when all that is asked for is decided, if the theorem covers the scenario.
pub(crate) fn deadline<P: Protocol>(
    scenario: &Scenario,
    context: &Context,
    params: &P::Params,
    goal: Goal,
    submitted: Time,
) -> Option<Time> {
    if scenario.network.model == Model::Asynchrony {
        return None;
    }
    let restarts = scenario.crashes.iter().filter_map(|crash| crash.restart);
    let gst = match scenario.network.model {
        Model::PartialSynchrony => scenario.network.gst,
        Model::Synchrony | Model::Asynchrony => Time::ZERO,
    };
    let reached = reached(scenario);
    let situation = Situation {
        gst,
        before_gst: scenario.network.before_gst,
        submitted,
        restarted: restarts.max().unwrap_or_default(),
        goal,
        requests: scenario.demanded(),
        reached,
        informed: reached == scenario.judged().len(),
    };
    P::deadline(context, params, &situation)
}

/// How many honest parties every request reaches sooner or later.
fn reached(scenario: &Scenario) -> usize {
    let judged = scenario.judged();
    match &scenario.workload.to {
        Reach::All | Reach::Some(_, Some(_)) => judged.len(),
        Reach::Some(parties, None) => {
            let reached: PartySet = parties.iter().copied().collect();
            reached.iter().filter(|party| judged.contains(*party)).count()
        }
    }
}
