//! How a network that is up is told what to do: a socket in its folder, one order a connection,
//! a JSON object a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::{
        fd::AsRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use byzlab_crypto::{PartyId, PartySet};
use byzlab_live::{Crew, FleetError, SeatState};
use byzlab_sim::DiskAfter;
use serde::{Deserialize, Serialize};

/// The socket in the folder of a network.
const SOCKET: &str = "control.sock";
/// The longest order, in bytes.
const MAX_ORDER: u64 = 64 << 10;
/// Whoever connects has so long to say what it wants.
const PATIENCE: Duration = Duration::from_millis(500);

/// What can be asked of a network that is up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// How all parties are.
    Status,
    /// End a party as kill -9 does.
    Kill(u16),
    /// Bring it back, with its disk.
    Restart(u16),
    /// Part the parties into groups that do not hear each other.
    Partition(Vec<Vec<u16>>),
    /// Let all hear each other again.
    Heal,
    /// End all in order.
    Down,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It is done; the parties are like this.
    Parties(Vec<SeatState>),
    /// It cannot be done.
    Refused(String),
}

/// The end of a network that takes orders.
pub(crate) struct Control {
    listener: UnixListener,
    /// Whether a party that was killed may come back.
    sync: bool,
    path: PathBuf,
}

impl Control {
    /// Listens in the folder of a network.
    ///
    /// # Errors
    /// Another network is up there, or the system does not allow it.
    pub(crate) fn listen(folder: &Path, sync: bool) -> io::Result<Control> {
        let (_open, path) = socket(folder)?;
        if UnixStream::connect(&path).is_ok() {
            let why = "a network is up in this folder already";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        // Whoever left it is gone.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Control { listener, sync, path: folder.join(SOCKET) })
    }

    /// Does what is asked for now, if anything is; says whether to go on.
    pub(crate) fn serve(&self, crew: &mut dyn Crew) -> bool {
        let Ok((stream, _)) = self.listener.accept() else { return true };
        let Ok(order) = heard(&stream) else { return true };
        let (answer, go_on) = match &order {
            Err(why) => (Answer::Refused(why.clone()), true),
            Ok(Order::Restart(_)) if !self.sync => {
                let why =
                    "with runtime.sync = false a party that was killed has forgotten its votes";
                (Answer::Refused(why.to_owned()), true)
            }
            Ok(order) => {
                let refused = |error: FleetError| Answer::Refused(error.to_string());
                (obey(crew, order).unwrap_or_else(refused), *order != Order::Down)
            }
        };
        let text = serde_json::to_string(&answer).unwrap_or_default();
        // Whoever asked may be gone.
        let _ = writeln!(&stream, "{text}");
        go_on
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The most bytes of a name that every system takes for a socket.
const MAX_NAME: usize = 100;

/// A name for the socket in a folder that is short enough, for as long as the folder is open: the
/// system takes no long ones.
fn socket(folder: &Path) -> io::Result<(File, PathBuf)> {
    let (open, path) = (File::open(folder)?, folder.join(SOCKET));
    if path.as_os_str().len() <= MAX_NAME {
        return Ok((open, path));
    }
    let short = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
    if !short.exists() {
        let why = format!("a socket in it has a name of more than {MAX_NAME} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, why));
    }
    Ok((open, short.join(SOCKET)))
}

fn heard(stream: &UnixStream) -> io::Result<Result<Order, String>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_ORDER)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line).map_err(|error| format!("no order: {error}")))
}

fn obey(crew: &mut dyn Crew, order: &Order) -> Result<Answer, FleetError> {
    let states = crew.states();
    let refused = |why: String| Ok(Answer::Refused(why));
    if let Order::Kill(party) | Order::Restart(party) = order {
        let Some(state) = states.get(usize::from(*party)) else {
            let n = states.len();
            return refused(format!("party {party}: there are {n} parties, from 0 on"));
        };
        match (order, state.up) {
            (Order::Kill(_), false) => return refused(format!("party {party} is down already")),
            (Order::Kill(_), true) => crew.kill(PartyId(*party))?,
            (_, true) => return refused(format!("party {party} is up already")),
            (_, false) => {
                crew.restart(PartyId(*party), DiskAfter::Kept)?;
                let state = crew.states().swap_remove(usize::from(*party));
                if let Some(why) = state.failed {
                    return refused(format!("party {party} does not come back: {why}"));
                }
            }
        }
    }
    match order {
        Order::Partition(groups) => match parted(groups, states.len()) {
            Ok(groups) => crew.part(&groups),
            Err(why) => return refused(why),
        },
        Order::Heal => crew.part(&[]),
        _ => {}
    }
    Ok(Answer::Parties(crew.states()))
}

/// Groups that name each party once.
fn parted(groups: &[Vec<u16>], n: usize) -> Result<Vec<PartySet>, String> {
    let mut seen = PartySet::EMPTY;
    for party in groups.iter().flatten().map(|party| PartyId(*party)) {
        if party.index() >= n {
            return Err(format!("party {party}: there are {n} parties, from 0 on"));
        }
        if !seen.insert(party) {
            return Err(format!("party {party} is in two groups"));
        }
    }
    if let Some(left) = PartyId::all(n).find(|party| !seen.contains(*party)) {
        return Err(format!("party {left} is in no group: name all, such as 0,1 2,3"));
    }
    let set = |group: &Vec<u16>| group.iter().map(|party| PartyId(*party)).collect();
    Ok(groups.iter().map(set).collect())
}

/// Asks something of the network that is up in a folder.
///
/// # Errors
/// None is up there.
pub(crate) fn ask(folder: &Path, order: &Order) -> io::Result<Answer> {
    let (_open, path) = socket(folder)?;
    let mut stream = UnixStream::connect(path)?;
    let text = serde_json::to_string(order).map_err(io::Error::other)?;
    writeln!(stream, "{text}")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let ended = "the network ended before it answered: see where it was started";
    serde_json::from_str(&line).map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_names_every_party_once() {
        assert_eq!(parted(&[vec![0, 1], vec![2, 3]], 4).map(|groups| groups.len()), Ok(2));
        let wrong = |groups: &[Vec<u16>]| parted(groups, 4).expect_err("it is refused");
        assert_eq!(wrong(&[vec![0, 1], vec![2, 4]]), "party 4: there are 4 parties, from 0 on");
        assert_eq!(wrong(&[vec![0, 1], vec![1, 3]]), "party 1 is in two groups");
        assert!(wrong(&[vec![0, 1], vec![3]]).starts_with("party 2 is in no group"));
    }
}
