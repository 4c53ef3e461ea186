//! `byzlab report TRACE`: the page of a recorded run, or of two beside each other.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use byzlab_scenarios::{
    Registry,
    page::{Shown, page},
};
use byzlab_trace::Record;
use clap::Args;

use super::{Failure, Status, output::Output, run};

/// Arguments of `byzlab report`.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A file written by `byzlab run --trace FILE`; a second one is shown beside it from their
    /// first difference on. `-` reads standard input.
    #[arg(required = true, num_args = 1..=2, value_name = "TRACE")]
    traces: Vec<PathBuf>,
    /// The page to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

pub(crate) fn report(
    args: &ReportArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    run::probe(&args.out)?;
    let runs = args.traces.iter().map(|trace| read(trace)).collect::<Result<Vec<_>, _>>()?;
    let page = page(&runs, registry);
    run::write(&args.out, page.as_bytes())?;
    output.line(&format!("{}  {} bytes", args.out.display(), page.len()))?;
    Ok(Status::Expected)
}

/// Reads a trace a line at a time: a long one is never held as text.
fn read(path: &Path) -> Result<Shown, Failure> {
    let name = path.display().to_string();
    let reader: Box<dyn BufRead> = if name == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        let failed = |error| Failure::Io(name.clone(), error);
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(Failure::Usage(format!("{name}: not a regular file")));
        }
        Box::new(BufReader::new(File::open(path).map_err(failed)?))
    };
    let file = path.file_name().map_or(name.clone(), |file| file.to_string_lossy().into_owned());
    let mut shown: Option<Shown> = None;
    for (number, line) in reader.lines().enumerate() {
        let line = line.map_err(|error| Failure::Io(name.clone(), error))?;
        let wrong = |why: String| Failure::Usage(format!("{name}:{}: {why}", number + 1));
        let record: Record = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("not an event of a recorded run: {error}")))?;
        match &mut shown {
            Some(shown) if record.run.is_none() => shown.push(&record),
            Some(_) => return Err(wrong("a second run in the same file".to_owned())),
            None => shown = Some(Shown::begin(&file, &record).map_err(wrong)?),
        }
    }
    shown.ok_or_else(|| Failure::Usage(format!("{name}: no event in it")))
}
