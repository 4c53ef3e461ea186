//! What is due, in the one order that every machine agrees on.
//!
//! Corrections A7: by time; within an instant first the environment, then client inputs, then
//! arrivals, then timers; then in the order in which things were scheduled.

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
    fn class(self) -> usize {
        match self {
            Due::Change(_) => 0,
            Due::Input(_) => 1,
            Due::Arrival { .. } => 2,
            Due::Timer { .. } => 3,
        }
    }
}

const CLASSES: usize = 4;
const BUCKETS: usize = 65;

/// A radix heap: a queue for times that never go back.
///
/// Everything that differs from the present first in bit b is in bucket b, in the order in which
/// it was scheduled. When the present instant is used up, the lowest bucket is dealt out around
/// its earliest time. An item moves down at most once for each bit, always in sequence, so that
/// items of one instant stay in the order in which they came and no sequence number is needed.
#[derive(Clone)]
pub(crate) struct Queue {
    now: Time,
    buckets: Vec<Vec<(Time, Due)>>,
    /// Which buckets hold something: bit b for bucket b.
    filled: u128,
    /// What is due now, by class; taken from the front.
    present: [Lane; CLASSES],
    length: usize,
}

#[derive(Clone, Default)]
struct Lane {
    items: Vec<Due>,
    taken: usize,
}

impl Lane {
    fn take(&mut self) -> Option<Due> {
        let due = self.items.get(self.taken).copied();
        if due.is_some() {
            self.taken += 1;
        } else if self.taken > 0 {
            self.items.clear();
            self.taken = 0;
        }
        due
    }
}

impl Queue {
    /// An empty queue at time 0.
    pub(crate) fn new() -> Queue {
        Queue {
            now: Time::ZERO,
            buckets: vec![Vec::new(); BUCKETS],
            filled: 0,
            present: std::array::from_fn(|_| Lane::default()),
            length: 0,
        }
    }

    /// Schedules something; for the past means for now.
    pub(crate) fn push(&mut self, at: Time, due: Due) {
        self.length += 1;
        let at = at.max(self.now);
        if at == self.now {
            self.present[due.class()].items.push(due);
        } else {
            self.put(at, due);
        }
    }

    fn put(&mut self, at: Time, due: Due) {
        let bucket = self.bucket(at);
        self.buckets[bucket].push((at, due));
        self.filled |= 1 << bucket;
    }

    fn bucket(&self, at: Time) -> usize {
        64 - (at.0 ^ self.now.0).leading_zeros() as usize
    }

    /// Takes out what is due next, and when, if it is due by `limit`.
    pub(crate) fn pop(&mut self, limit: Time) -> Option<(Time, Due)> {
        loop {
            for lane in &mut self.present {
                if let Some(due) = lane.take() {
                    self.length -= 1;
                    return Some((self.now, due));
                }
            }
            if !self.advance(limit) {
                return None;
            }
        }
    }

    /// Goes on to the next instant at which something is due, if it is not beyond the limit.
    fn advance(&mut self, limit: Time) -> bool {
        if self.filled == 0 {
            return false;
        }
        let lowest = self.filled.trailing_zeros() as usize;
        let next = self.buckets[lowest].iter().map(|(at, _)| *at).min().unwrap_or(Time::NEVER);
        if next > limit {
            return false;
        }
        self.now = next;
        let mut items = std::mem::take(&mut self.buckets[lowest]);
        self.filled &= !(1 << lowest);
        for (at, due) in items.drain(..) {
            if at == self.now {
                self.present[due.class()].items.push(due);
            } else {
                self.put(at, due);
            }
        }
        self.buckets[lowest] = items;
        true
    }

    /// How many things are due.
    pub(crate) fn len(&self) -> usize {
        self.length
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
            let mut model: Vec<(Time, usize, u32, Due)> = Vec::new();
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
