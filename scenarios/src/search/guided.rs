//! Guided: a scenario that went where none had been, with one to three of its features drawn anew.

use byzlab_protocols::{Stream, Time};

use super::{
    space::Space,
    stories,
    swarm::{self, Draw},
    traitors,
};
use crate::Scenario;

/// A scenario near one that is known; any, if none is.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream, known: Option<&Scenario>) -> Scenario {
    let Some(known) = known else { return swarm::draw(space, stream) };
    let mut draw = Draw { space, stream, scenario: known.clone() };
    for _ in 0..=draw.stream.below(3) {
        change(&mut draw);
    }
    draw.finish()
}

fn change(draw: &mut Draw<'_>) {
    let open = draw.space.open;
    let early = draw.scenario.network.gst > Time::ZERO;
    match draw.stream.below(10) {
        0 => draw.leaders(),
        1 => draw.work(),
        2 if early && open.rules => draw.held(),
        3 if early && open.rules => draw.alone(),
        4 if early && open.events => draw.cut(),
        5 if open.rules => drop_one(draw.stream, &mut draw.scenario.rules),
        6 if open.events => drop_one(draw.stream, &mut draw.scenario.cuts),
        7 if !early && draw.space.has_gst() => draw.early(),
        8 => draw.crashes(),
        _ if open.traitors => {
            let crashed = !draw.scenario.crashes.is_empty();
            if !crashed {
                draw.scenario.byzantine.clear();
                if draw.one_in(2) {
                    let last = 1 + draw.view();
                    stories::liar(draw, last);
                } else {
                    traitors::draw(draw);
                }
            }
        }
        _ => {}
    }
}

fn drop_one<T>(stream: &mut Stream, list: &mut Vec<T>) {
    if !list.is_empty() {
        list.remove(stream.below(list.len() as u64) as usize);
    }
}
