//! Scenarios: files, checkers, metrics, reports.
//!
//! One way, no way back: a file becomes a [`Scenario`], a scenario a setup, a setup a run, and
//! the events of the run a verdict. A checker knows events, never a runtime or a protocol.

mod bounds;
mod check;
mod evidence;
mod file;
mod judge;
mod metrics;
mod registry;
mod rehearse;
mod run;
mod scenario;
mod setup;
mod theorem;

pub mod compare;
pub mod export;
pub mod linearizable;
pub mod page;
pub mod report;
pub mod search;

pub use bounds::{First, Rehearsal};
pub use check::{FiredCount, Violation};
pub use compare::Histogram;
pub use evidence::{EvidenceFile, MAX_EVIDENCE_BYTES};
pub use file::{
    Document, FILE, MAX_FILE_BYTES, Names, Problem, ProblemJson, Problems, expected, explain,
    parse_range, parse_seed, parse_span, schema, suggest,
};
pub use judge::{Judge, Late, Outcome, PropertyVerdict, Verdict};
pub use metrics::{KindCosts, Latency, Metrics, PartyCosts};
pub use registry::{AttackInfo, Entry, Registry};
pub use rehearse::{Rehearsed, rehearse};
pub use run::{Explored, Options, Remains, Run, SIM, StoppedBy, Timing, conclude, prepare};
pub use scenario::{
    AttackSpec, Compare, Demand, Expect, Fault, Finding, NetworkSpec, Property, ProtocolChoice,
    Reach, RuleSpec, Scenario, Traitor, Workload,
};
pub use setup::{GivenKeys, KeySource};
pub use theorem::{beyond, promised, statement};
