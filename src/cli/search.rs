//! `byzlab search FILE`: look for a violation, shrink it, write the smallest scenario.

use std::{
    path::PathBuf,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use byzlab_protocols::About;
use byzlab_scenarios::{
    EvidenceFile, Property, Registry,
    compare::quoted,
    parse_span,
    search::{Hit, Hunt, Progress, STRATEGIES, Shrunk, Space, Strategy, shrink},
};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Failure, Status, input, output::Output, run};

/// Arguments of `byzlab search`.
#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// The scenario to search around: what it says stays, what it leaves open is drawn.
    file: PathBuf,
    /// Set a value, as it would stand in the file: --set protocol.pbft.broken='"M29"'.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// How long to search.
    #[arg(long, value_parser = parse_budget, default_value = "60s")]
    budget: Duration,
    /// How many runs to make, however long they take: the same result every time.
    #[arg(long, conflicts_with = "budget", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// The seed of the search: decimal, or hexadecimal after 0x.
    #[arg(long, value_parser = run::parse_seed, default_value = "1")]
    seed: u64,
    /// Only this strategy; several in turn.
    #[arg(long = "strategy", value_name = "NAME", value_parser = parse_strategy)]
    strategies: Vec<&'static str>,
    /// Only violations of this property; several.
    #[arg(long = "property", value_name = "NAME", value_parser = parse_property)]
    properties: Vec<Property>,
    /// Write the smallest scenario.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write what proves the guilt of those who are accused in it.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Go on where this file says, if it is there, and write there how far the search came.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

fn parse_budget(text: &str) -> Result<Duration, String> {
    match parse_span(text) {
        Ok(span) if span.0 > 0 => Ok(Duration::from_nanos(span.0)),
        _ => Err("expected a duration above 0, such as 120s".to_owned()),
    }
}

fn parse_strategy(text: &str) -> Result<&'static str, String> {
    let names: Vec<_> = STRATEGIES.iter().map(|strategy| strategy.name).collect();
    let found = names.iter().find(|name| **name == text).copied();
    found.ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

fn parse_property(text: &str) -> Result<Property, String> {
    let found = Property::ALL.into_iter().find(|property| property.name() == text);
    let names = Property::ALL.map(Property::name).join(", ");
    found.ok_or_else(|| format!("expected one of {names}"))
}

pub(crate) fn search(
    args: &SearchArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let document = input::document(&args.file, &args.set, registry)?;
    let space = Space::of(&document, registry)?;
    for file in [&args.out, &args.evidence, &args.resume].into_iter().flatten() {
        run::probe(file)?;
    }
    let strategies = STRATEGIES
        .iter()
        .filter(|strategy| args.strategies.is_empty() || args.strategies.contains(&strategy.name));
    let strategies: Vec<&'static Strategy> = strategies.collect();
    let wanted = match args.properties.is_empty() {
        true => Property::ALL.to_vec(),
        false => args.properties.clone(),
    };
    let progress = progress(args)?;
    run::catch_interrupts();
    let mut hunt = Hunt::new(&space, strategies, wanted, progress);
    let find = look(args, &mut hunt);
    if let Some(file) = &args.resume {
        let text = serde_json::to_string(&hunt.progress).unwrap_or_default();
        run::write(file, text.as_bytes())?;
    }
    match find {
        Some((hit, note)) => {
            let go_on = || !run::INTERRUPTED.load(Ordering::SeqCst);
            let shrunk = shrink(&space, &hit, registry, &go_on).map_err(Failure::Usage)?;
            found(args, (&hit, &note), &shrunk, output)?;
            Ok(Status::Unexpected)
        }
        None => {
            output.text(&covered(&hunt.progress, space.base.protocol.about))?;
            let interrupted = run::INTERRUPTED.load(Ordering::SeqCst);
            Ok(if interrupted { Status::Inconclusive } else { Status::Expected })
        }
    }
}

/// Where the search begins: at the start, or where the file says.
fn progress(args: &SearchArgs) -> Result<Progress, Failure> {
    let fresh = Progress { seed: args.seed, ..Progress::default() };
    let Some(file) = args.resume.as_ref().filter(|file| file.exists()) else { return Ok(fresh) };
    let (name, bytes) = input::bytes(file, 64 << 20)?;
    let read: Result<Progress, _> = serde_json::from_slice(&bytes);
    let progress = read.map_err(|error| {
        Failure::Usage(format!("{name}: {error}; expected what an earlier search wrote"))
    })?;
    if progress.seed != args.seed {
        let (theirs, ours) = (progress.seed, args.seed);
        let why = format!("{name}: it is about the search with --seed {theirs}, not {ours}");
        return Err(Failure::Usage(why));
    }
    Ok(progress)
}

/// Batches until something falls, or the budget is spent; and on, if nothing but termination falls.
/// Gives what was found, and what is to be said of that.
fn look(args: &SearchArgs, hunt: &mut Hunt<'_>) -> Option<(Hit, String)> {
    let (started, first) = (Instant::now(), hunt.progress.runs);
    let bar = ProgressBar::with_draw_target(args.runs, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {pos} runs, {per_sec}, {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let most = |progress: &Progress| {
        let made = progress.runs - first;
        bar.set_position(made);
        bar.set_message(format!("{} states", progress.states.len()));
        match args.runs {
            _ if run::INTERRUPTED.load(Ordering::SeqCst) => 0,
            Some(runs) => runs - made,
            None if started.elapsed() < args.budget => u64::MAX,
            None => 0,
        }
    };
    let hit = loop {
        let runs = most(&hunt.progress);
        if runs == 0 {
            break None;
        }
        if let Some(hit) = hunt.batch(runs) {
            break Some(hit);
        }
    };
    let find = hit.map(|hit| match (hunt.longer(&hit, most), hunt.progress.runs - hit.run) {
        (Some(safety), _) => (safety, format!("only termination fell before, in run {}", hit.run)),
        (None, 0) => (hit, String::new()),
        (None, more) => (hit, format!("nothing but termination falls in {more} more runs either")),
    });
    bar.finish_and_clear();
    find
}

/// Tells what was found, and writes it.
fn found(
    args: &SearchArgs,
    (hit, note): (&Hit, &str),
    shrunk: &Shrunk,
    output: &mut Output,
) -> Result<(), Failure> {
    let property = shrunk.property.name();
    output.line(&format!("found: {property} falls in run {} ({})", hit.run, hit.strategy))?;
    let violations = shrunk.run.verdict.violations.iter();
    for violation in violations.filter(|violation| violation.property == shrunk.property) {
        output.line(&format!("  {} at {}", violation.text, violation.at))?;
    }
    if !note.is_empty() {
        output.line(&format!("  {note}"))?;
    }
    let (before, after) = shrunk.messages;
    output.line(&format!(
        "shrunk in {} runs: {} parties, {} faults; {after} messages until it falls, before {before}",
        shrunk.runs,
        shrunk.scenario.n,
        shrunk.scenario.faults.len()
    ))?;
    output.line(&format!("\n{}", shrunk.file.trim_end()))?;
    if let Some(file) = &args.out {
        run::write(file, shrunk.file.as_bytes())?;
        let file = quoted(&file.display().to_string());
        output.line(&format!("\nrepeat: byzlab run {file}"))?;
    }
    if let Some(file) = &args.evidence {
        if shrunk.run.verdict.accused.is_empty() {
            return output.line("\nnobody is accused: there is no evidence to write");
        }
        let evidence = EvidenceFile::of(&shrunk.scenario, &shrunk.run).map_err(Failure::Usage)?;
        run::write(file, evidence.text().as_bytes())?;
        let file = quoted(&file.display().to_string());
        output.line(&format!("\ncheck: byzlab verify-evidence {file}"))?;
    }
    Ok(())
}

/// What a search without a find has covered.
fn covered(progress: &Progress, about: &About) -> String {
    let mut out = format!("nothing found in {} runs, seed {}\n", progress.runs, progress.seed);
    for (strategy, runs) in &progress.strategies {
        out.push_str(&format!("  {runs:>9} by {strategy}\n"));
    }
    out.push_str(&format!(
        "  {:>9} of them broke their model and show nothing\n",
        progress.out_of_model
    ));
    if progress.flooded > 0 {
        let flooded = progress.flooded;
        out.push_str(&format!("  {flooded:>9} of them were cut off: too much happened in them\n"));
    }
    out.push_str(&format!("covered: {} messages", progress.messages));
    out.push_str(&format!(", {} pairs of line and state\n", progress.states.len()));
    let reached = |line: usize| progress.lines.get(line).is_some_and(|runs| *runs > 0);
    let total = about.lines.len();
    let missed: Vec<usize> = (1..=total).filter(|line| !reached(*line)).collect();
    out.push_str(&format!(
        "  {} of the {total} lines of the pseudo-code of {}\n",
        total - missed.len(),
        about.name
    ));
    for line in missed {
        out.push_str(&format!("  never line {line}: {}\n", about.lines[line - 1]));
    }
    out
}
