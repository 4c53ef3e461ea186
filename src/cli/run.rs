//! `byzlab run`: run scenarios and judge them.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use byzlab_crypto::Scheme;
use byzlab_scenarios::{
    Document, EvidenceFile, Options, Outcome, Registry, Rehearsed, Run, SIM, Scenario, StoppedBy,
    compare::quoted,
    explain,
    page::{AboutRun, Shown, page},
    rehearse,
    report::{Report, json, junit, summary, text},
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use super::{Failure, Status, input, network, output::Output, tell};
use crate::Lab;

/// Arguments of `byzlab run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Scenario files and folders; `-` reads standard input.
    #[arg(required = true, value_name = "FILE-or-DIR")]
    paths: Vec<PathBuf>,
    /// The seed, in place of the file's: decimal, or hexadecimal after 0x.
    #[arg(long, value_parser = parse_seed, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Many seeds, on all cores: 0..1000, or 0..=999.
    #[arg(long, value_parser = parse_seeds)]
    seeds: Option<(u64, u64)>,
    /// Where to run, one after the other: the simulator, over libp2p in this process, or a process
    /// for each party.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "sim")]
    runtime: Vec<Runtime>,
    /// So many runs at a time over real networks: most of each is waiting.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    at_once: u64,
    /// Set a value, as it would stand in the file: --set network.gst='"2s"'.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print one JSON object a run, a line each.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a JUnit report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write every event of the run, a line each; for one run only.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    trace: Option<PathBuf>,
    /// Write the run as a page that opens from disk; for one run only.
    #[arg(long, value_name = "FILE.html", conflicts_with = "seeds")]
    report: Option<PathBuf>,
    /// Write what proves the guilt of those who are accused; for one run only.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    evidence: Option<PathBuf>,
    /// Show what this machine took; the rest of the output is the same every time.
    #[arg(long)]
    timing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Runtime {
    /// The deterministic simulator.
    Sim,
    /// Real sockets between the threads of this process.
    Libp2p,
    /// Real sockets between processes.
    Processes,
}

impl Runtime {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Sim => SIM,
            Runtime::Libp2p => "libp2p",
            Runtime::Processes => "processes",
        }
    }
}

/// A seed as people write it.
pub(crate) fn parse_seed(text: &str) -> Result<u64, String> {
    byzlab_scenarios::parse_seed(text)
        .ok_or_else(|| "expected a number of 64 bits, decimal or 0x..".to_owned())
}

pub(crate) fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    byzlab_scenarios::parse_range(text, parse_seed)
        .map_err(|why| format!("{why}; expected a range such as 0..1000"))
}

/// So many runs are made before their results are printed: bounds memory.
const CHUNK: usize = 4096;

/// A run over a real network that was too slow is made again so often at the most, each time with a
/// scale that is so much larger.
const AGAIN: u32 = 2;
const STRETCH: u64 = 3;
const MOST_SCALE: u64 = 1000;

/// A run of more messages is not made again to be drawn.
const DRAWN: u64 = 200_000;

/// Set by the first interrupt: what is running ends, nothing new begins.
pub(crate) static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A file that is run.
struct Kept {
    document: Document,
    path: PathBuf,
    /// Whether real networks can honour it.
    real: bool,
    /// Whether they can be expected to cost what it says.
    costs: bool,
}

struct Job<'a> {
    kept: &'a Kept,
    seed: Option<u64>,
    runtime: Runtime,
}

pub(crate) fn run(args: &RunArgs, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    let registry = lab.registry();
    let files = input::files(&args.paths)?;
    let mut documents = documents(args, &files, registry, output)?;
    let rehearsed = rehearsed(args, &mut documents, registry, output)?;
    for file in [&args.junit, &args.trace, &args.report, &args.evidence].into_iter().flatten() {
        probe(file)?;
    }
    let total = args.seeds.map_or(1, |(start, end)| end - start);
    let honoured = |kept: &Kept| args.runtime.iter().filter(|it| kept.honours(**it)).count() as u64;
    let total = total.saturating_mul(documents.iter().map(honoured).sum());
    let single =
        [("--trace", &args.trace), ("--report", &args.report), ("--evidence", &args.evidence)];
    for (option, file) in single {
        if file.is_some() && total > 1 {
            return Err(Failure::Usage(format!("{option} writes one run; these are {total}")));
        }
    }
    // One after the other, however many: a range of seeds is never held in memory.
    let jobs = documents.iter().flat_map(|kept| {
        let (start, end) = args.seeds.unwrap_or((0, 1));
        let seeds = (start..end).map(|seed| args.seeds.map_or(args.seed, |_| Some(seed)));
        seeds.flat_map(move |seed| {
            let runtimes = args.runtime.iter().filter(move |runtime| kept.honours(**runtime));
            runtimes.map(move |runtime| Job { kept, seed, runtime: *runtime })
        })
    });
    catch_interrupts();
    Ok(Suite { args, lab, output, total }.run(jobs)?.worse(rehearsed))
}

/// Everything is decoded and resolved before anything is run; what is wrong with any file is told.
fn documents(
    args: &RunArgs,
    files: &[PathBuf],
    registry: &Registry,
    output: &Output,
) -> Result<Vec<Kept>, Failure> {
    let (mut kept, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        let document = input::document(file, &args.set, registry).and_then(|document| {
            let scenario = document.resolve(args.seed, registry)?;
            if args.evidence.is_some() && scenario.crypto == Scheme::Ideal {
                let why = "ideal signatures prove nothing outside of the run";
                let hint = "set crypto = \"ed25519\" for --evidence";
                return Err(Failure::Usage(format!("{}: {why}; {hint}", document.file)));
            }
            let real = args.runtime.iter().find(|runtime| **runtime != Runtime::Sim);
            real.map_or(Ok(()), |real| network::honours(*real, &scenario, true))?;
            Ok(document)
        });
        match document {
            Ok(document) => {
                kept.push(Kept { document, path: file.clone(), real: true, costs: true });
            }
            // What was not named itself is left out.
            Err(Failure::CannotHonour(why)) if !args.paths.contains(file) => {
                output.note(&format!("left out: {why}"));
            }
            Err(Failure::Files(problems)) => wrong.extend(problems),
            Err(other) => return Err(other),
        }
    }
    if wrong.is_empty() { Ok(kept) } else { Err(Failure::Files(wrong)) }
}

/// What hangs on exact times is left out of real networks, where it was not named itself, before anything
/// is run. What falls already in a rehearsal is a find.
fn rehearsed(
    args: &RunArgs,
    documents: &mut [Kept],
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let Some(real) = args.runtime.iter().find(|runtime| **runtime != Runtime::Sim) else {
        return Ok(Status::Expected);
    };
    let shows = |kept: &Kept| -> Result<Rehearsed, Failure> {
        let scenario = kept.document.resolve(args.seed, registry)?;
        let entry = registry.get(scenario.protocol.about.name);
        let entry = entry.filter(|_| !args.paths.contains(&kept.path));
        Ok(entry.map_or(Rehearsed::Same, |entry| rehearse(entry, &scenario)))
    };
    let shown = documents.par_iter().map(shows).collect::<Result<Vec<_>, _>>()?;
    let mut status = Status::Expected;
    for (kept, shown) in documents.iter_mut().zip(shown) {
        let (file, runtime) = (&kept.document.file, real.name());
        match shown {
            Rehearsed::Same => {}
            Rehearsed::CostsDiffer(why) => {
                output.note(&format!(
                    "{file}: --runtime {runtime} does not look at its costs: {why}"
                ));
                kept.costs = false;
            }
            Rehearsed::Differs(why) => {
                output.note(&format!(
                    "left out: {file}: --runtime {runtime} cannot honour this: it hangs on exact times, or \
                     on traitors that act as one: {why}"
                ));
                kept.real = false;
            }
            Rehearsed::Fell(why) => {
                output.error(&format!("{file}: rehearsed for --runtime {runtime}: {why}"));
                status = Status::Unexpected;
            }
        }
    }
    Ok(status)
}

impl Kept {
    fn honours(&self, runtime: Runtime) -> bool {
        self.real || runtime == Runtime::Sim
    }
}

/// Whether nobody has interrupted.
pub(crate) fn goes_on() -> bool {
    !INTERRUPTED.load(Ordering::SeqCst)
}

/// The first interrupt stops cleanly, the second at once.
pub(crate) fn catch_interrupts() {
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            network::abandon();
            std::process::exit(Status::Inconclusive as i32);
        }
    });
}

struct Suite<'a> {
    args: &'a RunArgs,
    lab: &'a Lab,
    output: &'a mut Output,
    total: u64,
}

/// A run, unless somebody interrupted before it was over.
type Made = Result<Option<(Scenario, Run)>, Failure>;

impl Suite<'_> {
    fn run<'b>(&mut self, jobs: impl Iterator<Item = Job<'b>>) -> Result<Status, Failure> {
        let (progress, started) = (progress(self.total), Instant::now());
        let mut jobs = jobs.peekable();
        let mut status = Status::Expected;
        let mut outcomes: Vec<(Outcome, String)> = Vec::new();
        let mut kept = Vec::new();
        // Real networks get the machine for themselves, unless it is to be shared; the threads of 0 are
        // as many as there are cores.
        let sim = self.args.runtime == [Runtime::Sim];
        let at_once = if sim { 0 } else { self.args.at_once as usize };
        let threads = rayon::ThreadPoolBuilder::new().num_threads(at_once).build();
        let threads = threads.map_err(|error| Failure::Usage(format!("--at-once: {error}")))?;
        while jobs.peek().is_some() && !INTERRUPTED.load(Ordering::SeqCst) {
            let most = match at_once {
                0 => CHUNK,
                1 => 1,
                // The longest of them is waited for.
                many => many * 32,
            };
            let chunk: Vec<_> = jobs.by_ref().take(most).collect();
            let runs = threads.install(|| self.all(&chunk, &progress));
            for (job, run) in chunk.iter().zip(runs) {
                let (scenario, run) = match run {
                    Ok(Some(made)) => made,
                    Ok(None) => continue,
                    // The others are run all the same.
                    Err(failure) if self.total > 1 && failure.is_of_one_run() => {
                        status = status.worse(tell(&failure, self.args.json, self.output));
                        continue;
                    }
                    Err(failure) => return Err(failure),
                };
                let repeat = repeat(self.args, job, &scenario);
                status = status.worse(Status::of(run.verdict.outcome));
                if run.nondeterministic {
                    status = status.worse(Status::Internal);
                    self.output.error(&format!("a second run differed from the first: {repeat}"));
                }
                self.print(&scenario, &run, &repeat)?;
                outcomes.push((run.verdict.outcome, repeat.clone()));
                if self.args.junit.is_some() {
                    kept.push((scenario, run, repeat));
                }
            }
        }
        progress.finish_and_clear();
        if INTERRUPTED.load(Ordering::SeqCst) {
            let (done, total) = (outcomes.len(), self.total);
            if (done as u64) < total {
                status = status.worse(Status::Inconclusive);
            }
            self.output.error(&format!("interrupted after {done} of {total} runs"));
        }
        if self.total > 1 && !self.args.json {
            let paint = self.output.paint();
            self.output.text(&summary(&outcomes, paint))?;
            if self.args.timing {
                let seconds = started.elapsed().as_secs_f64();
                let (rate, threads) =
                    (outcomes.len() as f64 / seconds, rayon::current_num_threads());
                let line = format!("{seconds:.2} s, {rate:.0} runs a second on {threads} threads");
                self.output.line(&line)?;
            }
        }
        if let Some(file) = &self.args.junit {
            let xml = junit(&kept).map_err(|error| Failure::Usage(error.to_string()))?;
            write(file, xml.as_bytes())?;
        }
        Ok(status)
    }

    fn all(&self, jobs: &[Job<'_>], progress: &ProgressBar) -> Vec<Made> {
        let one = |job| {
            let run = if goes_on() { self.one(job) } else { Ok(None) };
            progress.inc(1);
            run
        };
        jobs.par_iter().with_max_len(1).map(one).collect()
    }

    fn one(&self, job: &Job<'_>) -> Made {
        let registry = self.lab.registry();
        let mut scenario = job.kept.document.resolve(job.seed, registry)?;
        let options = Options {
            trace: self.records(),
            clock: self.args.timing.then_some(clock),
            interrupted: Some(|| !goes_on()),
            rehearsal: None,
        };
        let run = if job.runtime == Runtime::Sim {
            let run = self.simulated(&scenario, &options);
            if run.stopped_by == StoppedBy::Interrupt {
                return Ok(None);
            }
            run
        } else {
            match self.over_a_network(job, scenario, self.drawable(options))? {
                Some((last, run)) => {
                    scenario = last;
                    run
                }
                None => return Ok(None),
            }
        };
        if self.records() {
            let repeat = repeat(self.args, job, &scenario);
            self.recorded(&scenario, &run, repeat)?;
        }
        if let Some(file) = &self.args.evidence {
            let evidence = EvidenceFile::of(&scenario, &run).map_err(Failure::Usage)?;
            write(file, evidence.text().as_bytes())?;
        }
        Ok(Some((scenario, run)))
    }

    /// Runs over a real network. If the machine was too slow for its scale to tell anything, the run is
    /// made again with a larger one.
    fn over_a_network(&self, job: &Job<'_>, mut scenario: Scenario, options: Options) -> Made {
        let registry = self.lab.registry();
        let (mut document, mut again) = (job.kept.document.clone(), AGAIN);
        loop {
            let text = explain(&document, &scenario, registry);
            if !job.kept.costs {
                scenario.expect = scenario.expect.without_costs();
            }
            let run = network::run(self.lab, job.runtime, &scenario, &text, options)?;
            let Some(run) = run else { return Ok(None) };
            let (slow, verdict) = (run.verdict.late.slow.as_ref(), &run.verdict);
            // What is promised and fell is no matter of time, and is never run away.
            let kept = verdict.broken_promises().next().is_some();
            let untold =
                verdict.outcome == Outcome::Inconclusive && !kept && again > 0 && goes_on();
            let Some(why) = slow.filter(|_| untold) else { return Ok(Some((scenario, run))) };
            again -= 1;
            let scale = scenario.scale.saturating_mul(STRETCH).min(MOST_SCALE);
            let (file, runtime) = (&scenario.file, job.runtime.name());
            self.output
                .note(&format!("{file}: --runtime {runtime}: {why}; again with scale {scale}"));
            document = document.with(&format!("runtime.scale = {scale}"), registry)?;
            scenario = document.resolve(job.seed, registry)?;
        }
    }

    fn simulated(&self, scenario: &Scenario, options: &Options) -> Run {
        let entry = self.lab.registry().get(scenario.protocol.about.name);
        let entry = entry.expect("the decoder takes protocols from the registry");
        let mut run = entry.run(scenario, options);
        if !options.trace && self.draws(&run) {
            run.trace = entry.run(scenario, &Options { trace: true, ..*options }).trace;
        }
        run
    }

    /// A run over a network cannot be made again to be drawn.
    fn drawable(&self, options: Options) -> Options {
        Options { trace: options.trace || (self.total == 1 && !self.args.json), ..options }
    }

    /// Whether every event is kept.
    fn records(&self) -> bool {
        self.args.trace.is_some() || self.args.report.is_some()
    }

    /// Writes the events: as they are, as a page, or both.
    fn recorded(&self, scenario: &Scenario, run: &Run, repeat: String) -> Result<(), Failure> {
        let report = Report { scenario, run, repeat, timing: false, memory: None };
        let first = AboutRun::of(&report).record();
        if let Some(file) = &self.args.trace {
            let mut lines = String::new();
            for record in std::iter::once(&first).chain(&run.trace) {
                lines.push_str(&serde_json::to_string(record).unwrap_or_default());
                lines.push('\n');
            }
            write(file, lines.as_bytes())?;
        }
        if let Some(file) = &self.args.report {
            let mut shown = Shown::begin(&scenario.name, &first).map_err(Failure::Usage)?;
            run.trace.iter().for_each(|record| shown.push(record));
            write(file, page(&[shown], self.lab.registry()).as_bytes())?;
        }
        Ok(())
    }

    /// Whether a violation is drawn, for which the run has to be made again with all its events.
    fn draws(&self, run: &Run) -> bool {
        let shown = run.verdict.violations.iter().any(|violation| !violation.events.is_empty());
        shown && self.is_told(run) && !self.args.json && run.metrics.total.messages < DRAWN
    }

    /// Whether a run is reported in full.
    fn is_told(&self, run: &Run) -> bool {
        let failed = run.verdict.outcome != Outcome::AsExpected;
        self.total == 1 || (failed && self.args.seeds.is_none())
    }

    fn print(&mut self, scenario: &Scenario, run: &Run, repeat: &str) -> Result<(), Failure> {
        let memory = self.args.timing.then(peak_memory).flatten();
        let repeat = repeat.to_owned();
        let report = Report { scenario, run, repeat, timing: self.args.timing, memory };
        if self.args.json {
            return self.output.line(&json(&report));
        }
        if self.is_told(run) {
            let paint = self.output.paint();
            self.output.text(&text(&report, paint))
        } else if self.args.seeds.is_none() {
            let verdict =
                if run.verdict.violations.is_empty() { "" } else { "  (expected violation)" };
            self.output.line(&format!("PASS  {:<50} {}{verdict}", scenario.name, scenario.title))
        } else {
            Ok(())
        }
    }
}

pub(crate) fn progress(runs: u64) -> ProgressBar {
    let target = if runs > 1 { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let progress = ProgressBar::with_draw_target(Some(runs), target);
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len} runs, {per_sec}, {eta} left");
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    progress
}

/// The line that gives the same run again.
fn repeat(args: &RunArgs, job: &Job<'_>, scenario: &Scenario) -> String {
    let (file, seed) = (quoted(&job.kept.path.display().to_string()), scenario.seed);
    let mut line = format!("byzlab run {file} --seed {seed}");
    if job.runtime != Runtime::Sim {
        line.push_str(&format!(" --runtime {}", job.runtime.name()));
    }
    for set in &args.set {
        line.push_str(&format!(" --set {}", quoted(set)));
    }
    let scale = format!("runtime.scale={}", scenario.scale);
    if job.runtime != Runtime::Sim && scenario.scale > 1 && !args.set.contains(&scale) {
        line.push_str(&format!(" --set {scale}"));
    }
    line
}

/// Where a file is written before it takes its name.
fn temporary(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    file.with_file_name(name)
}

/// Whether a file can be written: found out before anything is run.
pub(crate) fn probe(file: &Path) -> Result<(), Failure> {
    let refused = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
    if file.is_dir() {
        return Err(refused("this is a folder".to_owned()));
    }
    let temporary = temporary(file);
    std::fs::write(&temporary, b"")
        .and_then(|()| std::fs::remove_file(&temporary))
        .map_err(|error| refused(format!("cannot be written: {error}")))
}

/// Writes a file whole or not at all.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::Io(file.display().to_string(), error);
    let temporary = temporary(file);
    let written =
        std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, file));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        failed(error)
    })
}

/// The processor time that this thread has used.
#[cfg(unix)]
pub(crate) fn clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Time since the process first asked, where the system tells no processor time.
#[cfg(not(unix))]
pub(crate) fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// The most memory that the process has used, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
