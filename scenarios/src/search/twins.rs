//! Twins: in each of the first views a leader and a partition, all combinations, each once up to
//! the names of the honest parties.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Leaders, Span, Stream, Time, Value, Values, byzantine::When};
use byzlab_sim::{Action, Delay, Matcher};

use super::{space::Space, swarm, swarm::Draw};
use crate::{RuleSpec, Scenario, Traitor};

const VIEWS: u64 = 3;

/// The scenario of a number; a random one where there is nothing to enumerate.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream, number: u64) -> Scenario {
    let open = space.open;
    let all = open.traitors && open.rules && open.network && open.leaders && space.has_gst();
    if !all || space.draft().f == 0 {
        return swarm::draw(space, stream);
    }
    let mut draw = Draw::new(space, stream);
    draw.scenario.seed = space.base.seed;
    let n = draw.scenario.n;
    let (leaders, masks) = canonical(number, n);
    let traitors = (0..space.most_faulty(&draw.scenario)).map(|party| PartyId(party as u16));
    let traitors: Vec<_> = traitors.collect();
    let first = PartyId(space.about().first_leader.0 % n as u16);
    draw.scenario.leaders = Leaders::Scripted(leaders, first);
    let delta = space.delta();
    draw.scenario.network.gst = Time(delta.0 * 20);
    draw.scenario.network.early = Some(Delay::Constant(Span(delta.0 / 10)));
    let side = |mask: u64, wanted: u64| -> PartySet {
        PartyId::all(n).filter(|party| mask >> party.index() & 1 == wanted).collect()
    };
    let halves = [side(masks[0], 0), side(masks[0], 1)];
    let split = halves.map(|half| half.iter().filter(|one| !traitors.contains(one)).collect());
    let values = Values([("split", Value::Groups(split.into()))].into());
    for party in traitors {
        let (parties, behaviour) = (vec![party], "twins".to_owned());
        let (values, when) = (values.clone(), When::default());
        draw.scenario.byzantine.push(Traitor { parties, behaviour, values, when });
    }
    for (view, mask) in (1..).zip(&masks[1..]) {
        let (left, right) = (side(*mask, 0), side(*mask, 1));
        if left.is_empty() || right.is_empty() {
            continue;
        }
        for (from, to) in [(left, right), (right, left)] {
            let on = Matcher {
                from: Some(from),
                to: Some(to),
                views: Some((view, view + 1)),
                ..Matcher::default()
            };
            let action = Action::HoldUntil(draw.scenario.network.gst);
            draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
        }
    }
    draw.finish()
}

/// Leaders of the first views, and on which side each party is: for the twins, then in each view.
/// Party 0 is always on the left. The numbers go through all combinations in a scattered order.
fn canonical(number: u64, n: usize) -> (Vec<PartyId>, Vec<u64>) {
    let sides = 1 << (n as u64 - 1);
    let total = (n as u64 * sides).pow(VIEWS as u32).saturating_mul(sides);
    // A prime that divides none of the sizes reaches every number once.
    let mut rest = (u128::from(number) * 1_000_003 % u128::from(total)) as u64;
    let mut digit = |base: u64| {
        let digit = rest % base;
        rest /= base;
        digit
    };
    let mut masks = vec![digit(sides) << 1];
    let mut leaders = Vec::new();
    for _ in 0..VIEWS {
        leaders.push(PartyId(digit(n as u64) as u16));
        masks.push(digit(sides) << 1);
    }
    let names = renamed(&leaders, &masks, n);
    let leaders = leaders.iter().map(|party| PartyId(names[party.index()] as u16)).collect();
    let renamed = |mask: &u64| (0..n).map(|at| (mask >> at & 1) << names[at]).sum();
    (leaders, masks.iter().map(renamed).collect())
}

/// New names for the honest parties: in the order of what happens to them.
fn renamed(leaders: &[PartyId], masks: &[u64], n: usize) -> Vec<usize> {
    let fate = |party: usize| {
        let led: Vec<bool> = leaders.iter().map(|one| one.index() != party).collect();
        let sides: Vec<u64> = masks.iter().map(|mask| mask >> party & 1).collect();
        (led, sides)
    };
    let mut order: Vec<usize> = (1..n).collect();
    order.sort_by_key(|party| fate(*party));
    let mut names = vec![0; n];
    for (name, party) in (1..).zip(order) {
        names[party] = name;
    }
    names
}
