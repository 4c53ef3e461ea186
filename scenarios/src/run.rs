//! One run in the simulator: from a scenario to a verdict.

use std::time::Duration;

use byzlab_crypto::{Digest, Evidence};
use byzlab_protocols::{Attack, Time};
use byzlab_sim::{Outcome as Ended, World};
use byzlab_trace::{Record, TraceWriter};

use crate::{Finding, Judge, Metrics, Scenario, Verdict, search::Coverage, setup};

/// What a run is asked for beside its verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Keep every event.
    pub trace: bool,
    /// A clock, for those who want to know how long it took: nothing else depends on it.
    pub clock: Option<fn() -> Duration>,
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
}

impl StoppedBy {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            StoppedBy::Decisions => "decisions",
            StoppedBy::Time => "time",
            StoppedBy::Quiet => "quiet",
            StoppedBy::Panic => "panic",
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

/// Runs a scenario and judges it.
pub(crate) fn run<P: Attack>(scenario: &Scenario, options: &Options) -> Run {
    let started = options.clock.map(|clock| clock());
    let (mut judge, mut ended) = watch::<P>(scenario, options.trace, Purpose::Judge);
    let mut nondeterministic = false;
    if judge.agreement() == Finding::Violated && scenario.protocol.about.accountable {
        let (again, second) = watch::<P>(scenario, false, Purpose::Witness);
        nondeterministic = again.digest() != judge.digest();
        judge.accuse(&second.evidence, second.end);
        ended.checked += second.checked;
    }
    let elapsed = options.clock.zip(started).map(|(clock, started)| clock() - started);
    Run {
        verdict: judge.verdict(scenario, ended.end, ended.stopped_by == StoppedBy::Quiet),
        metrics: judge.metrics(),
        digest: judge.digest(),
        stopped_by: ended.stopped_by,
        end: ended.end,
        timing: Timing {
            elapsed: elapsed.unwrap_or_default(),
            deliveries: ended.deliveries,
            checked: ended.checked,
        },
        trace: ended.trace,
        noted: judge.noted().to_vec(),
        nondeterministic,
    }
}

/// Runs a scenario for a search: what fell, and where the run has been. The guilty are not looked
/// for.
pub(crate) fn explore<P: Attack>(scenario: &Scenario) -> Explored {
    let (judge, ended) = watch::<P>(scenario, false, Purpose::Explore);
    Explored {
        verdict: judge.verdict(scenario, ended.end, ended.stopped_by == StoppedBy::Quiet),
        messages: judge.metrics().total.messages,
        noted: judge.noted().to_vec(),
        covered: ended.covered,
    }
}

/// A run of a search.
#[derive(Clone, Debug)]
pub struct Explored {
    /// The verdict.
    pub verdict: Verdict,
    /// How many messages were sent.
    pub messages: u64,
    /// How often each numbered line of the pseudo-code fired at an honest party.
    pub noted: Vec<u64>,
    /// Pairs of a line and a state that it led to.
    pub covered: Vec<u64>,
}

/// What a run is made for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be judged.
    Judge,
    /// To look for the guilty afterwards.
    Witness,
    /// To learn where it goes.
    Explore,
}

/// What is left of a world after its run.
struct Remains {
    stopped_by: StoppedBy,
    end: Time,
    deliveries: u64,
    checked: u64,
    trace: Vec<Record>,
    evidence: Vec<Evidence>,
    covered: Vec<u64>,
}

/// So many things happen in a run of a search at the most: a flood shows nothing that fewer
/// messages would not.
const MOST: u64 = 50_000;

/// Runs a world as far as a search goes; nothing if it was not over by then.
fn bounded<P: Attack>(world: &mut World<P>) -> Option<Ended> {
    world.start();
    (0..MOST).find_map(|_| world.advance())
}

/// Runs a world with a judge in it; with witnesses, looks for the guilty afterwards.
fn watch<P: Attack>(scenario: &Scenario, trace: bool, purpose: Purpose) -> (Judge, Remains) {
    let (witness, explore) = (purpose == Purpose::Witness, purpose == Purpose::Explore);
    let mut made = setup::make::<P>(scenario, Vec::new());
    let judge = Judge::new(scenario, &made.plan, &made.context);
    made.setup.observers.push(Box::new(judge));
    if trace {
        made.setup.observers.push(Box::new(TraceWriter::default()));
    }
    if explore {
        made.setup.observers.push(Box::new(Coverage::default()));
    }
    made.setup.show = trace || explore;
    made.setup.witness = witness;
    let limit = made.plan.stop.time;
    let mut world = World::new(made.setup);
    let ended = if explore { bounded(&mut world) } else { Some(world.run()) };
    let stopped_by = match ended.unwrap_or(Ended::Time) {
        Ended::Done => StoppedBy::Decisions,
        Ended::Time => StoppedBy::Time,
        Ended::Quiet => StoppedBy::Quiet,
        Ended::Panicked => StoppedBy::Panic,
    };
    let context = &made.context;
    let mut remains = Remains {
        stopped_by,
        end: if ended == Some(Ended::Time) { limit } else { world.now() },
        deliveries: world.deliveries(),
        checked: context.committee.ring().checked() + context.clients.checked(),
        trace: Vec::new(),
        evidence: match witness {
            true => P::forensics(context, world.witnessed()),
            false => Vec::new(),
        },
        covered: Vec::new(),
    };
    let mut judge = None;
    for observer in world.into_observers() {
        let other = match observer.into_any().downcast::<Judge>() {
            Ok(found) => {
                judge = Some(*found);
                continue;
            }
            Err(other) => other,
        };
        match other.downcast::<TraceWriter>() {
            Ok(trace) => remains.trace = trace.records,
            Err(other) => {
                if let Ok(coverage) = other.downcast::<Coverage>() {
                    remains.covered = coverage.keys();
                }
            }
        }
    }
    (judge.expect("the judge was put in"), remains)
}
