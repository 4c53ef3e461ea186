//! What is due, in the one order that every machine agrees on.
//!
//! Corrections A7: by time; within an instant first the environment, then client inputs, then
//! arrivals, then timers; then in the order in which things were scheduled.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use byzlab_crypto::PartyId;
use byzlab_protocols::Time;

/// Something that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// A change of the environment, by its index.
    Change(u32),
    /// A client input, by its index.
    Input(u32),
    /// A packet in flight reaches a party.
    Arrival { flight: u32, to: PartyId },
    /// A timer or wake-up of a party, by its generation.
    Timer { party: PartyId, generation: u32 },
}

impl Due {
    fn class(self) -> u8 {
        match self {
            Due::Change(_) => 0,
            Due::Input(_) => 1,
            Due::Arrival { .. } => 2,
            Due::Timer { .. } => 3,
        }
    }
}

/// What is due, the earliest first.
#[derive(Clone, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Item>>,
    sequence: u64,
    now: Time,
}

#[derive(Clone, Copy)]
struct Item {
    /// Time, class and sequence number, in this order of weight.
    key: u128,
    due: Due,
}

impl Queue {
    /// An empty queue at time 0.
    pub(crate) fn new() -> Queue {
        Queue::default()
    }

    /// Schedules something; for the past means for now.
    pub(crate) fn push(&mut self, at: Time, due: Due) {
        self.sequence += 1;
        let at = at.max(self.now);
        let key =
            u128::from(at.0) << 64 | u128::from(due.class()) << 60 | u128::from(self.sequence);
        self.heap.push(Reverse(Item { key, due }));
    }

    /// Takes out what is due next, and when, if it is due by `limit`.
    pub(crate) fn pop(&mut self, limit: Time) -> Option<(Time, Due)> {
        let Reverse(next) = self.heap.peek()?;
        let at = Time((next.key >> 64) as u64);
        if at > limit {
            return None;
        }
        let Reverse(item) = self.heap.pop()?;
        self.now = at;
        Some((at, item.due))
    }

    /// How many things are due.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use byzlab_protocols::Stream;

    use super::*;

    /// Against the obvious queue: a list sorted by time, class and sequence.
    #[test]
    fn the_order_is_that_of_time_class_and_sequence() {
        let mut stream = Stream::named(7, "queue");
        for _ in 0..200 {
            let mut queue = Queue::new();
            let mut model: Vec<(Time, u8, u32, Due)> = Vec::new();
            let mut now = Time::ZERO;
            for sequence in 0..400 {
                if stream.below(3) < 2 {
                    let due = match stream.below(4) {
                        0 => Due::Change(sequence),
                        1 => Due::Input(sequence),
                        2 => Due::Arrival { flight: sequence, to: PartyId(0) },
                        _ => Due::Timer { party: PartyId(0), generation: sequence },
                    };
                    let spread = [1, 4, 1000, 1 << 40][stream.below(4) as usize];
                    let at = Time(now.0 + stream.below(spread));
                    queue.push(at, due);
                    model.push((at, due.class(), sequence, due));
                } else {
                    model.sort_unstable_by_key(|(at, class, sequence, _)| (*at, *class, *sequence));
                    let expected = (!model.is_empty())
                        .then(|| model.remove(0))
                        .map(|(at, _, _, due)| (at, due));
                    if let Some((at, _)) = expected.filter(|(at, _)| *at > now) {
                        assert_eq!(queue.pop(Time(at.0 - 1)), None, "not before its time");
                    }
                    assert_eq!(queue.pop(Time::NEVER), expected);
                    assert_eq!(queue.len(), model.len());
                    now = expected.map_or(now, |(at, _)| at);
                }
            }
        }
    }
}
