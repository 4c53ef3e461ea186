//! One run: from a scenario to a verdict, in the simulator or wherever a [`Setup`] can be run.

use std::{sync::Arc, time::Duration};

use byzlab_crypto::{Digest, Evidence};
use byzlab_protocols::{Attack, Packet, Time};
use byzlab_sim::{Mind, Outcome as Ended, Setup, World, minds};
use byzlab_trace::{EventId, Observer, Record, TraceWriter};

use crate::{Finding, Judge, KeySource, Late, Metrics, Scenario, Verdict, search::Coverage, setup};

/// The name of the simulator in reports.
pub const SIM: &str = "sim";

/// What a run is asked for beside its verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep every event.
    pub trace: bool,
    /// A clock, for those who want to know how long it took: nothing else depends on it.
    pub clock: Option<fn() -> Duration>,
    /// Whether somebody wants the run to end: asked now and then while it is simulated.
    pub interrupted: Option<fn() -> bool>,
    /// What a real network would add is rehearsed: each number is another rehearsal. Over real networks
    /// it means nothing.
    pub rehearsal: Option<u64>,
}

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoppedBy {
    /// All that was asked for is decided.
    Decisions,
    /// The time was up.
    Time,
    /// Nothing was left to happen.
    Quiet,
    /// Honest code panicked.
    Panic,
    /// Too much happened in it.
    Events,
    /// Somebody wanted it to end.
    Interrupt,
}

impl From<Ended> for StoppedBy {
    fn from(ended: Ended) -> StoppedBy {
        match ended {
            Ended::Done => StoppedBy::Decisions,
            Ended::Time => StoppedBy::Time,
            Ended::Quiet => StoppedBy::Quiet,
            Ended::Panicked => StoppedBy::Panic,
        }
    }
}

impl StoppedBy {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            StoppedBy::Decisions => "decisions",
            StoppedBy::Time => "time",
            StoppedBy::Quiet => "quiet",
            StoppedBy::Panic => "panic",
            StoppedBy::Events => "events",
            StoppedBy::Interrupt => "interrupt",
        }
    }
}

/// How long a run took on this machine, and how much it was.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Timing {
    /// From scenario to verdict, by the clock that was given.
    pub elapsed: Duration,
    /// Messages that arrived.
    pub deliveries: u64,
    /// Signatures that were checked in full.
    pub checked: u64,
}

/// A run that was judged.
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it ran.
    pub runtime: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What it cost.
    pub metrics: Metrics,
    /// The digest of all its events.
    pub digest: Digest,
    /// Why it ended.
    pub stopped_by: StoppedBy,
    /// When it ended, in virtual time.
    pub end: Time,
    /// How long it took.
    pub timing: Timing,
    /// Its events, if they were asked for.
    pub trace: Vec<Record>,
    /// How often each numbered line of the pseudo-code fired at an honest party.
    pub noted: Vec<u64>,
    /// Whether a second run of the same scenario, made for the forensics, differed.
    pub nondeterministic: bool,
}

/// The setup of a scenario with a judge among those who watch, for any runtime; what it saw is
/// taken out by [`conclude`].
pub fn prepare<P: Attack>(scenario: &Scenario, options: &Options, keys: &KeySource) -> Setup<P> {
    let purpose = Purpose { trace: options.trace, ..Purpose::JUDGE };
    prepared(scenario, &minds(), purpose, keys).0
}

/// What is left of a run that was made from a [`prepare`]d setup.
pub struct Remains {
    /// Where it ran.
    pub runtime: &'static str,
    /// Those who watched it.
    pub observers: Vec<Box<dyn Observer>>,
    /// How late the network was that was really there.
    pub late: Late,
    /// Why it ended.
    pub stopped_by: StoppedBy,
    /// When it ended, in the scenario's time.
    pub end: Time,
    /// How long it took, and how much it was.
    pub timing: Timing,
}

/// The verdict on a run. The packets that honest parties received are asked for only if somebody is
/// to be found guilty by them.
///
/// # Errors
/// That of `witnessed`.
///
/// # Panics
/// If the judge is not among the observers.
pub fn conclude<P: Attack, E>(
    scenario: &Scenario,
    remains: Remains,
    witnessed: impl FnOnce() -> Result<Vec<Arc<Packet<P>>>, E>,
) -> Result<Run, E> {
    let Watched { mut judge, trace, .. } = Watched::of(remains.observers);
    judge.excuse(remains.late);
    if must_accuse(scenario, &judge) {
        let evidence = P::forensics(judge.context(), &witnessed()?);
        judge.accuse(&evidence, remains.end);
    }
    let Remains { runtime, stopped_by, end, timing, .. } = remains;
    Ok(Run {
        runtime,
        verdict: judge.verdict(scenario, end, stopped_by == StoppedBy::Quiet),
        metrics: judge.metrics(),
        digest: judge.digest(),
        stopped_by,
        end,
        timing,
        trace,
        noted: judge.noted().to_vec(),
        nondeterministic: false,
    })
}

/// Whether the guilty have to be looked for in what was received.
fn must_accuse(scenario: &Scenario, judge: &Judge) -> bool {
    judge.agreement() == Finding::Violated && scenario.protocol.about.accountable
}

/// Runs a scenario in the simulator and judges it.
pub(crate) fn run<P: Attack>(scenario: &Scenario, minds: &[Mind<P>], options: &Options) -> Run {
    let started = options.clock.map(|clock| clock());
    let watch = |purpose| simulate(scenario, minds, purpose, options.interrupted);
    let judged = Purpose { rehearsal: options.rehearsal, ..Purpose::JUDGE };
    let (mut watched, mut ended) = watch(Purpose { trace: options.trace, ..judged });
    let mut nondeterministic = false;
    if must_accuse(scenario, &watched.judge) {
        let (again, second) = watch(Purpose { witness: true, ..judged });
        if second.stopped_by == StoppedBy::Interrupt {
            ended.stopped_by = StoppedBy::Interrupt;
        } else {
            nondeterministic = again.judge.digest() != watched.judge.digest();
            watched.judge.accuse(&second.evidence, second.end);
            ended.timing.checked += second.timing.checked;
        }
    }
    let elapsed = options.clock.zip(started).map(|(clock, started)| clock() - started);
    let Watched { judge, trace, .. } = watched;
    Run {
        runtime: SIM,
        verdict: judge.verdict(scenario, ended.end, ended.stopped_by == StoppedBy::Quiet),
        metrics: judge.metrics(),
        digest: judge.digest(),
        stopped_by: ended.stopped_by,
        end: ended.end,
        timing: Timing { elapsed: elapsed.unwrap_or_default(), ..ended.timing },
        trace,
        noted: judge.noted().to_vec(),
        nondeterministic,
    }
}

/// Runs a scenario for a search: what fell, and where the run has been. The guilty are not looked
/// for.
pub(crate) fn explore<P: Attack>(scenario: &Scenario, minds: &[Mind<P>]) -> Explored {
    let purpose = Purpose { explore: true, ..Purpose::JUDGE };
    let (watched, ended) = simulate(scenario, minds, purpose, None);
    let Watched { judge, covered, arrivals, .. } = watched;
    Explored {
        verdict: judge.verdict(scenario, ended.end, ended.stopped_by == StoppedBy::Quiet),
        messages: judge.metrics().total.messages,
        flooded: ended.stopped_by == StoppedBy::Events,
        noted: judge.noted().to_vec(),
        covered,
        arrivals,
    }
}

/// A run of a search.
#[derive(Clone, Debug)]
pub struct Explored {
    /// The verdict.
    pub verdict: Verdict,
    /// How many messages were sent.
    pub messages: u64,
    /// Whether it was cut off, since too much happened in it.
    pub flooded: bool,
    /// How often each numbered line of the pseudo-code fired at an honest party.
    pub noted: Vec<u64>,
    /// Pairs of a line and a state that it led to.
    pub covered: Vec<u64>,
    /// When messages of other parties arrived, in the order of events.
    pub arrivals: Vec<(EventId, Time)>,
}

/// What a run is made for, beside being judged.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Purpose {
    /// To keep every event.
    trace: bool,
    /// To look for the guilty afterwards.
    witness: bool,
    /// To learn where it goes.
    explore: bool,
    /// To rehearse a real network.
    rehearsal: Option<u64>,
}

impl Purpose {
    const JUDGE: Purpose =
        Purpose { trace: false, witness: false, explore: false, rehearsal: None };
}

/// How a simulated run ended.
struct Simulated {
    stopped_by: StoppedBy,
    end: Time,
    timing: Timing,
    evidence: Vec<Evidence>,
}

/// Those who watched a run.
struct Watched {
    judge: Judge,
    trace: Vec<Record>,
    covered: Vec<u64>,
    arrivals: Vec<(EventId, Time)>,
}

impl Watched {
    fn of(observers: Vec<Box<dyn Observer>>) -> Watched {
        let (mut judge, mut trace) = (None, Vec::new());
        let (mut covered, mut arrivals) = (Vec::new(), Vec::new());
        for observer in observers {
            let other = match observer.into_any().downcast::<Judge>() {
                Ok(found) => {
                    judge = Some(*found);
                    continue;
                }
                Err(other) => other,
            };
            match other.downcast::<TraceWriter>() {
                Ok(writer) => trace = writer.records,
                Err(other) => {
                    if let Ok(coverage) = other.downcast::<Coverage>() {
                        (covered, arrivals) = coverage.seen();
                    }
                }
            }
        }
        let judge = judge.expect("the judge was put in");
        Watched { judge, trace, covered, arrivals }
    }
}

/// So many things happen in a run of a search at the most: a flood shows nothing that fewer
/// messages would not.
const MOST: u64 = 50_000;

/// How many things happen before somebody is asked whether the run is to end.
const PATIENCE: u64 = 1024;

/// Runs a world until it ends, `most` things have happened, or somebody wants it to end.
fn bounded<P: Attack>(
    world: &mut World<P>,
    most: u64,
    interrupted: Option<fn() -> bool>,
) -> StoppedBy {
    world.start();
    for happened in 0..most {
        if happened % PATIENCE == 0 && interrupted.is_some_and(|interrupted| interrupted()) {
            return StoppedBy::Interrupt;
        }
        if let Some(ended) = world.advance() {
            return ended.into();
        }
    }
    StoppedBy::Events
}

/// A setup with a judge in it, and the time at which the run ends at the latest.
fn prepared<P: Attack>(
    scenario: &Scenario,
    minds: &[Mind<P>],
    purpose: Purpose,
    keys: &KeySource,
) -> (Setup<P>, Time) {
    let mut made = setup::make(scenario, minds, keys);
    let judge = Judge::new(scenario, &made.plan, &made.setup.context);
    made.setup.observers.push(Box::new(judge));
    if purpose.trace {
        made.setup.observers.push(Box::new(TraceWriter::default()));
    }
    if purpose.explore {
        made.setup.observers.push(Box::new(Coverage::default()));
    }
    made.setup.show = purpose.trace || purpose.explore;
    made.setup.witness = purpose.witness;
    if let Some(number) = purpose.rehearsal {
        made.setup.rehearse(number);
    }
    (made.setup, made.plan.stop.time)
}

/// Runs a world with a judge in it; with witnesses, looks for the guilty afterwards.
fn simulate<P: Attack>(
    scenario: &Scenario,
    minds: &[Mind<P>],
    purpose: Purpose,
    interrupted: Option<fn() -> bool>,
) -> (Watched, Simulated) {
    let (setup, limit) = prepared(scenario, minds, purpose, &KeySource::of(scenario));
    let context = setup.context.clone();
    let mut world = World::new(setup);
    let most = if purpose.explore { MOST.min(scenario.stop_events) } else { scenario.stop_events };
    let stopped_by = bounded(&mut world, most, interrupted);
    let now = world.now();
    let simulated = Simulated {
        stopped_by,
        end: match stopped_by {
            StoppedBy::Time => limit,
            // More may be due at this very moment.
            StoppedBy::Events | StoppedBy::Interrupt => Time(now.0.saturating_sub(1)),
            _ => now,
        },
        timing: Timing {
            elapsed: Duration::ZERO,
            deliveries: world.deliveries(),
            checked: context.committee.ring().checked() + context.clients.checked(),
        },
        evidence: match purpose.witness {
            true => P::forensics(&context, world.witnessed()),
            false => Vec::new(),
        },
    };
    (Watched::of(world.into_observers()), simulated)
}
