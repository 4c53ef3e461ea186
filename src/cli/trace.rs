//! `byzlab trace FILE`: print and filter a recorded run, convert it for other programs.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
};

use byzlab_scenarios::export::{Selection, mermaid, perfetto, shiviz};
use byzlab_trace::Record;
use clap::{Args, ValueEnum};

use super::{Failure, Status, output::Output};

/// Arguments of `byzlab trace`.
#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// A file written by `byzlab run --trace FILE`; `-` reads standard input.
    file: PathBuf,
    /// Only events of these parties.
    #[arg(long, value_delimiter = ',')]
    party: Vec<u16>,
    /// Only messages of these senders, as they arrive or are lost.
    #[arg(long, value_delimiter = ',')]
    from: Vec<u16>,
    /// Only these kinds of messages.
    #[arg(long, value_delimiter = ',')]
    kind: Vec<String>,
    /// Only these events: sent, delivered, decided, noted, ...
    #[arg(long, value_delimiter = ',')]
    what: Vec<String>,
    /// Only these views: 3, or 1..3.
    #[arg(long, value_parser = range)]
    view: Option<(u64, u64)>,
    /// Only these slots: 3, or 1..3.
    #[arg(long, value_parser = range)]
    slot: Option<(u64, u64)>,
    /// Only what is about the block or value whose digest begins so.
    #[arg(long)]
    digest: Option<String>,
    /// Only what happened in this time: 1s..2500ms.
    #[arg(long, value_parser = times)]
    time: Option<(u64, u64)>,
    /// Only this event, what caused it, and what caused that.
    #[arg(long)]
    why: Option<u64>,
    /// Print JSON, as recorded: the same as --to jsonl.
    #[arg(long, conflicts_with = "to")]
    json: bool,
    /// In which form.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    to: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Form {
    /// A line an event, for people.
    Text,
    /// The events as recorded.
    Jsonl,
    /// A sequence diagram for Mermaid.
    Mermaid,
    /// A log with vector clocks for ShiViz.
    Shiviz,
    /// Trace events for Perfetto, as JSON.
    Perfetto,
}

/// So many characters Mermaid draws, unless it is told otherwise.
const MERMAID: usize = 50_000;

pub(crate) fn trace(args: &TraceArgs, output: &mut Output) -> Result<Status, Failure> {
    let records = read(args)?;
    let chain = args.why.map(|event| causes(&records, event));
    let keep = |record: &Record| {
        chain.as_ref().is_none_or(|chain| chain.contains(&record.id)) && args.fits(record)
    };
    let selection = Selection::new(&records, &keep);
    match if args.json { Form::Jsonl } else { args.to } {
        Form::Text => {
            let mut kept = records.iter().filter(|record| keep(record));
            kept.try_for_each(|record| output.line(&show(record)))?;
        }
        Form::Jsonl => {
            let mut kept = records.iter().filter(|record| keep(record));
            kept.try_for_each(|record| {
                output.line(&serde_json::to_string(record).unwrap_or_default())
            })?;
        }
        Form::Mermaid => {
            let text = mermaid(&selection);
            output.text(&text)?;
            if text.len() > MERMAID {
                let length = text.len();
                output.note(&format!(
                    "{length} characters; Mermaid draws {MERMAID} unless maxTextSize is raised: \
                     choose with --view, --time or --why"
                ));
            }
        }
        Form::Shiviz => output.text(&shiviz(&selection))?,
        Form::Perfetto => output.text(&perfetto(&selection))?,
    }
    Ok(Status::Expected)
}

impl TraceArgs {
    fn fits(&self, record: &Record) -> bool {
        let named = |names: &[String], name: Option<&String>| {
            names.is_empty() || name.is_some_and(|name| names.contains(name))
        };
        let within = |range: Option<(u64, u64)>, number: Option<u64>| {
            range.is_none_or(|(start, end)| {
                number.is_some_and(|number| start <= number && number < end)
            })
        };
        let begins = |start: &String| {
            record.digest.as_ref().is_some_and(|digest| digest.starts_with(start.as_str()))
        };
        (self.party.is_empty() || self.party.contains(&record.party))
            && (self.from.is_empty() || record.from.is_some_and(|from| self.from.contains(&from)))
            && named(&self.what, Some(&record.what))
            && named(&self.kind, record.kind.as_ref())
            && within(self.view, record.view)
            && within(self.slot, record.slot)
            && within(self.time, Some(record.at))
            && self.digest.as_ref().is_none_or(begins)
    }
}

/// A number, or a range of numbers.
fn range(text: &str) -> Result<(u64, u64), String> {
    if let Ok(number) = text.parse::<u64>() {
        return Ok((number, number.saturating_add(1)));
    }
    byzlab_scenarios::parse_range(text, |text| {
        text.parse::<u64>().map_err(|error| error.to_string())
    })
}

/// A range of moments.
fn times(text: &str) -> Result<(u64, u64), String> {
    byzlab_scenarios::parse_range(text, |text| {
        byzlab_scenarios::parse_span(text).map(|span| span.0)
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
