//! The verdict on a run over a network, from the journals of its parties.

use std::{path::Path, time::Duration};

use byzlab_crypto::PartyId;
use byzlab_live::{Faults, Home, Owner, Parts, Replay, journal, replay};
use byzlab_protocols::Attack;
use byzlab_scenarios::{Remains, Run, StoppedBy, Timing, conclude};
use byzlab_sim::{Outcome, Setup};

use super::{Ask, LiveError};

/// Replays the journals in the folder of a run and judges what happened.
pub(crate) fn judge<P: Attack>(
    ask: &Ask<'_>,
    setup: Setup<P>,
    folder: &Path,
    outcome: Outcome,
    started: Option<Duration>,
) -> Result<Run, LiveError> {
    let context = setup.context.clone();
    let lives = PartyId::all(context.committee.n()).map(|party| {
        journal::read(&Home::of(folder, party).journals(), &Owner::of::<P>(&context, party))
    });
    let lives = lives.collect::<Result<Vec<_>, _>>()?;
    let limit = setup.stop.time;
    let replayed = replay(Replay {
        parts: Parts::of(&setup),
        faults: Faults::of(&setup),
        observers: setup.observers,
        show: setup.show,
        lives,
    })?;
    let stopped_by = match outcome {
        _ if replayed.panicked => StoppedBy::Panic,
        Outcome::Done => StoppedBy::Decisions,
        Outcome::Quiet => StoppedBy::Quiet,
        Outcome::Time => StoppedBy::Time,
        Outcome::Panicked => StoppedBy::Panic,
    };
    let clock = ask.options.clock;
    let elapsed = clock.zip(started).map(|(clock, started)| clock() - started);
    let remains = Remains {
        runtime: ask.place.name(),
        observers: replayed.observers,
        witnessed: replayed.witnessed,
        stopped_by,
        end: if stopped_by == StoppedBy::Time && ask.up.is_none() {
            replayed.end.max(limit)
        } else {
            replayed.end
        },
        timing: Timing {
            elapsed: elapsed.unwrap_or_default(),
            deliveries: replayed.deliveries,
            checked: context.committee.ring().checked() + context.clients.checked(),
        },
    };
    Ok(conclude(ask.scenario, remains))
}
