//! Whether a scenario keeps its word over a real network: rehearsed in the simulator, before anything
//! starts, with what a real network adds to the one of the file.
//!
//! Real time comes on top of every delay, up to the quarter of Δ that is kept free for it, and traitors
//! that are processes of their own have no common mind. A verdict that hangs on neither is the same
//! over any network that keeps the model.

use byzlab_crypto::Scheme;

use crate::{Entry, Options, Outcome, Property, PropertyVerdict, Run, Scenario, StoppedBy};

/// What rehearsals show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rehearsed {
    /// Nothing that a real network adds changes what is found.
    Same,
    /// Nothing but what the file says of costs, and what they were.
    CostsDiffer(String),
    /// The verdict hangs on exact times, or on traitors that act as one; and what was found.
    Differs(String),
    /// What a theorem promises fell, or honest code failed: a find, and what it was.
    Fell(String),
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
    let sound = fell(&plain).is_none();
    let n = scenario.n as u64;
    let mut shown = Rehearsed::Same;
    for number in (0..n.min(SLOW)).chain(n..n + DRAWN) {
        let real = run(&scenario, Some(number));
        if let Some(why) = fell(&real).filter(|_| sound) {
            return Rehearsed::Fell(format!("{why} (rehearsal {number})"));
        }
        if matches!(shown, Rehearsed::Differs(_)) {
            continue;
        }
        let Some(why) = differs(&plain, &real) else { continue };
        shown = match differs(&plain, &run(&free, Some(number))) {
            Some(_) => Rehearsed::Differs(why),
            None => Rehearsed::CostsDiffer(why),
        };
    }
    shown
}

/// What fell that can fall over no network, if something did. Of termination a rehearsal shows nothing:
/// who comes back later may need longer.
fn fell(real: &Run) -> Option<String> {
    let safety = |found: &&PropertyVerdict| found.property != Property::Termination;
    let broken = real.verdict.broken_promises().find(safety);
    let broken =
        broken.map(|found| format!("{} violated: {}", found.property.name(), found.detail));
    broken.or_else(|| real.nondeterministic.then(|| "two runs of the same differ".to_owned()))
}

/// How a run differs from what it was to be, if it does. Of one that is too long nothing is said, nor of what
/// is promised and fell: the real run will tell.
fn differs(plain: &Run, real: &Run) -> Option<String> {
    if real.stopped_by == StoppedBy::Events || real.verdict.broken_promises().next().is_some() {
        return None;
    }
    let mut found = plain.verdict.properties.iter().zip(&real.verdict.properties);
    let other = found.find(|(before, now)| before.finding != now.finding);
    let other = other.map(|(before, now)| {
        let (was, is) = (before.finding.name(), now.finding.name());
        format!("{} {is}, and not {was}", now.property.name())
    });
    let unexpected = real.verdict.outcome != Outcome::AsExpected;
    other.or_else(|| real.verdict.reasons.first().filter(|_| unexpected).cloned())
}
