//! Dolev-Strong: authenticated broadcast for any number of faults, by signature chains.
//!
//! Source: <https://decentralizedthoughts.github.io/2019-12-22-dolev-strong/> (Abraham and Nayak,
//! after Dolev and Strong 1983), with its pseudo-code corrected where it is wrong when read
//! literally.
//!
//! # Model
//!
//! Synchrony with a known Δ and exact clocks, `n` parties of which any number `f < n` may be
//! Byzantine, signatures. Broadcasts follow each other, the sender rotating; each takes
//! `R = f + 1` rounds of Δ. Nothing here proves a decision to somebody who was not there: it
//! depends on when a chain arrived.
//!
//! # Properties
//!
//! - *Agreement*: all honest parties decide the same value, which may be the default value.
//! - *Validity*: if the sender is honest, they decide its value.
//! - *Termination*: they decide at the end of round R, neither earlier nor later.
//!
//! # Terms
//!
//! A *k-signature chain* on a value is the value with the signatures of k distinct parties, the
//! sender's first. *Extracting* a value is putting it into V.
//!
//! # The protocol
//!
//! ```text
//!      at the start of a broadcast
//!  1     the sender with input v: V := {v}; send the 1-signature chain on v to all
//!      until the end of round k: a chain with k signatures arrives, first the sender's, all of
//!      distinct parties, mine not among them
//!  2     keep it, unless round k has ended: of each length the first two values not in V
//!      at the end of round k, for each kept chain of length k, on value w
//!  3     if w is not in V and V holds less than two values: V := V + w
//!  4       and if k <= f: add my signature, send the (k+1)-signature chain to all
//!      at the end of round f + 1
//!  5     if V holds one value: decide it
//!  6     otherwise: decide the default value
//!      at any time
//!  7     two chains on different values, both begun by the sender: accuse it
//! ```
//!
//! # Why it is safe
//!
//! If an honest party extracts w at the end of round k <= f, its (k+1)-chain reaches everybody by
//! the end of round k + 1, so everybody has w or two values already. A chain of length f + 1 at
//! the end of the last round holds the signature of an honest party, which extracted w in an
//! earlier round and sent it on. So at the end either all honest V are equal or all hold two
//! values, and two values mean the default.
//!
//! # Deviations from the post
//!
//! - The sender has its own value in V; read literally, an honest sender hears only chains that
//!   it has signed, extracts nothing and decides the default value.
//! - The budget is two *values*. The post guards extraction by "has sent less than two messages":
//!   an echo of a known value uses that up, and two corrupted parties of six split the rest
//!   (DS11). The literal reading stands in the museum as M20.
//! - Chains are flat: every signer signs broadcast, sender and value, and not the signatures
//!   before its own. The proof uses only who signed, and how many.
//! - A chain is judged at the end of the round of its length (corrections A6); what arrives a
//!   moment early is kept.
//! - With `short_rounds`, `R = min(f + 1, n - 1)`: as safe, one round less at `f = n - 1`.
//! - A party that crashed counts as faulty for the run and stays mute when it comes back
//!   (corrections A10).

mod attack;
mod machine;
mod rules;
mod wire;

use byzlab_crypto::{EvidenceRule, PartyId};

pub use machine::{DolevStrong, Record, Timer};
pub use rules::{PUBLISHED, Rules};
pub use wire::{Chain, Endorse, Wire};

use crate::{
    About, Context, Field, FieldDefault, FieldKind, GoodCase, Model, Situation, Task, Time, Values,
    broken,
};

const ABOUT: About = About {
    name: "dolev-strong",
    title: "Dolev-Strong broadcast in f + 1 rounds",
    post: "https://decentralizedthoughts.github.io/2019-12-22-dolev-strong/",
    model: Model::Synchrony,
    task: Task::Broadcast,
    tolerates: |n| n.saturating_sub(1),
    bound: "any f < n",
    first_leader: PartyId(0),
    kinds: wire::KINDS,
    lines: &[
        "the sender sends its value",
        "a chain is kept",
        "a value is extracted",
        "a chain is relayed",
        "one value: decide it",
        "none or two: decide the default",
        "accuse the sender",
    ],
    pipeline: 0,
    slots: false,
    good_case: |n, f| {
        let n = n as u64;
        let messages = if f == 0 { n - 1 } else { n * (n - 1) };
        GoodCase { hops: f as u64 + 1, messages }
    },
    accountable: false,
    recovers: false,
    evidence: || vec![EvidenceRule::of::<Endorse, Endorse>()],
    broken: broken::dolev_strong::PIECES,
};

static FIELDS: &[Field] = &[
    Field {
        name: "short_rounds",
        kind: FieldKind::Bool,
        default: FieldDefault::Is("false"),
        doc: "min(f + 1, n - 1) rounds in place of f + 1",
    },
    Field::BROKEN,
];

/// What a scenario may set.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Params {
    /// One round less at `f = n - 1`.
    pub short_rounds: bool,
    /// The id of a broken twin.
    pub broken: Option<String>,
}

impl Params {
    fn from_values(values: &Values) -> Params {
        Params {
            short_rounds: values.flag("short_rounds"),
            broken: values.text("broken").map(str::to_owned),
        }
    }

    fn rules(&self) -> &'static Rules {
        self.broken.as_deref().and_then(broken::dolev_strong::rules).unwrap_or(&PUBLISHED)
    }

    /// The number of rounds of a broadcast.
    fn rounds(&self, context: &Context) -> u64 {
        let (n, f) = (context.committee.n(), context.committee.f());
        let rounds = (self.rules().rounds)(f as u64);
        if self.short_rounds { rounds.min(n as u64 - 1).max(1) } else { rounds }
    }
}

/// Broadcast k is decided at the end of its last round, neither earlier nor later.
fn deadline(context: &Context, params: &Params, situation: &Situation) -> Time {
    Time::ZERO.after(context.delta * (params.rounds(context) * situation.goal.decisions()))
}
