//! Termination: everything is decided at every honest party by the deadline of the theorem.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Span, Time};
use byzlab_trace::{Detail, Event, What};

use super::{Found, Violation};
use crate::{Property, setup::Plan};

/// How far every party is, and when it was done.
#[derive(Clone)]
pub(crate) struct Termination {
    progress: Vec<Progress>,
}

#[derive(Clone, Default)]
struct Progress {
    slots: u64,
    requests: u64,
    done: Option<Time>,
}

impl Termination {
    pub(crate) fn new(n: usize) -> Self {
        Termination { progress: vec![Progress::default(); n] }
    }

    pub(crate) fn see(&mut self, event: &Event, detail: Detail<'_>, plan: &Plan) {
        let (slot, requests) = match (event.what, detail) {
            (What::Decided { slot, .. }, Detail::Decision(decision)) => (slot, &decision.requests),
            (What::Installed { slot, .. }, Detail::Installed(installed)) => {
                (slot, &installed.requests)
            }
            _ => return,
        };
        let progress = &mut self.progress[event.party.index()];
        if slot <= progress.slots {
            return;
        }
        progress.slots = slot;
        // The theorem's word is given for what the file asks for.
        let demanded = requests.iter().filter(|id| plan.requests.contains_key(id));
        progress.requests += demanded.count() as u64;
        let enough = |goal: Option<u64>, have: u64| goal.is_none_or(|goal| have >= goal);
        let done = enough(plan.stop.decisions, progress.slots)
            && enough(plan.stop.requests, progress.requests);
        if done {
            progress.done.get_or_insert(event.at);
        }
    }

    /// What is found if the run ended at `end`; `quiet` if nothing more would ever happen.
    pub(crate) fn finish(&self, plan: &Plan, judged: &PartySet, end: Time, quiet: bool) -> Found {
        let shown = |time: Time| Span(time.0).rounded();
        let waiting: Vec<PartyId> =
            judged.iter().filter(|party| self.progress[party.index()].done.is_none()).collect();
        let last = judged.iter().filter_map(|party| self.progress[party.index()].done).max();
        let late = plan.deadline.filter(|deadline| last.is_some_and(|last| last > *deadline));
        match (waiting.is_empty(), plan.deadline) {
            (true, _) if judged.is_empty() => Found::holds("nobody is judged"),
            (true, Some(deadline)) if late.is_some() => {
                let last = last.unwrap_or(end);
                Found::violated(violation(
                    end,
                    &[],
                    format!("done at {}, deadline {}", shown(last), shown(deadline)),
                ))
            }
            (true, Some(deadline)) => Found::holds(format!(
                "done at {}, deadline {}",
                shown(last.unwrap_or(end)),
                shown(deadline)
            )),
            (true, None) => Found::holds(format!("done at {}", shown(last.unwrap_or(end)))),
            (false, deadline) => {
                let who = numbers(&waiting);
                // All that was due by the end has happened.
                let passed = deadline.is_some_and(|deadline| end >= deadline);
                if passed || (quiet && deadline.is_some()) {
                    let why =
                        if quiet { "nothing is left to happen" } else { "the deadline passed" };
                    let text = format!("{who} not done at {}: {why}", shown(end));
                    Found::violated(violation(end, &waiting, text))
                } else {
                    let why = match deadline {
                        Some(deadline) => format!("the deadline is {}", shown(deadline)),
                        None => "no theorem gives a deadline".to_owned(),
                    };
                    Found::undecided(format!("{who} not done at {}; {why}", shown(end)))
                }
            }
        }
    }
}

fn violation(at: Time, parties: &[PartyId], text: String) -> Violation {
    let parties = parties.to_vec();
    Violation { property: Property::Termination, at, parties, events: Vec::new(), text }
}

fn numbers(parties: &[PartyId]) -> String {
    let numbers: Vec<_> = parties.iter().map(ToString::to_string).collect();
    match &numbers[..] {
        [one] => format!("party {one}"),
        many => format!("parties {}", many.join(", ")),
    }
}
