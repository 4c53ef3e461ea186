//! Crash points: every party stops at every moment of a random run in turn.

use byzlab_crypto::PartyId;
use byzlab_protocols::{Span, Stream};
use byzlab_sim::{Crash, DiskAfter};
use byzlab_trace::FaultId;

use super::{
    space::{Space, twentieths},
    swarm::{self, Draw},
};
use crate::Scenario;

/// The crash of a number; a random scenario where the file names its events.
pub(super) fn draw(space: &Space<'_>, stream: &mut Stream, number: u64) -> Scenario {
    if !space.open.events || space.draft().f == 0 {
        return swarm::draw(space, stream);
    }
    let mut draw = Draw::new(space, stream);
    draw.work();
    if draw.one_in(2) {
        draw.leaders();
    }
    let n = draw.scenario.n as u64;
    let party = PartyId((number % n) as u16);
    let at = twentieths(space.delta(), 1 + number / n % 400);
    let down = Span((space.delta().0 / 10).max(1) * draw.stream.between(1, 60));
    let restart = (draw.stream.below(3) > 0).then(|| at.after(down));
    let spare = space.most_faulty(&draw.scenario) > draw.scenario.traitors().len();
    let disk = match (restart, draw.stream.below(3)) {
        (Some(_), 0) if spare => DiskAfter::Lost,
        (Some(_), 1) if spare => DiskAfter::Stale,
        _ => DiskAfter::Kept,
    };
    // Down for good counts as faulty.
    if spare || (restart.is_some() && space.about().recovers) {
        let fault = FaultId(0);
        draw.scenario.crashes.push(Crash { at, party, restart, disk, fault });
    }
    draw.finish()
}
