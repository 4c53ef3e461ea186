//! Takes a run from its start to its end, wherever its parties are: crashes and restarts at their
//! times, and the end once all that was asked for is decided or the time is up.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::Time;
use byzlab_sim::{Crash, DiskAfter, Outcome, Setup, Stop};

use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

use crate::{Clock, NodeError, PartyError, Status};

/// How often the parties are looked at.
const GLANCE: Duration = Duration::from_millis(2);

/// Why a run does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A party does not start.
    #[error(transparent)]
    Party(#[from] PartyError),
    /// A party ended and nobody had told it to.
    #[error("party {party} ended on its own: {why}")]
    Ended {
        /// Who.
        party: PartyId,
        /// What it said.
        why: String,
    },
    /// The parties do not find each other.
    #[error("after {after:?} not all parties are joined: {missing}")]
    Apart {
        /// How long was waited.
        after: Duration,
        /// Whose link is missing, and why.
        missing: String,
    },
    /// A party comes back that did not keep its votes.
    #[error(
        "party {party} took part already, and with runtime.sync = false it may have forgotten its votes: \
         it must not come back"
    )]
    Forgotten {
        /// Who.
        party: PartyId,
    },
    /// Somebody ended the run before all parties were joined.
    #[error("interrupted before all parties had found each other: nothing was run")]
    Interrupted,
    /// A folder cannot be used.
    #[error("{0}: {1}")]
    Folder(PathBuf, std::io::Error),
    /// A process cannot be started or talked to.
    #[error("party {party}: {why}")]
    Process {
        /// Whose process.
        party: PartyId,
        /// What the system says.
        why: String,
    },
}

impl From<NodeError> for FleetError {
    fn from(error: NodeError) -> Self {
        FleetError::Party(PartyError::Node(error))
    }
}

/// How a party is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SeatState {
    /// Which party.
    pub party: PartyId,
    /// Whether it is up.
    pub up: bool,
    /// Why it is not, if it failed and the others go on without it.
    pub failed: Option<String>,
    /// Its process, if it has one of its own.
    pub pid: Option<u32>,
    /// What it showed last.
    pub status: Status,
    /// Where other parties find it.
    pub address: Option<Multiaddr>,
    /// Where clients find it.
    pub clients: Option<SocketAddr>,
    /// Where it serves HTTP.
    pub http: Option<SocketAddr>,
}

/// The parties of a run: threads of this process, or processes.
pub trait Crew {
    /// The common clock.
    fn clock(&self) -> Clock;

    /// What a party shows; nothing while it is down.
    ///
    /// # Errors
    /// It ended and nobody had told it to, and the others do not go on without it.
    fn status(&mut self, party: PartyId) -> Result<Option<Status>, FleetError>;

    /// How all parties are, also after the end.
    fn states(&self) -> Vec<SeatState>;

    /// Ends a party at once, as kill -9 does.
    ///
    /// # Errors
    /// The system does not let it be ended.
    fn kill(&mut self, party: PartyId) -> Result<(), FleetError>;

    /// Brings a party back that was killed, with its disk or without. It takes part once it has
    /// found those that are up.
    ///
    /// # Errors
    /// It does not start, and the others do not go on without it.
    fn restart(&mut self, party: PartyId, disk: DiskAfter) -> Result<(), FleetError>;

    /// Parts the parties into groups that do not hear each other; none heals.
    fn part(&mut self, groups: &[PartySet]);

    /// Ends all parties in order.
    ///
    /// # Errors
    /// One of them ended with an error, and the others did not go on without it.
    fn stop(&mut self) -> Result<(), FleetError>;
}

/// When what happens to a run, and when it ends.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of parties.
    pub n: usize,
    /// Who crashes by itself: corrupted parties do not.
    pub crashes: Vec<Crash>,
    /// Who is expected to decide before the run ends.
    pub expected: PartySet,
    /// When the run ends.
    pub stop: Stop,
}

impl Plan {
    /// That of a setup.
    pub fn of<P: byzlab_protocols::Protocol>(setup: &Setup<P>) -> Plan {
        let honest = |crash: &&Crash| !setup.corrupted.contains(crash.party);
        Plan {
            n: setup.context.committee.n(),
            crashes: setup.environment.crashes.iter().filter(honest).cloned().collect(),
            expected: setup.expected,
            stop: setup.stop,
        }
    }

    fn incidents(&self) -> Vec<(Time, usize, bool)> {
        let crashes = self.crashes.iter().enumerate();
        let mut incidents: Vec<_> = crashes
            .flat_map(|(at, crash)| {
                let back = crash.restart.map(|time| (time, at, true));
                std::iter::once((crash.at, at, false)).chain(back)
            })
            .collect();
        incidents.sort_unstable();
        incidents.reverse();
        incidents
    }

    fn is_done(&self, shown: &[Status]) -> bool {
        let enough = |wanted: Option<u64>, have: u64| wanted.is_none_or(|wanted| have >= wanted);
        let Stop { decisions, requests, .. } = self.stop;
        (decisions.is_some() || requests.is_some())
            && self.expected.iter().all(|party| {
                let status = &shown[party.index()];
                enough(decisions, status.decided) && enough(requests, status.executed)
            })
    }
}

/// Sees how the parties are, does with them what somebody else asks for, and says whether to go on.
pub type Look<'a> =
    &'a mut dyn FnMut(&mut dyn Crew, Time, &[Option<Status>]) -> Result<bool, FleetError>;

/// Takes a run to its end and stops all parties. Gives why it ended, and whether it had all the time
/// that it was to have: not if `look` ended it.
///
/// # Errors
/// A party could not be started or stopped, or ended on its own.
pub fn conduct(
    crew: &mut dyn Crew,
    plan: &Plan,
    look: Look<'_>,
) -> Result<(Outcome, bool), FleetError> {
    let clock = crew.clock();
    let mut incidents = plan.incidents();
    let mut shown = vec![Status::default(); plan.n];
    let mut whole = true;
    let outcome = loop {
        let now = clock.now();
        while let Some((_, crash, back)) = incidents.pop_if(|(at, ..)| *at <= now) {
            let Crash { party, disk, .. } = plan.crashes[crash];
            if back { crew.restart(party, disk)? } else { crew.kill(party)? }
        }
        let statuses: Vec<_> =
            PartyId::all(plan.n).map(|party| crew.status(party)).collect::<Result<_, _>>()?;
        for (shown, status) in shown.iter_mut().zip(&statuses) {
            *shown = status.unwrap_or(*shown);
        }
        if shown.iter().any(|status| status.panicked) {
            break Outcome::Panicked;
        }
        if plan.is_done(&shown) {
            break Outcome::Done;
        }
        if now >= plan.stop.time {
            break Outcome::Time;
        }
        if !look(crew, now, &statuses)? {
            whole = false;
            break Outcome::Time;
        }
        std::thread::sleep(GLANCE);
    };
    crew.stop()?;
    Ok((outcome, whole))
}
