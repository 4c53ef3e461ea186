//! HotStuff, chained: one kind of certificate, a block in every view, each block a phase of the
//! three before it.
//!
//! Sources: Yin et al. 2019; of the posts,
//! <https://decentralizedthoughts.github.io/2023-04-01-hotstuff-2/> (why there is a key phase) and
//! <https://decentralizedthoughts.github.io/2020-11-19-bft-protocol-forensics/> (votes, blame). No
//! post has the pseudo-code in full; what follows is ours.
//!
//! # Model
//!
//! Partial synchrony with a known Δ, `n >= 3f + 1` parties of which at most `f` are Byzantine,
//! signatures. Clocks need not be synchronised.
//!
//! # Properties
//!
//! - *Agreement*: two decided blocks are on one chain, in any network.
//! - *External validity*: every request in a decided block is signed by its client and stands on
//!   the chain once.
//! - *Liveness*: after GST, three honest leaders in a row get a block decided, at the speed of the
//!   network.
//!
//! # Terms
//!
//! A *certificate* of view v, QC(v), is a quorum of `n - f` votes for one block proposed in v.
//! Every block stands on the block of a certificate and names its view: its *justification*.
//! `high` is a party's highest certificate, `locked` the highest certificate on which it saw a
//! certified block stand.
//!
//! # The protocol
//!
//! ```text
//!      in view v                     the leader, once it is there
//!  1     if a request waits, or stands in an undecided block, or high was the first to show the
//!        decision of one: send propose(B, high) to all, B on the block of high
//!      on propose(B, QC)             everybody: B is of the leader of its view, on the block of
//!                                    QC; what QC shows is taken first (lines 7 to 9)
//!  2     B is the first one of the present view: look for its path
//!  3     with the path held and its requests new. safeNode: B extends the locked block, or QC is
//!        newer than the lock
//!  4     else refuse
//!  5     vote(v, B), to the leader of v + 1: one vote in a view, in ascending order, locked on
//!        the certificate below B's parent from now on
//!      on a vote of v                the leader of v + 1, or whoever a timeout brings it to
//!  6     on a quorum: form QC(v)
//!      on QC(v), from wherever
//!  7     high := QC(v) if it is higher; enter v + 1 unless the party is there or further
//!  8     locked := the certificate on which the block of QC(v) stands, if it is higher
//!  9     that block, its parent and its grandparent are of consecutive views: decide the
//!        grandparent and all below
//!      pacemaker
//! 10     a block of a certificate is missing: fetch it
//! 11     v takes longer than T while something waits: never vote in v again; send
//!        timeout(v, high, last vote) to all, and again every T
//! 12     the (f+1)-th highest view among the timeouts is v* >= v: enter v*, send timeout(v*)
//! 13     a quorum of timeouts for v is a timeout certificate: it opens v + 1, pass it on once,
//!        with the last vote
//! 14     timeout(u) of somebody with u < v, or with an older decision: send high, the timeout
//!        certificate that opened v, and what shows the last decision
//! 15     two blocks of one leader in a view, two votes of one party in a view: accuse
//! ```
//!
//! # Why it is safe
//!
//! One certificate a view, since two would share an honest voter. If B of view e is decided, then
//! its child and grandchild are of views e + 1 and e + 2, and a quorum voted for the grandchild:
//! its honest members are locked at e, on B. Take the first certificate of a view above e for a
//! block that does not extend B. It is of a view above e + 2, since there is one certificate a view;
//! its own justification is of a view below e, since nothing of view e but B and nothing between
//! conflicts with B. An honest voter for both would have voted against its lock, for a block with
//! an older justification: safeNode forbids it. Without consecutive views the argument has a hole:
//! a certificate may lie in the gap, which is higher than the lock and conflicts with it.
//!
//! # Why it is live
//!
//! A lock at view r implies that a quorum has seen QC(r): every quorum of timeouts names a
//! certificate as high as any honest lock, and the leader that comes in by a timeout certificate
//! proposes on it at once. After GST all come into a view within 2Δ of each other; a view lasts
//! T = 6Δ: entry and a missing body by 3Δ, proposal by 4Δ, votes by 5Δ, the proposal of the next
//! view by 6Δ. Three honest leaders in a row make three certificates in a row, the last of which
//! needs a collector too: see below.
//!
//! # The trap, and the way out
//!
//! As published, the votes of a view go to the next leader alone. A silent party then costs two
//! certificates: that of its own view, and that of the view before, which it should have
//! collected. Three certificates in a row need four honest leaders in a row, and with n = 4, round
//! robin and one crashed party there are never so many: no block is ever decided, in a perfect
//! network. So here a timeout, and a timeout certificate that is passed on, carry the sender's
//! last vote; whoever has a quorum of them makes the certificate that the silent party did not.
//! Three in a row are enough then, and of `n >= 3f + 1` parties in a ring, `f` of them faulty,
//! three honest ones always stand in a row. Nothing changes in a good run. `salvage = false` is the
//! protocol as published, with the trap: nothing is promised of its liveness.
//!
//! Nobody stays behind either: a block that an honest leader proposes is heard of by all, and whoever
//! hears of a request asks until it is decided. With f > 3 the leaders of the three blocks by which
//! one is decided, and the next leader, may all be faulty, and hide them from one that knows of no
//! request. So, 2Δ after the last decision and with nothing left to do, everybody tells it to the
//! leaders after these, up to that of the `f`-th view after the decided block, who tell all.
//!
//! # Deviations from the paper
//!
//! - Votes carry the views of their justification and of the one below it, so that two votes of
//!   one party show that it voted against its lock.
//! - No dummy blocks for views that passed without one: the views are compared instead.
//! - A view is opened by a certificate or a timeout certificate, never by a timer alone (corrections
//!   A4). There is no new-view message: timeouts say all that it would.
//! - Timeouts carry the last vote, as above.
//! - Nobody proposes and no timer runs while nothing waits. Empty blocks are proposed only while a
//!   request stands in an undecided block, and one more to tell that the last one is decided.
//! - With a pace (`pace`, off by default) a request waits at the proposer for the next turn of its own
//!   clock, Δ at the most. That is a choice of what to propose, and no rule of safety knows of it; T has
//!   to be 7Δ then.
//! - Certificates are vectors of signatures, not threshold signatures: O(n) signatures each.

mod attack;
mod forensics;
mod machine;
mod pacemaker;
mod rules;
mod scripts;
mod views;
mod wire;

use byzlab_crypto::PartyId;

pub use machine::{ChainedHotStuff, Record, Timer};
pub use rules::{Basis, PUBLISHED, Rules, Signed};
pub use wire::{
    CheckedTimeout, Decided, Message, Qc, Timeout, TimeoutCertificate, Vote, Wire, WireDecided,
    WireTimeout, WireTimeoutCertificate,
};

use crate::{
    About, BeforeGst, Context, Field, FieldDefault, FieldKind, Goal, GoodCase, Leaders, Model,
    Situation, Task, Time, Values, broken,
    smr::{MAX_BATCH, Pace, WINDOW},
};

const ABOUT: About = About {
    name: "hotstuff-chained",
    title: "HotStuff, chained, a block in every view",
    post: "https://decentralizedthoughts.github.io/2023-04-01-hotstuff-2/",
    model: Model::PartialSynchrony,
    task: Task::Order,
    tolerates: |n| n.saturating_sub(1) / 3,
    bound: "n >= 3f + 1",
    first_leader: PartyId(1),
    kinds: wire::KINDS,
    lines: &[
        "propose, and something waits",
        "the first proposal of the view",
        "safeNode",
        "not safe: refuse",
        "lock and vote",
        "a quorum of votes: form the certificate",
        "highest certificate",
        "lock below a certified block",
        "three consecutive views: decide",
        "fetch a block",
        "timeout",
        "amplify timeouts",
        "timeout certificate",
        "a timeout from behind: help",
        "accuse",
    ],
    slots: false,
    pipeline: 2,
    good_case: |n, _| GoodCase { hops: 7, messages: 2 * (n as u64 - 1) },
    accountable: true,
    recovers: true,
    evidence: forensics::rules,
    broken: broken::hotstuff_chained::PIECES,
};

static FIELDS: &[Field] = &[
    Field {
        name: "batch",
        kind: FieldKind::Integer { min: 1, max: MAX_BATCH as u64 },
        default: FieldDefault::Is("1"),
        doc: "The most requests in a block",
    },
    Field {
        name: "patience",
        kind: FieldKind::Integer { min: 1, max: 1000 },
        default: FieldDefault::Is("6"),
        doc: "T, how long a view may take, in multiples of Δ; below 6 liveness is not promised",
    },
    Field {
        name: "salvage",
        kind: FieldKind::Bool,
        default: FieldDefault::Is("true"),
        doc: "Whether timeouts carry the last vote; without it liveness is not promised",
    },
    Pace::FIELD,
    Field::BROKEN,
];

/// The least patience with which liveness is promised, in multiples of Δ.
const LEAST_PATIENCE: u64 = 6;

/// What a scenario may set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Params {
    /// The most requests in a block.
    pub batch: usize,
    /// T in multiples of Δ.
    pub patience: u64,
    /// Whether timeouts carry votes.
    pub salvage: bool,
    /// From one turn of proposals to the next, in thousandths of Δ; 0 for none.
    pub pace: u64,
    /// The id of a broken twin.
    pub broken: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Params { batch: 1, patience: LEAST_PATIENCE, salvage: true, pace: 0, broken: None }
    }
}

impl Params {
    fn from_values(values: &Values) -> Params {
        Params {
            batch: values.integer("batch") as usize,
            patience: values.integer("patience"),
            salvage: values.flag("salvage"),
            pace: values.integer("pace"),
            broken: values.text("broken").map(str::to_owned),
        }
    }

    fn rules(&self) -> &'static Rules {
        self.broken.as_deref().and_then(broken::hotstuff_chained::rules).unwrap_or(&PUBLISHED)
    }
}

/// By when as much is decided as is asked for.
///
/// Within T of GST every view has been given up once; the timeouts, which say how their senders
/// came into their views, and help for whoever asks bring all into one view 2Δ later, or T later
/// still if the last help was lost. From then on all leave a view within T + 2Δ of one another's
/// entering it; twice that where a faulty leader shows the certificate before its view to some only.
///
/// A turn of all leaders has `f` faulty ones at the most. Of the honest ones, each but the last two
/// before a faulty one gets its block decided, with a request in it that was not on the chain
/// before: `n - 3f` in a turn at the least.
///
/// With a pace each request gathers for Δ at the most wherever it comes, once: from then on it may be
/// proposed there at any time. The view in which that happens takes as much longer.
fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
    let gathers = u64::from(params.pace > 0);
    if params.patience < LEAST_PATIENCE + gathers || !params.salvage {
        return None;
    }
    let (n, f) = (context.committee.n() as u64, context.committee.f() as u64);
    let k = situation.goal.decisions();
    if let Goal::Decisions(wanted) = situation.goal
        && wanted > situation.requests.div_ceil(params.batch as u64)
    {
        return None;
    }
    // A request that few know takes a timeout to be spread, and the view that was given up for it.
    let spreading = match situation.reached as u64 {
        0 => return None,
        reached if reached < n - f => k,
        _ => 0,
    };
    let scripted = match &context.leaders {
        Leaders::RoundRobin(_) => 0,
        Leaders::Scripted(list, _) => list.len() as u64,
        Leaders::Stable(_) => return None,
    };
    let lossy = situation.gst > Time::ZERO && situation.before_gst != BeforeGst::Bounded;
    // Who missed all that was said of a request never asks for its decision; and scripted leaders may
    // all be the same one, which says nothing of it to some.
    if (lossy || scripted > 0) && !situation.informed {
        return None;
    }
    let absent = situation.gst.max(situation.restarted);
    let upset = u64::from(absent > Time::ZERO || scripted > 0);
    let view = params.patience + 2;
    let turns = k.div_ceil(n.saturating_sub(3 * f).max(1)) + 1 + upset + spreading;
    let late = u64::from(lossy || situation.restarted > Time::ZERO);
    let settling = view + params.patience * late;
    // Blocks that were missed: no more than there are requests and views that ended by timeout,
    // and two views for each.
    let timeouts = (absent.0 / (context.delta * params.patience).0).saturating_mul(n);
    let missed = situation.requests.saturating_add(timeouts).saturating_mul(3) * upset;
    let fetching = 8 * (missed / WINDOW as u64);
    let views = turns * (n + f) + 2 * scripted + spreading;
    let gathering = gathers * (1 + spreading + upset);
    let deltas = settling + fetching + gathering + view * views;
    let from = absent.max(situation.submitted);
    Some(from.after(context.delta * deltas))
}
