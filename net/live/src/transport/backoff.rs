//! How long to wait before the next attempt.

use std::time::Duration;

use byzlab_protocols::Stream;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(2);

/// Doubled after every failure, and jittered so that two do not march in step.
pub(super) struct Backoff {
    failures: u32,
    jitter: Stream,
    began: Instant,
}

impl Backoff {
    /// Jitter of its own for each name.
    pub(super) fn new(name: &str) -> Self {
        Backoff { failures: 0, jitter: Stream::named(0, name), began: Instant::now() }
    }

    /// What was attempted works now.
    pub(super) fn works(&mut self) {
        self.began = Instant::now();
    }

    /// It failed, or works no more: the time to wait. What worked for a while starts afresh.
    pub(super) fn failed(&mut self, worked: bool) -> Duration {
        if worked && self.began.elapsed() >= LONGEST {
            self.failures = 0;
        }
        let longest = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = longest / 2;
        half + Duration::from_nanos(self.jitter.below(half.as_nanos() as u64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_a_limit_until_something_worked_for_a_while() {
        let mut backoff = Backoff::new("test");
        let waits: Vec<_> = (0..100).map(|_| backoff.failed(false)).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[9..].iter().all(|wait| (LONGEST / 2..=LONGEST).contains(wait)));
        let distinct: std::collections::BTreeSet<_> = waits.iter().collect();
        assert!(distinct.len() > 90, "no jitter");
        backoff.works();
        assert!(backoff.failed(true) >= LONGEST / 2, "it worked for no time at all");
        backoff.works();
        tokio::time::advance(LONGEST).await;
        assert!(backoff.failed(true) <= FIRST);
    }
}
