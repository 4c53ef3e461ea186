//! All strategies: what they draw, and how.

use byzlab_protocols::Stream;

use super::{Space, crash_points, guided, priorities, rounds, stories, swarm, twins};
use crate::Scenario;

/// A way to draw scenarios.
pub struct Strategy {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// So many turns it has while others have one.
    pub(super) turns: u64,
    /// Draws the scenario of a number, perhaps from one that went somewhere new.
    pub(super) draw: fn(&Space<'_>, &mut Stream, u64, Option<&Scenario>) -> Scenario,
}

/// All of them; they take turns. Most of what is hard to find is a story.
pub static STRATEGIES: &[Strategy] = &[
    Strategy {
        name: "swarm",
        about: "random networks, behaviours, crashes and rules, some left out in each draw",
        turns: 1,
        draw: |space, stream, _, _| swarm::draw(space, stream),
    },
    Strategy {
        name: "guided",
        about: "a scenario that went somewhere new, changed in a few places",
        turns: 1,
        draw: |space, stream, _, known| guided::draw(space, stream, known),
    },
    Strategy {
        name: "rounds",
        about: "in a few rounds somebody is not heard, and what traitors say then is changed",
        turns: 1,
        draw: |space, stream, _, _| rounds::draw(space, stream),
    },
    Strategy {
        name: "stories",
        about: "view by view one party comes further than the others, and the next leader lies",
        turns: 8,
        draw: |space, stream, _, _| stories::draw(space, stream),
    },
    Strategy {
        name: "twins",
        about: "twins, with every leader and partition of the first views, each once",
        turns: 1,
        draw: |space, stream, number, _| twins::draw(space, stream, number),
    },
    Strategy {
        name: "priorities",
        about: "the slowest party waits for all others, until priorities change a few times",
        turns: 1,
        draw: |space, stream, _, _| priorities::draw(space, stream),
    },
    Strategy {
        name: "crash-points",
        about: "a party stops at each moment in turn, and comes back or does not",
        turns: 1,
        draw: |space, stream, number, _| crash_points::draw(space, stream, number),
    },
];
