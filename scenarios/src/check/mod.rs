//! Checkers: they judge honest parties only, from events.
//!
//! Each property has a file. A checker sees every event, keeps what it needs, and gives a
//! finding at the end; it knows neither the runtime nor the protocol's state.

mod accountability;
mod agreement;
mod certificates;
mod fired;
mod integrity;
mod termination;
mod validity;

#[cfg(test)]
mod tests;

use byzlab_crypto::{Digest, PartyId};
use byzlab_protocols::Time;
use byzlab_trace::EventId;

pub(crate) use accountability::Accountability;
pub(crate) use agreement::Agreement;
pub(crate) use certificates::Certificates;
pub(crate) use fired::Fired;
pub use fired::FiredCount;
pub(crate) use integrity::Integrity;
pub(crate) use termination::Termination;
pub(crate) use validity::Validity;

use crate::{Finding, Property};

/// A property that fell, where and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which property.
    pub property: Property,
    /// When.
    pub at: Time,
    /// Who is concerned.
    pub parties: Vec<PartyId>,
    /// The events that show it.
    pub events: Vec<EventId>,
    /// The story in one sentence.
    pub text: String,
}

/// What a checker found, with a line for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) finding: Finding,
    pub(crate) detail: String,
    pub(crate) violation: Option<Violation>,
}

impl Found {
    pub(crate) fn holds(detail: impl Into<String>) -> Found {
        Found { finding: Finding::Holds, detail: detail.into(), violation: None }
    }

    pub(crate) fn undecided(detail: impl Into<String>) -> Found {
        Found { finding: Finding::Undecided, detail: detail.into(), violation: None }
    }

    pub(crate) fn violated(violation: Violation) -> Found {
        let detail = violation.text.clone();
        Found { finding: Finding::Violated, detail, violation: Some(violation) }
    }
}

/// So many of something, for people.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A decided value for people.
pub(crate) fn value(digest: Digest) -> String {
    if digest == Digest::ZERO { "the default value".to_owned() } else { digest.to_string() }
}
