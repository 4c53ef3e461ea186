//! All strategies: what they draw, and how.

use byzlab_protocols::Stream;

use super::{Space, crash_points, guided, priorities, rounds, swarm, twins};
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
pub static STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "swarm",
        about: "random networks, behaviours, crashes and rules, some left out in each draw",
        draw: |space, stream, _, _| swarm::draw(space, stream),
    },
    Strategy {
        name: "guided",
        about: "a scenario that went somewhere new, changed in a few places",
        draw: |space, stream, _, known| guided::draw(space, stream, known),
    },
    Strategy {
        name: "rounds",
        about: "in a few rounds somebody is not heard, and what traitors say then is changed",
        draw: |space, stream, _, _| rounds::draw(space, stream),
    },
    Strategy {
        name: "twins",
        about: "twins, with every leader and partition of the first views, each once",
        draw: |space, stream, number, _| twins::draw(space, stream, number),
    },
    Strategy {
        name: "priorities",
        about: "the slowest party waits for all others, until priorities change a few times",
        draw: |space, stream, _, _| priorities::draw(space, stream),
    },
    Strategy {
        name: "crash-points",
        about: "a party stops at each moment in turn, and comes back or does not",
        draw: |space, stream, number, _| crash_points::draw(space, stream, number),
    },
];
