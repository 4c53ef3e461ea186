//! What the transport did and what it refused, in numbers.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Why something of a peer was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Refused {
    /// A connection of somebody outside the committee.
    Stranger,
    /// A connection by the one of two who has to wait for the other's.
    WrongDialer,
    /// More connections at once than allowed.
    Connections,
    /// A connection that never became one: encryption or multiplexing failed, or took too long.
    Handshake,
    /// Bytes that are no frame of the multiplexer; the connection ends.
    Multiplexing,
    /// More streams at once than allowed.
    Streams,
    /// A greeting that is none, or too long.
    Malformed,
    /// A greeting that did not come in time.
    SlowGreeting,
    /// A greeting of another instance.
    Instance,
    /// A greeting of another protocol.
    Protocol,
    /// A greeting of another version.
    Version,
    /// A greeting of another scenario.
    Scenario,
    /// A greeting that takes us or itself for another party.
    Seat,
    /// A frame of no bytes.
    EmptyFrame,
    /// A frame above the limit.
    LongFrame,
    /// A frame that did not end in time.
    SlowFrame,
    /// Bytes on the way back of a one-way stream.
    Chatter,
}

impl Refused {
    /// All reasons.
    pub const ALL: [Refused; 17] = [
        Refused::Stranger,
        Refused::WrongDialer,
        Refused::Connections,
        Refused::Handshake,
        Refused::Multiplexing,
        Refused::Streams,
        Refused::Malformed,
        Refused::SlowGreeting,
        Refused::Instance,
        Refused::Protocol,
        Refused::Version,
        Refused::Scenario,
        Refused::Seat,
        Refused::EmptyFrame,
        Refused::LongFrame,
        Refused::SlowFrame,
        Refused::Chatter,
    ];

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Refused::Stranger => "stranger",
            Refused::WrongDialer => "wrong-dialer",
            Refused::Connections => "connections",
            Refused::Handshake => "handshake",
            Refused::Multiplexing => "multiplexing",
            Refused::Streams => "streams",
            Refused::Malformed => "malformed-greeting",
            Refused::SlowGreeting => "slow-greeting",
            Refused::Instance => "instance",
            Refused::Protocol => "protocol",
            Refused::Version => "version",
            Refused::Scenario => "scenario",
            Refused::Seat => "seat",
            Refused::EmptyFrame => "empty-frame",
            Refused::LongFrame => "long-frame",
            Refused::SlowFrame => "slow-frame",
            Refused::Chatter => "chatter",
        }
    }
}

/// What a transport did so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Frames handed to the network.
    pub frames_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Frames received.
    pub frames_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Frames that found a queue full, or made room in one.
    pub dropped: u64,
    /// Frames in the hand of a stream that broke: whether they arrived is not known.
    pub lost: u64,
    /// Streams that were opened and welcomed.
    pub opened: u64,
    /// How many of them in place of one that was lost.
    pub reopened: u64,
    /// Attempts to connect.
    pub dials: u64,
    /// How many of them failed.
    pub failed_dials: u64,
    /// What was refused, by reason; a reason that never occurred is not listed.
    pub refused: BTreeMap<Refused, u64>,
}

impl Counters {
    /// How often something was refused for this reason.
    pub fn refused(&self, reason: Refused) -> u64 {
        self.refused.get(&reason).copied().unwrap_or(0)
    }
}

/// The counters while they count.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) frames_out: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) frames_in: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) reopened: AtomicU64,
    pub(super) dials: AtomicU64,
    pub(super) failed_dials: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
}

/// Counts some more.
pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

impl Tally {
    pub(super) fn refuse(&self, reason: Refused) {
        add(&self.refused[reason as usize], 1);
    }

    pub(super) fn read(&self) -> Counters {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let refused = Refused::ALL.map(|reason| (reason, value(&self.refused[reason as usize])));
        Counters {
            frames_out: value(&self.frames_out),
            bytes_out: value(&self.bytes_out),
            frames_in: value(&self.frames_in),
            bytes_in: value(&self.bytes_in),
            dropped: value(&self.dropped),
            lost: value(&self.lost),
            opened: value(&self.opened),
            reopened: value(&self.reopened),
            dials: value(&self.dials),
            failed_dials: value(&self.failed_dials),
            refused: refused.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_and_a_name_of_its_own() {
        let tally = Tally::default();
        for (index, reason) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            (0..=index).for_each(|_| tally.refuse(reason));
        }
        let counters = tally.read();
        for (index, reason) in Refused::ALL.into_iter().enumerate() {
            assert_eq!(counters.refused(reason), index as u64 + 1);
        }
        let names: std::collections::BTreeSet<_> = Refused::ALL.map(Refused::name).into();
        assert_eq!(names.len(), Refused::ALL.len());
    }
}
