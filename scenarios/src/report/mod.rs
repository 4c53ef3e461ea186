//! Reports: text for people, JSON for machines, JUnit for CI. The same run gives the same bytes.

mod diagram;
mod json;
mod junit;
mod text;

pub use json::json;
pub use junit::junit;
pub use text::{Paint, summary, text};

use crate::{Run, Scenario};

/// A run with the scenario that it is of, and the line that repeats it.
pub struct Report<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// What came of it.
    pub run: &'a Run,
    /// The command that gives the same run.
    pub repeat: String,
    /// Whether to show what this machine took.
    pub timing: bool,
    /// The most memory that the process has used, in bytes, where that is known.
    pub memory: Option<u64>,
}
