//! Shrinking: ever smaller scenarios in which the same property falls, down to a fixpoint; then
//! what is left of it as a file.

use byzlab_crypto::Scheme;
use byzlab_protocols::{Span, Time};
use rayon::prelude::*;

use super::{Hit, Space, fallen, simpler, write::write};
use crate::{Document, Expect, Explored, Finding, Options, Property, Registry, Run, Scenario};

/// So many messages are sent in all runs of a shrinking at the most: some seconds' worth.
const MOST: u64 = 4_000_000;

/// So many candidates are tried at once, on all threads.
const CHUNK: usize = 8;

/// So many of the candidates, the boldest, are tried with other seeds as well.
const BOLDEST: usize = 24;

/// The seeds that are tried where the present one allows nothing simpler.
const SEEDS: std::ops::Range<u64> = 1..10;

/// The smallest scenario that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The scenario.
    pub scenario: Scenario,
    /// The property that falls.
    pub property: Property,
    /// Its run.
    pub run: Run,
    /// Its file.
    pub file: String,
    /// How many runs it took to find it.
    pub runs: u64,
    /// Messages that were sent up to the violation, before shrinking and after.
    pub messages: (u64, u64),
}

/// What is to become small, the first thing first: parties, traitors, faults; messages until it falls,
/// a tenth more or less; text; all messages.
type Cost = (usize, usize, usize, u64, usize, u64);

struct Shrinker<'a> {
    space: &'a Space<'a>,
    property: Property,
    runs: u64,
    /// Messages in all these runs.
    messages: u64,
}

/// Shrinks a hit; `go_on` says whether there is time left.
///
/// # Errors
/// The file does not give what was found: a fault of byzlab.
pub fn shrink(
    space: &Space<'_>,
    hit: &Hit,
    registry: &Registry,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Shrunk, String> {
    let property = hit.fallen[0];
    let mut shrinker = Shrinker { space, property, runs: 0, messages: 0 };
    let explored = space.entry.explore(&hit.scenario);
    let before = until(space, &hit.scenario, &explored, property);
    let cost = shrinker.cost(&hit.scenario, &explored);
    let mut best = (hit.scenario.clone(), explored, cost);
    while go_on() {
        let Some(better) = shrinker.step(&best) else { break };
        best = better;
    }
    let named = shrinker.name(best.0, go_on);
    let explored = space.entry.explore(&named);
    let after = until(space, &named, &explored, property);
    let fallen = fallen(&explored, &Property::ALL);
    let (scenario, run, file) = finish(space, hit, &named, &fallen, registry)?;
    Ok(Shrunk { scenario, property, run, file, runs: shrinker.runs, messages: (before, after) })
}

impl Shrinker<'_> {
    /// The first of all simpler scenarios that is still a violation, and cheaper; with the seed as it
    /// is if one is, else with another one: what is drawn from it may need more than is written.
    fn step(&mut self, best: &(Scenario, Explored, Cost)) -> Option<(Scenario, Explored, Cost)> {
        let candidates = simpler::candidates(self.space, &best.0);
        if let Some(better) = self.first(&candidates, best.2) {
            return Some(better);
        }
        let seeded = SEEDS.flat_map(|seed| {
            let with_seed = move |scenario: &Scenario| Scenario { seed, ..scenario.clone() };
            candidates.iter().take(BOLDEST).chain([&best.0]).map(with_seed)
        });
        let seeded: Vec<Scenario> = seeded.collect();
        self.first(&seeded, best.2)
    }

    /// The first candidate that is a violation and costs less; none once it took too much to get here.
    fn first(&mut self, candidates: &[Scenario], cost: Cost) -> Option<(Scenario, Explored, Cost)> {
        for chunk in candidates.chunks(CHUNK) {
            if self.messages > MOST {
                return None;
            }
            let tried: Vec<Option<Explored>> =
                chunk.par_iter().map(|candidate| self.explore(candidate, cost)).collect();
            for (candidate, explored) in chunk.iter().zip(tried) {
                self.runs += 1;
                let Some(explored) = explored else { continue };
                self.messages += explored.messages;
                if !self.is_fallen(&explored) {
                    continue;
                }
                let cheaper = self.cost(candidate, &explored);
                if cheaper < cost {
                    return Some((candidate.clone(), explored, cheaper));
                }
            }
        }
        None
    }

    /// The run of a candidate; none of what is within no bound, or dearer whatever it sends.
    fn explore(&self, candidate: &Scenario, cost: Cost) -> Option<Explored> {
        let beyond = candidate.is_beyond_bound() && !self.space.base.beyond_bound;
        let dearer = size(candidate) > (cost.0, cost.1, cost.2);
        (!beyond && !dearer).then(|| self.space.entry.explore(candidate))
    }

    fn is_fallen(&self, explored: &Explored) -> bool {
        !fallen(explored, &[self.property]).is_empty()
    }

    fn falls(&self, scenario: &Scenario) -> Option<Explored> {
        if scenario.is_beyond_bound() && !self.space.base.beyond_bound {
            return None;
        }
        let explored = self.space.entry.explore(scenario);
        self.is_fallen(&explored).then_some(explored)
    }

    fn cost(&self, scenario: &Scenario, explored: &Explored) -> Cost {
        let (n, faulty, faults) = size(scenario);
        let sent = until(self.space, scenario, explored, self.property);
        let text = write(scenario, self.space.entry.fields()).len();
        (n, faulty, faults, about(sent), text, explored.messages)
    }

    /// Names the messages of each rule by kind and view, where that is all it takes.
    fn name(&mut self, mut scenario: Scenario, go_on: &dyn Fn() -> bool) -> Scenario {
        for at in 0..scenario.rules.len() {
            for candidate in simpler::narrower(self.space, &scenario, at) {
                if !go_on() {
                    return scenario;
                }
                self.runs += 1;
                let already = candidate.rules[at].on == scenario.rules[at].on;
                if !already && self.falls(&candidate).is_some() {
                    scenario = candidate;
                    break;
                }
            }
        }
        scenario
    }
}

/// Parties, traitors, and faults: behaviours, an attack, rules and events.
fn size(scenario: &Scenario) -> (usize, usize, usize) {
    let behaviours = scenario.byzantine.len() + usize::from(scenario.attack.is_some());
    let outside = scenario.rules.len() + scenario.cuts.len() + scenario.crashes.len();
    (scenario.n, scenario.faulty(), behaviours + outside)
}

/// A number but for its last digits: the same for numbers that differ by a tenth or so.
fn about(number: u64) -> u64 {
    let shift = number.checked_ilog2().unwrap_or(0).saturating_sub(3);
    number >> shift << shift
}

/// How many messages are sent until the property falls.
fn until(space: &Space<'_>, scenario: &Scenario, explored: &Explored, property: Property) -> u64 {
    let mut found = explored.verdict.violations.iter();
    let Some(violation) = found.find(|found| found.property == property) else {
        return explored.messages;
    };
    let mut short = scenario.clone();
    short.stop_time = Some(violation.at.after(Span::TICK));
    space.entry.explore(&short).messages
}

/// The file of a scenario, with what falls as its expectation, and its run.
fn finish(
    space: &Space<'_>,
    hit: &Hit,
    scenario: &Scenario,
    fallen: &[Property],
    registry: &Registry,
) -> Result<(Scenario, Run, String), String> {
    let mut scenario = scenario.clone();
    let schemes = match hit.scenario.crypto {
        Scheme::Ideal => vec![Scheme::Ed25519, Scheme::Ideal],
        Scheme::Ed25519 => vec![Scheme::Ed25519],
    };
    let mut why = String::new();
    for (scheme, fired) in schemes.into_iter().flat_map(|scheme| [(scheme, true), (scheme, false)])
    {
        scenario.crypto = scheme;
        let properties = fallen.iter().map(|property| (*property, Finding::Violated)).collect();
        scenario.expect = Expect { properties, fired, ..Expect::default() };
        let file = file(space, hit, &scenario);
        let document = Document::decode("found.toml", file.as_bytes(), &[], registry);
        let resolved = document.and_then(|document| document.resolve(None, registry));
        let resolved = resolved.map_err(|problems| format!("{problems}\n{file}"))?;
        let run = space.entry.run(&resolved, &Options::default());
        if run.verdict.outcome == crate::Outcome::AsExpected {
            return Ok((resolved, run, file));
        }
        why = format!("{}\n{file}", run.verdict.reasons.join("; "));
    }
    Err(format!("the file of what was found does not give it again: {why}"))
}

fn file(space: &Space<'_>, hit: &Hit, scenario: &Scenario) -> String {
    let about = scenario.protocol.about;
    let names: Vec<_> = scenario.expect.properties.keys().map(|one| one.name()).collect();
    let broken = scenario.protocol.broken.map(|(id, _)| format!(" ({id})")).unwrap_or_default();
    let falls = if names.len() == 1 { "falls" } else { "fall" };
    let title = format!(
        "Found: {} of {}{broken} {falls} with {} parties, {} of them faulty",
        names.join(" and "),
        about.name,
        scenario.n,
        scenario.faulty()
    );
    let mut out = format!("# By byzlab search: run {} ({}), shrunk.\n", hit.run, hit.strategy);
    out.push_str(&format!("title = {title:?}\npost = {:?}\n", scenario.post));
    out.push_str(&write(scenario, space.entry.fields()));
    out.push_str("\n[expect]\n");
    for name in names {
        out.push_str(&format!("{name} = \"violated\"\n"));
    }
    if !scenario.expect.fired {
        out.push_str("fired = false\n");
    }
    out
}

/// The next round moment after one.
pub(super) fn rounded(time: Time) -> Time {
    const MILLISECOND: u64 = 1_000_000;
    Time((time.0 / MILLISECOND + 1).saturating_mul(MILLISECOND))
}
