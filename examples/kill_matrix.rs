//! The kill matrix: every piece of the museum under every strategy of the search, as the page
//! `docs/kill-matrix.md`.
//!
//! `cargo run --release --example kill_matrix -- 120 10 3 > docs/kill-matrix.md`: 120 s for all
//! strategies together, 10 s for each alone, the worst of three seeds.

use std::{
    fmt::Write,
    path::Path,
    time::{Duration, Instant},
};

use byzlab::{
    Lab,
    scenarios::{
        Document, Finding, Property,
        search::{Hit, Hunt, Progress, STRATEGIES, Space, Strategy, shrink},
    },
};

struct Budget {
    together: Duration,
    alone: Duration,
    seeds: u64,
}

/// A piece, and what its scenario in the museum shows.
struct Piece {
    protocol: &'static str,
    id: &'static str,
    falls: Vec<Property>,
    faults: usize,
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [together, alone, seeds] = numbers[..] else {
        eprintln!("usage: kill_matrix SECONDS-TOGETHER SECONDS-ALONE SEEDS");
        std::process::exit(2);
    };
    let (together, alone) = (Duration::from_secs(together), Duration::from_secs(alone));
    let budget = Budget { together, alone, seeds };
    let lab = Lab::new();
    let pieces = pieces(&lab);
    let (mut rows, mut killed) = (String::new(), 0);
    for piece in &pieces {
        let (row, dead) = row(&lab, piece, &budget);
        eprint!("{row}");
        rows.push_str(&row);
        killed += usize::from(dead);
    }
    print!("{}{rows}", head(&budget, killed, pieces.len()));
}

fn head(budget: &Budget, killed: usize, all: usize) -> String {
    let names: Vec<_> = STRATEGIES.iter().map(|strategy| strategy.name).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (together, alone) = (budget.together.as_secs(), budget.alone.as_secs());
    format!(
        "# The kill matrix\n\n\
         Each piece of the [museum](museum.md) was searched for the property that falls in its\n\
         scenario there, from a file that names the protocol and the piece and nothing else: the\n\
         strategies know neither pieces nor attacks. Made by\n\
         `cargo run --release --example kill_matrix -- {together} {alone} {seeds}`{profile}, on\n\
         {threads} threads; times are of that machine.\n\n\
         All strategies together, {together} s a piece: **{killed} of {all}** pieces fall. A time\n\
         is the worst of {seeds} seeds, from the start to the violation, and a line means that it\n\
         was not found in time. *Faults* counts behaviours, rules and events after shrinking, in\n\
         brackets those of the scenario in the museum; *messages* are all that are sent until the\n\
         property falls, after shrinking. The last columns are strategies alone, {alone} s each.\n\n\
         | protocol | piece | falls | time | run | faults | messages | {} |\n\
         |---|---|---|---:|---:|---:|---:|{}\n",
        names.join(" | "),
        "---:|".repeat(names.len()),
        seeds = budget.seeds,
        profile = if cfg!(debug_assertions) { " but without `--release`" } else { "" },
    )
}

/// The scenarios of the museum, the first one of each piece.
fn pieces(lab: &Lab) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for entry in lab.registry().entries() {
        let folder = format!("scenarios/library/museum/{}", entry.about().name);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let Ok(files) = std::fs::read_dir(&folder) else { continue };
        let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.sort();
        for path in files {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let document = Document::decode("museum.toml", &bytes, &[], lab.registry());
            let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
            let Ok(scenario) = scenario else { continue };
            let Some((id, _)) = scenario.protocol.broken else { continue };
            let falls = scenario.expect.properties.iter();
            let falls = falls.filter(|(_, finding)| **finding == Finding::Violated);
            let falls: Vec<_> = falls.map(|(property, _)| *property).collect();
            let protocol = entry.about().name;
            if pieces.iter().all(|piece| (piece.protocol, piece.id) != (protocol, id)) {
                pieces.push(Piece { protocol, id, falls, faults: scenario.faults.len() });
            }
        }
    }
    pieces
}

/// A search for a piece: the hit and how long it took.
fn search(
    space: &Space<'_>,
    piece: &Piece,
    strategies: Vec<&'static Strategy>,
    seed: u64,
    budget: Duration,
) -> Option<(Hit, Duration)> {
    let progress = Progress { seed, ..Progress::default() };
    let mut hunt = Hunt::new(space, strategies, piece.falls.clone(), progress);
    let started = Instant::now();
    while started.elapsed() < budget {
        if let Some(hit) = hunt.batch(u64::MAX) {
            return Some((hit, started.elapsed()));
        }
    }
    None
}

/// The worst of all seeds; nothing if one of them finds nothing.
fn worst(
    space: &Space<'_>,
    piece: &Piece,
    strategies: &[&'static Strategy],
    seeds: u64,
    budget: Duration,
) -> Option<(Hit, Duration)> {
    let mut worst: Option<(Hit, Duration)> = None;
    for seed in 1..=seeds {
        let found = search(space, piece, strategies.to_vec(), seed, budget)?;
        if worst.as_ref().is_none_or(|(_, longest)| found.1 > *longest) {
            worst = Some(found);
        }
    }
    worst
}

fn row(lab: &Lab, piece: &Piece, budget: &Budget) -> (String, bool) {
    let text = format!("protocol.{} = {{ broken = \"{}\" }}\n", piece.protocol, piece.id);
    let document = Document::decode("piece.toml", text.as_bytes(), &[], lab.registry());
    let document = document.unwrap_or_else(|problems| panic!("{problems}"));
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let all: Vec<&'static Strategy> = STRATEGIES.iter().collect();
    let names: Vec<_> = piece.falls.iter().map(|property| property.name()).collect();
    let mut row = format!("| {} | {} | {} |", piece.protocol, piece.id, names.join(", "));
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let found = worst(&space, piece, &all, budget.seeds, budget.together);
    let _ = match &found {
        None => write!(row, " - | - | ({}) | - |", piece.faults),
        Some((hit, time)) => {
            let shrunk = shrink(&space, hit, lab.registry(), &|| true);
            let small = shrunk.map(|shrunk| (shrunk.scenario.faults.len(), shrunk.messages.1));
            let (faults, messages) = small.unwrap_or_else(|why| panic!("{why}"));
            let (time, run) = (seconds(*time), hit.run);
            write!(row, " {time} | {run} | {faults} ({}) | {messages} |", piece.faults)
        }
    };
    for strategy in all {
        let alone = worst(&space, piece, &[strategy], budget.seeds, budget.alone);
        let time = alone.map_or_else(|| "-".to_owned(), |(_, time)| seconds(time));
        let _ = write!(row, " {time} |");
    }
    row.push('\n');
    (row, found.is_some())
}
