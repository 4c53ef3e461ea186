//! PBFT as Castro and Liskov published it: a log of slots, a stable primary, checkpoints.
//!
//! Sources: Castro and Liskov 1999 and 2002 for the protocol; of the posts,
//! <https://decentralizedthoughts.github.io/2025-02-14-PBFT/> (its notes list how the chained form
//! differs: separate slots, a stable primary, timers, garbage collection) and
//! <https://decentralizedthoughts.github.io/2023-04-01-hotstuff-2/> (what a view change costs). No
//! post has the pseudo-code; what follows is ours.
//!
//! # Model
//!
//! Partial synchrony with a known Δ, `n >= 3f + 1` parties of which at most `f` are Byzantine,
//! signatures for parties and clients. Clocks need not be synchronised.
//!
//! # Properties
//!
//! - *Agreement*: no two correct parties execute different batches in one slot, in any network.
//! - *External validity*: every executed request is signed by its client and executed once.
//! - *Liveness*: after GST every request that a correct party holds is executed.
//!
//! # Terms
//!
//! A quorum is `q = n - f` parties. A *batch* is a list of requests, named by its digest d. The
//! *primary* of view v leads it until it is suspected. A batch is *prepared* in slot s of view v if
//! the primary and backups, q in all, signed `(v, s, d)`; these signatures are the prepared
//! certificate. A *checkpoint* at s is *stable* if q parties signed one digest of the state after
//! s. The low watermark h is the last stable checkpoint, the high one `h + L`, two intervals of
//! checkpoints apart; slots outside are refused, or a faulty primary could use them up.
//!
//! # The protocol
//!
//! ```text
//!      in view v                     the primary, as far as watermarks and pipeline allow
//!  1     send <pre-prepare, v, s, d> with the batch of what waits to all, s the next free slot
//!      on a pre-prepare              a backup: of the primary of v, h < s <= h + L
//!  2     accept it, unless another batch was accepted for s in v
//!  3     send <prepare, v, s, d> to all
//!      on prepares                   everybody who accepted d and holds its batch
//!  4     prepared by q with the primary: send <commit, v, s, d> to all
//!      on commits                    everybody
//!  5     committed by q in one view: s is decided
//!  6     execute decided slots in order, each request once; reply to the clients
//!      checkpoints
//!  7     after every K-th slot: send <checkpoint, s, digest of the state> to all
//!  8     q equal checkpoints are stable: h := s
//!  9     forget everything up to h that is executed; the state after h is kept, and above h every
//!        batch that was accepted, in whatever view, until its slot is decided
//!      while a request waits
//! 10     after 3Δ without execution: forward it to the primary; to all if the view was left
//! 11     after T0/2, and again every T0/2: tell all the own progress, and the view change and the
//!        checkpoints that are not stable again
//! 12     after T0 in which no request was executed, doubled for each view without progress: suspect
//!        the primary, ask for v + 1
//!      the view changes
//! 13     leave v, and never prepare or commit in it again: send <view-change, v', h, P> to all, P
//!        what is prepared above h, each slot in its latest view, with certificates
//! 14     f + 1 parties ask for later views: join the smallest of them
//! 15     the primary of v', on q view changes V for it: send <new-view, v', V, O> to all; O proposes
//!        for each slot above the highest h in V, up to the highest in any P, the batch that
//!        was prepared in the latest view
//! 16     or the null request, where nothing was prepared
//! 19     on a new-view whose O is what V says: enter v', accept and prepare all proposals of O
//!      whoever lacks something
//! 17     take over the state at a stable checkpoint
//! 18     fetch a batch that a certificate names, from those who signed it
//! 20     on two prepares or commits of one party in a slot of a view, two states at a checkpoint, or
//!        a commit that a later view change leaves out: accuse, with both signatures
//! 21     on somebody's progress: answer with the slots that it lacks, each with its q commits, or the
//!        state if they are gone, or the new-view that it missed
//! ```
//!
//! # Why it is safe
//!
//! Within a view, two prepared certificates for one slot share an honest party, which accepts one
//! batch. Across views: if d is decided in slot s of view v, then q parties committed it, and each
//! honest one of them holds a prepared certificate of view v or later for s from then on. Every V
//! of a later view has q view changes, so one of such a party; by line 13 it was sent after
//! the commit and lists s, or s is below a stable checkpoint. By induction over views nothing else
//! was prepared in s between, so O proposes d, and every honest backup checks that it does.
//!
//! # Why it is live
//!
//! After GST, T0 = 8Δ is enough for an honest primary: Δ for the others to join, Δ for their view
//! changes, Δ for the new-view, two rounds, and time for a missing batch and for the window to
//! move. View changes are repeated, joined where an honest party must be among those who ask, and
//! answered with the new-view by whoever is there already, so that all come into one view. Slots
//! that were missed are asked for until they are there.
//!
//! # Deviations from the paper
//!
//! - Quorums are n - f for any n: q - 1 prepares of backups, not 2f (corrections B6).
//! - The primary's pre-prepare and the backups' prepares are one statement, so that a prepared
//!   certificate is a certificate like any other. The primary must be among its signers, and counts
//!   once.
//! - A view change signs the list P, so that it can be held against its sender (corrections A2).
//! - What is committed is learnt from q commits of any view, by whoever left it too. A party that
//!   is below the low watermark learns, and takes no part.
//! - Re-sending, asking and answering are written down (corrections A5); the paper leaves them to
//!   the reader. The first question comes after T0/2: who only missed a message does not suspect.
//! - The time for a view depends on how many views ago something was executed, which is the same
//!   at all who saw the same.
//! - Checkpoints, questions and answers are counted apart from the messages of a slot.
//! - No MACs: with authenticators instead of signatures a view change needs another round, and
//!   nobody could be blamed.
//! - With a pace (`pace`, off by default) a request waits at the primary for the next turn of its own
//!   clock, Δ at the most: a batch for each turn.
//! - A primary that is just fast enough keeps its place, as in the paper.

mod agree;
mod alarm;
mod attack;
mod catch_up;
mod deadline;
mod execute;
mod forensics;
mod machine;
mod rules;
mod scripts;
mod statements;
mod view_change;
mod wire;

use byzlab_crypto::PartyId;

pub use machine::{Entry, MAX_WINDOW_BYTES, PbftClassic, Record, Timer};
pub use rules::{PUBLISHED, Place, Rules};
pub use statements::{
    Checkpoint, Commit, Committed, NewView, Prepare, Prepared, Stable, ViewChange, null,
};
pub use wire::{
    Change, MAX_INTERVAL, Message, Opening, Progress, Wire, WireNewView, WireViewChange,
};

use crate::{
    About, Field, FieldDefault, FieldKind, GoodCase, Model, Task, Values, broken,
    smr::{MAX_BATCH, Pace},
};

const ABOUT: About = About {
    name: "pbft-classic",
    title: "PBFT of Castro and Liskov, slots under a stable primary",
    post: "https://decentralizedthoughts.github.io/2025-02-14-PBFT/",
    model: Model::PartialSynchrony,
    task: Task::Order,
    tolerates: |n| n.saturating_sub(1) / 3,
    bound: "n >= 3f + 1",
    first_leader: PartyId(0),
    kinds: wire::KINDS,
    lines: &[
        "pre-prepare: a slot for a batch",
        "accept a pre-prepare",
        "prepare",
        "prepared; commit",
        "committed: decided",
        "execute and reply",
        "checkpoint",
        "a stable checkpoint",
        "forget what is stable and executed",
        "forward requests",
        "tell the own progress",
        "suspect the primary",
        "leave the view: view-change",
        "join a view change",
        "the new primary sends new-view",
        "a null request fills a gap",
        "take over a state",
        "fetch a batch",
        "enter the view, accept its proposals",
        "accuse",
        "answer whoever lacks something",
    ],
    pipeline: 0,
    slots: true,
    good_case: |n, _| GoodCase { hops: 3, messages: 2 * n as u64 * (n as u64 - 1) },
    accountable: true,
    recovers: true,
    evidence: forensics::rules,
    broken: broken::pbft_classic::PIECES,
};

static FIELDS: &[Field] = &[
    Field {
        name: "batch",
        kind: FieldKind::Integer { min: 1, max: MAX_BATCH as u64 },
        default: FieldDefault::Is("1"),
        doc: "The most requests in a batch; it takes what waits, and waits for none",
    },
    Field {
        name: "pipeline",
        kind: FieldKind::Integer { min: 1, max: wire::MAX_SLOTS as u64 },
        default: FieldDefault::Unset("as many as the watermarks allow"),
        doc: "The most slots in flight at a time: fewer make larger batches",
    },
    Field {
        name: "checkpoint",
        kind: FieldKind::Integer { min: 1, max: MAX_INTERVAL },
        default: FieldDefault::Is("16"),
        doc: "K, the slots from one checkpoint to the next; the watermarks are 2K apart",
    },
    Field {
        name: "patience",
        kind: FieldKind::Integer { min: 1, max: 1000 },
        default: FieldDefault::Is("8"),
        doc: "T0, how long a primary is trusted at first, in multiples of Δ; doubled until it is enough",
    },
    Pace::FIELD,
    Field::BROKEN,
];

/// What a scenario may set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Params {
    /// The most requests in a batch.
    pub batch: usize,
    /// The most slots in flight.
    pub pipeline: u64,
    /// K, the slots from one checkpoint to the next.
    pub checkpoint: u64,
    /// T0 in multiples of Δ.
    pub patience: u64,
    /// From one turn of proposals to the next, in thousandths of Δ; 0 for none.
    pub pace: u64,
    /// The id of a broken twin.
    pub broken: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        let pipeline = wire::MAX_SLOTS as u64;
        Params { batch: 1, pipeline, checkpoint: 16, patience: 8, pace: 0, broken: None }
    }
}

impl Params {
    fn from_values(values: &Values) -> Params {
        Params {
            batch: values.integer("batch") as usize,
            pipeline: values
                .get("pipeline")
                .map_or(wire::MAX_SLOTS as u64, |_| values.integer("pipeline")),
            checkpoint: values.integer("checkpoint"),
            patience: values.integer("patience"),
            pace: values.integer("pace"),
            broken: values.text("broken").map(str::to_owned),
        }
    }

    fn rules(&self) -> &'static Rules {
        self.broken.as_deref().and_then(broken::pbft_classic::rules).unwrap_or(&PUBLISHED)
    }
}
