//! `byzlab compare FILE`: protocols under attack, in one table.

use std::{path::PathBuf, sync::atomic::Ordering};

use byzlab_scenarios::{
    MAX_FILE_BYTES, Registry,
    compare::{self, Comparison, Load, MAX_LOADS_BYTES, Sample, Shard, Table},
};
use clap::Args;
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::{Failure, Status, input, output::Output, run};

/// Arguments of `byzlab compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// A scenario with a [compare] table; `-` reads standard input.
    file: PathBuf,
    /// Set a value, as it would stand in the file: --set network.delta='"200ms"'.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seeds, in place of the file's: 0..100.
    #[arg(long, value_parser = run::parse_seeds)]
    seeds: Option<(u64, u64)>,
    /// Only a part of the runs, printed for `byzlab merge`: 3/8 is the third of eight.
    #[arg(
        long,
        value_name = "I/M",
        value_parser = Shard::parse,
        conflicts_with_all = ["json", "csv", "html", "loads"]
    )]
    shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) forms: Forms,
}

/// In which forms a table is given.
#[derive(Args, Debug)]
pub(crate) struct Forms {
    /// Print one JSON object a cell, a line each.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the cells as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a page with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show in the page the loads of real networks, as `byzlab load --json` printed them.
    #[arg(long, value_name = "FILE", requires = "html")]
    loads: Option<PathBuf>,
}

/// So many runs are made before they are looked at.
const CHUNK: usize = 4096;

pub(crate) fn compare(
    args: &CompareArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let (name, bytes) = input::bytes(&args.file, MAX_FILE_BYTES)?;
    let comparison = Comparison::new(&name, &bytes, &args.set, args.seeds, registry)?;
    let loads = args.forms.probe()?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let numbers: Vec<u64> = shard.runs(comparison.runs()).collect();
    run::catch_interrupts();
    let progress = run::progress(numbers.len() as u64);
    let mut status = Status::Expected;
    let mut samples = Vec::new();
    if args.shard.is_some() {
        output.line(&shard.header(&comparison))?;
    }
    for chunk in numbers.chunks(CHUNK) {
        let made = made(&comparison, chunk, registry, &progress)?;
        if made.len() < chunk.len() {
            status = Status::Inconclusive;
        }
        if args.shard.is_none() {
            samples.extend(made);
            continue;
        }
        for sample in made {
            if sample.nondeterministic {
                status = status.worse(Status::Internal);
            }
            output.line(&serde_json::to_string(&sample).unwrap_or_default())?;
        }
    }
    progress.finish_and_clear();
    if run::INTERRUPTED.load(Ordering::SeqCst) {
        output.error("interrupted: not all runs were made");
    }
    if args.shard.is_some() {
        return Ok(status);
    }
    let table = Table::new(comparison, samples);
    Ok(status.worse(args.forms.give(&table, &loads, registry, output)?))
}

/// Makes these runs on all cores; after an interrupt those that are left are not begun.
fn made(
    comparison: &Comparison,
    numbers: &[u64],
    registry: &Registry,
    progress: &ProgressBar,
) -> Result<Vec<Sample>, Failure> {
    let one = |number: &u64| {
        if run::INTERRUPTED.load(Ordering::SeqCst) {
            return None;
        }
        let sample = comparison.run(*number, registry).map_err(Failure::from);
        progress.inc(1);
        Some(sample)
    };
    numbers.par_iter().filter_map(one).collect()
}

impl Forms {
    /// Reads the loads, and finds out whether the files can be written, before anything is run.
    pub(crate) fn probe(&self) -> Result<Vec<Load>, Failure> {
        [&self.csv, &self.html].into_iter().flatten().try_for_each(|file| run::probe(file))?;
        let Some(file) = &self.loads else { return Ok(Vec::new()) };
        let (name, bytes) = input::bytes(file, MAX_LOADS_BYTES)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::Usage(format!("{name}: no loads: not UTF-8")))?;
        compare::loads(&name, &text).map_err(|error| Failure::Usage(error.to_string()))
    }

    /// Gives a table in the forms that are asked for.
    pub(crate) fn give(
        &self,
        table: &Table,
        loads: &[Load],
        registry: &Registry,
        output: &mut Output,
    ) -> Result<Status, Failure> {
        if let Some(file) = &self.csv {
            run::write(file, compare::csv(table).as_bytes())?;
        }
        if let Some(file) = &self.html {
            run::write(file, compare::page(table, registry, loads).as_bytes())?;
        }
        let text = if self.json { compare::json_lines(table) } else { compare::text(table) };
        output.text(&text)?;
        let mut status = Status::Expected;
        for measured in table.measured.iter().flatten() {
            let found = [
                (measured.nondeterministic, Status::Internal),
                (measured.unexpected, Status::Unexpected),
                (measured.inconclusive, Status::Inconclusive),
            ];
            for (_, found) in found.into_iter().filter(|(count, _)| *count > 0) {
                status = status.worse(found);
            }
        }
        Ok(status)
    }
}
