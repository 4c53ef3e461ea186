//! What the committer of a node did, in numbers.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// What a node wrote down.
#[derive(Debug)]
pub struct Commits {
    /// Inputs in the journal.
    pub inputs: AtomicU64,
    /// Transactions of the store: records, blocks and snapshots that had to be durable.
    pub transactions: AtomicU64,
    /// Seconds from when a batch was taken up until all that it holds may leave.
    pub(crate) seconds: Histogram,
}

impl Default for Commits {
    fn default() -> Self {
        // From 0.1 ms, what a fast disk needs for a sync, to 1.6 s.
        let seconds = Histogram::new(exponential_buckets(0.0001, 2.0, 15));
        Commits { inputs: AtomicU64::new(0), transactions: AtomicU64::new(0), seconds }
    }
}

impl Commits {
    /// A batch is written down.
    pub(crate) fn add(&self, inputs: usize, transaction: bool, took: Duration) {
        use std::sync::atomic::Ordering::Relaxed;
        self.inputs.fetch_add(inputs as u64, Relaxed);
        self.transactions.fetch_add(u64::from(transaction), Relaxed);
        self.seconds.observe(took.as_secs_f64());
    }
}
