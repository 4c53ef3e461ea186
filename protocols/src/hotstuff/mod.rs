//! HotStuff, basic: three phases, linear messages, responsive, with a pacemaker.
//!
//! Sources: Yin et al. 2019 for the phases; of the posts,
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
//! - *Agreement*: two commit certificates never name conflicting blocks, in any network.
//! - *External validity*: every request in a decided block is signed by its client and stands on
//!   the chain once.
//! - *Liveness*: after GST, views with honest leaders decide, at the speed of the network.
//!
//! # Terms
//!
//! A *certificate* (QC) is a quorum of `n - f` votes for one block in one phase of one view. Its
//! phase names it: a *prepare* certificate is the key, a *pre-commit* certificate the lock, a
//! *commit* certificate the decision. `high` is a party's highest prepare certificate, `locked`
//! its lock.
//!
//! # The protocol
//!
//! ```text
//!      on entering view v            everybody
//!  1     send new-view(v, high) to the leader of v, with what opened the view
//!      in view v                     the leader
//!  2     gather new-views; high := the highest certificate seen
//!  3     on a quorum of new-views for v, if a request or an undecided block waits
//!  4     send prepare(B) to all: B on the block of high, with high
//!      on prepare(B) in view v       everybody: B is of the leader of v, on the block of its
//!                                    certificate, its path held, its requests new
//!  5     safeNode: B extends the locked block, or its certificate is newer than the lock
//!  6     else refuse
//!  7     vote prepare(v, B), to the leader
//!      in view v                     the leader
//!  8     on a quorum of votes of a phase: form the certificate, send it to all
//!      on a certificate              everybody, one vote in a phase of a view
//!  9     prepare certificate of v: high := it; vote pre-commit
//! 10     pre-commit certificate of v: locked := it; vote commit
//! 11     commit certificate of any view: decide its block and all below; enter the next view
//!      pacemaker
//! 12     timeout(u) of somebody with u < v, or with an older commit certificate: send what opened
//!        v, high and the commit certificate
//! 13     a block of a certificate is missing: fetch it
//! 14     v takes longer than T while something waits: never vote in v again; send
//!        timeout(v, high) to all, and again every T
//! 15     the (f+1)-th highest view among the timeouts is v* >= v: enter v*, send timeout(v*)
//! 16     two blocks of one leader in a view, two votes of one party in a phase: accuse
//!        a quorum of timeouts for v is a timeout certificate: it opens v + 1, pass it on once
//! ```
//!
//! # Why it is safe
//!
//! One certificate a phase and view, since two would share an honest voter. If a commit
//! certificate for B exists in view v, a quorum is locked on B at v; a prepare certificate of a
//! later view for a conflicting block would need one of these honest parties to vote against its
//! lock, which safeNode allows only for a certificate of a view above v on a conflicting block:
//! and the first of those cannot exist.
//!
//! # Why it is live
//!
//! A lock implies that a quorum holds the key: every quorum of new-views names a certificate as
//! high as any lock. Timeouts repeat, are amplified where one honest party must be among them,
//! and whoever is behind is helped, so that after GST all are in one view for T = 10Δ: entry
//! within 2Δ, new-views at 3Δ, seven hops, decision by 10Δ.
//!
//! # Deviations from the paper
//!
//! - Votes carry the view of their justification, without which a disagreement names nobody.
//! - The new view is opened by the commit certificate or a timeout certificate, never by a timer
//!   alone (corrections A4).
//! - Nobody proposes and no timer runs while nothing waits. So a party that missed a decision may
//!   be in the same view as all others, who are quiet: a timeout names the last decision of its
//!   sender too, and whoever knows a later one helps.
//! - A leader that came in by a decision sends it, 2Δ later, to whoever has not reported: the leader
//!   before may have shown it to some only (corrections A4, rule 5). If f > 1 it may be faulty too.
//!   So, 2Δ after the last decision and with nothing left to do, everybody tells those who lead
//!   next, `f` after the leader that decided in all; of them one is honest, and they tell everybody.
//! - Certificates are vectors of signatures, not threshold signatures: O(n) signatures each.

mod attack;
mod forensics;
mod machine;
mod pacemaker;
mod phases;
mod rules;
mod scripts;
mod wire;

use byzlab_crypto::PartyId;

pub use machine::{HotStuff, Record, Timer};
pub use rules::{Basis, PUBLISHED, Rules, Signed};
pub use wire::{
    Entry, Message, NewView, Phase, Qc, Timeout, TimeoutCertificate, Vote, Wire, WireEntry,
    WireNewView, WireTimeout, WireTimeoutCertificate,
};

use crate::{
    About, BeforeGst, Context, Field, FieldDefault, FieldKind, Goal, GoodCase, Leaders, Model,
    Situation, Task, Time, Values, broken,
    smr::{MAX_BATCH, WINDOW},
};

const ABOUT: About = About {
    name: "hotstuff",
    title: "HotStuff, basic, three phases",
    post: "https://decentralizedthoughts.github.io/2023-04-01-hotstuff-2/",
    model: Model::PartialSynchrony,
    task: Task::Order,
    tolerates: |n| n.saturating_sub(1) / 3,
    bound: "n >= 3f + 1",
    first_leader: PartyId(1),
    kinds: wire::KINDS,
    lines: &[
        "new-view to the leader",
        "the leader gathers new-views",
        "a quorum of new-views, and something waits",
        "propose: send prepare",
        "safeNode",
        "not safe: refuse",
        "vote prepare",
        "certificate of a phase",
        "key; vote pre-commit",
        "lock; vote commit",
        "decide",
        "a timeout from behind: help",
        "fetch a block",
        "timeout",
        "amplify timeouts",
        "accuse",
    ],
    pipeline: 0,
    slots: false,
    good_case: |n, _| GoodCase { hops: 7, messages: 8 * (n as u64 - 1) },
    accountable: true,
    recovers: true,
    evidence: forensics::rules,
    broken: broken::hotstuff::PIECES,
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
        default: FieldDefault::Is("10"),
        doc: "T, how long a view may take, in multiples of Δ; below 10 liveness is not promised",
    },
    Field::BROKEN,
];

/// The least patience with which liveness is promised, in multiples of Δ (corrections A4).
const LEAST_PATIENCE: u64 = 10;

/// What a scenario may set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Params {
    /// The most requests in a block.
    pub batch: usize,
    /// T in multiples of Δ.
    pub patience: u64,
    /// The id of a broken twin.
    pub broken: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Params { batch: 1, patience: LEAST_PATIENCE, broken: None }
    }
}

impl Params {
    fn from_values(values: &Values) -> Params {
        Params {
            batch: values.integer("batch") as usize,
            patience: values.integer("patience"),
            broken: values.text("broken").map(str::to_owned),
        }
    }

    fn rules(&self) -> &'static Rules {
        self.broken.as_deref().and_then(broken::hotstuff::rules).unwrap_or(&PUBLISHED)
    }
}

/// By when as much is decided as is asked for.
///
/// Within T of GST every view has been given up once; the timeouts, which say how their senders
/// came into their views, and help for whoever asks bring all into one view 2Δ later, or T later
/// still if the last help was lost. From then on all leave a view within T + 2Δ of one another's
/// entering it. A view of an honest leader decides within 10Δ, with two exceptions: the first one,
/// which some may have given up; and one after a view that was lost, since a leader that was faulty
/// may show the next one a certificate only then, and its block has to be fetched. The block of such
/// a view is decided with the next one, unless a faulty leader comes between.
fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
    if params.patience < LEAST_PATIENCE {
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
    // Who missed the last decision and knows of no request is told when all fall quiet: once, and
    // by whoever leads next.
    if (lossy || scripted > 0) && !situation.informed {
        return None;
    }
    let absent = situation.gst.max(situation.restarted);
    let upset = u64::from(absent > Time::ZERO || scripted > 0);
    // Each turn of the leaders has f faulty ones, and at most f - 1 honest ones between two of
    // them whose blocks can be lost.
    let honest = k + 1 + spreading + upset;
    let faulty = f * honest.div_ceil((n + 1).saturating_sub(2 * f).max(1));
    let lost = 2 * (faulty + upset) + 2 * spreading + scripted;
    let view = params.patience + 2;
    let late = u64::from(lossy || situation.restarted > Time::ZERO);
    let settling = view + params.patience * late;
    // Blocks that were missed: no more than there are requests and views that ended by timeout.
    let timeouts = (absent.0 / (context.delta * params.patience).0).saturating_mul(n);
    let missed = situation.requests.saturating_add(timeouts) * upset;
    let fetching = 8 * (missed / WINDOW as u64);
    let deltas = settling + fetching + LEAST_PATIENCE * k + view * lost;
    let from = absent.max(situation.submitted);
    Some(from.after(context.delta * deltas))
}
