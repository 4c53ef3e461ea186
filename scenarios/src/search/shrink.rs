//! Shrinking: ever smaller scenarios in which the same property falls, down to a fixpoint; then
//! what is left of it as a file.

use byzlab_crypto::Scheme;
use byzlab_protocols::{Stream, Time};
use rayon::prelude::*;

use super::{Hit, Space, fallen, simpler, write::write};
use crate::{
    Document, Expect, Explored, Finding, Options, Property, Registry, Run, Scenario, Violation,
};

/// So many messages are sent in all runs of a shrinking at the most: some seconds' worth.
const MOST: u64 = 4_000_000;

/// After so many messages no other way down is tried.
const AGAIN: u64 = 1_000_000;

/// So many messages a person reads as they are.
const LEGIBLE: u64 = 30;

/// So many candidates are tried at once, on all threads.
const CHUNK: usize = 8;

/// So many of the candidates, the boldest, are tried with other seeds as well.
const BOLDEST: usize = 24;

/// So many messages are about sent in trying other seeds where the present one allows nothing
/// simpler.
const SEEDS: u64 = 100_000;

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
    /// Messages that arrived until the violation, before shrinking and after.
    pub messages: (u64, u64),
}

/// What is to become small, the first thing first: parties, traitors, faults; messages that arrive until
/// it falls, a tenth more or less; text; all messages.
type Cost = (usize, usize, usize, u64, usize, u64);

/// A violation, its run, and what it costs.
type Best = (Scenario, Explored, Cost);

struct Shrinker<'a> {
    space: &'a Space<'a>,
    property: Property,
    runs: u64,
    /// Messages in all these runs.
    messages: u64,
    /// In which order simpler scenarios are tried: 0 is the boldest first, all others are random.
    order: u64,
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
    let mut shrinker = Shrinker { space, property, runs: 0, messages: 0, order: 0 };
    let explored = shrinker.run(&hit.scenario);
    let before = shrinker.until(&hit.scenario, &explored);
    let cost = shrinker.cost(&hit.scenario, &explored);
    let found = (hit.scenario.clone(), explored, cost);
    let named = shrinker.smallest(&found, go_on);
    let (runs, mut why) = (shrinker.runs, String::new());
    for scenario in [shrinker.ended(&named), Some(named)].into_iter().flatten() {
        let explored = space.entry.explore(&scenario);
        let messages = (before, shrinker.until(&scenario, &explored));
        let fallen = fallen(&explored, &Property::ALL);
        if !fallen.contains(&property) {
            continue;
        }
        match finish(space, hit, &scenario, &fallen, registry) {
            Ok((scenario, run, file)) => {
                return Ok(Shrunk { scenario, property, run, file, runs, messages });
            }
            Err(problem) => why = problem,
        }
    }
    Err(format!("the file of what was found does not give it again: {why}"))
}

impl Shrinker<'_> {
    /// The least to read of what several ways down lead to, while that is too long.
    fn smallest(&mut self, found: &Best, go_on: &(dyn Fn() -> bool + Sync)) -> Scenario {
        let mut smallest = self.down(found, go_on);
        let mut left = self.reading(&smallest);
        let safety = self.property != Property::Termination;
        while safety && left.3 >= LEGIBLE && self.messages < AGAIN && go_on() {
            self.order += 1;
            let other = self.down(found, go_on);
            let reading = self.reading(&other);
            if reading < left {
                (smallest, left) = (other, reading);
            }
        }
        smallest
    }

    /// What there is to read of a violation: parties, traitors, messages until it falls and faults, of
    /// which one more is worth a tenth of the messages or so; and the messages alone.
    fn reading(&self, scenario: &Scenario) -> (usize, usize, u64, u64) {
        let explored = self.run(scenario);
        let messages = self.until(scenario, &explored);
        let (n, faulty, faults) = size(scenario);
        (n, faulty, messages.max(LEGIBLE) * (faults as u64 + 5), messages)
    }

    /// One way down to a scenario of which no simpler one is still a violation.
    fn down(&mut self, found: &Best, go_on: &(dyn Fn() -> bool + Sync)) -> Scenario {
        let mut best = found.clone();
        while go_on() {
            let Some(better) = self.step(&best) else { break };
            best = better;
        }
        let mut named = self.name(best, go_on);
        while go_on() {
            let Some(quieter) = self.quieter(&named) else { break };
            named = quieter;
        }
        named
    }

    /// The first of all simpler scenarios that is still a violation, and cheaper; with the seed as it
    /// is if one is, else with another one: what is drawn from it may need more than is written.
    fn step(&mut self, best: &Best) -> Option<Best> {
        let mut candidates = simpler::candidates(self.space, &best.0);
        if self.order > 0 {
            let name = format!("order {} run {}", self.order, self.runs);
            Stream::named(1, &name).shuffle(&mut candidates);
        }
        if let Some(better) = self.first(&candidates, best.2) {
            return Some(better);
        }
        let a_seed = best.1.messages.max(1) * BOLDEST as u64;
        (1..=(SEEDS / a_seed).clamp(9, 100)).find_map(|seed| {
            let boldest = candidates.iter().take(BOLDEST).chain([&best.0]);
            let seeded = boldest.map(|one| Scenario { seed, ..one.clone() });
            self.first(&seeded.collect::<Vec<_>>(), best.2)
        })
    }

    /// The best of the first few candidates among which one is a violation and costs less; none once
    /// it took too much to get here.
    fn first(&mut self, candidates: &[Scenario], cost: Cost) -> Option<Best> {
        for chunk in candidates.chunks(CHUNK) {
            if self.messages > MOST {
                return None;
            }
            let tried: Vec<Option<Explored>> =
                chunk.par_iter().map(|candidate| self.explore(candidate, cost)).collect();
            self.runs += chunk.len() as u64;
            let mut best: Option<Best> = None;
            for (candidate, explored) in chunk.iter().zip(tried) {
                let Some(explored) = explored else { continue };
                self.messages += explored.messages;
                if !self.is_fallen(&explored) {
                    continue;
                }
                let cheaper = self.cost(candidate, &explored);
                if cheaper < best.as_ref().map_or(cost, |best| best.2) {
                    best = Some((candidate.clone(), explored, cheaper));
                }
            }
            if best.is_some() {
                return best;
            }
        }
        None
    }

    /// The run of a candidate; none of what is within no bound, or dearer whatever it sends.
    fn explore(&self, candidate: &Scenario, cost: Cost) -> Option<Explored> {
        let beyond = candidate.is_beyond_bound() && !self.space.base.beyond_bound;
        let dearer = size(candidate) > (cost.0, cost.1, cost.2);
        (!beyond && !dearer).then(|| self.run(candidate))
    }

    /// A run as far as it matters: where termination falls, up to its deadline.
    fn run(&self, scenario: &Scenario) -> Explored {
        let entry = self.space.entry;
        if self.property != Property::Termination || scenario.stop_time.is_some() {
            return entry.explore(scenario);
        }
        entry.explore(&Scenario { stop_time: entry.deadline(scenario), ..scenario.clone() })
    }

    fn is_fallen(&self, explored: &Explored) -> bool {
        !fallen(explored, &[self.property]).is_empty()
    }

    fn cost(&self, scenario: &Scenario, explored: &Explored) -> Cost {
        let (n, faulty, faults) = size(scenario);
        let arrived = about(self.until(scenario, explored));
        let text = write(scenario, self.space.entry.fields()).len();
        (n, faulty, faults, arrived, text, explored.messages)
    }

    /// How many messages arrive until the property falls: what a reader has to read.
    fn until(&self, scenario: &Scenario, explored: &Explored) -> u64 {
        let mut found = explored.verdict.violations.iter();
        let violation = found.find(|found| found.property == self.property);
        let arrivals = explored.arrivals.iter();
        let arrived = match violation {
            Some(Violation { events, .. }) if !events.is_empty() => {
                let last = events.iter().max();
                arrivals.filter(|(event, _)| Some(event) <= last).count()
            }
            Some(Violation { at, .. }) => {
                let deadline = self.space.entry.deadline(scenario);
                let late = self.property == Property::Termination;
                let end = deadline.filter(|_| late).map_or(*at, |deadline| deadline.min(*at));
                arrivals.filter(|(_, time)| *time <= end).count()
            }
            None => arrivals.count(),
        };
        arrived as u64
    }

    /// Names the messages of each rule by kind and view, where that is all it takes.
    fn name(&mut self, best: Best, go_on: &dyn Fn() -> bool) -> Scenario {
        let (mut scenario, _, cost) = best;
        for at in 0..scenario.rules.len() {
            for candidate in simpler::narrower(self.space, &scenario, at) {
                if !go_on() {
                    return scenario;
                }
                self.runs += 1;
                let already = candidate.rules[at].on == scenario.rules[at].on;
                if already {
                    continue;
                }
                let Some(explored) = self.explore(&candidate, cost) else { continue };
                let longer = about(self.until(&candidate, &explored)) > cost.3;
                if self.is_fallen(&explored) && !longer {
                    scenario = candidate;
                    break;
                }
            }
        }
        scenario
    }

    /// The scenario with a rule more, if that saves a fifth of what is too long to read: who takes no
    /// part in the story is kept out of it.
    fn quieter(&mut self, scenario: &Scenario) -> Option<Scenario> {
        if !self.space.open.rules || self.property == Property::Termination {
            return None;
        }
        let explored = self.run(scenario);
        let arrived = self.until(scenario, &explored);
        if arrived < LEGIBLE || self.messages > MOST {
            return None;
        }
        let candidates = simpler::quieter(self.space, scenario);
        self.runs += candidates.len() as u64;
        self.messages += candidates.len() as u64 * explored.messages;
        let left = |candidate: &Scenario| {
            let explored = self.run(candidate);
            let left = self.until(candidate, &explored);
            (self.is_fallen(&explored) && left * 5 <= arrived * 4).then_some(left)
        };
        let left: Vec<Option<u64>> = candidates.par_iter().map(left).collect();
        let least = left.iter().flatten().min().copied()?;
        candidates.into_iter().zip(left).find(|(_, left)| *left == Some(least)).map(|(one, _)| one)
    }

    /// The scenario, ended where the property has fallen, and not before GST; none if nothing happens
    /// after that anyway.
    fn ended(&self, scenario: &Scenario) -> Option<Scenario> {
        let explored = self.space.entry.explore(scenario);
        let mut found = explored.verdict.violations.iter();
        let violation = found.find(|found| found.property == self.property)?;
        let end = match self.property {
            Property::Termination => self.space.entry.deadline(scenario)?,
            _ => rounded(violation.at.max(scenario.network.gst)),
        };
        let last = explored.arrivals.last().map_or(Time::ZERO, |(_, last)| *last);
        let open = self.space.base.stop_time.is_none() && last > end;
        open.then(|| Scenario { stop_time: Some(end), ..scenario.clone() })
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
    Err(why)
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
