//! Lower bounds as attacks: "a lower bound is a protocol for the adversary".
//!
//! Each is planned before the run, by rehearsals of the scenario in the simulator where it must
//! know what the protocol does, and becomes what a file could say itself: traitors, cuts and rules.
//! So it can be pointed at any protocol, and `explain` prints what it became.

mod rehearsal;

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Model, Time, Value, Values, View, byzantine::When};
use byzlab_sim::{Action, Cut, Matcher};
use byzlab_trace::FaultId;

pub(crate) use rehearsal::rehearse;
pub use rehearsal::{First, Rehearsal};

use crate::{Entry, RuleSpec, Scenario, Traitor};

/// The plan of an attack.
type Plan = fn(&mut Scenario, &Cast, &dyn Entry) -> Result<(), String>;

/// An attack that is planned.
pub(crate) struct Bound {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    plan: Plan,
}

/// Whom the file gives the attack.
struct Cast {
    /// Who is corrupted, if the file says so.
    parties: Vec<PartyId>,
    /// How many may be.
    budget: usize,
}

pub(crate) static BOUNDS: &[Bound] = &[
    Bound {
        id: "split-brain",
        title: "two-faced parties keep two halves apart until GST (Dwork, Lynch, Stockmeyer)",
        plan: split_brain,
    },
    Bound {
        id: "isolation",
        title: "whoever would tell one party anything leaves it out (Dolev, Reischuk)",
        plan: isolation,
    },
    Bound {
        id: "crash-chain",
        title: "one party a round crashes in mid-sentence, so that only the next one heard it",
        plan: crash_chain,
    },
    Bound {
        id: "S3",
        title: "in each view the one party is held back on whom the decision hangs (FLP)",
        plan: pivots,
    },
];

/// Puts what a planned attack does in its place; nothing if the attack is none of these.
///
/// # Errors
/// Why it cannot be played in this scenario.
pub(crate) fn plan(scenario: &mut Scenario, entry: &dyn Entry) -> Result<(), String> {
    let attack = scenario.attack.as_ref();
    let bound = attack.and_then(|attack| BOUNDS.iter().find(|bound| bound.id == attack.id));
    if let Some((bound, attack)) = bound.zip(scenario.attack.take_if(|_| bound.is_some())) {
        let budget = attack.budget;
        if !attack.parties.is_empty() && bound.id != "split-brain" {
            return Err("chooses for itself whom it corrupts".to_owned());
        }
        (bound.plan)(scenario, &Cast { parties: attack.parties, budget }, entry)?;
        scenario.number_faults();
    }
    Ok(())
}

/// Who leads last of all, as many as may be corrupted: the halves have leaders of their own before.
fn last_leaders(scenario: &Scenario, cast: &Cast) -> Vec<PartyId> {
    let mut leaders = Vec::new();
    for view in (1..=scenario.n as u64).rev().map(View) {
        let leader = scenario.leaders.leader(view, scenario.n);
        if leaders.len() < cast.budget && !leaders.contains(&leader) {
            leaders.push(leader);
        }
    }
    leaders.sort_unstable();
    leaders
}

fn traitor(parties: Vec<PartyId>, behaviour: &str, values: Values, when: When) -> Traitor {
    Traitor { parties, behaviour: behaviour.to_owned(), values, when }
}

fn one(key: &'static str, value: Value) -> Values {
    Values([(key, value)].into_iter().collect())
}

/// Protocols.md 4.1. The corrupted parties run twice, once for each half of the others, and the
/// halves do not hear each other until GST.
fn split_brain(scenario: &mut Scenario, cast: &Cast, _: &dyn Entry) -> Result<(), String> {
    let until = scenario.network.gst;
    if scenario.network.model != Model::PartialSynchrony || until == Time::ZERO {
        return Err("needs partial synchrony with a GST by which both halves decide".to_owned());
    }
    let faulty = match cast.parties.is_empty() {
        true => last_leaders(scenario, cast),
        false => cast.parties.clone(),
    };
    let honest: Vec<_> = PartyId::all(scenario.n).filter(|party| !faulty.contains(party)).collect();
    let (a, c) = honest.split_at(honest.len() / 2);
    let split = Value::Groups(vec![a.to_vec(), c.to_vec()]);
    scenario.byzantine.push(traitor(faulty, "twins", one("split", split), When::default()));
    let [a, c]: [PartySet; 2] = [a, c].map(|side| side.iter().copied().collect());
    for links in [(a, c), (c, a)] {
        let (from, links, fault) = (Time::ZERO, vec![links], FaultId(0));
        scenario.cuts.push(Cut { from, until, links, fault });
    }
    Ok(())
}

/// Protocols.md 4.3. Of the parties that do not lead, the one that hears from the fewest others if
/// it answers nothing: these are corrupted, as far as the budget goes, and leave it out.
fn isolation(scenario: &mut Scenario, cast: &Cast, entry: &dyn Entry) -> Result<(), String> {
    let leader = scenario.leaders.leader(View(1), scenario.n);
    let mut loneliest: Option<(PartyId, Vec<PartyId>)> = None;
    for victim in PartyId::all(scenario.n).filter(|party| *party != leader) {
        let mut deaf = scenario.clone();
        let (from, until, fault) = (Time::ZERO, Time::NEVER, FaultId(0));
        let links = vec![(PartyId::all(scenario.n).collect(), [victim].into_iter().collect())];
        deaf.cuts.push(Cut { from, until, links, fault });
        let speak = entry.rehearse(&deaf, false).speak_to(victim);
        if loneliest.as_ref().is_none_or(|(_, fewest)| speak.len() < fewest.len()) {
            loneliest = Some((victim, speak));
        }
    }
    let (victim, mut speakers) = loneliest.ok_or("needs a party that does not lead")?;
    speakers.truncate(cast.budget);
    let others = PartyId::all(scenario.n).filter(|party| *party != victim).collect();
    let values = one("to", Value::Parties(others));
    scenario.byzantine.push(traitor(speakers, "selective", values, When::default()));
    Ok(())
}

/// Protocols.md 4.4. Party by party from the first leader on: the k-th crashes in its first message
/// of round k or later, which reaches only the next one.
fn crash_chain(scenario: &mut Scenario, cast: &Cast, _: &dyn Entry) -> Result<(), String> {
    let n = scenario.n;
    if cast.budget >= n {
        return Err(format!("needs somebody who is left of {n} parties"));
    }
    let first = scenario.leaders.leader(View(1), n);
    let chain = |at: usize| PartyId(((first.index() + at) % n) as u16);
    for at in 0..cast.budget {
        let mut values = one("last_to", Value::Parties(vec![chain(at + 1)]));
        values.0.insert("sends", Value::Integer(0));
        let round = Time::ZERO.after(scenario.network.delta * at as u64);
        let when = When { times: Some((round, Time::NEVER)), ..When::default() };
        scenario.byzantine.push(traitor(vec![chain(at)], "crash", values, when));
    }
    Ok(())
}

/// So many views are planned at the most.
const MOST_VIEWS: usize = 200;

/// Protocols.md 4.5. The value of a configuration is the view whose proposal is decided first if from
/// now on nobody is slow. Where holding back one party in that view changes it, the party is a
/// pivot: it is held back, and what follows is again a configuration with a value that is open.
fn pivots(scenario: &mut Scenario, _: &Cast, entry: &dyn Entry) -> Result<(), String> {
    let end = match (scenario.network.model, scenario.stop_time) {
        (Model::PartialSynchrony, _) => scenario.network.gst,
        (Model::Asynchrony, Some(end)) => end,
        (Model::Asynchrony, None) => return Err("needs a time in [stop] to play for".to_owned()),
        (Model::Synchrony, _) => return Err("needs a network that may be slow".to_owned()),
    };
    for _ in 0..MOST_VIEWS {
        let value = entry.rehearse(scenario, true).first;
        let Some(decided) = value.filter(|decided| decided.at < end) else { break };
        let View(view) = decided.view;
        let held = |party: PartyId| RuleSpec {
            on: Matcher {
                from: Some([party].into_iter().collect()),
                views: Some((view, view + 1)),
                ..Matcher::default()
            },
            action: Action::HoldUntil(end),
            set: Vec::new(),
        };
        let pivot = PartyId::all(scenario.n).find(|party| {
            let mut without = scenario.clone();
            without.rules.push(held(*party));
            entry.rehearse(&without, true).first.map(|other| other.view) != Some(decided.view)
        });
        let Some(pivot) = pivot else { break };
        scenario.rules.push(held(pivot));
    }
    Ok(())
}
