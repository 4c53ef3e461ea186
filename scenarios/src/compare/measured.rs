//! What the runs of a cell come to.

use super::{Histogram, Sample};
use crate::Outcome;

/// A cell in one word, the worst that was seen in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    /// Every property holds in every run.
    Holds,
    /// The attack changed nothing in any run: it says nothing about the protocol.
    NoEffect,
    /// Does not apply.
    NotApplicable,
    /// Interrupted before.
    NotRun,
    /// A run ended before a property could be told, or broke its model.
    Undecided,
    /// A property fell where no theorem promises it, or where the file expects it.
    Expected,
    /// Not as the file expects, though no property fell.
    Unexpected,
    /// A property fell.
    Violated,
}

impl Word {
    /// All of them, the best first.
    pub const ALL: [Word; 8] = [
        Word::Holds,
        Word::NoEffect,
        Word::NotApplicable,
        Word::NotRun,
        Word::Undecided,
        Word::Expected,
        Word::Unexpected,
        Word::Violated,
    ];

    /// In tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Word::Holds => "holds",
            Word::NoEffect => "no effect",
            Word::NotApplicable => "not applicable",
            Word::NotRun => "not run",
            Word::Undecided => "undecided",
            Word::Expected => "violated as expected",
            Word::Unexpected => "not as expected",
            Word::Violated => "violated",
        }
    }

    /// In small tables.
    pub fn short(self) -> &'static str {
        match self {
            Word::Expected => "expected",
            Word::Unexpected => "UNEXPECTED",
            Word::Violated => "VIOLATED",
            Word::NotApplicable => "n/a",
            other => other.name(),
        }
    }
}

/// What is measured in a cell, over all its runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Measured {
    /// How many runs.
    pub runs: u64,
    /// How many there should be.
    pub planned: u64,
    /// How many of them were not as expected.
    pub unexpected: u64,
    /// How many were inconclusive.
    pub inconclusive: u64,
    /// In how many a property fell.
    pub violated: u64,
    /// In how many one could not be told, but none fell.
    pub undecided: u64,
    /// In how many the attack changed nothing.
    pub idle: u64,
    /// In how many a second run differed from the first.
    pub nondeterministic: u64,
    /// Whether one was beyond the bound, or out of its model.
    pub label: String,
    /// The properties that fell or could not be told, in any run.
    pub properties: Vec<String>,
    /// Decisions.
    pub decisions: u64,
    /// The median over seeds of the median latency.
    pub latency_ns: Option<u64>,
    /// All latencies.
    pub latencies: Histogram,
    /// The median over seeds of the most message delays.
    pub hops: u64,
    /// Views gone through.
    pub views: u64,
    /// Those without a decision.
    pub lost_views: u64,
    /// Messages.
    pub messages: u64,
    /// Those of them that change views.
    pub view_change: u64,
    /// Bytes.
    pub bytes: u64,
    /// Signatures made.
    pub signatures_made: u64,
    /// Signatures checked.
    pub signatures_verified: u64,
    /// The seed of the worst run: the worst outcome; of those the one that took longest.
    pub worst_seed: u64,
}

impl Measured {
    /// What samples come to, in the order of their seeds, of which `planned` begin at `first`;
    /// nothing if there are none.
    pub(super) fn of(
        samples: &[Sample],
        attacked: bool,
        first: u64,
        planned: u64,
    ) -> Option<Measured> {
        let worst = samples.iter().max_by_key(|sample| {
            // Of several that are equally bad the first seed.
            (badness(sample), sample.end_ns, std::cmp::Reverse(sample.run))
        })?;
        let worst_seed = first + worst.run % planned.max(1);
        let mut all = Measured { planned, worst_seed, ..Measured::default() };
        let mut properties = Vec::new();
        for sample in samples {
            all.add(sample, attacked);
            properties.extend(sample.violated.iter().chain(&sample.undecided).cloned());
        }
        properties.sort();
        properties.dedup();
        all.properties = properties;
        let labels = ["out-of-model", "beyond-bound", "in-model"];
        let seen = |label: &&str| samples.iter().any(|sample| sample.label == *label);
        all.label = labels.into_iter().find(seen).unwrap_or_default().to_owned();
        all.latency_ns = median(samples.iter().filter_map(|sample| sample.latency_ns).collect());
        all.hops = median(samples.iter().map(|sample| sample.hops).collect()).unwrap_or_default();
        Some(all)
    }

    fn add(&mut self, sample: &Sample, attacked: bool) {
        self.runs += 1;
        self.unexpected += u64::from(sample.outcome == Outcome::NotAsExpected.name());
        self.inconclusive += u64::from(sample.outcome == Outcome::Inconclusive.name());
        let violated = !sample.violated.is_empty();
        self.violated += u64::from(violated);
        self.undecided += u64::from(!violated && !sample.undecided.is_empty());
        self.idle += u64::from(attacked && sample.idle);
        self.nondeterministic += u64::from(sample.nondeterministic);
        self.decisions += sample.decisions;
        self.latencies.add(&sample.latencies);
        self.views += sample.views;
        self.lost_views += sample.lost_views;
        self.messages += sample.messages;
        self.view_change += sample.view_change;
        self.bytes += sample.bytes;
        self.signatures_made += sample.signatures_made;
        self.signatures_verified += sample.signatures_verified;
    }

    /// The cell in one word.
    pub fn word(&self) -> Word {
        if self.unexpected > 0 {
            if self.violated > 0 { Word::Violated } else { Word::Unexpected }
        } else if self.violated > 0 {
            Word::Expected
        } else if self.undecided > 0 || self.inconclusive > 0 {
            Word::Undecided
        } else if self.idle == self.runs {
            Word::NoEffect
        } else {
            Word::Holds
        }
    }

    /// How many runs the word is about.
    pub fn concerned(&self) -> u64 {
        match self.word() {
            Word::Violated | Word::Unexpected => self.unexpected,
            Word::Expected => self.violated,
            Word::Undecided => self.undecided.max(self.inconclusive),
            _ => self.runs,
        }
    }

    /// Something per decision, in tenths; nothing without a decision.
    pub fn per_decision(&self, count: u64) -> Option<u64> {
        (10 * count).checked_div(self.decisions)
    }
}

fn badness(sample: &Sample) -> u8 {
    let outcome = match sample.expected() {
        true => 0,
        false if sample.outcome == Outcome::Inconclusive.name() => 3,
        false => 4,
    };
    let finding = match (sample.violated.is_empty(), sample.undecided.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    };
    outcome.max(finding)
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}
