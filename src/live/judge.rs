//! The verdict on a run over a network, from the journals of its parties.

use std::time::Duration;

use byzlab_crypto::PartyId;
use byzlab_live::{Faults, Home, Owner, Parts, Replay, Replayed, journal, replay};
use byzlab_protocols::Attack;
use byzlab_scenarios::{Late, Remains, Run, Scenario, StoppedBy, Timing, conclude};
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
    /// Which parties failed, and why: not by what they did, but by what they ran on.
    pub failed: Vec<(PartyId, String)>,
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
    let open = || {
        let owned = PartyId::all(homes.len()).zip(homes);
        let lives = owned
            .map(|(party, home)| journal::open(&home.journals(), &Owner::of::<P>(&context, party)));
        lives.collect::<Result<Vec<_>, _>>()
    };
    let limit = setup.stop.time;
    let honest = ended.failed.iter().filter(|(party, _)| !setup.corrupted.contains(*party));
    let failed: Vec<_> =
        honest.map(|(party, why)| format!("party {party} failed: {why}")).collect();
    let (parts, faults) = (Parts::of(&setup), Faults::of(&setup));
    let again = |observers, witness| -> Result<Replayed<P>, LiveError> {
        Ok(replay(Replay {
            parts: parts.clone(),
            faults: faults.clone(),
            observers,
            show: setup.show,
            known: (!failed.is_empty()).then(|| failed.join("; ")),
            witness,
            lives: open()?,
        })?)
    };
    let replayed = again(setup.observers, false)?;
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
        late: Late { broke_model: replayed.late, slow: replayed.slow },
        stopped_by,
        end: if late { replayed.end.max(limit) } else { replayed.end },
        timing: Timing {
            elapsed: elapsed.unwrap_or_default(),
            deliveries: replayed.deliveries,
            checked: context.committee.ring().checked() + context.clients.checked(),
        },
    };
    // Whom to blame for a disagreement is seen in what was received: that takes memory, and is made
    // when it is needed.
    conclude(scenario, remains, || Ok(again(Vec::new(), true)?.witnessed))
}
