//! `byzlab compare FILE`: protocols under attack, in one table.

use std::{path::PathBuf, sync::atomic::Ordering};

use byzlab_protocols::Span;
use byzlab_scenarios::{Cell, MAX_FILE_BYTES, Measured, Options, Registry, Run, cells};
use clap::Args;
use rayon::prelude::*;
use serde_json::json;

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
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

struct Row {
    cell: Cell,
    measured: Option<Measured>,
}

pub(crate) fn compare(
    args: &CompareArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let (name, bytes) = input::bytes(&args.file, MAX_FILE_BYTES)?;
    let (cells, seeds) = cells(&name, &bytes, &args.set, registry)?;
    let seeds = args.seeds.unwrap_or(seeds);
    run::catch_interrupts();
    let progress = run::progress((seeds.1 - seeds.0).saturating_mul(cells.len() as u64));
    let mut rows = Vec::with_capacity(cells.len());
    for cell in cells {
        let measured = match &cell.document {
            Err(_) => None,
            Ok(document) => {
                let runs = (seeds.0..seeds.1).into_par_iter().map(|seed| {
                    progress.inc(1);
                    if run::INTERRUPTED.load(Ordering::SeqCst) {
                        return Ok(None);
                    }
                    let scenario = document.resolve(Some(seed), registry)?;
                    let entry = registry.get(&cell.protocol).expect("cells name known protocols");
                    Ok(Some((seed, entry.run(&scenario, &Options::default()))))
                });
                let runs = runs.collect::<Result<Vec<Option<(u64, Run)>>, Failure>>()?;
                let runs: Vec<_> = runs.into_iter().flatten().collect();
                Some(Measured::of(&runs))
            }
        };
        rows.push(Row { cell, measured });
    }
    progress.finish_and_clear();
    if args.json {
        output.line(&as_json(&name, seeds, &rows).to_string())?;
    } else {
        output.text(&as_text(args, seeds, &rows))?;
    }
    let interrupted = run::INTERRUPTED.load(Ordering::SeqCst);
    let mut status = if interrupted { Status::Inconclusive } else { Status::Expected };
    for measured in rows.iter().filter_map(|row| row.measured.as_ref()) {
        if measured.unexpected > 0 {
            status = status.worse(Status::Unexpected);
        }
    }
    Ok(status)
}

fn as_json(name: &str, seeds: (u64, u64), rows: &[Row]) -> serde_json::Value {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let cell = &row.cell;
            let mut value = json!({
                "protocol": cell.protocol, "attack": cell.attack, "n": cell.n, "f": cell.f,
            });
            match (&row.measured, &cell.document) {
                (Some(measured), _) => {
                    value["verdict"] = json!(measured.verdict);
                    value["label"] = json!(measured.label);
                    value["runs"] = json!(measured.runs);
                    value["unexpected"] = json!(measured.unexpected);
                    value["decisions"] = json!(measured.decisions);
                    value["latency_ns"] = json!(measured.latency_ns);
                    value["hops"] = json!(measured.hops);
                    value["lost_views"] = json!(measured.lost_views);
                    value["messages"] = json!(measured.messages);
                    value["bytes"] = json!(measured.bytes);
                    value["signatures_made"] = json!(measured.signatures_made);
                    value["signatures_verified"] = json!(measured.signatures_verified);
                    value["worst_seed"] = json!(measured.worst_seed);
                }
                (None, Err(why)) => {
                    value["verdict"] = json!("not-applicable");
                    value["reason"] = json!(why);
                }
                (None, Ok(_)) => value["verdict"] = json!("not-run"),
            }
            value
        })
        .collect();
    json!({
        "schema": 1, "version": env!("CARGO_PKG_VERSION"), "comparison": name,
        "seeds": [seeds.0, seeds.1], "cells": cells,
    })
}

const HEADER: [&str; 10] = [
    "attack",
    "protocol",
    "verdict",
    "decisions",
    "latency",
    "to good",
    "lost views",
    "messages",
    "signed",
    "checked",
];

fn as_text(args: &CompareArgs, seeds: (u64, u64), rows: &[Row]) -> String {
    let mut out = String::new();
    let mut n = None;
    for row in rows {
        if n != Some(row.cell.n) {
            n = Some(row.cell.n);
            let blank = if out.is_empty() { "" } else { "\n" };
            out.push_str(&format!(
                "{blank}n = {}, f = {}, seeds {}..{}; messages, signed and checked signatures per \
                 decision\n",
                row.cell.n, row.cell.f, seeds.0, seeds.1
            ));
            out.push_str(&line(&HEADER.map(str::to_owned)));
        }
        out.push_str(&line(&columns(row, rows)));
    }
    out.push_str(&worst(args, rows));
    out
}

fn columns(row: &Row, rows: &[Row]) -> [String; 10] {
    let cell = &row.cell;
    let Some(measured) = &row.measured else {
        let why = cell.document.as_ref().err().cloned().unwrap_or_default();
        let mut columns: [String; 10] = Default::default();
        columns[0].clone_from(&cell.attack);
        columns[1].clone_from(&cell.protocol);
        columns[2] = format!("n/a: {why}");
        return columns;
    };
    let tenths = |count| {
        let tenths = measured.per_decision(count);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    let good = rows.iter().find(|other| {
        other.cell.attack == "good case"
            && other.cell.protocol == cell.protocol
            && other.cell.n == cell.n
    });
    let good = good.and_then(|row| row.measured.as_ref()).map_or(0, |good| good.latency_ns);
    let ratio = (100 * measured.latency_ns).checked_div(good).unwrap_or_default();
    let verdict = match measured.unexpected {
        0 if measured.verdict != "holds" => format!("{} (expected)", measured.verdict),
        0 => measured.verdict.to_owned(),
        count => format!("{} in {count} of {}", measured.verdict, measured.runs),
    };
    [
        cell.attack.clone(),
        cell.protocol.clone(),
        verdict,
        measured.decisions.to_string(),
        Span(measured.latency_ns).rounded().to_string(),
        format!("x{}.{:02}", ratio / 100, ratio % 100),
        measured.lost_views.to_string(),
        tenths(measured.messages),
        tenths(measured.signatures_made),
        tenths(measured.signatures_verified),
    ]
}

fn line(columns: &[String; 10]) -> String {
    let widths = [13, 13, 20, 10, 10, 8, 11, 9, 8, 9];
    let mut line = String::new();
    for (at, (text, width)) in columns.iter().zip(widths).enumerate() {
        if at < 3 {
            line.push_str(&format!("{text:<width$} "));
        } else {
            line.push_str(&format!("{text:>width$} "));
        }
    }
    format!("{}\n", line.trim_end())
}

/// The command that shows the worst run of each cell that is not as expected.
fn worst(args: &CompareArgs, rows: &[Row]) -> String {
    let mut out = String::new();
    for row in rows {
        let (cell, Some(measured)) = (&row.cell, &row.measured) else { continue };
        let Ok(document) = &cell.document else { continue };
        if measured.unexpected > 0 {
            let set = document.set.iter().map(|set| format!(" --set {}", run::quoted(set)));
            out.push_str(&format!(
                "look: byzlab run {}{} --seed {}\n",
                run::quoted(&args.file.display().to_string()),
                set.collect::<String>(),
                measured.worst_seed
            ));
        }
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}
