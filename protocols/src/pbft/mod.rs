//! PBFT, as the post of 2025 tells it: chained, one block attempt a view, views by the clock.
//!
//! Source: <https://decentralizedthoughts.github.io/2025-02-14-PBFT/> (Nayak and Abraham), made
//! precise where an implementation needs it. This is not the slot-based protocol of Castro and
//! Liskov; the post lists the differences.
//!
//! # Model
//!
//! Partial synchrony with a known Δ, `n >= 3t + 1` parties of which at most `t` are Byzantine,
//! signatures for parties and clients, synchronised clocks. View `v = 1, 2, ..` takes the time
//! from 4vΔ to 4(v+1)Δ and has one leader.
//!
//! # Properties
//!
//! - *Agreement*: two commit certificates never name conflicting blocks, in any network.
//! - *External validity*: every request in a decided block is signed by its client and stands on
//!   the chain once.
//! - *Liveness*: after GST, every view with an honest leader commits at every honest party.
//!
//! # Terms
//!
//! A quorum is `n - t` parties. `C_v(B)` is a *certificate*: a quorum of `vote` for block B in
//! view v; its rank is v, and genesis has one of rank 0 by definition. `D_v(B)` is a *commit
//! certificate*: a quorum of `vote2`. A party's *lock* is a certificate.
//!
//! # The protocol
//!
//! ```text
//!      at 4vΔ        everybody
//!  1     send <status, v, lock> to the leader of v
//!      before (4v+1)Δ  the leader
//!  2     gather S: statuses for v whose certificate verifies, is the one named, of rank < v
//!      at (4v+1)Δ    the leader
//! 14     while the highest lock in S is on a block whose path is not held: leave it out, fetch
//!  3     if S has a quorum: let C(B) be its highest lock, build B' on B
//!  4     else: stay silent in this view
//!  5     send <propose, B', S> to all, the digest of S inside the header of B'
//!      until (4v+2)Δ   everybody
//!  6     keep the first proposal of the leader that S justifies: a quorum of distinct statuses
//!        for v, and B' extends the block of the highest lock in S
//!      at (4v+2)Δ    everybody, if the path of the proposal is held and its requests are new
//!  8     lock := the highest of lock and S
//!  7     send <vote, v, B'> to all
//!      at (4v+3)Δ    everybody, on a quorum of votes for one B in v, if the path of B is held
//!  9     form C_v(B); lock := C_v(B)
//! 10     send <vote2, v, B> with C_v(B) to all
//!      at any time   everybody
//! 11     on a quorum of vote2 for one B in one view: form D_v(B)
//! 12     on the first sight of a commit certificate: pass it on to all, once
//! 13     decide its block and all blocks below it, by ascending height
//! 15     on t + 1 votes or a certificate for a block that is not held: fetch it and what is below
//! 16     on two blocks, votes or second votes of one party in one view, or a vote2 followed by
//!        the report of a lower lock: accuse, with both signatures
//! ```
//!
//! # Why it is safe
//!
//! Within a view, two certificates would share `n - 2t >= t + 1` voters, one of them honest, and
//! an honest party votes once. Across views: if `D_v(B)` exists, at least `n - 2t` honest parties
//! were locked on `C_v(B)` when view v ended, because line 10 happens at its time and never after
//! the status of a later view. Every S of a later view holds the status of one of them, so its
//! highest lock has rank v or more; by induction over views every such lock is on B or on a block
//! that extends it. So no quorum ever votes for anything that conflicts with B.
//!
//! A lock does not stop its holder from voting: S proves that nothing conflicting was committed.
//! It is never lowered either (corrections A3), or an honest party would look like one that
//! forgot.
//!
//! # Why it is live
//!
//! After GST an honest leader hears everybody, has every certified block (lines 14 and 15), and
//! its proposal is justified at everybody.
//!
//! # Deviations from the post
//!
//! - The header of a block holds view, proposer and the digest of what justifies it; the post's
//!   block is the batch and the parent's hash only. So one hash means one justification.
//! - The proposer signs the header instead of the whole proposal; S needs no further signature,
//!   since each status in it has one.
//! - Votes name the view of their justification.
//! - S is not kept on disk, as corrections A2 want it: forensics reads it off what was received.
//! - Bodies are fetched; statuses and proposals carry those that may be lacking. The post takes
//!   for granted that everybody has every block.
//! - vote2 carries the certificate in full; S carries one certificate for each status. That is
//!   O(n³) signatures a view, as the post says of its naive form.

mod attack;
mod forensics;
mod machine;
mod propose;
mod rules;
mod scripts;
mod vote;
mod wire;

use byzlab_crypto::PartyId;

pub use machine::{Pbft, Record, Timer};
pub use rules::{Lock, PUBLISHED, Rules};
pub use wire::{Message, Proposal, Report, Status, Vote, Vote2, Wire, WireReport, justification};

use crate::{
    About, BeforeGst, Context, Field, FieldDefault, FieldKind, Goal, GoodCase, Leaders, Model,
    Situation, Span, Task, Time, Values, broken,
    smr::{MAX_BATCH, WINDOW},
};

const ABOUT: About = About {
    name: "pbft",
    title: "PBFT, chained, one block a view of 4Δ",
    post: "https://decentralizedthoughts.github.io/2025-02-14-PBFT/",
    model: Model::PartialSynchrony,
    task: Task::Order,
    tolerates: |n| n.saturating_sub(1) / 3,
    bound: "n >= 3f + 1",
    first_leader: PartyId(1),
    kinds: wire::KINDS,
    lines: &[
        "status to the leader",
        "the leader gathers S",
        "S has a quorum: build on its highest lock",
        "no quorum of statuses: silent",
        "propose",
        "the proposal is justified",
        "vote",
        "lock raised to the highest of S",
        "certificate; lock on it",
        "vote2",
        "commit certificate",
        "commit certificate passed on",
        "decide",
        "highest lock left out: its block is missing",
        "fetch a block",
        "accuse",
    ],
    pipeline: 0,
    slots: false,
    good_case: |n, _| {
        let n = n as u64;
        GoodCase { hops: 3, messages: 3 * n * (n - 1) + 2 * (n - 1) }
    },
    accountable: true,
    recovers: true,
    evidence: forensics::rules,
    broken: broken::pbft::PIECES,
};

static FIELDS: &[Field] = &[
    Field {
        name: "batch",
        kind: FieldKind::Integer { min: 1, max: MAX_BATCH as u64 },
        default: FieldDefault::Is("1"),
        doc: "The most requests in a block",
    },
    Field::BROKEN,
];

/// What a scenario may set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Params {
    /// The most requests in a block.
    pub batch: usize,
    /// The id of a broken twin.
    pub broken: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Params { batch: 1, broken: None }
    }
}

impl Params {
    fn from_values(values: &Values) -> Params {
        Params {
            batch: values.integer("batch") as usize,
            broken: values.text("broken").map(str::to_owned),
        }
    }

    fn rules(&self) -> &'static Rules {
        self.broken.as_deref().and_then(broken::pbft::rules).unwrap_or(&PUBLISHED)
    }
}

/// Corrections A1: a view with an honest leader that starts at or after GST commits, except that
/// after an unbounded or lossy time up to t honest leaders may lack the path of the highest lock.
/// Where requests reach few parties, only those propose them. Whoever was cut off or down lacks
/// a block for each view that went by, and fetches [`WINDOW`] of them in a view at the least.
fn deadline(context: &Context, situation: &Situation) -> Option<Time> {
    let (n, t) = (context.committee.n() as u64, context.committee.f() as u64);
    let k = situation.goal.decisions();
    let useful = match situation.goal {
        Goal::Requests(_) => (n - t).min(situation.reached as u64),
        Goal::Decisions(_) => n - t,
    };
    if useful == 0 {
        return None;
    }
    let useless_views = (n - useful) * k.div_ceil(useful);
    let scripted = match &context.leaders {
        Leaders::RoundRobin(_) => 0,
        Leaders::Scripted(list, _) => list.len() as u64,
        Leaders::Stable(_) => return None,
    };
    let laggards = match situation.before_gst {
        _ if situation.restarted > Time::ZERO => t + n,
        _ if situation.gst == Time::ZERO => 0,
        BeforeGst::Bounded => 0,
        BeforeGst::Unbounded | BeforeGst::Lossy => t,
    };
    // What was sent before GST arrives by GST + Δ, and what it lacks is fetched by GST + 3Δ.
    let settling = match situation.before_gst {
        BeforeGst::Bounded if situation.gst > Time::ZERO => context.delta * 2,
        _ => Span::ZERO,
    };
    let absent = situation.gst.max(situation.restarted);
    let behind = absent.0 / (context.delta * 4).0 / WINDOW as u64;
    let views = 1 + k + useless_views + laggards + behind + scripted;
    let from = absent.max(situation.submitted);
    Some(from.after(settling).after(context.delta * (4 * views)))
}
