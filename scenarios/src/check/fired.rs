//! Fired: every behaviour, rule and event changed what honest parties received. An attack that
//! never took place proves nothing.

use byzlab_crypto::PartyId;
use byzlab_trace::{Event, FaultId, What};

use crate::Fault;

/// How often a fault of the scenario changed what honest parties received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FiredCount {
    /// Whose fault it is, if it is a party's.
    pub party: Option<PartyId>,
    /// Its name.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Counts by fault.
#[derive(Clone)]
pub(crate) struct Fired {
    counts: Vec<FiredCount>,
}

impl Fired {
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let counts = faults.iter().map(|fault| FiredCount {
            party: fault.party,
            name: fault.name.clone(),
            count: 0,
        });
        Fired { counts: counts.collect() }
    }

    pub(crate) fn see(&mut self, event: &Event) {
        if let What::Fired(FaultId(number)) = event.what
            && let Some(fault) = self.counts.get_mut(usize::from(number))
        {
            fault.count += 1;
        }
    }

    pub(crate) fn counts(&self) -> &[FiredCount] {
        &self.counts
    }
}
