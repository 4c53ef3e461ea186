//! Runs over a network: where scenarios and the live runtime meet.

mod control;
mod genesis;
mod judge;
mod refuse;
mod scratch;

use std::{
    collections::BTreeMap,
    marker::PhantomData,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use byzlab_crypto::{Digest, PartyId};
use byzlab_live::{
    Alone, Common, Crew, FleetError, Found, Home, Keeps, Launch, Look, Member, Multiaddr, Plan,
    Processes, Threads, clients::Network, conduct, journal::JournalError,
};
use byzlab_protocols::{Attack, Time};
use byzlab_scenarios::{KeySource, Options, Run, Scenario, prepare};
use byzlab_sim::{Outcome, Stop};

pub(crate) use control::{Answer, Control, Order, ask};
pub(crate) use genesis::{Genesis, Key, MAX_GENESIS, Read, Seat as Party, public, secret};
pub(crate) use judge::{Ended, judge};
pub(crate) use refuse::refuse;
use scratch::Scratch;
pub(crate) use scratch::abandon;

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
    /// Something went wrong in a network that keeps no journals.
    #[error("{0} (runtime.journal = false: nobody judges)")]
    Unjudged(String),
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
    /// A network that is to be kept up until somebody ends it, in this folder, with services for
    /// clients.
    pub up: Option<&'a Path>,
    /// Whether somebody still waits for it: asked while parties join.
    pub go_on: &'a dyn Fn() -> bool,
}

/// A seat of a run that others have, too.
pub(crate) struct Seat<'a> {
    /// The scenario as all of them know it.
    pub text: &'a str,
    /// Which party.
    pub party: PartyId,
    /// The folder of the run.
    pub folder: &'a Path,
    /// Where it listens.
    pub listen: Multiaddr,
    /// Where it listens to clients, if it serves them.
    pub clients: Option<SocketAddr>,
}

/// One party of a network over several machines.
pub(crate) struct Own {
    /// Which party.
    pub party: PartyId,
    /// Where it keeps what is its own.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: Multiaddr,
    /// Where it listens to clients, if it serves them.
    pub clients: Option<SocketAddr>,
    /// Where it serves HTTP, and how it finds the network as a client.
    pub http: Option<(SocketAddr, Network)>,
}

/// The file of a run's folder that holds the scenario, everything resolved.
pub(crate) const SCENARIO: &str = "scenario.toml";
/// The file that says to clients where the network is.
pub(crate) const NETWORK: &str = "network.json";

/// What the parties of a scenario write down.
fn keeps(scenario: &Scenario) -> Keeps {
    Keeps { sync: scenario.sync, journal: scenario.journal }
}

/// A protocol that can be run over a network, its type forgotten.
pub(crate) trait Entry: Send + Sync {
    /// Runs a scenario and judges it, unless it keeps no journals.
    fn run(&self, ask: &Ask<'_>, look: Look<'_>) -> Result<Option<Run>, LiveError>;

    /// Is one party of a run, and does what whoever started it says.
    fn member(&self, scenario: &Scenario, seat: &Seat<'_>) -> Result<(), LiveError>;

    /// Is one party of a network over several machines; tells where it can be found.
    fn alone(
        &self,
        read: &Read,
        own: Own,
        found: &mut dyn FnMut(&str),
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), LiveError>;

    /// Judges what such a network did, from the folders of its parties.
    fn judge(&self, read: &Read, folders: &BTreeMap<PartyId, PathBuf>) -> Result<Run, LiveError>;
}

/// A protocol.
pub(crate) struct Of<P>(pub(crate) PhantomData<fn() -> P>);

/// What whoever takes part must agree on.
pub(crate) fn digest(text: &str) -> Digest {
    Digest::of("byzlab/scenario/1", text.as_bytes())
}

impl<P: Attack> Entry for Of<P> {
    fn run(&self, ask: &Ask<'_>, look: Look<'_>) -> Result<Option<Run>, LiveError> {
        let scratch = ask.up.is_none().then(Scratch::new).transpose().map_err(LiveError::Folder)?;
        let folder = ask.up.or(scratch.as_ref().map(Scratch::path)).expect("one of them");
        let setup = prepare::<P>(ask.scenario, &ask.options, &KeySource::live(ask.scenario));
        let plan = Plan::of(&setup);
        let started = ask.options.clock.map(|clock| clock());
        let (outcome, whole, failed) = match ask.place {
            Place::Threads => {
                let common = Common::of(&setup, digest(ask.text), keeps(ask.scenario));
                let (folder, scale) = (folder.to_owned(), ask.scenario.scale);
                let mut crew = Threads::start(common, folder, scale, ask.go_on)?;
                let (outcome, whole) = conduct(&mut crew, &plan, look)?;
                (outcome, whole, Vec::new())
            }
            Place::Processes => processes(ask, folder, plan, look)?,
        };
        if !ask.scenario.journal {
            return unjudged(outcome, &failed).map(|()| None);
        }
        let ended = Ended {
            runtime: ask.place.name(),
            outcome,
            whole,
            failed,
            clock: ask.options.clock.zip(started),
        };
        let homes = PartyId::all(ask.scenario.n).map(|party| Home::of(folder, party));
        judge(ask.scenario, setup, &homes.collect::<Vec<_>>(), &ended).map(Some)
    }

    fn member(&self, scenario: &Scenario, seat: &Seat<'_>) -> Result<(), LiveError> {
        let setup = prepare::<P>(scenario, &Options::default(), &KeySource::live(scenario));
        let member = Member {
            common: Common::of(&setup, digest(seat.text), keeps(scenario)),
            party: seat.party,
            folder: seat.folder.to_owned(),
            listen: seat.listen.clone(),
            clients: seat.clients,
            scale: scenario.scale,
        };
        Ok(member.serve()?)
    }

    fn alone(
        &self,
        read: &Read,
        own: Own,
        found: &mut dyn FnMut(&str),
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), LiveError> {
        let scenario = &read.scenario;
        let setup = prepare::<P>(scenario, &Options::default(), &read.keys);
        let party = own.party;
        let alone = Alone {
            common: Common::of(&setup, read.digest, keeps(scenario)),
            party,
            folder: own.folder,
            listen: own.listen,
            clients: own.clients,
            http: own.http,
            others: read.addresses(),
            start_ns: read.genesis.start_ns,
            scale: scenario.scale,
        };
        let tell = |at: &Found| {
            let address = at.address.iter().map(|address| format!(" on {address}"));
            let clients = at.clients.iter().map(|address| format!(", clients on {address}"));
            let http = at.http.iter().map(|address| format!(", http://{address}"));
            let all: String = address.chain(clients).chain(http).collect();
            found(&format!("party {party} listens{all}"));
        };
        Ok(alone.serve(tell, |_| go_on())?)
    }

    fn judge(&self, read: &Read, folders: &BTreeMap<PartyId, PathBuf>) -> Result<Run, LiveError> {
        let setup = prepare::<P>(&read.scenario, &Options::default(), &read.keys);
        let homes: Vec<_> = folders.values().cloned().map(Home).collect();
        let (runtime, outcome) = (Place::Processes.name(), Outcome::Time);
        let ended = Ended { runtime, outcome, whole: false, failed: Vec::new(), clock: None };
        judge(&read.scenario, setup, &homes, &ended)
    }
}

/// Why and whether all of a run went to its end, and which parties failed.
type Went = (Outcome, bool, Vec<(PartyId, String)>);

/// Runs a scenario with a process for each party.
fn processes(
    ask: &Ask<'_>,
    folder: &Path,
    mut plan: Plan,
    look: Look<'_>,
) -> Result<Went, LiveError> {
    let (n, scale) = (ask.scenario.n, ask.scenario.scale);
    let services = ask.up.map(|_| network(ask.scenario, &KeySource::live(ask.scenario)));
    let started = || -> Result<Processes, LiveError> {
        std::fs::write(folder.join(SCENARIO), ask.text).map_err(LiveError::Folder)?;
        let launch = launch(folder).map_err(LiveError::Folder)?;
        let crew = Processes::start(n, launch, folder.to_owned(), scale, services, ask.go_on)?;
        if let Some(network) = crew.network() {
            std::fs::write(folder.join(NETWORK), network.text()).map_err(LiveError::Folder)?;
        }
        Ok(crew)
    };
    let mut crew = started().inspect_err(|_| clear(folder, n))?;
    if ask.up.is_some() {
        plan.stop = Stop { decisions: None, requests: None, time: Time::NEVER };
    }
    let (outcome, whole) = conduct(&mut crew, &plan, look)?;
    let states = crew.states().into_iter();
    let failed = states.filter_map(|state| Some((state.party, state.failed?))).collect();
    Ok((outcome, whole, failed))
}

/// What is to be said of a network that nobody judges.
fn unjudged(outcome: Outcome, failed: &[(PartyId, String)]) -> Result<(), LiveError> {
    let failed = failed.iter().map(|(party, why)| format!("party {party} failed: {why}"));
    let panicked =
        (outcome == Outcome::Panicked).then(|| "the code of a party panicked".to_owned());
    let all: Vec<_> = failed.chain(panicked).collect();
    if all.is_empty() { Ok(()) } else { Err(LiveError::Unjudged(all.join("; "))) }
}

/// Takes away what a run put into its folder that did not begin.
fn clear(folder: &Path, n: usize) {
    for file in [SCENARIO, NETWORK] {
        let _ = std::fs::remove_file(folder.join(file));
    }
    for party in PartyId::all(n) {
        let _ = std::fs::remove_dir_all(Home::of(folder, party).0);
    }
}

/// What clients have to know of a network, but for where its parties are.
fn network(scenario: &Scenario, keys: &KeySource) -> Network {
    let KeySource { instance, seed, clients, clients_scheme, .. } = *keys;
    Network {
        schema: 1,
        instance,
        protocol: scenario.protocol.about.name.to_owned(),
        f: scenario.f,
        scheme: clients_scheme.name().to_owned(),
        clients,
        insecure_seed: seed,
        nodes: Vec::new(),
    }
}

/// The file of this very program. Where the system has a name for it that holds whatever was put in
/// its place meanwhile, that one: all parties of a run, and those that come back, are the same code.
fn program() -> std::io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() }
}

/// Starts this very program as the process of a party.
fn launch(folder: &Path) -> std::io::Result<Launch> {
    let (program, folder) = (program()?, folder.to_owned());
    Ok(Box::new(move |party, listen, clients| {
        let mut command = Command::new(&program);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, "byzlab");
        let listen = listen.to_string();
        command.args(["node", "--member", &party.to_string(), "--listen", &listen, "--folder"]);
        command.arg(&folder);
        if let Some(clients) = clients {
            command.args(["--clients", &clients.to_string()]);
        }
        command
    }))
}
