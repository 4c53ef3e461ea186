//! The digest of a run: SHA-256 over the canonical bytes of its events.

use byzlab_crypto::Digest;
use byzlab_protocols::{Tag, Target};

use crate::{Event, What, Why};

/// Hashes events as they come. Two runs with one digest were the same run: every send, arrival,
/// decision, timer and fault in the same order at the same time. Signature bytes are not in it.
#[derive(Clone)]
pub struct RunDigest {
    chain: Digest,
    buffer: Vec<u8>,
    /// The time of the last event: times are written as differences.
    last: u64,
}

/// Bytes that are gathered before they are hashed.
const BLOCK: usize = 16 * 1024;

impl Default for RunDigest {
    fn default() -> Self {
        RunDigest { chain: Digest::ZERO, buffer: Vec::with_capacity(BLOCK + 256), last: 0 }
    }
}

impl RunDigest {
    /// Takes in an event.
    pub fn add(&mut self, event: &Event) {
        let mut line = Line { bytes: [0; LONGEST], length: 1 };
        line.number(event.at.0.wrapping_sub(self.last));
        self.last = event.at.0;
        line.number(u64::from(event.party.0));
        // What caused an event is written by how far back it is; 0 is nothing.
        line.number(event.cause.map_or(0, |cause| event.id.0 - cause.0));
        line.bytes[0] = line.write(&event.what);
        self.buffer.extend_from_slice(&line.bytes[..line.length]);
        if self.buffer.len() >= BLOCK {
            self.flush();
        }
    }

    /// The digest of all events so far.
    pub fn finish(mut self) -> Digest {
        self.flush();
        self.chain
    }

    fn flush(&mut self) {
        let mut bytes = Vec::with_capacity(self.buffer.len() + 32);
        bytes.extend_from_slice(&self.chain.0);
        bytes.append(&mut self.buffer);
        self.chain = Digest::of("byzlab/run/1", &bytes);
        bytes.clear();
        self.buffer = bytes;
    }
}

/// No event takes more bytes: a sent message with the longest name of a kind.
const LONGEST: usize = 256;

/// The canonical bytes of one event.
struct Line {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Line {
    fn write(&mut self, what: &What) -> u8 {
        match what {
            What::Submitted(id) => {
                self.number(u64::from(id.client.0));
                self.number(id.seq);
                1
            }
            What::Sent { to, tag, bytes, hops, .. } => {
                self.number(match to {
                    Target::All => u64::MAX,
                    Target::One(party) => u64::from(party.0),
                });
                self.tag(tag);
                self.number(u64::from(*bytes) << 32 | u64::from(*hops));
                2
            }
            What::Delivered { send, .. } => {
                self.number(send.0);
                3
            }
            What::Dropped { send, why, .. } => {
                self.number(send.0);
                self.push(match why {
                    Why::Loss => 0,
                    Why::Partition => 1,
                    Why::Adversary => 2,
                    Why::Down => 3,
                });
                4
            }
            What::Rejected(reason) => {
                self.text(reason.name());
                5
            }
            What::Timer => 6,
            What::Noted(line) => {
                self.push(*line);
                7
            }
            What::Persisted => 8,
            What::Entered(view) => {
                self.number(view.0);
                9
            }
            What::Decided { slot, view, digest, hops } => {
                self.number(*slot);
                self.number(view.0);
                self.extend(&digest.0);
                self.number(u64::from(*hops));
                10
            }
            _ => self.write_rare(what),
        }
    }

    fn write_rare(&mut self, what: &What) -> u8 {
        match what {
            What::Conflicted { slot, digest } => {
                self.number(*slot);
                self.extend(&digest.0);
                11
            }
            What::Replied(id) => {
                self.number(u64::from(id.client.0));
                self.number(id.seq);
                12
            }
            What::Accused(party) => {
                self.number(u64::from(party.0));
                13
            }
            What::Submitted(_)
            | What::Sent { .. }
            | What::Delivered { .. }
            | What::Dropped { .. }
            | What::Rejected(_)
            | What::Timer
            | What::Noted(_)
            | What::Persisted
            | What::Entered(_)
            | What::Decided { .. } => unreachable!("written before"),
            // Showing is for watchers: a run that is watched is the same run.
            What::Shown => 14,
            What::Crashed => 15,
            What::Recovered => 16,
            What::Corrupted => 17,
            What::Network(_) => {
                self.text(what.name());
                18
            }
            What::Fired(fault) => {
                self.number(u64::from(fault.0));
                19
            }
            What::OutOfModel => 20,
            What::Panicked => 21,
        }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Seven bits a byte, the lowest first: each number has one form, and small ones are short.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    fn text(&mut self, text: &str) {
        let text = &text.as_bytes()[..text.len().min(100)];
        self.number(text.len() as u64);
        self.extend(text);
    }

    fn tag(&mut self, tag: &Tag) {
        self.text(tag.kind);
        self.number(tag.view.0);
        self.number(tag.slot);
        self.extend(&tag.digest.0);
    }
}
