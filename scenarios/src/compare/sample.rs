//! What is kept of a run: a line of a shard.

use byzlab_protocols::{About, Role};
use serde::{Deserialize, Serialize};

use super::Histogram;
use crate::{Finding, Outcome, Property, Run};

/// What is kept of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The number of the run in its comparison.
    pub run: u64,
    /// The properties that fell.
    pub violated: Vec<String>,
    /// Those that could not be told.
    pub undecided: Vec<String>,
    /// The label of the run.
    pub label: String,
    /// The outcome of the run.
    pub outcome: String,
    /// Whether no attack changed what honest parties received.
    pub idle: bool,
    /// Whether a second run of the same scenario differed.
    pub nondeterministic: bool,
    /// When it ended.
    pub end_ns: u64,
    /// The most slots that an honest party decided.
    pub decisions: u64,
    /// The median latency, if there was a decision.
    pub latency_ns: Option<u64>,
    /// How latencies are distributed.
    pub latencies: Histogram,
    /// The most message delays.
    pub hops: u64,
    /// Views gone through.
    pub views: u64,
    /// Those without a decision.
    pub lost_views: u64,
    /// Messages sent.
    pub messages: u64,
    /// Those of them that change views.
    pub view_change: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Signatures made.
    pub signatures_made: u64,
    /// Signatures that receivers had to check.
    pub signatures_verified: u64,
    /// The fewest and the most messages of a view that decided.
    pub view_messages: (u64, u64),
}

impl Sample {
    /// What is kept of a run.
    pub fn of(number: u64, about: &About, run: &Run) -> Sample {
        let found = |finding| {
            let properties = run.verdict.properties.iter();
            let properties = properties.filter(move |property| property.finding == finding);
            properties.map(|property| property.property.name().to_owned()).collect()
        };
        let metrics = &run.metrics;
        let view_change = |kind: &&'static str| {
            about.kinds.iter().any(|known| known.name == *kind && known.role == Role::ViewChange)
        };
        let view_change = metrics.by_kind.iter().filter(|(kind, _)| view_change(kind));
        let fired = &run.verdict.fired;
        Sample {
            run: number,
            violated: found(Finding::Violated),
            undecided: found(Finding::Undecided),
            label: run.verdict.label.to_owned(),
            outcome: run.verdict.outcome.name().to_owned(),
            idle: !fired.is_empty() && fired.iter().all(|fired| fired.count == 0),
            nondeterministic: run.nondeterministic,
            end_ns: run.end.0,
            decisions: metrics.decisions,
            latency_ns: (metrics.latencies.count() > 0).then_some(metrics.latency_ns.p50),
            latencies: metrics.latencies.clone(),
            hops: metrics.latency_hops.max,
            views: metrics.views,
            lost_views: metrics.lost_views,
            messages: metrics.total.messages,
            view_change: view_change.map(|(_, costs)| costs.messages).sum(),
            bytes: metrics.total.bytes,
            signatures_made: metrics.total.signatures_made,
            signatures_verified: metrics.total.signatures_verified,
            view_messages: metrics.messages_per_decision,
        }
    }

    /// Whether the run was as its file expects.
    pub fn expected(&self) -> bool {
        self.outcome == Outcome::AsExpected.name()
    }

    /// Whether what a run says can be true: words that are known, numbers that can be added up.
    pub(super) fn is_sound(&self) -> bool {
        let known = |names: &[String]| {
            names.iter().all(|name| Property::ALL.iter().any(|property| property.name() == name))
        };
        let outcomes = [Outcome::AsExpected, Outcome::NotAsExpected, Outcome::Inconclusive];
        let labels = ["in-model", "beyond-bound", "out-of-model"];
        let numbers = [
            self.decisions,
            self.views,
            self.messages,
            self.bytes,
            self.signatures_made,
            self.signatures_verified,
            self.latencies.count(),
        ];
        known(&self.violated)
            && known(&self.undecided)
            && outcomes.iter().any(|outcome| outcome.name() == self.outcome)
            && labels.contains(&self.label.as_str())
            && numbers.iter().all(|number| *number < 1 << 40)
    }
}
