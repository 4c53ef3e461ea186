//! The journal of a party: all its inputs in order, and a digest of what it did with each. A run
//! over a network is judged by replaying the journals.
//!
//! One file for each life of the party. An entry is written before anything that came of it
//! leaves, so whatever another party received stands in its sender's journal. Entries are chained
//! by digests: what was changed, taken out or put in is noticed, and a file that ends in the
//! middle of an entry ended there because its process did.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, PartyId, Signed};
use byzlab_protocols::Command;

use crate::store::Owner;

/// The version of the format.
const FORMAT: &str = "byzlab/journal/1";
/// The longest entry: a disk full of blocks may be one.
const MAX_ENTRY: u32 = u32::MAX - 64;

/// What happened to a party.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum Happened {
    /// It started, with what its disk held: the sealed record, and blocks.
    Started {
        /// The record.
        record: Option<Vec<u8>>,
        /// The blocks.
        blocks: Vec<Vec<u8>>,
        /// The snapshot, with its digest before it.
        snapshot: Option<Vec<u8>>,
    },
    /// A client's request reached it.
    Command(Signed<Command>),
    /// A packet arrived.
    Packet {
        /// Over whose link.
        from: u16,
        /// The sender's life.
        incarnation: u32,
        /// The sender's number for it.
        number: u64,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// What was armed under this number came due.
    Fired(u64),
    /// It was told to end, and did.
    Stopped,
}

/// An entry.
#[derive(Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Entry {
    /// When, since the common start.
    pub at: u64,
    /// What.
    pub happened: Happened,
    /// The digest of the effects; nothing if honest code panicked.
    pub effects: Option<Digest>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system does not let it be read or written.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// Not what was written there.
    #[error("{0}: entry {1} of the journal is not what was written there")]
    Damaged(PathBuf, usize),
    /// Of another party, instance or protocol, or of another version.
    #[error("{0}: not a journal of this party in this run")]
    Foreign(PathBuf),
}

/// The journal of one life of a party.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Life {
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// Writes a journal.
pub struct Writer {
    path: PathBuf,
    file: File,
    last: Digest,
    waiting: Vec<u8>,
}

fn head(owner: &Owner) -> Digest {
    let text = (FORMAT, &owner.protocol, owner.instance, owner.party);
    Digest::of(FORMAT, &borsh::to_vec(&text).expect("writing to a vector cannot fail"))
}

fn next(last: &Digest, entry: &[u8]) -> Digest {
    let mut bytes = last.0.to_vec();
    bytes.extend_from_slice(entry);
    Digest::of("byzlab/journal-entry/1", &bytes)
}

/// The file of one life.
fn file(directory: &Path, incarnation: u32) -> PathBuf {
    directory.join(format!("journal-{incarnation}"))
}

/// How often the party of a directory has started.
pub fn lives(directory: &Path) -> u32 {
    (0..).take_while(|incarnation| file(directory, *incarnation).exists()).count() as u32
}

/// Whether the party of a directory ever wrote anything down: before it has, nothing of it left.
pub fn began(directory: &Path) -> bool {
    let head = Digest::ZERO.0.len() as u64;
    let longer = |life| {
        let written = std::fs::metadata(file(directory, life));
        written.is_ok_and(|written| written.len() > head)
    };
    (0..lives(directory)).any(longer)
}

impl Writer {
    /// Begins the journal of the next life. Gives the number of that life.
    ///
    /// # Errors
    /// The system does not let it be written.
    pub fn create(directory: &Path, owner: &Owner) -> Result<(Writer, u32), JournalError> {
        let incarnation = lives(directory);
        let path = file(directory, incarnation);
        let failed = |error| JournalError::Io(path.clone(), error);
        std::fs::create_dir_all(directory).map_err(failed)?;
        let mut file = File::create_new(&path).map_err(failed)?;
        let last = head(owner);
        file.write_all(&last.0).map_err(failed)?;
        Ok((Writer { path, file, last, waiting: Vec::new() }, incarnation))
    }

    /// Adds an entry, to be written with the next [`Writer::flush`].
    pub fn add(&mut self, entry: &Entry) {
        let bytes = borsh::to_vec(entry).expect("writing to a vector cannot fail");
        self.last = next(&self.last, &bytes);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.waiting.extend_from_slice(&length.to_le_bytes());
        self.waiting.extend_from_slice(&bytes);
        self.waiting.extend_from_slice(&self.last.0);
    }

    /// Hands all entries to the system: they survive the end of the process.
    ///
    /// # Errors
    /// The system does not take them.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        let written = self.file.write_all(&self.waiting);
        self.waiting.clear();
        written.map_err(|error| JournalError::Io(self.path.clone(), error))
    }
}

/// Reads the journals of all lives of a party.
///
/// # Errors
/// The first that cannot be read, is damaged, or of somebody else.
pub fn read(directory: &Path, owner: &Owner) -> Result<Vec<Life>, JournalError> {
    (0..lives(directory)).map(|life| read_life(&file(directory, life), owner)).collect()
}

fn read_life(path: &Path, owner: &Owner) -> Result<Life, JournalError> {
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    opened.map_err(|error| JournalError::Io(path.to_owned(), error))?;
    parse(&bytes, owner).map_err(|wrong| match wrong {
        None => JournalError::Foreign(path.to_owned()),
        Some(entry) => JournalError::Damaged(path.to_owned(), entry),
    })
}

/// Reads what the file of one life holds.
///
/// # Errors
/// Which entry is damaged; nothing if it is no journal of this owner.
pub fn parse(bytes: &[u8], owner: &Owner) -> Result<Life, Option<usize>> {
    let mut life = Life::default();
    let mut last = head(owner);
    let size = last.0.len();
    let Some((begin, mut rest)) = bytes.split_at_checked(size) else { return Ok(life) };
    if begin != last.0 {
        return Err(None);
    }
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let damaged = || Some(life.entries.len());
        let length = u32::from_le_bytes(*length);
        if length > MAX_ENTRY {
            return Err(damaged());
        }
        // What the process did not write to the end had no consequence.
        let Some((entry, after)) = after.split_at_checked(length as usize) else { break };
        let Some((sealed, after)) = after.split_at_checked(size) else { break };
        last = next(&last, entry);
        if sealed != last.0 {
            return Err(damaged());
        }
        let entry = borsh::from_slice(entry).map_err(|_| damaged())?;
        life.entries.push(entry);
        rest = after;
    }
    Ok(life)
}

impl Happened {
    /// The sender of a packet.
    pub fn sender(&self) -> Option<PartyId> {
        match self {
            Happened::Packet { from, .. } => Some(PartyId(*from)),
            _ => None,
        }
    }
}
