//! Who is corrupted, and what they do: behaviours with parameters and conditions.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;
use byzlab_protocols::{
    FieldDefault, FieldKind, Kind, Probability, Role, Span, Task, Time, Value, Values,
    byzantine::{BEHAVIOURS, BehaviourInfo, When},
};
use byzlab_sim::{Action, Matcher};

use super::swarm::Draw;
use crate::{RuleSpec, Traitor};

/// Corrupts some parties, leaders more often, as many as the bound allows at the most.
pub(super) fn draw(draw: &mut Draw<'_>) {
    let most = draw.space.most_faulty(&draw.scenario);
    if !draw.space.open.traitors || most == 0 {
        return;
    }
    let wanted = if draw.one_in(3) { draw.stream.between(1, most as u64) } else { most as u64 };
    let mut parties: Vec<PartyId> = Vec::new();
    for _ in 0..wanted {
        let view = draw.view();
        let leader = draw.scenario.leaders.leader(byzlab_protocols::View(view), draw.scenario.n);
        let party = if draw.one_in(2) { leader } else { draw.party() };
        if !parties.contains(&party) {
            parties.push(party);
        }
    }
    for party in parties {
        let count = 1 + u64::from(draw.one_in(3));
        for _ in 0..count {
            let traitor = behaviour(draw, party);
            draw.scenario.byzantine.extend(traitor);
        }
        if draw.space.open.rules && draw.one_in(3) {
            link(draw, party);
        }
    }
    if draw.space.open.rules && draw.one_in(4) {
        rush(draw);
    }
}

/// Traitors are quick: what the others say to each other, or propose to each other, takes nearly Δ.
fn rush(draw: &mut Draw<'_>) {
    let (_, high) = draw.scenario.network.delay.centre();
    let slack = draw.space.delta().0.saturating_sub(high.0);
    let traitors = draw.scenario.traitors();
    let honest = PartyId::all(draw.scenario.n).filter(|party| !traitors.contains(*party));
    let honest = Some(honest.collect());
    let mut on = Matcher { from: honest, to: honest, ..Matcher::default() };
    if draw.one_in(2) {
        let proposal = |kind: &&Kind| kind.role == Role::Proposal;
        let kind = draw.space.about().kinds.iter().find(proposal);
        on.kind = kind.map(|kind| kind.name.to_owned());
    }
    if slack > 1 {
        let action = Action::Delay(Span(slack / 10 * 9));
        draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
    }
}

/// Some messages of a traitor, or to it, are lost or come late: its links are its own affair.
fn link(draw: &mut Draw<'_>, party: PartyId) {
    for _ in 0..=draw.stream.below(3) {
        let mut on: Matcher = draw.matcher();
        let own = Some(std::iter::once(party).collect());
        if draw.one_in(4) {
            on.to = own;
        } else {
            on.from = own;
        }
        let action = match draw.stream.below(3) {
            0 => Action::HoldUntil(draw.moment(20)),
            _ => Action::Drop,
        };
        draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
    }
}

pub(super) fn behaviour(draw: &mut Draw<'_>, party: PartyId) -> Option<Traitor> {
    let name = *draw.stream.pick(&draw.space.behaviours)?;
    let info = BEHAVIOURS.iter().find(|info| info.name == name)?;
    let values = parameters(draw, info, party);
    let when = if draw.one_in(2) { when(draw) } else { When::default() };
    let when = if info.always() { When::default() } else { when };
    Some(Traitor { parties: vec![party], behaviour: name.to_owned(), values, when })
}

/// Parameters as their fields allow, half of them left to their defaults.
fn parameters(draw: &mut Draw<'_>, info: &BehaviourInfo, party: PartyId) -> Values {
    let mut values = BTreeMap::new();
    for field in info.fields {
        let required = matches!(field.default, FieldDefault::Is(_));
        if required || draw.one_in(2) {
            values.extend(parameter(draw, &field.kind, party).map(|value| (field.name, value)));
        }
    }
    Values(values)
}

fn parameter(draw: &mut Draw<'_>, kind: &FieldKind, party: PartyId) -> Option<Value> {
    Some(match kind {
        FieldKind::Bool => Value::Bool(draw.one_in(2)),
        FieldKind::Integer { min, max } => {
            Value::Integer(draw.stream.between(*min, (*max).min(min + 8)))
        }
        FieldKind::Duration { min } => {
            let tenths = draw.stream.between(1, 30);
            Value::Duration(Span(draw.space.delta().0 / 10 * tenths).max(*min))
        }
        FieldKind::Probability => Value::Probability(Probability(500_000_000)),
        FieldKind::Parties => Value::Parties(draw.some().iter().collect()),
        FieldKind::Groups => Value::Groups(groups(draw, party)),
        FieldKind::Choice(words) => Value::Text((*draw.stream.pick(words)?).to_owned()),
        FieldKind::List(inner) => Value::List(vec![parameter(draw, inner, party)?]),
        _ => return None,
    })
}

/// Two or three versions, each for some of the others; some hear nothing, and some hear several.
fn groups(draw: &mut Draw<'_>, party: PartyId) -> Vec<Vec<PartyId>> {
    let count = 2 + u64::from(draw.one_in(3));
    let mut groups = vec![Vec::new(); count as usize];
    let mute = draw.stream.below(4);
    let several = draw.stream.below(4);
    for other in PartyId::all(draw.scenario.n).filter(|other| *other != party) {
        if mute != 0 || !draw.one_in(3) {
            let at = draw.stream.below(count) as usize;
            for (place, group) in groups.iter_mut().enumerate() {
                // Everybody hears all of it, or some do.
                if place == at || several == 0 || (several == 1 && draw.one_in(2)) {
                    group.push(other);
                }
            }
        }
    }
    groups
}

fn when(draw: &mut Draw<'_>) -> When {
    let mut when = When::default();
    match draw.stream.below(5) {
        0 | 1 => {
            let from = draw.view();
            let far = draw.space.about().task == Task::Broadcast || draw.one_in(4);
            let length = if far { draw.stream.between(1, 4) } else { 1 };
            when.views = Some((from, from + length));
        }
        2 => when.kinds = Some(vec![draw.kind()]),
        3 => {
            let from = draw.moment(12);
            let until =
                Time(from.0).after(Span(draw.space.delta().0 / 2 * draw.stream.between(1, 12)));
            when.times = Some((from, until));
        }
        _ => when.first = Some(draw.stream.between(1, 3)),
    }
    when
}
