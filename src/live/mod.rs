//! Runs over a network: where scenarios and the live runtime meet.

mod judge;
mod refuse;

use std::marker::PhantomData;

use byzlab_crypto::Digest;
use byzlab_live::{Common, FleetError, Plan, Threads, conduct, journal::JournalError};
use byzlab_protocols::{Attack, Time};
use byzlab_scenarios::{Options, Run, Scenario, prepare};

pub(crate) use judge::judge;
pub(crate) use refuse::refuse;

/// Where a run is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// All parties in this process, over real sockets.
    Threads,
    /// One process for each party.
    Processes,
}

impl Place {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Threads => "libp2p",
            Place::Processes => "processes",
        }
    }
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// Parties do not start, or end on their own.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journals are not those of a run.
    #[error(transparent)]
    Replay(#[from] byzlab_live::ReplayError),
    /// A folder cannot be made.
    #[error("cannot make a folder for the run: {0}")]
    Folder(std::io::Error),
}

/// A run that is asked for.
pub(crate) struct Ask<'a> {
    /// What.
    pub scenario: &'a Scenario,
    /// The same as text, everything resolved: for processes that have to know it.
    pub text: &'a str,
    /// What it is asked for beside its verdict.
    pub options: Options,
    /// Where.
    pub place: Place,
}

/// Sees how parties are, by time, and says whether to go on.
pub(crate) type Look<'a> = &'a mut dyn FnMut(Time, &[Option<byzlab_live::Status>]) -> bool;

/// A protocol that can be run over a network, its type forgotten.
pub(crate) trait Entry: Send + Sync {
    /// Runs a scenario and judges it.
    fn run(&self, ask: &Ask<'_>, look: Look<'_>) -> Result<Run, LiveError>;
}

/// A protocol.
pub(crate) struct Of<P>(pub(crate) PhantomData<fn() -> P>);

/// What whoever takes part must agree on.
pub(crate) fn digest(text: &str) -> Digest {
    Digest::of("byzlab/scenario/1", text.as_bytes())
}

impl<P: Attack> Entry for Of<P> {
    fn run(&self, ask: &Ask<'_>, look: Look<'_>) -> Result<Run, LiveError> {
        let folder = tempfile::Builder::new().prefix("byzlab-").tempdir();
        let folder = folder.map_err(LiveError::Folder)?;
        let setup = prepare::<P>(ask.scenario, &ask.options);
        let plan = Plan::of(&setup);
        let started = ask.options.clock.map(|clock| clock());
        let outcome = match ask.place {
            Place::Threads => {
                let common = Common::of(&setup, digest(ask.text));
                let folder = folder.path().to_owned();
                let mut crew = Threads::start(common, folder, ask.scenario.scale)?;
                conduct(&mut crew, &plan, look)?
            }
            Place::Processes => unreachable!("not yet offered"),
        };
        judge(ask, setup, folder.path(), outcome, started)
    }
}
