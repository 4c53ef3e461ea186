//! The parties of a run as threads of one process, over real sockets.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::Protocol;
use byzlab_sim::DiskAfter;
use libp2p::Multiaddr;
use tokio::runtime::Runtime;

use crate::{
    Clock, Common, Crew, FleetError, Home, Joined, NodeError, Party, SeatState, Status,
    transport::{LinkState, is_free},
};

/// How long parties may take to find each other.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Whoever comes back waits so long for those who are up.
pub(crate) const RETURN: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(2);

/// So long before the start it is announced to `n` parties: each opens its disk first, and on a
/// machine with few cores one after the other.
pub(crate) fn lead(n: usize) -> Duration {
    Duration::from_millis(50) + Duration::from_millis(20) * u32::try_from(n).unwrap_or(u32::MAX)
}

enum Seat<P: Protocol> {
    Up(Box<Party<P>>),
    /// It was killed, and had shown this.
    Down(Status),
}

/// The parties of a run in this process.
pub struct Threads<P: Protocol> {
    common: Common<P>,
    folder: PathBuf,
    clock: Clock,
    addresses: BTreeMap<PartyId, Multiaddr>,
    seats: Vec<Seat<P>>,
    /// Groups that do not hear each other.
    groups: Vec<PartySet>,
    // The last to be dropped: the transports end with it.
    runtime: Runtime,
}

impl<P: Protocol> Threads<P> {
    /// Starts all parties of a committee, on loopback, with what is theirs in `folder`: they take
    /// part once each has found all others.
    ///
    /// # Errors
    /// One of them does not start, they do not find each other, or `go_on` says that nobody waits for
    /// that any more.
    pub fn start(
        common: Common<P>,
        folder: PathBuf,
        scale: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, FleetError> {
        let runtime = runtime().map_err(|error| FleetError::Folder("threads".into(), error))?;
        let within = runtime.enter();
        let n = common.parts.context.committee.n();
        let (mut joined, mut addresses) = (Vec::with_capacity(n), BTreeMap::new());
        for party in PartyId::all(n) {
            let here = runtime.block_on(Joined::listen(&common, party, loopback()))?;
            addresses.extend(here.address().map(|address| (party, address)));
            joined.push(here);
        }
        joined.iter().for_each(|here| here.meet(addresses.clone()));
        await_links(|| joined.iter().map(Joined::links).collect(), go_on)?;
        let clock = Clock::starting(Instant::now() + lead(n), scale);
        joined.iter().for_each(|here| here.expect_start(clock));
        let mut seats = Vec::with_capacity(n);
        for (party, here) in PartyId::all(n).zip(joined) {
            let home = Home::of(&folder, party);
            let running = here.start(&common, &home, clock, true, Status::default())?;
            seats.push(Seat::Up(Box::new(running)));
        }
        drop(within);
        let groups = Vec::new();
        Ok(Threads { common, folder, clock, addresses, seats, groups, runtime })
    }
}

/// Whoever is not in the group of a party.
pub(crate) fn others(groups: &[PartySet], party: PartyId) -> PartySet {
    let apart = groups.iter().filter(|group| !group.contains(party));
    apart.flat_map(PartySet::iter).collect()
}

/// A runtime for transports.
///
/// # Errors
/// The system has no threads left.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Any port of loopback.
pub fn loopback() -> Multiaddr {
    Multiaddr::from(std::net::Ipv4Addr::LOCALHOST).with(libp2p::multiaddr::Protocol::Tcp(0))
}

/// Where a party listens that comes back: where it did, unless somebody took the port meanwhile.
pub(crate) fn again(before: Option<&Multiaddr>) -> Multiaddr {
    before.filter(|address| is_free(address).is_ok()).cloned().unwrap_or_else(loopback)
}

/// Whether the links with these carry in both directions.
pub(crate) fn is_linked(links: &[LinkState], with: &PartySet) -> bool {
    let mut wanted = links.iter().filter(|link| with.contains(link.party));
    wanted.all(|link| link.sending && link.receiving)
}

/// Waits until every link carries in both directions.
fn await_links(
    links: impl Fn() -> Vec<Vec<LinkState>>,
    go_on: &dyn Fn() -> bool,
) -> Result<(), FleetError> {
    let begun = Instant::now();
    loop {
        if !go_on() {
            return Err(FleetError::Interrupted);
        }
        let links = links();
        let works = |link: &LinkState| link.sending && link.receiving;
        if links.iter().flatten().all(works) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            let own = PartyId::all(links.len()).zip(&links);
            let missing = own.flat_map(|(own, links)| {
                links.iter().filter(|link| !works(link)).map(move |link| {
                    let why = link.problem.as_deref().unwrap_or("no answer yet");
                    format!("{own} and {}: {why}", link.party)
                })
            });
            let missing = missing.collect::<Vec<_>>().join("; ");
            return Err(FleetError::Apart { after: PATIENCE, missing });
        }
        std::thread::sleep(GLANCE);
    }
}

impl<P: Protocol> Crew for Threads<P> {
    fn clock(&self) -> Clock {
        self.clock
    }

    fn status(&mut self, party: PartyId) -> Result<Option<Status>, FleetError> {
        let seat = &mut self.seats[party.index()];
        let Seat::Up(running) = seat else { return Ok(None) };
        let status = running.status();
        if !running.has_ended() || status.panicked {
            return Ok(Some(status));
        }
        match std::mem::replace(seat, Seat::Down(status)) {
            Seat::Up(ended) => ended.stop()?,
            Seat::Down(_) => {}
        }
        Err(FleetError::Ended { party, why: "its node is gone".to_owned() })
    }

    fn kill(&mut self, party: PartyId) -> Result<(), FleetError> {
        let seat = &mut self.seats[party.index()];
        let Seat::Up(running) = seat else { return Ok(()) };
        let status = running.status();
        if let Seat::Up(running) = std::mem::replace(seat, Seat::Down(status)) {
            running.kill()?;
        }
        Ok(())
    }

    fn restart(&mut self, party: PartyId, disk: DiskAfter) -> Result<(), FleetError> {
        let Seat::Down(shown) = self.seats[party.index()] else { return Ok(()) };
        let home = Home::of(&self.folder, party);
        let first = !home.began();
        if disk == DiskAfter::Lost {
            home.lose_disk().map_err(|error| FleetError::Folder(home.disk(), error))?;
        }
        let _within = self.runtime.enter();
        let address = again(self.addresses.get(&party));
        let here = self.runtime.block_on(Joined::listen(&self.common, party, address))?;
        self.addresses.extend(here.address().map(|address| (party, address)));
        here.meet(self.addresses.clone());
        for seat in &self.seats {
            if let Seat::Up(other) = seat {
                other.meet(self.addresses.clone());
            }
        }
        let seats = PartyId::all(self.seats.len()).zip(&self.seats);
        let up = seats.filter(|(_, seat)| matches!(seat, Seat::Up(_))).map(|(party, _)| party);
        let up: PartySet = up.collect();
        let begun = Instant::now();
        while !is_linked(&here.links(), &up) && begun.elapsed() < RETURN {
            std::thread::sleep(GLANCE);
        }
        let running = here.start(&self.common, &home, self.clock, first, shown)?;
        running.sever(others(&self.groups, party));
        self.seats[party.index()] = Seat::Up(Box::new(running));
        Ok(())
    }

    fn states(&self) -> Vec<SeatState> {
        let seats = PartyId::all(self.seats.len()).zip(&self.seats);
        let state = |(party, seat): (PartyId, &Seat<P>)| {
            let (up, status) = match seat {
                Seat::Up(running) => (true, running.status()),
                Seat::Down(status) => (false, *status),
            };
            let address = self.addresses.get(&party).cloned();
            SeatState { party, up, status, address, ..SeatState::default() }
        };
        seats.map(state).collect()
    }

    fn part(&mut self, groups: &[PartySet]) {
        self.groups = groups.to_vec();
        for (party, seat) in PartyId::all(self.seats.len()).zip(&self.seats) {
            if let Seat::Up(running) = seat {
                running.sever(others(groups, party));
            }
        }
    }

    fn stop(&mut self) -> Result<(), FleetError> {
        // All at once: nobody goes on alone for long.
        let ended: Vec<Result<(), NodeError>> = std::thread::scope(|scope| {
            let stopping: Vec<_> = self
                .seats
                .drain(..)
                .filter_map(|seat| match seat {
                    Seat::Up(running) => Some(scope.spawn(|| running.stop())),
                    Seat::Down(_) => None,
                })
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            stopping.into_iter().map(join).collect()
        });
        ended.into_iter().collect::<Result<(), _>>()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn whoever_comes_back_listens_where_it_did_unless_the_port_is_taken() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = other.local_addr().expect("it has one").port();
        let before = Multiaddr::from(std::net::Ipv4Addr::LOCALHOST);
        let before = before.with(libp2p::multiaddr::Protocol::Tcp(port));
        assert_eq!(again(Some(&before)), loopback());
        drop(other);
        assert_eq!(again(Some(&before)), before);
        assert_eq!(again(None), loopback());
    }
}
