//! The hunt: batches of runs on all cores, until something falls.

use std::collections::{BTreeMap, BTreeSet};

use byzlab_protocols::Stream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Space, Strategy, fallen};
use crate::{Explored, Property, Scenario};

/// So many runs are drawn before what they reached steers the next ones.
const BATCH: u64 = 64;

/// So many scenarios that went somewhere new are remembered.
const MEMORY: usize = 512;

/// So many messages a search goes on, where nothing but termination fell so far: some seconds' worth.
const LONGER: u64 = 3_000_000;

/// A scenario in which something falls.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which run of the search it was, counted from 1.
    pub run: u64,
    /// Which strategy drew it.
    pub strategy: &'static str,
    /// The scenario.
    pub scenario: Scenario,
    /// What falls in it.
    pub fallen: Vec<Property>,
}

/// How far a search has come: what was covered, and where to go on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The seed of the search.
    pub seed: u64,
    /// Runs that were made.
    pub runs: u64,
    /// Runs that broke their model: they count for nothing.
    pub out_of_model: u64,
    /// Runs that were cut off, since too much happened in them: what did not fall until then is open.
    pub flooded: u64,
    /// Messages in all runs.
    pub messages: u64,
    /// Runs of each strategy.
    pub strategies: BTreeMap<String, u64>,
    /// Runs in which each line of the pseudo-code fired.
    pub lines: Vec<u64>,
    /// Pairs of line and state that were reached.
    pub states: BTreeSet<u64>,
    /// Runs that went somewhere new, by their numbers: they are drawn again when the search is
    /// resumed.
    pub remembered: Vec<u64>,
}

/// A search.
pub struct Hunt<'a> {
    space: &'a Space<'a>,
    strategies: Vec<&'static Strategy>,
    wanted: Vec<Property>,
    /// How far it has come.
    pub progress: Progress,
    memory: Vec<(u64, Scenario)>,
}

struct Seen {
    run: u64,
    strategy: &'static str,
    scenario: Scenario,
    explored: Explored,
}

impl<'a> Hunt<'a> {
    /// A search for a violation of one of the wanted properties.
    pub fn new(
        space: &'a Space<'a>,
        strategies: Vec<&'static Strategy>,
        wanted: Vec<Property>,
        progress: Progress,
    ) -> Hunt<'a> {
        let mut hunt = Hunt { space, strategies, wanted, progress, memory: Vec::new() };
        for run in hunt.progress.remembered.clone() {
            let (_, scenario) = hunt.draw(run);
            hunt.memory.push((run, scenario));
        }
        hunt
    }

    /// Makes some runs, `most` at the most. Gives the first one in which something fell.
    pub fn batch(&mut self, most: u64) -> Option<Hit> {
        let first = self.progress.runs;
        let seen: Vec<Seen> = (first..first + most.min(BATCH))
            .into_par_iter()
            .map(|run| {
                let (strategy, scenario) = self.draw(run);
                let explored = self.space.entry.explore(&scenario);
                Seen { run, strategy, scenario, explored }
            })
            .collect();
        for seen in seen {
            let fallen = fallen(&seen.explored, &self.wanted);
            let hit = (!fallen.is_empty()).then(|| Hit {
                run: seen.run + 1,
                strategy: seen.strategy,
                scenario: seen.scenario.clone(),
                fallen,
            });
            self.learn(seen);
            if hit.is_some() {
                return hit;
            }
        }
        None
    }

    /// Goes on after a first hit in which nothing but termination falls: that what is decided is wrong
    /// says more than that nothing is. Gives the first run in which something else falls, if there is one
    /// soon; `most` says each time how many runs may follow.
    pub fn longer(&mut self, first: &Hit, mut most: impl FnMut(&Progress) -> u64) -> Option<Hit> {
        let safety = |property: &Property| *property != Property::Termination;
        if first.fallen.iter().any(safety) || !self.wanted.iter().any(safety) {
            return None;
        }
        self.wanted.retain(safety);
        let end = self.progress.messages + LONGER;
        while self.progress.messages < end {
            let runs = most(&self.progress);
            if runs == 0 {
                return None;
            }
            if let Some(hit) = self.batch(runs) {
                return Some(hit);
            }
        }
        None
    }

    /// The scenario of a run: of its number and of what is remembered alone.
    fn draw(&self, run: u64) -> (&'static str, Scenario) {
        let (strategy, number) = self.turn(run);
        let name = format!("search {run} {}", strategy.name);
        let mut stream = Stream::named(self.progress.seed, &name);
        let known = recall(&self.memory, self.progress.seed, run);
        let mut scenario = (strategy.draw)(self.space, &mut stream, number, known);
        // What several features come to together may be more than the bound allows.
        if scenario.is_beyond_bound() && !self.space.base.beyond_bound {
            scenario = self.space.draft();
        }
        (strategy.name, scenario)
    }

    /// Whose turn a run is, and which turn of that strategy it is.
    fn turn(&self, run: u64) -> (&'static Strategy, u64) {
        let all: u64 = self.strategies.iter().map(|strategy| strategy.turns).sum();
        let (round, mut at) = (run / all, run % all);
        for strategy in &self.strategies {
            if at < strategy.turns {
                return (strategy, round * strategy.turns + at);
            }
            at -= strategy.turns;
        }
        unreachable!("the turns of a round are those of its strategies")
    }

    fn learn(&mut self, seen: Seen) {
        let Seen { run, strategy, scenario, explored } = seen;
        let progress = &mut self.progress;
        progress.runs += 1;
        progress.messages += explored.messages;
        progress.out_of_model += u64::from(explored.verdict.label == "out-of-model");
        progress.flooded += u64::from(explored.flooded);
        *progress.strategies.entry(strategy.to_owned()).or_default() += 1;
        progress.lines.resize(explored.noted.len().max(progress.lines.len()), 0);
        for (line, noted) in progress.lines.iter_mut().zip(&explored.noted) {
            *line += u64::from(*noted > 0);
        }
        let before = progress.states.len();
        progress.states.extend(&explored.covered);
        if progress.states.len() > before && strategy != "guided" {
            if self.memory.len() == MEMORY {
                self.memory.remove(0);
                progress.remembered.remove(0);
            }
            progress.remembered.push(run);
            self.memory.push((run, scenario));
        }
    }
}

/// One of the scenarios that went somewhere new, the late ones more often.
fn recall(memory: &[(u64, Scenario)], seed: u64, run: u64) -> Option<&Scenario> {
    let mut stream = Stream::named(seed, &format!("search {run} memory"));
    let count = memory.len() as u64;
    let at = stream.below(count).max(stream.below(count));
    memory.get(at as usize).map(|(_, scenario)| scenario)
}
