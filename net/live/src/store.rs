//! The disk of a party: its record and its blocks, in one file that belongs to one party of one
//! instance and is open in one process at a time.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use byzlab_crypto::{Digest, PartyId, Reject};
use byzlab_protocols::{
    Block, Context, Durable, Protocol, Stored,
    durable::{seal, unseal},
    smr::Snapshot,
};
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition};

/// The version of the format, and of what the hash of a block covers. A store of another one is refused,
/// not guessed at.
pub const FORMAT: u64 = 2;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RECORD: TableDefinition<'_, (), &[u8]> = TableDefinition::new("record");
const SNAPSHOT: TableDefinition<'_, (), &[u8]> = TableDefinition::new("snapshot");
const BLOCKS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("blocks");

/// Why there is no store, or it takes nothing any more.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{0}: in use by another process; one directory belongs to one node at a time")]
    Locked(PathBuf),
    /// Written by another version.
    #[error("{path}: store format {found}, and this version of byzlab knows format {FORMAT} only")]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Of another party, instance or protocol.
    #[error("{path}: this is the store of {found}, not of {wanted}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// Not what was written there.
    #[error(
        "{path}: damaged ({why}); a node with a damaged store must not vote: restore nothing \
             older, take the party out or start it with an empty directory, as a faulty one"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The system does not let it be read or written.
    #[error("{path}: {why}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
}

/// Whose store it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The protocol.
    pub protocol: String,
    /// The instance.
    pub instance: Digest,
    /// The party.
    pub party: PartyId,
}

impl Owner {
    /// A party of an instance of a protocol.
    pub fn of<P: Protocol>(context: &Context, party: PartyId) -> Owner {
        let protocol = P::ABOUT.name.to_owned();
        Owner { protocol, instance: context.committee.instance(), party }
    }

    fn text(&self) -> String {
        format!("party {} of {} in instance {:#}", self.party, self.protocol, self.instance)
    }
}

/// What becomes durable together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Change {
    /// The new record, sealed.
    pub record: Option<Vec<u8>>,
    /// Blocks that are kept, with their bytes, and blocks that are forgotten.
    pub blocks: BTreeMap<Digest, Option<Vec<u8>>>,
    /// The new snapshot, with its digest before it.
    pub snapshot: Option<Vec<u8>>,
}

impl Change {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.record.is_none() && self.blocks.is_empty() && self.snapshot.is_none()
    }

    /// Replaces the record.
    pub fn persist<P: Protocol>(&mut self, context: &Context, me: PartyId, record: &P::Record) {
        self.record = Some(seal::<P>(context, me, record));
    }

    /// Stores a block.
    pub fn keep(&mut self, block: &Block) {
        let mut bytes = Vec::new();
        block.save(&mut bytes);
        self.blocks.insert(block.hash(), Some(bytes));
    }

    /// Removes a block.
    pub fn forget(&mut self, hash: Digest) {
        self.blocks.insert(hash, None);
    }

    /// Stores a snapshot in place of the one before.
    pub fn save(&mut self, snapshot: &Snapshot) {
        self.snapshot = Some([&snapshot.digest().0[..], snapshot.bytes()].concat());
    }

    /// Takes in what changes after it.
    pub fn then(&mut self, later: Change) {
        self.record = later.record.or(self.record.take());
        self.blocks.extend(later.blocks);
        self.snapshot = later.snapshot.or(self.snapshot.take());
    }
}

/// What stands on a disk, as bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The sealed record, if one was ever persisted.
    pub record: Option<Vec<u8>>,
    /// The blocks.
    pub blocks: Vec<Vec<u8>>,
    /// The snapshot, with its digest before it, if one was ever saved.
    pub snapshot: Option<Vec<u8>>,
}

impl Kept {
    /// Checks all of it again.
    ///
    /// # Errors
    /// What does not verify.
    pub fn check<P: Protocol>(
        &self,
        context: &Context,
        party: PartyId,
    ) -> Result<Option<Stored<P::Record>>, Reject> {
        let Some(record) = &self.record else { return Ok(None) };
        let record = Arc::new(unseal::<P>(context, party, record)?);
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for bytes in &self.blocks {
            let mut from = &bytes[..];
            blocks.push(Block::load(context, &mut from)?);
            if !from.is_empty() {
                return Err(Reject::Undecodable);
            }
        }
        blocks.sort_by_key(|block| (block.height(), block.hash()));
        let snapshot = self.snapshot.as_deref().map(snapshot).transpose()?;
        Ok(Some(Stored { record, blocks, snapshot }))
    }
}

/// What stood on a disk as bytes, and the same checked, if a record was ever persisted.
pub type Loaded<P> = (Kept, Option<Stored<<P as Protocol>::Record>>);

/// A snapshot from its digest and its bytes. Whether they are those of the log is the protocol's to
/// say, which has the certificate of the digest in its record.
fn snapshot(stored: &[u8]) -> Result<Snapshot, Reject> {
    let (digest, bytes) = stored.split_first_chunk().ok_or(Reject::Undecodable)?;
    Snapshot::check(&Arc::new(bytes.to_vec()), Digest(*digest))
}

/// An open store.
pub struct Store {
    path: PathBuf,
    database: Database,
    durability: Durability,
}

impl Store {
    /// Opens the store of a directory, or makes an empty one. What is committed is on the disk.
    ///
    /// # Errors
    /// It is locked, damaged, somebody else's, of a later version, or cannot be written.
    pub fn open(directory: &Path, owner: &Owner) -> Result<Store, StoreError> {
        Store::opened(directory, owner, Durability::Immediate)
    }

    /// The same, but what is committed may be forgotten when the process ends: for measuring what
    /// the disk costs. A party that comes back to such a store is a faulty one.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_unsynced(directory: &Path, owner: &Owner) -> Result<Store, StoreError> {
        Store::opened(directory, owner, Durability::None)
    }

    fn opened(
        directory: &Path,
        owner: &Owner,
        durability: Durability,
    ) -> Result<Store, StoreError> {
        let path = directory.join("store.redb");
        std::fs::create_dir_all(directory).map_err(|error| io(directory, &error))?;
        if !path.exists() {
            // Whole or not at all: a process that ends in between leaves no half of a store.
            let new = directory.join("store.redb.new");
            let _ = std::fs::remove_file(&new);
            drop(Store::opened_at(new.clone(), owner, Durability::Immediate)?);
            std::fs::rename(&new, &path).map_err(|error| io(&path, &error))?;
        }
        Store::opened_at(path, owner, durability)
    }

    fn opened_at(
        path: PathBuf,
        owner: &Owner,
        durability: Durability,
    ) -> Result<Store, StoreError> {
        let mut builder = Database::builder();
        // Half of it is for what a transaction writes: with less, pages are written before their time, and
        // read again.
        builder.set_check_integrity_on_open(true).set_cache_size(32 << 20);
        let database = builder.create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                StoreError::Locked(path.clone())
            }
            DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
                    damaged(&path, &error)
                }
                _ => io(&path, &error),
            },
            other => damaged(&path, &other),
        })?;
        let store = Store { path, database, durability };
        store.claim(owner)?;
        Ok(store)
    }

    /// Reads whose the store is, or writes it into a new one.
    fn claim(&self, owner: &Owner) -> Result<(), StoreError> {
        let failed = |error: &dyn std::fmt::Display| damaged(&self.path, error);
        let transaction = self.database.begin_write().map_err(|error| failed(&error))?;
        {
            let mut meta = transaction.open_table(META).map_err(|error| failed(&error))?;
            let format = read(&meta, "format").map_err(|error| failed(&error))?;
            let found = read(&meta, "owner").map_err(|error| failed(&error))?;
            let wanted = owner.text();
            match (format, found) {
                (None, None) => {
                    let format = FORMAT.to_le_bytes();
                    meta.insert("format", &format[..]).map_err(|error| failed(&error))?;
                    meta.insert("owner", wanted.as_bytes()).map_err(|error| failed(&error))?;
                }
                (Some(format), found) => self.compare(&format, found, wanted)?,
                (None, Some(_)) => return Err(failed(&"it has no format version")),
            }
            transaction.open_table(RECORD).map_err(|error| failed(&error))?;
            transaction.open_table(SNAPSHOT).map_err(|error| failed(&error))?;
            transaction.open_table(BLOCKS).map_err(|error| failed(&error))?;
        }
        transaction.commit().map_err(|error| self.refused(&error))
    }

    fn compare(
        &self,
        format: &[u8],
        found: Option<Vec<u8>>,
        wanted: String,
    ) -> Result<(), StoreError> {
        let damaged = |why: &str| damaged(&self.path, &why);
        let format = format.try_into().map_err(|_| damaged("its format version is none"))?;
        let format = u64::from_le_bytes(format);
        if format != FORMAT {
            return Err(StoreError::Format { path: self.path.clone(), found: format });
        }
        let found = found.ok_or_else(|| damaged("it does not say whose it is"))?;
        let found = String::from_utf8(found).map_err(|_| damaged("its owner is no text"))?;
        match found == wanted {
            true => Ok(()),
            false => Err(StoreError::Foreign { path: self.path.clone(), found, wanted }),
        }
    }

    /// Makes a change durable, whole or not at all.
    ///
    /// # Errors
    /// The system does not let it be written: nothing that follows from it may leave.
    pub fn commit(&self, change: &Change) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write().map_err(|error| self.refused(&error))?;
        transaction.set_durability(self.durability).map_err(|error| self.refused(&error))?;
        {
            let mut records =
                transaction.open_table(RECORD).map_err(|error| self.refused(&error))?;
            if let Some(record) = &change.record {
                records.insert((), &record[..]).map_err(|error| self.refused(&error))?;
            }
            let mut snapshots =
                transaction.open_table(SNAPSHOT).map_err(|error| self.refused(&error))?;
            if let Some(snapshot) = &change.snapshot {
                snapshots.insert((), &snapshot[..]).map_err(|error| self.refused(&error))?;
            }
            let mut blocks =
                transaction.open_table(BLOCKS).map_err(|error| self.refused(&error))?;
            for (hash, bytes) in &change.blocks {
                let key = &hash.0[..];
                match bytes {
                    Some(bytes) => blocks.insert(key, &bytes[..]).map(drop),
                    None => blocks.remove(key).map(drop),
                }
                .map_err(|error| self.refused(&error))?;
            }
        }
        transaction.commit().map_err(|error| self.refused(&error))
    }

    /// What stands there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self) -> Result<Kept, StoreError> {
        let failed = |error: &dyn std::fmt::Display| damaged(&self.path, error);
        let transaction = self.database.begin_read().map_err(|error| failed(&error))?;
        let records = transaction.open_table(RECORD).map_err(|error| failed(&error))?;
        let record = records.get(()).map_err(|error| failed(&error))?;
        let snapshots = transaction.open_table(SNAPSHOT).map_err(|error| failed(&error))?;
        let snapshot = snapshots.get(()).map_err(|error| failed(&error))?;
        let mut kept = Kept {
            record: record.map(|bytes| bytes.value().to_vec()),
            blocks: Vec::new(),
            snapshot: snapshot.map(|bytes| bytes.value().to_vec()),
        };
        let blocks = transaction.open_table(BLOCKS).map_err(|error| failed(&error))?;
        for entry in blocks.iter().map_err(|error| failed(&error))? {
            let (_, bytes) = entry.map_err(|error| failed(&error))?;
            kept.blocks.push(bytes.value().to_vec());
        }
        Ok(kept)
    }

    /// What stands there, checked again.
    ///
    /// # Errors
    /// It cannot be read, or does not verify.
    pub fn load<P: Protocol>(
        &self,
        context: &Context,
        party: PartyId,
    ) -> Result<Loaded<P>, StoreError> {
        let kept = self.read()?;
        let stored = kept.check::<P>(context, party).map_err(|why| damaged(&self.path, &why))?;
        Ok((kept, stored))
    }

    fn refused(&self, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Io { path: self.path.clone(), why: error.to_string() }
    }
}

fn read(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    key: &str,
) -> Result<Option<Vec<u8>>, redb::StorageError> {
    Ok(table.get(key)?.map(|bytes| bytes.value().to_vec()))
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), why: why.to_string() }
}

fn io(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), why: error.to_string() }
}
