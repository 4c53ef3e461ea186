//! Priorities, after PCT: every party has one, and what it sends is slower the lower it is; at a
//! few views, drawn beforehand, a party falls behind all others.

use byzlab_crypto::PartyId;
use byzlab_protocols::{Span, Stream};
use byzlab_sim::{Action, Delay, Matcher};

use super::{space::Space, swarm::Draw, traitors};
use crate::{RuleSpec, Scenario};

/// A random order of the parties, and where it changes.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream) -> Scenario {
    let mut draw = Draw::new(space, stream);
    draw.committee();
    draw.work();
    draw.leaders();
    if draw.one_in(2) {
        traitors::draw(&mut draw);
    }
    if !space.open.rules || !space.open.network {
        return draw.finish();
    }
    let delta = space.delta();
    let n = draw.scenario.n as u64;
    let mut order: Vec<PartyId> = PartyId::all(draw.scenario.n).collect();
    draw.stream.shuffle(&mut order);
    draw.scenario.network.delay = Delay::Constant(Span((delta.0 / 20).max(1)));
    let slow = Span(delta.0 / 10 * 9 / n.max(1));
    for (rank, party) in (0..).zip(order).skip(1) {
        let from = Some(std::iter::once(party).collect());
        let on = Matcher { from, ..Matcher::default() };
        let action = Action::Delay(slow * rank);
        draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
    }
    if space.has_gst() {
        let gst = draw.later();
        draw.scenario.network.gst = gst;
        draw.scenario.network.early = Some(draw.scenario.network.delay.clone());
        for _ in 0..draw.stream.between(1, 4) {
            let (party, view) = (draw.party(), draw.view());
            let mut on = Matcher { views: Some((view, view + 1)), ..Matcher::default() };
            on.from = Some(std::iter::once(party).collect());
            if draw.one_in(2) {
                on.kind = Some(draw.kind());
            }
            let action = Action::HoldUntil(gst);
            draw.scenario.rules.push(RuleSpec { on, action, set: Vec::new() });
        }
    }
    draw.finish()
}
