//! The sweep: the protocols as published under all strategies of the search, for as long as one
//! likes. What falls is a bug, and ends it.
//!
//! `cargo run --release --example sweep -- ideal 1..11 20000` makes 20,000 runs of each protocol with
//! each seed from 1 to 10; protocols may be named after that. `ed25519` instead of `ideal` signs
//! for real. `beyond` takes one traitor more than the bound allows: whenever agreement falls then,
//! the guilty are looked for, and an honest party among them, or too few, ends the sweep.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use byzlab::{
    Lab,
    scenarios::{
        Document, Finding, Options, Property, Registry,
        search::{Hit, Hunt, Progress, STRATEGIES, Space, shrink, write},
    },
};

const USAGE: &str = "usage: sweep ideal|ed25519|beyond FIRST..END RUNS [PROTOCOL...]";

/// What is swept.
struct Sweep {
    mode: String,
    runs: u64,
}

/// What came of a piece: the runs of one protocol with one seed.
struct Piece {
    progress: Progress,
    /// Runs beyond the bound in which agreement fell and the guilty were found.
    proven: u64,
}

fn main() -> ExitCode {
    let lab = Lab::new();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((sweep, seeds, protocols)) = read(&arguments, lab.registry()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (started, mut total) = (Instant::now(), 0);
    for seed in seeds {
        for protocol in &protocols {
            let began = Instant::now();
            match sweep.piece(lab.registry(), protocol, seed) {
                Ok(piece) => {
                    total += piece.progress.runs;
                    println!("{}", line(protocol, &sweep, &piece, began.elapsed()));
                }
                Err(why) => {
                    println!("{protocol}, {}, seed {seed}: {why}", sweep.mode);
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    let rate = total as f64 / started.elapsed().as_secs_f64();
    println!("{total} runs, {rate:.0} runs/s: nothing fell");
    ExitCode::SUCCESS
}

fn read(
    arguments: &[String],
    registry: &Registry,
) -> Option<(Sweep, std::ops::Range<u64>, Vec<&'static str>)> {
    let [mode, seeds, runs, named @ ..] = arguments else { return None };
    let (first, end) = seeds.split_once("..")?;
    let seeds = first.parse().ok()?..end.parse().ok()?;
    let known = ["ideal", "ed25519", "beyond"].contains(&mode.as_str());
    let names = registry.names();
    let protocols: Option<Vec<_>> = match named {
        [] => Some(names),
        _ => named.iter().map(|one| names.iter().find(|name| *name == one).copied()).collect(),
    };
    let sweep = Sweep { mode: mode.clone(), runs: runs.parse().ok()? };
    known.then_some((sweep, seeds, protocols?))
}

impl Sweep {
    /// The file that is searched. Sixteen slots to a checkpoint are more than the search asks for:
    /// every second time there is one after each.
    fn text(&self, protocol: &str, seed: u64) -> String {
        let more = match self.mode.as_str() {
            "beyond" => "beyond_bound = true\n",
            "ed25519" => "crypto = \"ed25519\"\n",
            _ => "",
        };
        let often = protocol == "pbft-classic" && seed.is_multiple_of(2);
        let parameters = if often { "checkpoint = 1" } else { "" };
        format!("protocol.{protocol} = {{ {parameters} }}\n{more}")
    }

    /// All runs of one protocol with one seed.
    fn piece(&self, registry: &Registry, protocol: &str, seed: u64) -> Result<Piece, String> {
        let text = self.text(protocol, seed);
        let document = Document::decode("sweep.toml", text.as_bytes(), &[], registry);
        let space = document.and_then(|document| Space::of(&document, registry));
        let space = space.map_err(|problems| problems.to_string())?;
        let beyond = self.mode == "beyond";
        let wanted = if beyond { vec![Property::Agreement] } else { Property::ALL.to_vec() };
        let progress = Progress { seed, ..Progress::default() };
        let mut hunt = Hunt::new(&space, STRATEGIES.iter().collect(), wanted, progress);
        let mut proven = 0;
        while hunt.progress.runs < self.runs {
            match hunt.batch(self.runs - hunt.progress.runs) {
                Some(hit) if beyond => proven += u64::from(guilty(registry, protocol, &hit)?),
                Some(hit) => return Err(found(&space, &hit, registry)),
                None => {}
            }
        }
        Ok(Piece { progress: hunt.progress, proven })
    }
}

/// Whether somebody was proven guilty; that an honest party was, or too few were, is an error.
fn guilty(registry: &Registry, protocol: &str, hit: &Hit) -> Result<bool, String> {
    let entry = registry.get(protocol).ok_or("unknown protocol")?;
    let run = entry.run(&hit.scenario, &Options::default());
    let of = |property| run.verdict.properties.iter().find(|one| one.property == property);
    let falls = |property| of(property).is_some_and(|one| one.finding == Finding::Violated);
    if falls(Property::Accountability) || run.nondeterministic {
        let file = write(&hit.scenario, entry.fields());
        let violations = run.verdict.violations.iter().map(|one| one.text.clone());
        return Err(format!(
            "run {}: {}\n{file}",
            hit.run,
            violations.collect::<Vec<_>>().join("; ")
        ));
    }
    Ok(!run.verdict.accused.is_empty())
}

fn found(space: &Space<'_>, hit: &Hit, registry: &Registry) -> String {
    let names: Vec<_> = hit.fallen.iter().map(|property| property.name()).collect();
    let head = format!("{} falls in run {} ({})", names.join(", "), hit.run, hit.strategy);
    match shrink(space, hit, registry, &|| true) {
        Ok(shrunk) => format!("{head}\n{}", shrunk.file),
        Err(why) => format!("{head}\n{why}"),
    }
}

fn line(protocol: &str, sweep: &Sweep, piece: &Piece, time: Duration) -> String {
    let Progress { seed, runs, messages, out_of_model, flooded, .. } = &piece.progress;
    let rate = *runs as f64 / time.as_secs_f64();
    let proven = match sweep.mode.as_str() {
        "beyond" => format!(", {} with proven culprits", piece.proven),
        _ => String::new(),
    };
    let mode = &sweep.mode;
    format!(
        "{protocol}, {mode}, seed {seed}: {runs} runs, {messages} messages, {out_of_model} out of \
         model, {flooded} cut off{proven}, {rate:.0} runs/s"
    )
}
