//! What the runtime of a party lost for lack of room, which no network of a model would have.

use std::sync::atomic::{AtomicU64, Ordering};

use byzlab_crypto::PartyId;

/// Frames between a party and each of the others that were lost on this side.
#[derive(Debug)]
pub struct Losses {
    frames: Vec<AtomicU64>,
    all: AtomicU64,
}

impl Losses {
    pub(crate) fn new(n: usize) -> Losses {
        let frames = (0..n).map(|_| AtomicU64::new(0)).collect();
        Losses { frames, all: AtomicU64::new(0) }
    }

    /// So many frames to or from a party are lost.
    pub fn add(&self, peer: PartyId, frames: u64) {
        if let Some(counter) = self.frames.get(peer.index())
            && frames > 0
        {
            counter.fetch_add(frames, Ordering::Relaxed);
            self.all.fetch_add(frames, Ordering::Relaxed);
        }
    }

    /// How many were lost so far.
    pub fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }
}

/// Tells of losses once.
#[derive(Default)]
pub(crate) struct Told {
    all: u64,
    frames: Vec<u64>,
}

impl Told {
    /// With whom how many frames were lost that were not told of before.
    pub(crate) fn news(&mut self, losses: &Losses) -> Vec<(PartyId, u64)> {
        let all = losses.all();
        if all == self.all {
            return Vec::new();
        }
        self.all = all;
        self.frames.resize(losses.frames.len(), 0);
        let each = PartyId::all(losses.frames.len()).zip(&losses.frames).zip(&mut self.frames);
        let news = each.filter_map(|((peer, now), told)| {
            let now = now.load(Ordering::Relaxed);
            let more = now - std::mem::replace(told, now);
            (more > 0).then_some((peer, more))
        });
        news.collect()
    }
}
