//! Small scopes, after ByzzFuzz: a round is the messages of one kind in one view. In a few rounds
//! somebody is not heard, or a traitor changes what it says.

use byzlab_crypto::PartySet;
use byzlab_protocols::{Kind, Role, Stream, Value, Values, byzantine::When};
use byzlab_sim::{Action, Delay, Matcher};

use super::{space::Space, swarm::Draw};
use crate::{RuleSpec, Scenario, Traitor};

/// A random scenario of faulty rounds.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream) -> Scenario {
    let mut draw = Draw::new(space, stream);
    draw.committee();
    draw.work();
    draw.leaders();
    if space.has_gst() && space.open.network {
        let delta = space.delta();
        draw.scenario.network.gst = draw.later();
        draw.scenario.network.early = Some(Delay::Constant(byzlab_protocols::Span(delta.0 / 10)));
        if space.open.rules {
            let alone = draw.one_in(2);
            if alone {
                draw.alone();
            }
            let count = draw.stream.between(0, if alone { 2 } else { 5 });
            (0..count).for_each(|_| unheard(&mut draw));
        }
    }
    if space.open.traitors {
        changed(&mut draw);
    }
    draw.finish()
}

/// Some are not heard in a round, or do not hear.
fn unheard(draw: &mut Draw<'_>) {
    let some: PartySet = draw.some();
    let view = draw.view().min(2);
    let mut on = Matcher { views: Some((view, view + 1)), ..Matcher::default() };
    on.kind = Some(draw.kind());
    match draw.stream.below(3) {
        0 => on.from = Some(some),
        1 => on.to = Some(some),
        _ => {
            let other = draw.some();
            (on.from, on.to) = (Some(some), Some(other));
        }
    }
    let action = Action::HoldUntil(draw.scenario.network.gst);
    draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
}

/// One traitor lies in one round or in all of them.
fn changed(draw: &mut Draw<'_>) {
    let most = draw.space.most_faulty(&draw.scenario).min(2);
    let can = |name: &str| draw.space.behaviours.contains(&name);
    let names: Vec<_> = ["random", "stale", "amnesia", "double-vote"]
        .into_iter()
        .filter(|name| can(name))
        .collect();
    for _ in 0..most {
        let view = byzlab_protocols::View(if draw.one_in(2) { 2 } else { draw.view() });
        let leader = draw.scenario.leaders.leader(view, draw.scenario.n);
        let party = if draw.one_in(3) { draw.party() } else { leader };
        let Some(name) = draw.stream.pick(&names).copied() else { return };
        if draw.scenario.traitors().contains(party) {
            continue;
        }
        let mut when = When::default();
        if draw.one_in(2) {
            when.views = Some((view.0, view.0 + 1));
        }
        if ["random", "double-vote"].contains(&name) && draw.one_in(2) {
            let of = |kind: &&Kind| match name {
                "random" => kind.role != Role::Sync,
                _ => kind.role == Role::Proposal,
            };
            let kinds: Vec<_> = draw.space.about().kinds.iter().filter(of).collect();
            when.kinds = draw.stream.pick(&kinds).map(|kind| vec![kind.name.to_owned()]);
        }
        let mut values = Values::default();
        if name == "stale" {
            let part = *draw.stream.pick(&["all", "own", "claim", "load"]).unwrap_or(&"all");
            values.0.insert("part", Value::Text(part.to_owned()));
            values.0.insert("bare", Value::Bool(draw.one_in(2)));
        }
        let (parties, behaviour) = (vec![party], name.to_owned());
        draw.scenario.byzantine.push(Traitor { parties, behaviour, values, when });
    }
}
