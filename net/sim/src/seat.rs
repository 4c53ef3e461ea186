//! The seat of a party in the world: its machine, its disk, its timers.

use byzlab_crypto::Signer;
use byzlab_protocols::{Protocol, Time};

use crate::Disk;

/// What sits there.
#[derive(Clone)]
pub(crate) enum Sitting<P> {
    /// An honest machine.
    Honest(Box<P>),
    /// A corrupted party: the adversary acts for it.
    Corrupted,
    /// Nobody, for the time being or for ever.
    Down,
}

/// A timer or wake-up that is armed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Armed<T> {
    /// A timer of one copy of the machine.
    Timer { copy: u8, timer: T },
    /// What a behaviour wants to be told.
    Wake(u64),
}

/// The seat of a party.
#[derive(Clone)]
pub(crate) struct Seat<P: Protocol> {
    /// Nothing once the adversary has it.
    pub(crate) signer: Option<Signer>,
    pub(crate) sitting: Sitting<P>,
    pub(crate) disk: Disk<P::Record>,
    /// The disk as it was once, for stale restarts.
    pub(crate) backup: Option<Disk<P::Record>>,
    /// What is armed, by generation: a timer that was replaced, cancelled or belongs to a former
    /// life is no longer here when it comes due.
    timers: Vec<(u32, Armed<P::Timer>)>,
    generation: u32,
    /// How far the party has decided, in slots and in requests.
    pub(crate) decided: u64,
    pub(crate) executed: u64,
}

impl<P: Protocol> Seat<P> {
    pub(crate) fn new(signer: Option<Signer>, sitting: Sitting<P>) -> Self {
        Seat {
            signer,
            sitting,
            disk: Disk::new(),
            backup: None,
            timers: Vec::new(),
            generation: 0,
            decided: 0,
            executed: 0,
        }
    }

    /// Arms something, in place of a timer of the same name; gives its generation.
    pub(crate) fn arm(&mut self, armed: Armed<P::Timer>) -> u32 {
        if matches!(armed, Armed::Timer { .. }) {
            self.timers.retain(|(_, other)| *other != armed);
        }
        self.generation += 1;
        self.timers.push((self.generation, armed));
        self.generation
    }

    /// Disarms a timer.
    pub(crate) fn disarm(&mut self, armed: &Armed<P::Timer>) {
        self.timers.retain(|(_, other)| other != armed);
    }

    /// What comes due with this generation, if it is still armed.
    pub(crate) fn due(&mut self, generation: u32) -> Option<Armed<P::Timer>> {
        let at = self.timers.iter().position(|(armed, _)| *armed == generation)?;
        Some(self.timers.remove(at).1)
    }

    /// Goes down: what is not on disk is gone.
    pub(crate) fn crash(&mut self) {
        self.sitting = Sitting::Down;
        self.timers.clear();
    }

    /// Whether an honest machine is at work.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.sitting, Sitting::Honest(_))
    }
}

/// A moment half-way to another, for backups.
pub(crate) fn half(at: Time) -> Time {
    Time(at.0 / 2)
}
