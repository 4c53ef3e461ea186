//! The search for a violation: strategies draw scenarios, never code; what breaks a property is
//! shrunk and written as a file.
//!
//! A draw depends on the space, the seed of the search and the number of the run alone, so that a
//! search of so many runs gives the same bytes whatever the number of threads.

mod coverage;
mod crash_points;
mod guided;
mod hunt;
mod priorities;
mod rounds;
mod shrink;
mod simpler;
mod space;
mod stories;
mod strategies;
mod swarm;
mod traitors;
mod twins;
mod write;

pub(crate) use coverage::Coverage;
pub use hunt::{Hit, Hunt, Progress};
pub use shrink::{Shrunk, shrink};
pub use space::Space;
pub use strategies::{STRATEGIES, Strategy};
pub use write::write;

use crate::{Explored, Finding, Property};

/// What fell in a run in a way that counts: a run that broke its model shows nothing.
fn fallen(explored: &Explored, wanted: &[Property]) -> Vec<Property> {
    let in_model = explored.verdict.label != "out-of-model";
    let found = explored.verdict.properties.iter();
    found
        .filter(|found| in_model && found.finding == Finding::Violated)
        .map(|found| found.property)
        .filter(|property| wanted.contains(property))
        .collect()
}
