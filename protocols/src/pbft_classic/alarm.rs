//! A timer that is pushed back far more often than it fires.

use super::machine::{PbftClassic, Timer};
use crate::{Effects, Time};

/// When something is due, and for when the runtime's timer was set: never later.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Alarm {
    due: Option<Time>,
    set: Option<Time>,
}

impl Alarm {
    /// Whether something is due some time.
    pub(super) fn is_armed(&self) -> bool {
        self.due.is_some()
    }

    /// It is due at this time, whatever was due before.
    pub(super) fn arm(&mut self, timer: Timer, at: Time, fx: &mut Effects<PbftClassic>) {
        self.due = Some(at);
        if self.set.is_none_or(|set| set > at) {
            self.set = Some(at);
            fx.set_timer(timer, at);
        }
    }

    /// Nothing is due until it is armed again, which is likely.
    pub(super) fn pause(&mut self) {
        self.due = None;
    }

    /// Nothing is due any more.
    pub(super) fn disarm(&mut self, timer: Timer, fx: &mut Effects<PbftClassic>) {
        self.due = None;
        if self.set.take().is_some() {
            fx.cancel_timer(timer);
        }
    }

    /// The runtime's timer fires; says whether it was due.
    pub(super) fn fires(&mut self, timer: Timer, fx: &mut Effects<PbftClassic>) -> bool {
        self.set = None;
        match self.due {
            Some(due) if due <= fx.now() => {
                self.due = None;
                true
            }
            Some(due) => {
                self.arm(timer, due, fx);
                false
            }
            None => false,
        }
    }
}
