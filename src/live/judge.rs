//! The verdict on a run over a network, from the journals of its parties.

use std::time::Duration;

use byzlab_crypto::PartyId;
use byzlab_live::{Faults, Home, Owner, Parts, Replay, journal, replay};
use byzlab_protocols::Attack;
use byzlab_scenarios::{Remains, Run, Scenario, StoppedBy, Timing, conclude};
use byzlab_sim::{Outcome, Setup};

use super::LiveError;

/// How a run ended, for whoever conducted it.
pub(crate) struct Ended {
    /// Where it ran.
    pub runtime: &'static str,
    /// Why it ended.
    pub outcome: Outcome,
    /// Whether it had all the time that its scenario gives it.
    pub whole: bool,
    /// A clock, and when it started.
    pub clock: Option<(fn() -> Duration, Duration)>,
}

/// Replays the journals that parties keep at home and judges what happened.
pub(crate) fn judge<P: Attack>(
    scenario: &Scenario,
    setup: Setup<P>,
    homes: &[Home],
    ended: &Ended,
) -> Result<Run, LiveError> {
    let context = setup.context.clone();
    let lives = PartyId::all(homes.len())
        .zip(homes)
        .map(|(party, home)| journal::read(&home.journals(), &Owner::of::<P>(&context, party)));
    let lives = lives.collect::<Result<Vec<_>, _>>()?;
    let limit = setup.stop.time;
    let replayed = replay(Replay {
        parts: Parts::of(&setup),
        faults: Faults::of(&setup),
        observers: setup.observers,
        show: setup.show,
        lives,
    })?;
    let stopped_by = match ended.outcome {
        _ if replayed.panicked => StoppedBy::Panic,
        Outcome::Done => StoppedBy::Decisions,
        Outcome::Quiet => StoppedBy::Quiet,
        Outcome::Time => StoppedBy::Time,
        Outcome::Panicked => StoppedBy::Panic,
    };
    let elapsed = ended.clock.map(|(clock, started)| clock() - started);
    let late = stopped_by == StoppedBy::Time && ended.whole;
    let remains = Remains {
        runtime: ended.runtime,
        observers: replayed.observers,
        witnessed: replayed.witnessed,
        stopped_by,
        end: if late { replayed.end.max(limit) } else { replayed.end },
        timing: Timing {
            elapsed: elapsed.unwrap_or_default(),
            deliveries: replayed.deliveries,
            checked: context.committee.ring().checked() + context.clients.checked(),
        },
    };
    Ok(conclude(scenario, remains))
}
