//! The digest of a run: SHA-256 over the canonical bytes of its events.

use byzlab_crypto::{Digest, Hasher256};
use byzlab_protocols::Target;

use crate::{Event, What};

/// Hashes events as they come. Two runs with one digest were the same run: every send, arrival,
/// decision, timer and fault in the same order at the same time. Signature bytes are not in it.
///
/// Times are counted from the event before, causes and sends back from the event itself, and a
/// number takes as many bytes as it needs (LEB128): a few bytes an event, one string for one run.
#[derive(Clone)]
pub struct RunDigest {
    hasher: Hasher256,
    buffer: Vec<u8>,
    /// The time of the event before.
    now: u64,
}

/// Bytes that are gathered before they are hashed.
const BLOCK: usize = 16 * 1024;

impl Default for RunDigest {
    fn default() -> Self {
        RunDigest {
            hasher: Hasher256::new("byzlab/run/2"),
            buffer: Vec::with_capacity(BLOCK + 256),
            now: 0,
        }
    }
}

impl RunDigest {
    /// The digest of a run of this instance in which nothing has happened yet. With constant
    /// delays and values that no seed touches, nothing but the instance tells two seeds apart.
    pub fn of(instance: Digest) -> RunDigest {
        let mut digest = RunDigest::default();
        digest.digest(&instance);
        digest
    }

    /// Takes in an event.
    pub fn add(&mut self, event: &Event) {
        if matches!(event.what, What::Shown) {
            return;
        }
        let cause = event.cause.map_or(0, |cause| cause.0);
        self.buffer.push(kind(&event.what));
        self.number(event.at.0.wrapping_sub(self.now));
        self.now = event.at.0;
        self.number(u64::from(event.party.0));
        self.number(event.id.0.wrapping_sub(cause));
        self.rest(event);
        if self.buffer.len() >= BLOCK {
            self.flush();
        }
    }

    /// The digest of all events so far.
    pub fn finish(mut self) -> Digest {
        self.flush();
        self.hasher.finish()
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer);
        self.buffer.clear();
    }

    /// What the kind of event says beside time, party and cause.
    fn rest(&mut self, event: &Event) {
        match &event.what {
            What::Delivered { send, .. } => self.number(event.id.0.wrapping_sub(send.0)),
            What::Sent { to, tag, bytes, hops, .. } => {
                self.number(match to {
                    Target::All => 0,
                    Target::One(party) => 1 + u64::from(party.0),
                });
                self.text(tag.kind);
                self.number(tag.view.0);
                self.number(tag.slot);
                self.digest(&tag.digest);
                self.number(u64::from(*bytes));
                self.number(u64::from(*hops));
            }
            What::Dropped { send, why, .. } => {
                self.number(event.id.0.wrapping_sub(send.0));
                self.number(*why as u64);
            }
            What::Submitted(id) | What::Replied(id) => {
                self.number(u64::from(id.client.0));
                self.number(id.seq);
            }
            What::Decided { slot, view, digest, hops } => {
                self.number(*slot);
                self.number(view.0);
                self.digest(digest);
                self.number(u64::from(*hops));
            }
            What::Conflicted { slot, digest } | What::Installed { slot, log: digest } => {
                self.number(*slot);
                self.digest(digest);
            }
            What::Rejected(reason) => self.text(reason.name()),
            What::Noted(line) => self.number(u64::from(*line)),
            What::Entered(view) => self.number(view.0),
            What::Accused(party) => self.number(u64::from(party.0)),
            What::Network(_) => self.text(event.what.name()),
            What::Fired(fault) => self.number(u64::from(fault.0)),
            What::Timer
            | What::Persisted
            | What::Shown
            | What::Crashed
            | What::Recovered
            | What::Corrupted
            | What::OutOfModel
            | What::Panicked => {}
        }
    }

    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.buffer.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.buffer.push(number as u8);
    }

    fn digest(&mut self, digest: &Digest) {
        self.buffer.extend_from_slice(&digest.0);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.buffer.extend_from_slice(text.as_bytes());
    }
}

/// The number of a kind of event in canonical bytes.
fn kind(what: &What) -> u8 {
    match what {
        What::Submitted(_) => 1,
        What::Sent { .. } => 2,
        What::Delivered { .. } => 3,
        What::Dropped { .. } => 4,
        What::Rejected(_) => 5,
        What::Timer => 6,
        What::Noted(_) => 7,
        What::Persisted => 8,
        What::Entered(_) => 9,
        What::Decided { .. } => 10,
        What::Conflicted { .. } => 11,
        What::Replied(_) => 12,
        What::Accused(_) => 13,
        What::Shown => 14,
        What::Crashed => 15,
        What::Recovered => 16,
        What::Corrupted => 17,
        What::Network(_) => 18,
        What::Fired(_) => 19,
        What::OutOfModel => 20,
        What::Panicked => 21,
        What::Installed { .. } => 22,
    }
}
