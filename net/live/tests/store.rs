//! The store of a party: what it takes survives, and it is refused to everybody else.

use std::{fs, path::PathBuf, sync::Arc};

use byzlab_crypto::{Committee, Digest, KeyRing, PartyId, Scheme, Signer};
use byzlab_live::{Change, Owner, Store, StoreError};
use byzlab_protocols::{
    Block, Command, Context, Durable, Leaders, Span, Stored, View,
    durable::seal,
    hotstuff::HotStuff,
    pbft::{Pbft, Record},
    smr::Batch,
};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = format!("byzlab-store-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder);
        Folder(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("store.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ME: PartyId = PartyId(2);

fn context() -> (Context, Vec<Signer>, Vec<Signer>) {
    let instance = Digest::of("byzlab/test/1", b"store");
    let ring = |purpose| {
        KeyRing::insecure_from_seed(Scheme::Ed25519, instance, purpose, 4, &[7; 32])
            .expect("four keys are possible")
    };
    let ((parties, signers), (clients, client)) = (ring("party"), ring("client"));
    let context = Context {
        committee: Committee::new(parties, 1).expect("f is below n"),
        clients,
        leaders: Leaders::RoundRobin(PartyId(1)),
        delta: Span::millis(100),
    };
    (context, signers, client)
}

fn record(view: u64) -> Record {
    Record { status: View(view), voted2: View(view - 1), ..Record::default() }
}

fn blocks(context: &Context, signers: &[Signer], clients: &[Signer]) -> Vec<Block> {
    let mut blocks = vec![Block::genesis(context.committee.instance())];
    for seq in 1..4 {
        let request = Arc::new(clients[0].sign(Command { seq, payload: b"get k".to_vec() }));
        let parent = blocks.last().expect("genesis");
        let justify = (View::GENESIS, Digest::ZERO);
        let block = Block::propose(
            &signers[1],
            parent,
            View(seq),
            justify,
            Batch::of(&context.clients, &[request]),
        );
        blocks.push(block);
    }
    blocks
}

fn change(context: &Context, view: u64, keep: &[Block], forget: &[Block]) -> Change {
    let mut change = Change::default();
    change.persist::<Pbft>(context, ME, &record(view));
    keep.iter().for_each(|block| change.keep(block));
    forget.iter().for_each(|block| change.forget(block.hash()));
    change
}

/// A store with a record and two blocks, closed again.
fn filled(folder: &Folder) -> (Context, Vec<Block>) {
    let (context, signers, clients) = context();
    let blocks = blocks(&context, &signers, &clients);
    let store = Store::open(&folder.0, &Owner::of::<Pbft>(&context, ME)).expect("it is new");
    assert_eq!(store.load::<Pbft>(&context, ME).expect("it is new").1, None);
    store.commit(&change(&context, 5, &blocks[1..], &[])).expect("there is room");
    store.commit(&change(&context, 6, &[], &blocks[3..])).expect("there is room");
    (context, blocks)
}

fn refusal(folder: &Folder, owner: &Owner) -> StoreError {
    Store::open(&folder.0, owner).err().expect("it is refused")
}

#[test]
fn what_was_committed_is_there_again() {
    let folder = Folder::new("again");
    let (context, blocks) = filled(&folder);
    let store = Store::open(&folder.0, &Owner::of::<Pbft>(&context, ME)).expect("one's own");
    let (_, stored) = store.load::<Pbft>(&context, ME).expect("one's own");
    let stored = stored.expect("it has a record");
    assert_eq!(*stored.record, record(6));
    assert_eq!(stored.blocks, blocks[1..3]);
}

#[test]
fn changes_that_are_joined_do_what_they_do_one_by_one() {
    let (context, signers, clients) = context();
    let blocks = blocks(&context, &signers, &clients);
    let mut joined = change(&context, 5, &blocks[1..], &[]);
    joined.then(change(&context, 6, &[], &blocks[3..]));
    let mut no_record = Change::default();
    no_record.forget(blocks[2].hash());
    joined.then(no_record);
    let folder = Folder::new("joined");
    let store = Store::open(&folder.0, &Owner::of::<Pbft>(&context, ME)).expect("it is new");
    store.commit(&joined).expect("there is room");
    let stored = store.load::<Pbft>(&context, ME).expect("one's own").1.expect("a record");
    assert_eq!((&*stored.record, &stored.blocks[..]), (&record(6), &blocks[1..2]));
}

#[test]
fn one_process_has_a_store_at_a_time() {
    let folder = Folder::new("locked");
    let (context, _) = filled(&folder);
    let owner = Owner::of::<Pbft>(&context, ME);
    let open = Store::open(&folder.0, &owner).expect("one's own");
    let error = refusal(&folder, &owner);
    assert!(matches!(error, StoreError::Locked(_)), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(open);
    assert!(Store::open(&folder.0, &owner).is_ok(), "it is free again");
}

#[test]
fn the_store_of_somebody_else_is_refused() {
    let folder = Folder::new("foreign");
    let (context, _) = filled(&folder);
    let mine = Owner::of::<Pbft>(&context, ME);
    let other_instance = Owner { instance: Digest::ZERO, ..mine.clone() };
    for other in [
        Owner::of::<Pbft>(&context, PartyId(1)),
        Owner::of::<HotStuff>(&context, ME),
        other_instance,
    ] {
        let error = refusal(&folder, &other);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("this is the store of party 2 of pbft"), "{error}");
    }
    assert!(Store::open(&folder.0, &mine).is_ok(), "and it is as it was");
}

/// A record that came from elsewhere into one's own store, seal and all.
#[test]
fn the_record_of_somebody_else_is_refused() {
    let folder = Folder::new("planted");
    let (context, _) = filled(&folder);
    let store = Store::open(&folder.0, &Owner::of::<Pbft>(&context, ME)).expect("one's own");
    let planted = Some(seal::<Pbft>(&context, PartyId(1), &record(9)));
    store.commit(&Change { record: planted, ..Change::default() }).expect("there is room");
    let error = store.load::<Pbft>(&context, ME).expect_err("the seal is of party 1");
    assert!(error.to_string().contains("the seal is of another"), "{error}");
}

#[test]
fn another_format_is_refused() {
    for format in [1, 7u64] {
        let folder = Folder::new(&format!("format-{format}"));
        let (context, _) = filled(&folder);
        let database = redb::Database::open(folder.file()).expect("a database");
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let transaction = database.begin_write().expect("a database");
        let mut table = transaction.open_table(meta).expect("a table");
        table.insert("format", &format.to_le_bytes()[..]).expect("a table");
        drop(table);
        transaction.commit().expect("there is room");
        drop(database);
        let error = refusal(&folder, &Owner::of::<Pbft>(&context, ME));
        assert!(matches!(error, StoreError::Format { found, .. } if found == format), "{error}");
        assert!(error.to_string().contains(&format!("store format {format}")), "{error}");
    }
}

/// What is found in a store of these bytes.
fn found(folder: &Folder, bytes: &[u8]) -> Result<Option<Stored<Record>>, StoreError> {
    fs::write(folder.file(), bytes).expect("there is room");
    let (context, ..) = context();
    let opened = std::panic::catch_unwind(|| {
        let store = Store::open(&folder.0, &Owner::of::<Pbft>(&context, ME))?;
        Ok(store.load::<Pbft>(&context, ME)?.1)
    });
    opened.expect("a damaged file does not make anybody panic")
}

/// Wherever a byte is flipped, it is refused, or nothing that counts is different: a file holds
/// old pages too.
#[test]
fn no_damage_passes_for_a_record() {
    let folder = Folder::new("damaged");
    let (_, blocks) = filled(&folder);
    let good = fs::read(folder.file()).expect("it is there");
    let used: Vec<_> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    for at in used.iter().step_by(used.len() / 60) {
        let mut bytes = good.clone();
        bytes[*at] ^= 0x40;
        if let Ok(stored) = found(&folder, &bytes) {
            let stored = stored.expect("a record that is gone would be a loss");
            assert_eq!((&*stored.record, &stored.blocks[..]), (&record(6), &blocks[1..3]));
        }
    }
}

#[test]
fn a_damaged_record_or_block_is_refused() {
    let folder = Folder::new("hit");
    let (context, blocks) = filled(&folder);
    let good = fs::read(folder.file()).expect("it is there");
    let mut block = Vec::new();
    blocks[1].save(&mut block);
    for kept in [seal::<Pbft>(&context, ME, &record(6)), block] {
        let places: Vec<_> = (0..good.len()).filter(|at| good[*at..].starts_with(&kept)).collect();
        assert!(!places.is_empty());
        for offset in (0..kept.len()).step_by(kept.len() / 8) {
            let mut bytes = good.clone();
            places.iter().for_each(|at| bytes[at + offset] ^= 1);
            let error = found(&folder, &bytes).expect_err("it is another one");
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = Folder::new("text");
    fs::create_dir_all(&folder.0).expect("there is room");
    fs::write(folder.file(), b"this is no database, and longer than any header of one would be")
        .expect("there is room");
    let (context, ..) = context();
    let error = refusal(&folder, &Owner::of::<Pbft>(&context, ME));
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_that_cannot_be_is_refused() {
    let (context, ..) = context();
    let folder = Folder::new("file");
    fs::write(&folder.0, b"a file").expect("there is room");
    let error = refusal(&folder, &Owner::of::<Pbft>(&context, ME));
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    fs::remove_file(&folder.0).expect("it is there");
}
