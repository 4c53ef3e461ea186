//! `byzlab trace FILE`: print and filter a recorded run.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use byzlab_trace::Record;
use clap::Args;

use super::{Failure, Status, output::Output};

/// Arguments of `byzlab trace`.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// A file written by `byzlab run --trace FILE`; `-` reads standard input.
    file: PathBuf,
    /// Only events of these parties.
    #[arg(long, value_delimiter = ',')]
    party: Vec<u16>,
    /// Only these kinds of messages.
    #[arg(long, value_delimiter = ',')]
    kind: Vec<String>,
    /// Only these events: sent, delivered, decided, noted, ...
    #[arg(long, value_delimiter = ',')]
    what: Vec<String>,
    /// Only these views: 3, or 1..3.
    #[arg(long)]
    view: Option<String>,
    /// Only this event, what caused it, and what caused that.
    #[arg(long)]
    why: Option<u64>,
    /// Print JSON, as recorded.
    #[arg(long)]
    json: bool,
}

pub(crate) fn trace(args: &TraceArgs, output: &mut Output) -> Result<Status, Failure> {
    let views = match args.view.as_deref().map(views).transpose() {
        Ok(views) => views,
        Err(why) => return Err(Failure::Usage(format!("--view: {why}"))),
    };
    let records = read(args)?;
    let chain = args.why.map(|event| causes(&records, event));
    for record in &records {
        let fits = chain.as_ref().is_none_or(|chain| chain.contains(&record.id))
            && (args.party.is_empty() || args.party.contains(&record.party))
            && (args.what.is_empty() || args.what.contains(&record.what))
            && (args.kind.is_empty()
                || record.kind.as_ref().is_some_and(|kind| args.kind.contains(kind)))
            && views.is_none_or(|(start, end)| {
                record.view.is_some_and(|view| start <= view && view < end)
            });
        if fits && args.json {
            let line = serde_json::to_string(record).unwrap_or_default();
            output.line(&line)?;
        } else if fits {
            output.line(&show(record))?;
        }
    }
    Ok(Status::Expected)
}

fn views(text: &str) -> Result<(u64, u64), String> {
    if let Ok(view) = text.parse::<u64>() {
        return Ok((view, view.saturating_add(1)));
    }
    byzlab_scenarios::parse_range(text, |text| {
        text.parse::<u64>().map_err(|error| error.to_string())
    })
}

fn read(args: &TraceArgs) -> Result<Vec<Record>, Failure> {
    let name = args.file.display().to_string();
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let failed = |error| Failure::Io(name.clone(), error);
        if !std::fs::metadata(&args.file).map_err(failed)?.is_file() {
            return Err(Failure::Usage(format!("{name}: not a regular file")));
        }
        let file = File::open(&args.file).map_err(failed)?;
        Box::new(BufReader::new(file))
    };
    let mut records = Vec::new();
    for (number, line) in reader.lines().enumerate() {
        let line = line.map_err(|error| Failure::Io(name.clone(), error))?;
        let record = serde_json::from_str(&line).map_err(|error| {
            let place = format!("{name}:{}", number + 1);
            Failure::Usage(format!("{place}: not an event of a recorded run: {error}"))
        });
        records.push(record?);
    }
    Ok(records)
}

/// An event and the chain of its causes.
fn causes(records: &[Record], event: u64) -> Vec<u64> {
    let mut chain = Vec::new();
    let mut next = Some(event);
    while let Some(id) = next {
        chain.push(id);
        let record = records.iter().find(|record| record.id == id);
        // A delivery is caused by its send.
        next = record.and_then(|record| record.send.or(record.cause)).filter(|next| *next < id);
    }
    chain
}

/// One event on one line.
fn show(record: &Record) -> String {
    if let Some(run) = &record.run {
        let word = |key: &str| run["report"][key].to_string();
        let named = ["scenario", "protocol", "n", "f", "seed", "outcome"];
        let words = named.map(|key| format!("{key} {}", word(key)));
        return format!(
            "{:>7}  {:>12}    {:>3}  {:<10} {}",
            "",
            "",
            "",
            record.what,
            words.join(" ")
        );
    }
    let mut line = format!(
        "{:>7}  {:>12.3}ms  {:>3}  {:<10}",
        record.id,
        record.at as f64 / 1e6,
        record.party,
        record.what
    );
    if let Some(kind) = &record.kind {
        line.push_str(&format!(" {kind:<10}"));
    }
    if let Some(view) = record.view {
        line.push_str(&format!(" view {view}"));
    }
    if let Some(from) = record.from {
        line.push_str(&format!(" from {from}"));
    }
    if record.what == "sent" {
        let to = record.to.map_or_else(|| "all".to_owned(), |to| to.to_string());
        line.push_str(&format!(" to {to}"));
    }
    if let Some(slot) = record.slot.filter(|slot| *slot > 0) {
        line.push_str(&format!(" slot {slot}"));
    }
    if let Some(digest) = &record.digest {
        line.push_str(&format!(" {}", &digest[..digest.len().min(8)]));
    }
    if let Some(number) = record.number {
        line.push_str(&format!(" {number}"));
    }
    if !record.text.is_empty() && record.what != "sent" {
        line.push_str(&format!("  {}", record.text));
    }
    if let Some(cause) = record.cause {
        line.push_str(&format!("  <- {cause}"));
    }
    line
}
