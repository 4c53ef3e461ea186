//! Time as protocols know it: nanoseconds since the common start of the instance.

use std::{fmt, ops::Mul};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A moment, in nanoseconds since the common start of the instance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// A duration in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl Time {
    /// The common start.
    pub const ZERO: Time = Time(0);
    /// A moment that never comes.
    pub const NEVER: Time = Time(u64::MAX);

    /// The moment so much later; [`Time::NEVER`] is as late as it gets.
    #[must_use]
    pub fn after(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; nothing if it is before.
    pub fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// The shortest span: what the simulator takes for a delay at the least.
    pub const TICK: Span = Span(1);

    /// So many milliseconds.
    pub const fn millis(count: u64) -> Span {
        Span(count * 1_000_000)
    }
}

impl Span {
    /// Rounded for people, in the largest unit that leaves something before the point.
    pub fn rounded(self) -> Span {
        let unit = [1_000_000_000, 1_000_000, 1_000].into_iter().find(|unit| self.0 >= *unit);
        let step = unit.map_or(1, |unit| unit / 1000);
        Span((self.0 + step / 2) / step * step)
    }
}

impl Mul<u64> for Span {
    type Output = Span;

    fn mul(self, count: u64) -> Span {
        Span(self.0.saturating_mul(count))
    }
}

impl fmt::Display for Span {
    /// Exact, in the largest unit that needs no more than three decimals: `1.5s`, `20ms`, `7ns`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
        for (unit, size) in units {
            let (whole, rest) = (self.0 / size, self.0 % size);
            if whole > 0 && rest % (size / 1000) == 0 {
                let decimals = format!("{:03}", rest / (size / 1000));
                let decimals = decimals.trim_end_matches('0');
                let dot = if decimals.is_empty() { "" } else { "." };
                return write!(f, "{whole}{dot}{decimals}{unit}");
            }
        }
        match self.0 {
            0 => write!(f, "0s"),
            nanos => write!(f, "{nanos}ns"),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

/// The number of a view, a round of attempts under one leader; 0 is before the first one.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct View(pub u64);

impl View {
    /// The view of genesis, before all others.
    pub const GENESIS: View = View(0);

    /// The next view; the last one has none and stays.
    #[must_use]
    pub fn next(self) -> View {
        View(self.0.saturating_add(1))
    }

    /// The view before; genesis stays.
    #[must_use]
    pub fn previous(self) -> View {
        View(self.0.saturating_sub(1))
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let shown = [0, 7, 1_000, 1_500_000, 20_000_000, 1_500_000_000, 1_000_000_001];
        let shown = shown.map(|nanos| Span(nanos).to_string());
        assert_eq!(shown, ["0s", "7ns", "1us", "1.5ms", "20ms", "1.5s", "1000000.001us"]);
    }
}
