//! Tests as fuzz: whatever comes in, from the network, from a file or from the command line, is
//! taken or refused. Never a panic, and no more memory than the input is worth.
//!
//! The inputs come from a seed: the same ones every time, 100,000 for each decoder.

mod arguments;
mod bytes;
#[path = "../common/mod.rs"]
mod common;
#[path = "../../fuzz/context.rs"]
mod context;
#[cfg(feature = "live")]
mod decoders;
mod files;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// How many inputs each decoder gets.
pub(crate) const INPUTS: u64 = 100_000;

/// Alone with the allocator: what is counted is what one test allocates.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a piece of work returns, and how much memory it took at most beyond what was in use.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work();
    (done, MEMORY.peak_usage().saturating_sub(before))
}

/// How much memory is in use.
pub(crate) fn in_use() -> usize {
    MEMORY.current_usage()
}
