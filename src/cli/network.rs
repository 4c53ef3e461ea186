//! Runs over a network, for the commands that make them.

use byzlab_scenarios::{Options, Run, Scenario};

use super::{Failure, run::Runtime};
use crate::Lab;

#[cfg(feature = "live")]
mod with {
    use byzlab_live::FleetError;

    use super::*;
    use crate::{
        cli::run::goes_on,
        live::{Ask, LiveError, Place, refuse},
    };

    pub(crate) use crate::live::abandon;

    pub(crate) fn honours(
        runtime: Runtime,
        scenario: &Scenario,
        judged: bool,
    ) -> Result<(), Failure> {
        let Some(why) = refuse(scenario, judged) else { return Ok(()) };
        let (file, runtime) = (&scenario.file, runtime.name());
        Err(Failure::CannotHonour(format!("{file}: --runtime {runtime} cannot honour this: {why}")))
    }

    /// Makes a run; nothing if somebody interrupted before it began.
    pub(crate) fn run(
        lab: &Lab,
        runtime: Runtime,
        scenario: &Scenario,
        text: &str,
        options: Options,
    ) -> Result<Option<Run>, Failure> {
        let entry = lab.live(scenario);
        let place = if runtime == Runtime::Processes { Place::Processes } else { Place::Threads };
        let ask = Ask { scenario, text, options, place, up: None, go_on: &goes_on };
        let run = entry.run(&ask, &mut |_, _, _| Ok(goes_on()));
        match run {
            Err(LiveError::Fleet(FleetError::Interrupted)) => Ok(None),
            run => run.map_err(|error| failure(&scenario.file, &error)),
        }
    }

    /// What kept a run from its verdict: journals that are not those of a run are our fault.
    pub(crate) fn failure(file: &str, error: &LiveError) -> Failure {
        let text = format!("{file}: {error}");
        match error {
            LiveError::Fleet(FleetError::Interrupted) => Failure::Interrupted(text),
            LiveError::Fleet(_) | LiveError::Folder(_) | LiveError::Unjudged(_) => {
                Failure::Environment(text)
            }
            LiveError::Journal(_) | LiveError::Replay(_) => Failure::Internal(text),
        }
    }
}

#[cfg(not(feature = "live"))]
mod without {
    use super::*;

    pub(crate) fn honours(
        runtime: Runtime,
        _scenario: &Scenario,
        _judged: bool,
    ) -> Result<(), Failure> {
        let runtime = runtime.name();
        let why = format!("--runtime {runtime}: this byzlab was built without the feature `live`");
        Err(Failure::CannotHonour(why))
    }

    pub(crate) fn run(
        _lab: &Lab,
        runtime: Runtime,
        scenario: &Scenario,
        _text: &str,
        _options: Options,
    ) -> Result<Option<Run>, Failure> {
        Err(honours(runtime, scenario, true).expect_err("it always refuses"))
    }

    pub(crate) fn abandon() {}
}

#[cfg(feature = "live")]
pub(crate) use with::{abandon, failure, honours, run};
#[cfg(not(feature = "live"))]
pub(crate) use without::{abandon, honours, run};
