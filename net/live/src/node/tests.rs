//! The order in which a batch becomes durable and leaves, seen by who carries it.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, AtomicUsize},
};

use bytes::Bytes;
use byzlab_crypto::Digest;
use byzlab_protocols::{
    Tag, Target, Time,
    smr::{Ledger, Snapshot},
};

use super::{
    batch::{Batch, Durables, Leaves},
    *,
};
use crate::{
    commits::Commits,
    journal::{self, Entry},
    link::Outgoing,
    losses::Losses,
};

/// A link that looks at the disk whenever something leaves.
struct Watching {
    folder: PathBuf,
    owner: Owner,
    store: Arc<Store>,
    /// What the record must say, and how many entries the journal must have.
    left: Arc<AtomicUsize>,
}

impl Link for Watching {
    fn carry(&mut self, outgoing: Outgoing) {
        let number = outgoing.frame[0];
        let kept = self.store.read().expect("it can be read while it is open");
        assert_eq!(kept.record, Some(vec![number]), "the record is durable before a packet leaves");
        let lives = journal::read(&self.folder, &self.owner).expect("a journal");
        assert_eq!(lives[0].entries.len(), usize::from(number), "and its cause is written down");
        self.left.fetch_add(1, Ordering::SeqCst);
    }
}

/// A batch that persists its number and then sends it.
fn batch(number: u8) -> Batch {
    let entry = Entry { at: u64::from(number), happened: Happened::Stopped, effects: None };
    let tag =
        Tag { kind: Tag::RAW, view: View::GENESIS, slot: 0, digest: Digest::ZERO, signatures: 0 };
    let frame = Bytes::from(vec![number]);
    let outgoing = vec![Outgoing { to: Target::All, tag, at: Time::ZERO, frame }];
    Batch {
        entries: vec![entry],
        durables: Durables { record: Some(Box::new(move || vec![number])), ..Durables::default() },
        leaves: Leaves { outgoing, ..Leaves::default() },
        last: false,
    }
}

#[test]
fn nothing_leaves_before_what_it_follows_from_is_durable() {
    let folder = std::env::temp_dir().join(format!("byzlab-node-{}-order", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let owner = Owner {
        protocol: "pbft".to_owned(),
        instance: Digest::of("byzlab/test/1", b"order"),
        party: PartyId(1),
    };
    let store = Arc::new(Store::open(&folder, &owner).expect("an empty folder"));
    let (writer, _) = Writer::create(&folder, &owner).expect("an empty folder");
    let (left, killed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let link = Watching {
        folder: folder.clone(),
        owner: owner.clone(),
        store: store.clone(),
        left: left.clone(),
    };
    let commits = Arc::new(Commits::default());
    let losses = Arc::new(Losses::new(4));
    let mut committer = Committer {
        store,
        sync: true,
        book: Some(Book { writer, losses: losses.clone(), told: Told::default() }),
        mark: None,
        door: Some(door(link, |_| {}, Arc::default(), killed.clone())),
        commits: commits.clone(),
        killed: killed.clone(),
    };
    for number in 1..=3 {
        assert!(committer.commit(batch(number)).expect("there is room"));
        assert_eq!(left.load(Ordering::SeqCst), usize::from(number));
    }
    losses.add(PartyId(2), 3);
    let last = Batch { leaves: Leaves::default(), ..batch(4) };
    assert!(committer.commit(last).expect("there is room"));
    let lives = journal::read(&folder, &owner).expect("a journal");
    let happened: Vec<_> = lives[0].entries[3..].iter().map(|entry| &entry.happened).collect();
    let lost = Happened::Lost { peer: 2, frames: 3 };
    assert_eq!(happened, [&lost, &Happened::Stopped], "what was lost is told once, before the end");
    killed.store(true, Ordering::SeqCst);
    assert!(!committer.commit(batch(4)).expect("there is room"), "the dead say nothing");
    assert_eq!(left.load(Ordering::SeqCst), 3);
    let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
    assert_eq!((count(&commits.inputs), count(&commits.transactions)), (4, 4));
    drop(committer);
    std::fs::remove_dir_all(&folder).expect("it was made here");
}

/// What a snapshot stands for was decided and executed, though nothing tells of it again.
#[test]
fn a_party_that_comes_back_shows_what_its_snapshot_has_executed() {
    let mut ledger = Ledger::default();
    (1..=3).for_each(|slot| _ = ledger.execute(Digest([slot; 32]), None, |fresh| fresh));
    let snapshot = Some(Snapshot::of(&ledger));
    let stored = Stored { record: Arc::new(()), blocks: Vec::new(), snapshot };
    let before = Status { decided: 2, executed: 5, sent: 9, ..Status::default() };
    let behind = shown(before, Some(&stored));
    assert_eq!((behind.decided, behind.executed, behind.sent), (3, 0, 9));
    let further = Status { decided: 4, ..before };
    assert_eq!(shown(further, Some(&stored)), further);
    assert_eq!(shown::<()>(before, None), before);
}
