//! The timers of a party, numbered in the order in which they were armed: that names them in a
//! journal, whatever the type of a protocol's timer.

use std::collections::BTreeMap;

use byzlab_protocols::Time;

/// What is armed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Armed<T> {
    /// A timer of one copy of the machine.
    Timer(u8, T),
    /// What a behaviour wants to be told.
    Wake(u64),
}

/// All that is armed.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    armed: BTreeMap<u64, (Time, Armed<T>)>,
    due: BTreeMap<(Time, u64), ()>,
    last: u64,
}

impl<T: Clone + PartialEq> Timers<T> {
    pub(crate) fn new() -> Self {
        Timers { armed: BTreeMap::new(), due: BTreeMap::new(), last: 0 }
    }

    /// Arms something, in place of a timer of the same name. Gives its number.
    pub(crate) fn arm(&mut self, at: Time, armed: Armed<T>) -> u64 {
        if matches!(armed, Armed::Timer(..)) {
            self.disarm(&armed);
        }
        self.last += 1;
        self.due.insert((at, self.last), ());
        self.armed.insert(self.last, (at, armed));
        self.last
    }

    /// Disarms a timer.
    pub(crate) fn disarm(&mut self, armed: &Armed<T>) {
        let number = self.armed.iter().find(|(_, (_, other))| other == armed).map(|(at, _)| *at);
        if let Some(number) = number {
            self.take(number);
        }
    }

    /// What comes due first, and when.
    pub(crate) fn first(&self) -> Option<(Time, u64)> {
        self.due.keys().next().copied()
    }

    /// Takes what has this number, if it is still armed, and when it was due.
    pub(crate) fn take(&mut self, number: u64) -> Option<(Time, Armed<T>)> {
        let (at, armed) = self.armed.remove(&number)?;
        self.due.remove(&(at, number));
        Some((at, armed))
    }
}
