//! The parties of a run as processes of this machine.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_sim::DiskAfter;
use libp2p::Multiaddr;

use crate::{
    Clock, Crew, FleetError, Home, PATIENCE, Status, loopback,
    process::{Order, Word, parting},
    unix_ns,
};

/// So long after all have found each other a run starts.
const LEAD: Duration = Duration::from_millis(100);
const GLANCE: Duration = Duration::from_millis(2);

/// Makes the command that becomes the process of a party, which listens where it is told: it is
/// [`crate::Member::serve`] in the end.
pub type Launch = Box<dyn Fn(PartyId, &Multiaddr) -> Command + Send>;

/// What a process said.
#[derive(Default)]
struct Said {
    address: Option<Multiaddr>,
    linked: bool,
    status: Status,
    stopped: bool,
    failed: Option<String>,
    /// It says no more.
    silent: bool,
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    said: Arc<Mutex<Said>>,
}

impl Process {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process that is gone does not hear; that it is gone is seen elsewhere.
    fn tell(&mut self, order: &Order) {
        let text = serde_json::to_string(order).expect("it is plain data");
        let _ = writeln!(self.stdin, "{text}").and_then(|()| self.stdin.flush());
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Takes in what a process says.
fn listen(said: &Mutex<Said>, from: impl std::io::Read) {
    let lock = || said.lock().unwrap_or_else(PoisonError::into_inner);
    for line in BufReader::new(from).lines() {
        let Ok(word) = line.map(|line| serde_json::from_str(&line)) else { break };
        let mut said = lock();
        match word {
            Ok(Word::Listening(address)) => said.address = Some(address),
            Ok(Word::Linked) => said.linked = true,
            Ok(Word::Status(status)) => said.status = status,
            Ok(Word::Stopped) => said.stopped = true,
            Ok(Word::Failed(why)) => said.failed = Some(why),
            Err(error) => said.failed = Some(format!("it says what is no word: {error}")),
        }
    }
    lock().silent = true;
}

/// The parties of a run, each a process.
pub struct Processes {
    launch: Launch,
    folder: PathBuf,
    start_ns: u64,
    clock: Clock,
    addresses: BTreeMap<PartyId, Multiaddr>,
    seats: Vec<Result<Process, Status>>,
}

impl Processes {
    /// Starts a process for each of `n` parties, with what is theirs in `folder`: they take part
    /// once each has found all others.
    ///
    /// # Errors
    /// One of them does not start, or they do not find each other.
    pub fn start(
        n: usize,
        launch: Launch,
        folder: PathBuf,
        scale: u64,
    ) -> Result<Processes, FleetError> {
        let clock = Clock::starting(Instant::now(), scale);
        let (addresses, seats) = (BTreeMap::new(), Vec::with_capacity(n));
        let mut crew = Processes { launch, folder, start_ns: 0, clock, addresses, seats };
        for party in PartyId::all(n) {
            let process = crew.spawn(party, &loopback())?;
            crew.seats.push(Ok(process));
        }
        for party in PartyId::all(n) {
            let address = crew.hear(party, |said| said.address.clone())?;
            crew.addresses.insert(party, address);
        }
        let meet = Order::Meet(crew.addresses.clone());
        crew.up().for_each(|process| process.tell(&meet));
        for party in PartyId::all(n) {
            crew.hear(party, |said| said.linked.then_some(()))?;
        }
        crew.start_ns = unix_ns(LEAD);
        crew.clock = Clock::of_genesis(crew.start_ns, scale);
        let start = Order::Start { at: crew.start_ns, shown: Status::default() };
        crew.up().for_each(|process| process.tell(&start));
        Ok(crew)
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
        let mut command = (self.launch)(party, listen_on);
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
        Ok(Process { child, stdin, said })
    }

    /// Waits until a process has said something.
    fn hear<T>(
        &mut self,
        party: PartyId,
        what: impl Fn(&Said) -> Option<T>,
    ) -> Result<T, FleetError> {
        let begun = Instant::now();
        loop {
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
        if failed.is_some() {
            let _ = process.child.kill();
        }
        let status = process.child.wait().map(|status| status.to_string());
        let status = status.unwrap_or_else(|error| error.to_string());
        let log = Home::of(&self.folder, party).0.join("log");
        let log = std::fs::read_to_string(log).unwrap_or_default();
        let last = log.lines().rev().find(|line| !line.trim().is_empty());
        let why = failed.or(last.map(str::to_owned)).unwrap_or(status);
        Err(FleetError::Ended { party, why })
    }

    /// Parts the parties into groups that do not hear each other; one group heals.
    pub fn part(&mut self, groups: &[PartySet]) {
        for (party, seat) in PartyId::all(self.seats.len()).zip(&mut self.seats) {
            let own = groups.iter().find(|group| group.contains(party));
            let others = groups.iter().filter(|group| Some(*group) != own);
            let from: Vec<_> = others.flat_map(PartySet::iter).collect();
            if let Ok(process) = seat {
                process.tell(&Order::Sever(from));
            }
        }
    }
}

impl Crew for Processes {
    fn clock(&self) -> Clock {
        self.clock
    }

    fn status(&mut self, party: PartyId) -> Result<Option<Status>, FleetError> {
        let Ok(process) = &self.seats[party.index()] else { return Ok(None) };
        let status = process.said().status;
        if !status.panicked {
            self.fine(party)?;
        }
        Ok(Some(status))
    }

    fn kill(&mut self, party: PartyId) -> Result<(), FleetError> {
        let seat = &mut self.seats[party.index()];
        let Ok(process) = seat else { return Ok(()) };
        process.end();
        let status = process.said().status;
        *seat = Err(status);
        Ok(())
    }

    fn restart(&mut self, party: PartyId, disk: DiskAfter) -> Result<(), FleetError> {
        let Err(shown) = self.seats[party.index()] else { return Ok(()) };
        let home = Home::of(&self.folder, party);
        if disk == DiskAfter::Lost {
            home.lose_disk().map_err(|error| FleetError::Folder(home.disk(), error))?;
        }
        let address = self.addresses.get(&party).cloned().unwrap_or_else(loopback);
        let mut process = self.spawn(party, &address)?;
        process.said().status = shown;
        process.tell(&Order::Meet(self.addresses.clone()));
        process.tell(&Order::Start { at: self.start_ns, shown });
        self.seats[party.index()] = Ok(process);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), FleetError> {
        self.up().for_each(|process| process.tell(&Order::Stop));
        let begun = Instant::now();
        for party in PartyId::all(self.seats.len()) {
            while let Ok(process) = &self.seats[party.index()] {
                let (stopped, silent) = {
                    let said = process.said();
                    (said.stopped, said.silent)
                };
                if stopped {
                    break;
                }
                if silent {
                    self.fine(party)?;
                }
                if parting(begun).is_none() {
                    let why = "it does not end".to_owned();
                    return Err(FleetError::Ended { party, why });
                }
                std::thread::sleep(GLANCE);
            }
        }
        self.seats.clear();
        Ok(())
    }
}
