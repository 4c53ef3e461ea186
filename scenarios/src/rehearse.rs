//! Whether a scenario keeps its word over a real network: rehearsed in the simulator, before anything
//! starts, with what a real network adds to the one of the file.
//!
//! Real time comes on top of every delay, up to the quarter of Δ that is kept free for it, and traitors
//! that are processes of their own have no common mind. A verdict that hangs on neither is the same
//! over any network that keeps the model.

use byzlab_crypto::Scheme;

use crate::{Entry, Finding, Options, Outcome, Run, Scenario, StoppedBy};

/// What rehearsals show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rehearsed {
    /// Nothing that a real network adds changes what is found.
    Same,
    /// Nothing but what the file says of costs, and what they were.
    CostsDiffer(String),
    /// The verdict hangs on exact times, or on traitors that act as one; and what was found.
    Differs(String),
}

/// So many parties are slow, one after the other, and so many more networks are drawn.
const SLOW: u64 = 16;
const DRAWN: u64 = 5;
/// So many things happen in a rehearsal at the most: of a longer run nothing is said.
const MOST: u64 = 500_000;

/// Rehearses a scenario: with ideal signatures, which change nothing but how long it takes.
pub fn rehearse(entry: &dyn Entry, scenario: &Scenario) -> Rehearsed {
    let stop_events = scenario.stop_events.min(MOST);
    let scenario = Scenario { crypto: Scheme::Ideal, stop_events, ..scenario.clone() };
    let free = Scenario { expect: scenario.expect.without_costs(), ..scenario.clone() };
    let run = |scenario: &Scenario, rehearsal| {
        entry.run(scenario, &Options { rehearsal, ..Options::default() })
    };
    let plain = run(&scenario, None);
    // What is not as expected anyway is nothing that a real network adds.
    if plain.verdict.outcome != Outcome::AsExpected {
        return Rehearsed::Same;
    }
    let n = scenario.n as u64;
    let mut costs = Rehearsed::Same;
    for number in (0..n.min(SLOW)).chain(n..n + DRAWN) {
        let real = run(&scenario, Some(number));
        let Some(why) = differs(&plain, &real) else { continue };
        if differs(&plain, &run(&free, Some(number))).is_some() {
            return Rehearsed::Differs(why);
        }
        costs = Rehearsed::CostsDiffer(why);
    }
    costs
}

/// How a run differs from what it was to be, if it does.
fn differs(plain: &Run, real: &Run) -> Option<String> {
    let found = || plain.verdict.properties.iter().zip(&real.verdict.properties);
    let fell = found().any(|(_, found)| {
        found.expected == Some(Finding::Holds) && found.finding == Finding::Violated
    });
    // What falls within the model hangs on no exact times: the run itself will tell. Nor is anything
    // said of one that is too long.
    if (fell && real.verdict.label == "in-model") || real.stopped_by == StoppedBy::Events {
        return None;
    }
    let other = found().find(|(before, now)| before.finding != now.finding);
    let other = other.map(|(before, now)| {
        let (was, is) = (before.finding.name(), now.finding.name());
        format!("{} {is}, and not {was}", now.property.name())
    });
    let unexpected = real.verdict.outcome != Outcome::AsExpected;
    other.or_else(|| real.verdict.reasons.first().filter(|_| unexpected).cloned())
}
