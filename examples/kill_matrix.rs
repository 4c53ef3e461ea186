//! The kill matrix: every piece of the museum under the strategies of the search, as the page
//! `docs/kill-matrix.md`.
//!
//! `cargo run --release --example kill_matrix -- 60 1 3 ROWS > docs/kill-matrix.md`: 60 s for all
//! strategies together with each of three seeds, of which the worst counts, and 1 s for each
//! strategy alone. Rows that are in the file ROWS are not made again, and new ones are added to it.
//!
//! Seconds are of processor time, on all threads together: what else the machine does changes
//! nothing.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use byzlab::{
    Lab,
    scenarios::{
        Document, Finding, Property, Scenario,
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
    /// Its scenario, from the folder of the museum on.
    file: String,
    falls: Vec<Property>,
    faults: usize,
}

/// A find, what it took, and the search, which can go on.
struct Kill<'a> {
    hit: Hit,
    time: Duration,
    hunt: Hunt<'a>,
}

/// Processor time of this process.
#[cfg(unix)]
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Time since the first call, where processor time is not to be had.
#[cfg(not(unix))]
fn used() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match &arguments[..] {
        [together, alone, seeds, rows] => {
            together.parse().ok().zip(alone.parse().ok()).zip(seeds.parse().ok()).zip(Some(rows))
        }
        _ => None,
    };
    let Some((((together, alone), seeds), file)) = parsed else {
        eprintln!("usage: kill_matrix SECONDS-TOGETHER SECONDS-ALONE SEEDS ROWS");
        std::process::exit(2);
    };
    let [together, alone] = [together, alone].map(Duration::from_secs_f64);
    let budget = Budget { together, alone, seeds };
    let lab = Lab::new();
    let known = fs::read_to_string(file).unwrap_or_default();
    let mut rows: Vec<String> = known.lines().map(str::to_owned).collect();
    let pieces = pieces(&lab);
    for piece in &pieces {
        let begin = format!("| {} | [{}](", piece.protocol, piece.id);
        if rows.iter().any(|row| row.starts_with(&begin)) {
            continue;
        }
        let row = row(&lab, piece, &budget);
        let added = fs::OpenOptions::new().create(true).append(true).open(file);
        let added = added.and_then(|mut file| writeln!(file, "{row}"));
        added.unwrap_or_else(|error| panic!("{file}: {error}"));
        rows.push(row);
    }
    println!("{}{}", head(&budget, &rows), rows.join("\n"));
}

fn head(budget: &Budget, rows: &[String]) -> String {
    let names: Vec<_> = STRATEGIES.iter().map(|strategy| strategy.name).collect();
    let threads = rayon::current_num_threads();
    let (together, alone) = (budget.together.as_secs_f64(), budget.alone.as_secs_f64());
    // The fourth cell of a row is the time.
    let times = rows.iter().map(|row| row.split('|').nth(4).unwrap_or_default().trim());
    let times: Vec<f64> =
        times.filter_map(|time| time.trim_end_matches(" s").parse().ok()).collect();
    let within = |most: f64| times.iter().filter(|time| **time <= most).count();
    format!(
        "# The kill matrix\n\n\
         Each piece of the [museum](museum.md) was searched from a file that names the protocol and\n\
         the piece and nothing else: the strategies know neither pieces nor attacks. A piece is\n\
         killed when any property falls. Made by\n\
         `cargo run --release --example kill_matrix -- {together} {alone} {seeds} ROWS`, threads:\n\
         {threads}. All times are processor time: two minutes on two cores are 240 s.\n\n\
         All strategies together, up to {together} s for each of {seeds} seeds: **{killed} of\n\
         {all}** pieces are killed with every seed, {tenth} of them within 10 s and {second} within\n\
         1 s. A time is the worst of the {seeds} seeds, from the start to the violation, *run* counts\n\
         the runs until then. A dash means that some seed found nothing in time: these pieces fall\n\
         in their scenario of the museum, to which each row leads.\n\n\
         *Falls* is what fell first; *then* is what fell after that in the same search and was shrunk,\n\
         where the first was termination alone; in brackets is what the scenario of the museum shows. *Faults*\n\
         counts behaviours, rules and events after shrinking, *messages* all that arrive until the\n\
         property falls, before and after shrinking; in brackets are those of that scenario. The\n\
         last columns are the strategies alone, up to {alone} s each, one seed, for the pieces that\n\
         are killed; a dash means that it took longer. What cannot be reached at all, and why, is said\n\
         at the end of the page of the museum; it is not searched here.\n\n\
         | protocol | piece | falls | time | run | faults | messages | {columns} |\n\
         |---|---|---|---:|---:|---:|---:|{lines}\n",
        killed = times.len(),
        all = rows.len(),
        tenth = within(10.0),
        second = within(1.0),
        columns = names.join(" | "),
        lines = "---:|".repeat(names.len()),
        seeds = budget.seeds,
    )
}

/// The scenarios of the museum, the first one of each piece.
fn pieces(lab: &Lab) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for entry in lab.registry().entries() {
        let protocol = entry.about().name;
        for path in scenarios(protocol) {
            let bytes = fs::read(&path).unwrap_or_default();
            let document = Document::decode("museum.toml", &bytes, &[], lab.registry());
            let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
            let Ok(scenario) = scenario else { continue };
            let Some((id, _)) = scenario.protocol.broken else { continue };
            let falls = scenario.expect.properties.iter();
            let falls = falls.filter(|(_, finding)| **finding == Finding::Violated);
            let falls: Vec<_> = falls.map(|(property, _)| *property).collect();
            if pieces.iter().all(|piece| (piece.protocol, piece.id) != (protocol, id)) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let (file, faults) = (format!("{protocol}/{name}"), scenario.faults.len());
                pieces.push(Piece { protocol, id, file, falls, faults });
            }
        }
    }
    pieces
}

fn museum() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/museum")
}

/// How many messages arrive in the scenario of a piece until the first of its properties falls.
fn written(lab: &Lab, piece: &Piece) -> Option<u64> {
    let bytes = fs::read(museum().join(&piece.file)).ok()?;
    let document = Document::decode("museum.toml", &bytes, &[], lab.registry()).ok()?;
    let space = Space::of(&document, lab.registry()).ok()?;
    let scenario = document.resolve(None, lab.registry()).ok()?;
    let scenario = Scenario { crypto: space.base.crypto, ..scenario };
    let hit = Hit { run: 0, strategy: "museum", scenario, fallen: piece.falls.clone() };
    Some(shrink(&space, &hit, lab.registry(), &|| false).ok()?.messages.0)
}

fn scenarios(protocol: &str) -> Vec<PathBuf> {
    let folder = museum().join(protocol);
    let files = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    files.sort();
    files
}

/// A search for a piece: the hit and how long it took.
fn search<'a>(
    space: &'a Space<'a>,
    strategies: Vec<&'static Strategy>,
    seed: u64,
    budget: Duration,
) -> Option<Kill<'a>> {
    let progress = Progress { seed, ..Progress::default() };
    let mut hunt = Hunt::new(space, strategies, Property::ALL.to_vec(), progress);
    let started = used();
    while used() - started < budget {
        if let Some(hit) = hunt.batch(u64::MAX) {
            return Some(Kill { hit, time: used() - started, hunt });
        }
    }
    None
}

/// The worst of all seeds; nothing if one of them finds nothing.
fn worst<'a>(space: &'a Space<'a>, seeds: u64, budget: Duration) -> Option<Kill<'a>> {
    let mut worst: Option<Kill<'_>> = None;
    for seed in 1..=seeds {
        let found = search(space, STRATEGIES.iter().collect(), seed, budget)?;
        if worst.as_ref().is_none_or(|longest| found.time > longest.time) {
            worst = Some(found);
        }
    }
    worst
}

fn names(properties: &[Property]) -> String {
    properties.iter().map(|property| property.name()).collect::<Vec<_>>().join(", ")
}

fn row(lab: &Lab, piece: &Piece, budget: &Budget) -> String {
    let Piece { protocol, id, file, falls, faults: usual } = piece;
    let text = format!("protocol.{protocol} = {{ broken = \"{id}\" }}\n");
    let document = Document::decode("piece.toml", text.as_bytes(), &[], lab.registry());
    let document = document.unwrap_or_else(|problems| panic!("{problems}"));
    let space = Space::of(&document, lab.registry()).unwrap_or_else(|error| panic!("{error}"));
    let link = format!("[{id}](../scenarios/library/museum/{file})");
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let mut row = format!("| {protocol} | {link} |");
    let shown = names(falls);
    let mut found = worst(&space, budget.seeds, budget.together);
    let _ = match &mut found {
        None => write!(row, " ({shown}) | - | - | ({usual}) | - |"),
        Some(Kill { hit, time, hunt }) => {
            let safety = hunt.longer(hit, |_| u64::MAX);
            let shrunk = shrink(&space, safety.as_ref().unwrap_or(hit), lab.registry(), &|| true);
            let shrunk = shrunk.unwrap_or_else(|why| panic!("{why}"));
            let (faults, (before, after)) = (shrunk.scenario.faults.len(), shrunk.messages);
            let then = safety.iter().map(|then| format!(", then {}", names(&then.fallen)));
            let fallen = names(&hit.fallen) + &then.collect::<String>();
            let (time, run) = (seconds(*time), hit.run);
            let written = written(lab, piece).unwrap_or_default();
            let left = format!("{faults} ({usual}) | {before} to {after} ({written})");
            write!(row, " {fallen} ({shown}) | {time} | {run} | {left} |")
        }
    };
    for strategy in STRATEGIES {
        let alone = found.as_ref().map(|_| search(&space, vec![strategy], 1, budget.alone));
        let time = alone.map(|kill| kill.map_or_else(|| "-".to_owned(), |kill| seconds(kill.time)));
        let _ = write!(row, " {} |", time.unwrap_or_default());
    }
    row
}
