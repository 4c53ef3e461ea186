//! The parties of a run as processes of this machine.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_sim::DiskAfter;
use libp2p::Multiaddr;

use crate::{
    Clock, Crew, FleetError, Home, PATIENCE, SeatState, Status,
    clients::Network,
    loopback,
    process::{Order, Start, Word, parting},
    threads::{again, lead, others},
    unix_ns,
};

const GLANCE: Duration = Duration::from_millis(2);

/// Makes the command that becomes the process of a party, which listens where it is told, to the
/// others and to clients: it is [`crate::Member::serve`] in the end.
pub type Launch = Box<dyn Fn(PartyId, &Multiaddr, Option<SocketAddr>) -> Command + Send>;

/// What a process said.
#[derive(Default)]
struct Said {
    address: Option<Multiaddr>,
    clients: Option<SocketAddr>,
    http: Option<SocketAddr>,
    linked: bool,
    status: Status,
    stopped: bool,
    failed: Option<String>,
    /// It says no more.
    silent: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All processes that were started and may run.
static STARTED: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

/// Ends all processes of parties that were started, at once: for whoever is about to exit without
/// coming back to them, so that nothing is written any more.
pub fn abandon() {
    let started = std::mem::take(&mut *lock(&STARTED));
    let children: Vec<_> = started.iter().filter_map(Weak::upgrade).collect();
    children.iter().for_each(|child| _ = lock(child).kill());
    children.iter().for_each(|child| _ = lock(child).wait());
}

struct Process {
    child: Arc<Mutex<Child>>,
    stdin: ChildStdin,
    said: Arc<Mutex<Said>>,
}

/// A party without a process.
#[derive(Clone, Default)]
struct Down {
    /// What it had shown.
    status: Status,
    /// Why it failed, if it did.
    failed: Option<String>,
}

impl Process {
    fn said(&self) -> MutexGuard<'_, Said> {
        lock(&self.said)
    }

    /// A process that is gone does not hear; that it is gone is seen elsewhere.
    fn tell(&mut self, order: &Order) {
        let text = serde_json::to_string(order).expect("it is plain data");
        let _ = writeln!(self.stdin, "{text}").and_then(|()| self.stdin.flush());
    }

    fn end(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes in what a process says.
fn listen(said: &Mutex<Said>, from: impl std::io::Read) {
    for line in BufReader::new(from).lines() {
        let Ok(word) = line.map(|line| serde_json::from_str(&line)) else { break };
        let mut said = lock(said);
        match word {
            Ok(Word::Listening { address, clients }) => {
                said.address = Some(address);
                said.clients = clients;
            }
            Ok(Word::Http(address)) => said.http = Some(address),
            Ok(Word::Linked) => said.linked = true,
            Ok(Word::Status(status)) => said.status = status,
            Ok(Word::Stopped) => said.stopped = true,
            Ok(Word::Failed(why)) => said.failed = Some(why),
            Err(error) => said.failed = Some(format!("it says what is no word: {error}")),
        }
    }
    lock(said).silent = true;
}

/// The parties of a run, each a process.
pub struct Processes {
    launch: Launch,
    folder: PathBuf,
    start_ns: u64,
    clock: Clock,
    addresses: BTreeMap<PartyId, Multiaddr>,
    seats: Vec<Result<Process, Down>>,
    /// What clients have to know, but for where the parties are; nothing if nobody serves them.
    services: Option<Network>,
    network: Option<Network>,
    /// Groups that do not hear each other.
    groups: Vec<PartySet>,
}

impl Processes {
    /// Starts a process for each of `n` parties, with what is theirs in `folder`: they take part
    /// once each has found all others. With services each takes clients, and serves HTTP, and whoever
    /// fails later on is left down while the others go on.
    ///
    /// # Errors
    /// One of them does not start, they do not find each other, or `go_on` says that nobody waits for
    /// that any more.
    pub fn start(
        n: usize,
        launch: Launch,
        folder: PathBuf,
        scale: u64,
        services: Option<Network>,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Processes, FleetError> {
        let clock = Clock::starting(Instant::now(), scale);
        let (addresses, seats) = (BTreeMap::new(), Vec::with_capacity(n));
        let (start_ns, network, groups) = (0, None, Vec::new());
        let mut crew = Processes {
            launch,
            folder,
            start_ns,
            clock,
            addresses,
            seats,
            services,
            network,
            groups,
        };
        for party in PartyId::all(n) {
            let process = crew.spawn(party, &loopback())?;
            crew.seats.push(Ok(process));
        }
        for party in PartyId::all(n) {
            let address = crew.hear(party, go_on, |said| said.address.clone())?;
            crew.addresses.insert(party, address);
        }
        let meet = Order::Meet(crew.addresses.clone());
        crew.up().for_each(|process| process.tell(&meet));
        for party in PartyId::all(n) {
            crew.hear(party, go_on, |said| said.linked.then_some(()))?;
        }
        crew.start_ns = unix_ns(lead(n));
        crew.clock = Clock::of_genesis(crew.start_ns, scale);
        crew.network = crew.services.clone().map(|network| Network {
            nodes: PartyId::all(n).filter_map(|party| crew.client_port(party)).collect(),
            ..network
        });
        let (shown, up) = (Status::default(), Vec::new());
        let network = crew.network.clone();
        let start = Start { at: crew.start_ns, first: true, shown, up, network };
        let start = Order::Start(Box::new(start));
        crew.up().for_each(|process| process.tell(&start));
        if crew.services.is_some() {
            // Whoever cannot take part from the start on is not left behind.
            for party in PartyId::all(n) {
                crew.hear(party, go_on, |said| said.http)?;
            }
        }
        Ok(crew)
    }

    fn client_port(&self, party: PartyId) -> Option<SocketAddr> {
        let seat = self.seats.get(party.index())?;
        seat.as_ref().ok().and_then(|process| process.said().clients)
    }

    /// Where clients find the parties, if they are served.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    fn up(&mut self) -> impl Iterator<Item = &mut Process> {
        self.seats.iter_mut().filter_map(|seat| seat.as_mut().ok())
    }

    fn spawn(&self, party: PartyId, listen_on: &Multiaddr) -> Result<Process, FleetError> {
        let home = Home::of(&self.folder, party);
        let log = home.0.join("log");
        let opened = std::fs::create_dir_all(&home.0)
            .and_then(|()| File::options().create(true).append(true).open(&log));
        let stderr = opened.map_err(|error| FleetError::Folder(log, error))?;
        let clients = self.services.as_ref().map(|_| {
            let before = self.network.as_ref().and_then(|network| network.nodes.get(party.index()));
            before.copied().unwrap_or((Ipv4Addr::LOCALHOST, 0).into())
        });
        let mut command = (self.launch)(party, listen_on, clients);
        // An interrupt from the terminal is for whoever started it all.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |error: std::io::Error| FleetError::Process {
            party,
            why: format!("{program}: {error}"),
        };
        let mut child = command.spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for");
        };
        let said = Arc::new(Mutex::default());
        let here = said.clone();
        std::thread::spawn(move || listen(&here, stdout));
        let child = Arc::new(Mutex::new(child));
        let mut started = lock(&STARTED);
        started.retain(|other| other.strong_count() > 0);
        started.push(Arc::downgrade(&child));
        Ok(Process { child, stdin, said })
    }

    /// Waits until a process has said something.
    fn hear<T>(
        &mut self,
        party: PartyId,
        go_on: &dyn Fn() -> bool,
        what: impl Fn(&Said) -> Option<T>,
    ) -> Result<T, FleetError> {
        let begun = Instant::now();
        loop {
            if !go_on() {
                return Err(FleetError::Interrupted);
            }
            let Ok(process) = &self.seats[party.index()] else {
                return Err(FleetError::Process { party, why: "it is down".to_owned() });
            };
            if let Some(heard) = what(&process.said()) {
                return Ok(heard);
            }
            self.fine(party)?;
            if begun.elapsed() > PATIENCE {
                let missing = format!("party {party} has not found all others");
                return Err(FleetError::Apart { after: PATIENCE, missing });
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Whether somebody else killed a process: it says no more, and a signal ended it.
    fn was_killed(&mut self, party: PartyId) -> bool {
        let Ok(process) = &mut self.seats[party.index()] else { return false };
        let silent = {
            let said = process.said();
            said.silent && said.failed.is_none() && !said.stopped
        };
        // Its output is closed: it ends now, or has ended.
        silent && lock(&process.child).wait().is_ok_and(|status| status.code().is_none())
    }

    /// Whether a process that should be there is.
    fn fine(&mut self, party: PartyId) -> Result<(), FleetError> {
        let Ok(process) = &mut self.seats[party.index()] else { return Ok(()) };
        let (failed, silent) = {
            let said = process.said();
            (said.failed.clone(), said.silent)
        };
        if failed.is_none() && !silent {
            return Ok(());
        }
        let mut child = lock(&process.child);
        if failed.is_some() {
            let _ = child.kill();
        }
        let status = child.wait().map(|status| status.to_string());
        let status = status.unwrap_or_else(|error| error.to_string());
        let log = Home::of(&self.folder, party).0.join("log");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        let why = failed.or(last.map(str::to_owned)).unwrap_or(status);
        Err(FleetError::Ended { party, why })
    }

    /// Leaves a party down that failed, if this is a network that is kept up.
    fn without(&mut self, party: PartyId, error: FleetError) -> Result<(), FleetError> {
        if self.services.is_none() {
            return Err(error);
        }
        let failed = Some(match error {
            FleetError::Ended { why, .. } | FleetError::Process { why, .. } => why,
            other => other.to_string(),
        });
        self.down(party, failed);
        Ok(())
    }

    /// Ends what is left of a process.
    fn down(&mut self, party: PartyId, failed: Option<String>) {
        let seat = &mut self.seats[party.index()];
        let status = match seat {
            Ok(process) => {
                process.end();
                process.said().status
            }
            Err(down) => down.status,
        };
        *seat = Err(Down { status, failed });
    }

    fn starts_again(&mut self, party: PartyId, disk: DiskAfter) -> Result<(), FleetError> {
        let Err(Down { status: shown, .. }) = self.seats[party.index()] else { return Ok(()) };
        let home = Home::of(&self.folder, party);
        let first = !home.began();
        if disk == DiskAfter::Lost {
            home.lose_disk().map_err(|error| FleetError::Folder(home.disk(), error))?;
        }
        let before = self.addresses.get(&party).cloned();
        // Whoever keeps a network up has told others of the port, and waits until it is free.
        let kept = before.clone().filter(|_| self.services.is_some());
        let address = kept.unwrap_or_else(|| again(before.as_ref()));
        let seats = PartyId::all(self.seats.len()).zip(&self.seats);
        let up = seats.filter(|(_, seat)| seat.is_ok()).map(|(party, _)| party).collect();
        let process = self.spawn(party, &address)?;
        process.said().status = shown;
        self.seats[party.index()] = Ok(process);
        if self.services.is_none() {
            // Only then do the others find it: they dial at once, whatever they waited for.
            let found = self.hear(party, &|| true, |said| said.address.clone())?;
            self.addresses.insert(party, found);
            let meet = Order::Meet(self.addresses.clone());
            self.up().for_each(|process| process.tell(&meet));
        }
        let (network, groups) = (self.network.clone(), self.groups.clone());
        let meet = Order::Meet(self.addresses.clone());
        let Ok(process) = &mut self.seats[party.index()] else { return Ok(()) };
        process.tell(&meet);
        process.tell(&Order::Start(Box::new(Start {
            at: self.start_ns,
            first,
            shown,
            up,
            network,
        })));
        process.tell(&Order::Sever(others(&groups, party).iter().collect()));
        Ok(())
    }

    /// Waits until a process has ended in order, as it was told to at that time.
    fn ends(&mut self, party: PartyId, told: Instant) -> Result<(), FleetError> {
        while let Ok(process) = &self.seats[party.index()] {
            let (stopped, silent) = {
                let said = process.said();
                (said.stopped, said.silent)
            };
            if stopped || self.was_killed(party) {
                self.down(party, None);
                break;
            }
            if silent {
                self.fine(party)?;
            }
            if parting(told).is_none() {
                return Err(FleetError::Ended { party, why: "it does not end".to_owned() });
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}

impl Crew for Processes {
    fn clock(&self) -> Clock {
        self.clock
    }

    fn status(&mut self, party: PartyId) -> Result<Option<Status>, FleetError> {
        let Ok(process) = &self.seats[party.index()] else { return Ok(None) };
        let status = process.said().status;
        if self.was_killed(party) {
            self.down(party, None);
            return Ok(None);
        }
        if !status.panicked
            && let Err(error) = self.fine(party)
        {
            self.without(party, error)?;
            return Ok(None);
        }
        Ok(Some(status))
    }

    fn kill(&mut self, party: PartyId) -> Result<(), FleetError> {
        if self.seats[party.index()].is_ok() {
            self.down(party, None);
        }
        Ok(())
    }

    fn restart(&mut self, party: PartyId, disk: DiskAfter) -> Result<(), FleetError> {
        self.starts_again(party, disk).or_else(|error| self.without(party, error))
    }

    fn states(&self) -> Vec<SeatState> {
        let seats = PartyId::all(self.seats.len()).zip(&self.seats);
        let state = |(party, seat): (PartyId, &Result<Process, Down>)| {
            let address = self.addresses.get(&party).cloned();
            let down = SeatState { party, address, ..SeatState::default() };
            match seat {
                Ok(process) => {
                    let said = process.said();
                    SeatState {
                        up: true,
                        pid: Some(lock(&process.child).id()),
                        status: said.status,
                        clients: said.clients,
                        http: said.http,
                        ..down
                    }
                }
                Err(Down { status, failed }) => {
                    SeatState { status: *status, failed: failed.clone(), ..down }
                }
            }
        };
        seats.map(state).collect()
    }

    fn part(&mut self, groups: &[PartySet]) {
        self.groups = groups.to_vec();
        for (party, seat) in PartyId::all(self.seats.len()).zip(&mut self.seats) {
            if let Ok(process) = seat {
                process.tell(&Order::Sever(others(groups, party).iter().collect()));
            }
        }
    }

    fn stop(&mut self) -> Result<(), FleetError> {
        self.up().for_each(|process| process.tell(&Order::Stop));
        let told = Instant::now();
        for party in PartyId::all(self.seats.len()) {
            let ended = self.ends(party, told);
            ended.or_else(|error| self.without(party, error))?;
        }
        Ok(())
    }
}
