//! The journal of a party: all its inputs in order, and a digest of what it did with each. A run
//! over a network is judged by replaying the journals.
//!
//! One file for each life of the party. An entry is written before anything that came of it
//! leaves, so whatever another party received stands in its sender's journal. Entries are chained
//! by digests: what was changed, taken out or put in is noticed, and a file that ends in the
//! middle of an entry ended there because its process did.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::{Path, PathBuf},
};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{Digest, PartyId, Signed};
use byzlab_protocols::Command;

use crate::store::Owner;

/// The version of the format.
const FORMAT: &str = "byzlab/journal/2";
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
    /// Its runtime lost so many frames to or from this party, for lack of room.
    Lost {
        /// The other party.
        peer: u16,
        /// How many since it was last told.
        frames: u64,
    },
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

    /// Writes down that the party begins, and nothing after that: for a journal that nobody judges.
    ///
    /// # Errors
    /// The system does not take it.
    pub(crate) fn begins(&mut self) -> Result<(), JournalError> {
        let (record, blocks, snapshot) = (None, Vec::new(), None);
        let happened = Happened::Started { record, blocks, snapshot };
        self.add(&Entry { at: 0, happened, effects: None });
        self.flush()
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

/// Reads the journals of all lives of a party into memory.
///
/// # Errors
/// The first that cannot be read, is damaged, or of somebody else.
pub fn read(directory: &Path, owner: &Owner) -> Result<Vec<Life>, JournalError> {
    let read = |life| {
        let path = file(directory, life);
        let life = Reader::open(&path, owner).and_then(Reader::rest);
        life.map_err(|wrong| wrong.of(&path))
    };
    (0..lives(directory)).map(read).collect()
}

/// Opens the journals of all lives of a party, to be read entry by entry. Each is gone through once
/// now: what is wrong with any is told before anything is made of them.
///
/// # Errors
/// The first that cannot be read, is damaged, or of somebody else.
pub fn open(directory: &Path, owner: &Owner) -> Result<Vec<Source>, JournalError> {
    let open = |life| {
        let path = file(directory, life);
        Source::open(&path, owner).map_err(|wrong| wrong.of(&path))
    };
    (0..lives(directory)).map(open).collect()
}

/// Reads what the file of one life holds.
///
/// # Errors
/// Which entry is damaged; nothing if it is no journal of this owner.
pub fn parse(bytes: &[u8], owner: &Owner) -> Result<Life, Option<usize>> {
    Reader::new(bytes, owner).and_then(Reader::rest).map_err(|wrong| match wrong {
        Wrong::Damaged(entry) => Some(entry),
        Wrong::Foreign | Wrong::Io(_) => None,
    })
}

/// What is wrong with a journal.
enum Wrong {
    Io(io::Error),
    Damaged(usize),
    Foreign,
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Wrong::Io(error)
    }
}

impl Wrong {
    fn of(self, path: &Path) -> JournalError {
        let path = path.to_owned();
        match self {
            Wrong::Io(error) => JournalError::Io(path, error),
            Wrong::Damaged(entry) => JournalError::Damaged(path, entry),
            Wrong::Foreign => JournalError::Foreign(path),
        }
    }
}

/// Reads the journal of one life, an entry at a time.
struct Reader<R> {
    from: R,
    last: Digest,
    count: usize,
}

impl Reader<BufReader<File>> {
    fn open(path: &Path, owner: &Owner) -> Result<Self, Wrong> {
        Reader::new(BufReader::with_capacity(64 << 10, File::open(path)?), owner)
    }
}

impl<R: Read> Reader<R> {
    fn new(from: R, owner: &Owner) -> Result<Reader<R>, Wrong> {
        let mut reader = Reader { from, last: head(owner), count: 0 };
        match reader.bytes(reader.last.0.len())? {
            Some(begin) if begin != reader.last.0 => Err(Wrong::Foreign),
            Some(_) | None => Ok(reader),
        }
    }

    /// So many bytes; nothing if there are less.
    fn bytes(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        (&mut self.from).take(count as u64).read_to_end(&mut bytes)?;
        Ok((bytes.len() == count).then_some(bytes))
    }

    /// The next entry; nothing at the end. What the process did not write to the end had no
    /// consequence.
    fn entry(&mut self) -> Result<Option<Entry>, Wrong> {
        let Some(length) = self.bytes(4)? else { return Ok(None) };
        let length = u32::from_le_bytes(length.try_into().expect("four bytes"));
        if length > MAX_ENTRY {
            return Err(Wrong::Damaged(self.count));
        }
        let Some(bytes) = self.bytes(length as usize)? else { return Ok(None) };
        let Some(sealed) = self.bytes(self.last.0.len())? else { return Ok(None) };
        self.last = next(&self.last, &bytes);
        if sealed != self.last.0 {
            return Err(Wrong::Damaged(self.count));
        }
        let entry = borsh::from_slice(&bytes).map_err(|_| Wrong::Damaged(self.count))?;
        self.count += 1;
        Ok(Some(entry))
    }

    fn rest(mut self) -> Result<Life, Wrong> {
        let mut life = Life::default();
        while let Some(entry) = self.entry()? {
            life.entries.push(entry);
        }
        Ok(life)
    }
}

/// The journal of one life, to be gone through once: in memory, or on the disk.
pub struct Source {
    /// When it began and when its last entry was; nothing if nothing stands in it.
    pub(crate) span: Option<(u64, u64)>,
    /// Whether it ended in order.
    pub(crate) stopped: bool,
    entries: Entries,
}

enum Entries {
    Held(std::vec::IntoIter<Entry>),
    File(Reader<BufReader<File>>, PathBuf),
}

impl From<Life> for Source {
    fn from(life: Life) -> Source {
        let mut source = Source::new(Entries::Held(Vec::new().into_iter()));
        life.entries.iter().for_each(|entry| source.see(entry));
        source.entries = Entries::Held(life.entries.into_iter());
        source
    }
}

impl Source {
    fn new(entries: Entries) -> Source {
        Source { span: None, stopped: false, entries }
    }

    fn open(path: &Path, owner: &Owner) -> Result<Source, Wrong> {
        let mut reader = Reader::open(path, owner)?;
        let entries = Entries::File(Reader::open(path, owner)?, path.to_owned());
        let mut source = Source::new(entries);
        while let Some(entry) = reader.entry()? {
            source.see(&entry);
        }
        Ok(source)
    }

    fn see(&mut self, entry: &Entry) {
        let (first, _) = self.span.unwrap_or((entry.at, entry.at));
        self.span = Some((first, entry.at));
        self.stopped = entry.happened == Happened::Stopped;
    }

    /// The next entry; nothing at the end.
    ///
    /// # Errors
    /// The file is not what it was.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, JournalError> {
        match &mut self.entries {
            Entries::Held(entries) => Ok(entries.next()),
            Entries::File(reader, path) => reader.entry().map_err(|wrong| wrong.of(path)),
        }
    }
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
