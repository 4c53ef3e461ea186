//! By when as much is decided as is asked for.

use super::{Params, rules::MAX_DOUBLINGS, wire::MAX_FORWARDED};
use crate::{BeforeGst, Context, Goal, Leaders, Situation, Time};

/// The least time in which an honest primary gets a view opened and its proposals executed, in
/// multiples of Δ (corrections A5, and one more for a window that has to move first).
const LEAST_PATIENCE: u64 = 8;

/// All in multiples of Δ, from the time S on at which the network is synchronous, everybody is back
/// and everything is submitted.
///
/// A view that fails costs its time, doubled for each one that failed before, and 4Δ until all have
/// heard of enough view changes. At most so many fail: those of the `f` faulty primaries, those
/// whose time is still too short, and after a time of upset two in which not everybody is yet. In
/// the first view of an honest primary that is left enough time everything is executed, a window of
/// slots at a time; it is never left. Before, a faulty primary may execute a request just before the
/// time is up, each time anew.
///
/// With a pace a request gathers for Δ at the most wherever it comes, so that all of this takes a
/// primary as much longer.
///
/// Before S views may have failed: as many as fit, so that the first time is less than doubled.
/// Whoever missed something by then asks for it after half of T0, and has it 2Δ later.
pub(super) fn deadline(context: &Context, params: &Params, situation: &Situation) -> Option<Time> {
    let f = context.committee.f() as u64;
    let scripted = match &context.leaders {
        Leaders::RoundRobin(_) => 0,
        Leaders::Scripted(list, _) => list.len() as u64,
        Leaders::Stable(_) => return None,
    };
    let requests = situation.requests;
    if let Goal::Decisions(wanted) = situation.goal
        && wanted > requests.div_ceil(params.batch as u64)
    {
        return None;
    }
    let absent = situation.gst.max(situation.restarted);
    let lossy = situation.gst > Time::ZERO && situation.before_gst != BeforeGst::Bounded;
    // Who missed everything and knows of no request never learns that it lacks something.
    if situation.reached == 0
        || (!situation.informed && (lossy || situation.restarted > Time::ZERO || scripted > 0))
    {
        return None;
    }
    let patience = params.patience;
    let least = LEAST_PATIENCE + u64::from(params.pace > 0);
    let time = |failures: u64| patience << failures.min(MAX_DOUBLINGS);
    let fits = |failures: &u64| (time(*failures) - patience) * context.delta.0 <= absent.0;
    let before = (0..=MAX_DOUBLINGS).take_while(fits).last().unwrap_or(0);
    let short = (0..MAX_DOUBLINGS).take_while(|j| time(*j) < least).count() as u64;
    let upset = if absent > Time::ZERO { 2 } else { 0 };
    let failing = f + short + upset + scripted;
    let round = |failures: u64| {
        let views = (0..=failing).map(|more| time(failures + more) + 4);
        views.sum::<u64>() + least
    };
    // Requests that few know are told to the others when one of those who do leaves the view, a
    // message full at a time.
    let spreading = match situation.informed {
        true => 0,
        false => round(before) + (requests / MAX_FORWARDED as u64 + 1) * (patience + 4),
    };
    let settling = if upset > 0 { time(before) + 2 * patience + 8 } else { 0 };
    let windows = (requests / params.checkpoint + 1) * least;
    let each = match patience >= least {
        true => patience,
        // The next request begins with too short a time again.
        false => least + round(0),
    };
    let deltas = settling + spreading + round(before) + requests * each + windows;
    let from = absent.max(situation.submitted);
    Some(Time(from.0.saturating_add(context.delta.0.saturating_mul(deltas))))
}
