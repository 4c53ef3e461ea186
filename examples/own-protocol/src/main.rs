//! Phase-king broadcast: synchrony, n > 3f, no signatures. f + 1 kings, so one of them is honest.
//!
//! ```text
//!  1  the sender sends its value; the others take it over
//!     f + 1 times:
//!  2    vote for my value
//!  3    if n - f voted for v: support v
//!       if n - f support v: my value is v, and sure; if f + 1 do: my value is v
//!  4    the king sends its value: who is not sure takes it over
//!  5  decide my value
//! ```

mod attack;

use std::{collections::*, mem::take, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab::{crypto::*, protocols::*};
use serde::{Deserialize, Serialize};

const KINDS: [Kind; 4] = [
    Kind { name: "send", role: Role::Proposal, signed: false },
    Kind { name: "vote", role: Role::Vote, signed: false },
    Kind { name: "support", role: Role::Vote, signed: false },
    Kind { name: "king", role: Role::Proposal, signed: false },
];

#[derive(
    Clone, PartialEq, Eq, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
struct Wire {
    broadcast: View,
    round: u64,
    value: String, // the empty one is the default
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct PhaseKing {
    context: Arc<Context>,
    me: PartyId,
    inputs: VecDeque<String>,
    now: (View, u64),
    value: String,
    support: Option<String>,
    sure: bool,
    heard: BTreeMap<PartyId, String>,
}

/// A round for the sender, three for each king.
fn rounds(context: &Context) -> u64 {
    1 + 3 * (context.committee.f() as u64 + 1)
}

fn kind(round: u64) -> usize {
    if round == 0 { 0 } else { (round - 1) as usize % 3 + 1 }
}

impl Protocol for PhaseKing {
    const ABOUT: About = About {
        tolerates: |n| n.saturating_sub(1) / 3,
        bound: "n >= 3f + 1",
        kinds: &KINDS,
        lines: &["send", "vote", "support", "the king speaks", "decide"],
        ..About::new(
            "phase-king",
            "Phase-king broadcast, without signatures",
            "https://decentralizedthoughts.github.io/2022-06-09-phase-king-via-gradecast/",
            Model::Synchrony,
            Task::Broadcast,
        )
    };
    type Params = ();
    type Wire = Wire;
    type Message = Wire;
    type Timer = ();
    type Record = ();

    fn new(context: &Arc<Context>, signer: Signer, (): &()) -> Self {
        let (inputs, heard, now) = (VecDeque::new(), BTreeMap::new(), (View(1), 0));
        let (context, me, value) = (context.clone(), signer.party(), String::new());
        PhaseKing { context, me, inputs, now, value, support: None, sure: false, heard }
    }

    fn tag(wire: &Wire) -> Tag {
        let (kind, digest) = (KINDS[kind(wire.round)].name, value_digest(wire.value.as_bytes()));
        Tag { kind, view: wire.broadcast, slot: wire.round, digest, signatures: 0 }
    }

    fn check(_: &Context, wire: &Wire) -> Result<Wire, Reject> {
        if wire.value.len() > 1 << 16 { Err(Reject::Oversize) } else { Ok(wire.clone()) }
    }

    fn start(&mut self, recovered: Option<&Stored<()>>, fx: &mut Effects<Self>) {
        if recovered.is_none() && fx.now() == Time::ZERO {
            fx.set_timer((), fx.now());
        }
    }

    fn command(&mut self, request: &Request, _: &mut Effects<Self>) {
        self.inputs.push_back(String::from_utf8_lossy(&request.body().payload).into());
    }

    fn message(&mut self, from: PartyId, wire: &Wire, fx: &mut Effects<Self>) {
        if (wire.broadcast, wire.round) != self.now {
            return fx.refuse("of another round");
        }
        self.heard.entry(from).or_insert_with(|| wire.value.clone());
    }

    fn timer(&mut self, (): (), fx: &mut Effects<Self>) {
        if fx.now() > Time::ZERO {
            self.end(fx);
        }
        self.begin(fx);
        fx.set_timer((), fx.now().after(self.context.delta));
    }

    fn deadline(context: &Context, (): &(), situation: &Situation) -> Option<Time> {
        Some(Time::ZERO.after(context.delta * (rounds(context) * situation.goal.decisions())))
    }
}

impl PhaseKing {
    /// The sender or the king, who speaks alone in this round.
    fn speaker(&self) -> PartyId {
        match self.now {
            (broadcast, 0) => self.context.leader(broadcast),
            (_, round) => PartyId(((round - 1) / 3) as u16),
        }
    }

    fn begin(&mut self, fx: &mut Effects<Self>) {
        let ((broadcast, round), speaks) = (self.now, self.me == self.speaker());
        let says = match kind(round) {
            0 if speaks => self.inputs.pop_front(),
            2 => self.support.take(),
            kind => (kind == 1 || kind == 3 && speaks).then(|| self.value.clone()),
        };
        if let Some(value) = says {
            fx.note(kind(round) as u8 + 1);
            fx.broadcast(Wire { broadcast, round, value });
        }
    }

    fn end(&mut self, fx: &mut Effects<Self>) {
        let (heard, all, old) = (take(&mut self.heard), &self.context.committee, &self.value);
        let spoken = heard.get(&self.speaker());
        let backed = |enough| {
            let count = |value: &str| heard.values().filter(|other| **other == value).count();
            heard.values().find(|value| count(value) >= enough)
        };
        match kind(self.now.1) {
            0 => self.value = spoken.cloned().unwrap_or_default(),
            1 => self.support = backed(all.quorum()).cloned(),
            2 => {
                let surely = backed(all.quorum());
                self.sure = surely.is_some();
                self.value = surely.or(backed(all.one_honest())).unwrap_or(old).clone();
            }
            _ if !self.sure => self.value = spoken.unwrap_or(old).clone(),
            _ => {}
        }
        self.now.1 += 1;
        if self.now.1 == rounds(&self.context) {
            let value = (!self.value.is_empty()).then(|| value_digest(self.value.as_bytes()));
            fx.note(5);
            fx.decide(Decision::of_broadcast(self.now.0, value, Some(self.now.1)));
            self.now = (self.now.0.next(), 0);
        }
    }
}

fn main() {
    let attacks = vec![attack::usurper()];
    std::process::exit(byzlab::Lab::new().with_attacks::<PhaseKing>(attacks).main());
}
