//! What happens to a run from outside: partitions, cuts, crashes.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::Time;
use byzlab_trace::FaultId;

use crate::DiskAfter;

/// Links that carry nothing for a while. A partition is a cut of every link between its groups.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// From when on, this moment included.
    pub from: Time,
    /// Until when, this moment excluded.
    pub until: Time,
    /// Senders and receivers that are cut off from each other, in this direction.
    pub links: Vec<(PartySet, PartySet)>,
    /// Its number among the faults of the scenario.
    pub fault: FaultId,
}

/// A party goes down and perhaps comes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crash {
    /// When.
    pub at: Time,
    /// Who.
    pub party: PartyId,
    /// When it comes back, if it does.
    pub restart: Option<Time>,
    /// What it finds on its disk then.
    pub disk: DiskAfter,
    /// Its number among the faults of the scenario.
    pub fault: FaultId,
}

/// All that happens to a run from outside.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Environment {
    /// Partitions and one-way cuts.
    pub cuts: Vec<Cut>,
    /// Crashes.
    pub crashes: Vec<Crash>,
}

impl Cut {
    /// Whether a message that is sent now cannot pass.
    pub fn blocks(&self, now: Time, from: PartyId, to: PartyId) -> bool {
        self.from <= now
            && now < self.until
            && self
                .links
                .iter()
                .any(|(senders, receivers)| senders.contains(from) && receivers.contains(to))
    }
}

impl Environment {
    /// When a party is back that is late: before it goes down the next time.
    pub(crate) fn back(&self, crash: &Crash, late: Time) -> Time {
        let next = self.crashes.iter().filter(|next| next.party == crash.party);
        let next = next.map(|next| next.at).filter(|next| *next > crash.at).min();
        next.map_or(late, |next| late.min(Time(next.0 - 1)))
    }

    /// The moment from which on a message sent at `at` can pass, and the cut that held it last;
    /// [`Time::NEVER`] if it never can.
    pub fn released(&self, at: Time, from: PartyId, to: PartyId) -> (Time, Option<FaultId>) {
        let mut when = at;
        let mut held = None;
        while let Some(cut) = self.cuts.iter().find(|cut| cut.blocks(when, from, to)) {
            when = cut.until;
            held = Some(cut.fault);
        }
        (when, held)
    }
}
