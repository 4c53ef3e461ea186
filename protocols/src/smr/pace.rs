//! When requests that wait are proposed: each as it comes, or together at every turn of a clock.

use crate::{Span, Time};

/// The turns of a party. Between two of them requests gather: a batch for each turn, and not a block
/// for each request. What was gathered by the last turn may be proposed at any time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pace {
    /// From one turn to the next; nothing gathers if it is zero.
    period: Span,
    /// Whether a timer is set for the next turn.
    armed: bool,
}

impl Pace {
    /// Turns that are so many thousandths of Δ apart; 0 for none.
    pub fn new(delta: Span, thousandths: u64) -> Pace {
        let period = delta.0.saturating_mul(thousandths) / 1000;
        let period = if thousandths == 0 { 0 } else { period.max(1) };
        Pace { period: Span(period), armed: false }
    }

    /// By when a request must have come to be proposed now: before the last turn. Nothing if there was
    /// none yet.
    pub fn by(&self, now: Time) -> Option<Time> {
        match now.0.checked_div(self.period.0) {
            None => Some(Time::NEVER),
            Some(0) => None,
            Some(turns) => Some(Time(turns * self.period.0 - 1)),
        }
    }

    /// A request comes: for when a timer has to be set, if none is.
    pub fn gathers(&mut self, now: Time) -> Option<Time> {
        let turns = now.0.checked_div(self.period.0).filter(|_| !self.armed)?;
        self.armed = true;
        Some(Time(turns * self.period.0).after(self.period))
    }

    /// The timer fires.
    pub fn turns(&mut self) {
        self.armed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_between_two_turns_waits_for_the_next() {
        let mut pace = Pace::new(Span(1000), 10);
        assert_eq!((pace.by(Time(9)), pace.by(Time(29))), (None, Some(Time(19))));
        assert_eq!(pace.gathers(Time(20)), Some(Time(30)), "what comes at a turn is late for it");
        assert_eq!(pace.gathers(Time(29)), None, "one timer is enough");
        pace.turns();
        assert_eq!(pace.by(Time(30)), Some(Time(29)));
        assert_eq!(pace.gathers(Time(31)), Some(Time(40)));
    }

    #[test]
    fn without_a_pace_nothing_waits() {
        let mut pace = Pace::new(Span(1000), 0);
        assert_eq!((pace.by(Time(7)), pace.gathers(Time(7))), (Some(Time::NEVER), None));
        let mut tick = Pace::new(Span(1), 1);
        assert_eq!(tick.gathers(Time(7)), Some(Time(8)), "no turn is shorter than a tick");
    }
}
