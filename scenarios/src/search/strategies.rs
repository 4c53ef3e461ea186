//! All strategies: what they draw, and how.

use byzlab_protocols::Stream;

use super::{Space, swarm};
use crate::Scenario;

/// A way to draw scenarios.
pub struct Strategy {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Draws the scenario of a number, perhaps from one that went somewhere new.
    pub(super) draw: fn(&Space<'_>, &mut Stream, u64, Option<&Scenario>) -> Scenario,
}

/// All of them; they take turns.
pub static STRATEGIES: &[Strategy] = &[Strategy {
    name: "swarm",
    about: "random schedules, networks, behaviours, crashes and rules, some left out in each draw",
    draw: |space, stream, _, _| swarm::draw(space, stream),
}];
