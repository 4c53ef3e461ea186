//! When requests that wait are proposed: each as it comes, or together at every turn of a clock.

use crate::{Field, FieldDefault, FieldKind, Span, Time};

/// The turns of a party. Between two of them requests gather: a batch for each turn, and not a block
/// for each request. What came by the last turn may be proposed at any time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pace {
    /// From one turn to the next; nothing gathers if it is zero.
    period: Span,
    /// The turn for which a timer is set.
    armed: Option<Time>,
}

impl Pace {
    /// The parameter of a protocol that has turns.
    pub const FIELD: Field = Field {
        name: "pace",
        kind: FieldKind::Integer { min: 0, max: 1000 },
        default: FieldDefault::Is("0"),
        doc: "Requests gather, and are proposed together every so many thousandths of Δ; 0 proposes each \
              as it comes",
    };

    /// Turns that are so many thousandths of Δ apart, the first one at 0; 0 for none.
    pub fn new(delta: Span, thousandths: u64) -> Pace {
        let period = delta.0.saturating_mul(thousandths) / 1000;
        let period = if thousandths == 0 { 0 } else { period.max(1) };
        Pace { period: Span(period), armed: None }
    }

    /// By when a request must have come to be proposed now: by the last turn, with what came in that
    /// very moment. A turn whose timer is set is over when that fires: only then all of its moment are
    /// there. Nothing if no turn is over.
    pub fn by(&self, now: Time) -> Option<Time> {
        let Some(turns) = now.0.checked_div(self.period.0) else { return Some(Time::NEVER) };
        let open = self.armed.is_some_and(|turn| turn <= now);
        let over = turns.checked_sub(u64::from(open))?;
        Some(Time(over * self.period.0))
    }

    /// A request comes: for when a timer has to be set, if none is. That is this very moment if it is a
    /// turn.
    pub fn gathers(&mut self, now: Time) -> Option<Time> {
        if self.period == Span::ZERO || self.armed.is_some() {
            return None;
        }
        let turns = now.0.div_ceil(self.period.0);
        self.armed = Some(Time(turns.saturating_mul(self.period.0)));
        self.armed
    }

    /// The timer fires.
    pub fn turns(&mut self) {
        self.armed = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_between_two_turns_waits_for_the_next() {
        let mut pace = Pace::new(Span(1000), 10);
        assert_eq!((pace.by(Time(9)), pace.by(Time(29))), (Some(Time(0)), Some(Time(20))));
        assert_eq!(pace.gathers(Time(21)), Some(Time(30)));
        assert_eq!(pace.gathers(Time(29)), None, "one timer is enough");
        assert_eq!(pace.by(Time(29)), Some(Time(20)));
        pace.turns();
        assert_eq!((pace.by(Time(30)), pace.by(Time(39))), (Some(Time(30)), Some(Time(30))));
        assert_eq!(pace.gathers(Time(31)), Some(Time(40)));
    }

    #[test]
    fn what_comes_at_a_turn_is_proposed_at_that_turn_together() {
        let mut pace = Pace::new(Span(1000), 10);
        // A timer is set for it already: it is handled after what comes.
        assert_eq!(pace.gathers(Time(25)), Some(Time(30)));
        assert_eq!((pace.gathers(Time(30)), pace.by(Time(30))), (None, Some(Time(20))));
        pace.turns();
        assert_eq!(pace.by(Time(30)), Some(Time(30)));
        // None is set.
        assert_eq!((pace.gathers(Time(40)), pace.by(Time(40))), (Some(Time(40)), Some(Time(30))));
        pace.turns();
        assert_eq!(pace.by(Time(40)), Some(Time(40)));
        let mut first = Pace::new(Span(1000), 10);
        assert_eq!((first.gathers(Time(0)), first.by(Time(0))), (Some(Time(0)), None));
    }

    #[test]
    fn without_a_pace_nothing_waits() {
        let mut pace = Pace::new(Span(1000), 0);
        assert_eq!((pace.by(Time(7)), pace.gathers(Time(7))), (Some(Time::NEVER), None));
        let mut tick = Pace::new(Span(1), 1);
        assert_eq!(tick.gathers(Time(7)), Some(Time(7)), "no turn is shorter than a tick");
    }
}
