//! The clock of an instance: the time since the common start, as protocols know it.

use std::time::{Duration, Instant, SystemTime};

use byzlab_protocols::Time;

/// Time since the common start. A scale stretches it: what a file calls 100 ms takes so many
/// times longer, and everything that a run measures stays in the file's own time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    scale: u64,
}

impl Clock {
    /// A clock that starts then.
    pub fn starting(start: Instant, scale: u64) -> Clock {
        Clock { start, scale: scale.max(1) }
    }

    /// A clock of a start that stands in a genesis: nanoseconds since 1970.
    pub fn of_genesis(start_ns: u64, scale: u64) -> Clock {
        let (now, here) = (SystemTime::now(), Instant::now());
        let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(start_ns);
        let start = match start.duration_since(now) {
            Ok(ahead) => here + ahead,
            Err(passed) => here.checked_sub(passed.duration()).unwrap_or(here),
        };
        Clock::starting(start, scale)
    }

    /// The time; zero before the start.
    pub fn now(&self) -> Time {
        let passed = Instant::now().saturating_duration_since(self.start).as_nanos();
        Time(u64::try_from(passed).unwrap_or(u64::MAX) / self.scale)
    }

    /// When a time comes on this machine; nothing if it never does.
    pub fn when(&self, time: Time) -> Option<Instant> {
        let after = time.0.checked_mul(self.scale)?;
        self.start.checked_add(Duration::from_nanos(after))
    }

    /// How long it is until a time; an hour if it is further away than that.
    pub fn until(&self, time: Time) -> Duration {
        let longest = Duration::from_secs(3600);
        let when = self.when(time).map(|when| when.saturating_duration_since(Instant::now()));
        when.map_or(longest, |left| left.min(longest))
    }
}

/// Nanoseconds since 1970 of a moment so far ahead.
pub fn unix_ns(ahead: Duration) -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from((since + ahead).as_nanos()).unwrap_or(u64::MAX)
}
