//! Comparisons: protocols crossed with attacks, sizes, networks and seeds.
//!
//! A [`Comparison`] is a file and the cells that follow from it; every cell has a run for each
//! seed. The runs are numbered, and each is independent of all others: of a run only a [`Sample`]
//! is kept, and a [`Table`] is made of the samples, whoever made them and in whatever order.

mod cross;
mod fit;
mod histogram;
mod loads;
mod measured;
mod page;
mod rows;
mod sample;
mod shard;
mod stated;
mod text;

use byzlab_crypto::Digest;

use crate::{Document, Options, Problem, Problems, Registry};

pub use histogram::Histogram;
pub use loads::{Latency, Load, LoadsError, MAX_LOADS_BYTES, loads};
pub use measured::{Measured, Word};
pub use page::page;
pub use rows::{csv, json_lines};
pub use sample::Sample;
pub use shard::{MAX_SHARD_BYTES, Shard, ShardError, merge};
pub use stated::{HEADS, Stated};
pub use text::text;

/// The attack of the cells without one.
pub const GOOD_CASE: &str = "good case";

/// So many runs a comparison may have.
const MAX_RUNS: u64 = 10_000_000;

/// One cell of a comparison: a protocol under an attack, with so many parties, in a network.
#[derive(Debug)]
pub struct Cell {
    /// The protocol.
    pub protocol: String,
    /// The attack or behaviour, or [`GOOD_CASE`].
    pub attack: String,
    /// The number of parties.
    pub n: usize,
    /// The number of faults, the same for all protocols.
    pub f: usize,
    /// The name of the network, if several are compared.
    pub network: Option<String>,
    /// The scenario, or why the cell does not apply.
    pub document: Result<Document, String>,
}

/// A comparison: what is to be run.
#[derive(Debug)]
pub struct Comparison {
    /// The file, as given.
    pub file: String,
    /// Its text.
    pub source: String,
    /// What was set over it.
    pub set: Vec<String>,
    /// One line for people.
    pub title: String,
    /// The seeds, the end excluded.
    pub seeds: (u64, u64),
    /// In the order of the table: by network, then n, then f, then attack, then protocol.
    pub cells: Vec<Cell>,
    /// What the attacks are, in words, in the order of the table.
    pub attacks: Vec<(String, &'static str)>,
    /// The cells that apply.
    applicable: Vec<usize>,
}

impl Comparison {
    /// The cells that a file crosses; `seeds` in the place of the file's.
    ///
    /// # Errors
    /// The file is wrong, or a scenario that it crosses is wrong for another reason than that an
    /// attack does not apply.
    pub fn new(
        file: &str,
        bytes: &[u8],
        set: &[String],
        seeds: Option<(u64, u64)>,
        registry: &Registry,
    ) -> Result<Comparison, Problems> {
        let cross = cross::Cross::new(file, bytes, set, registry)?;
        let cells = cross.cells()?;
        let seeds = seeds.unwrap_or(cross.compare.seeds);
        let applies = |at: &usize| cells[*at].document.is_ok();
        let applicable: Vec<_> = (0..cells.len()).filter(applies).collect();
        let runs = (seeds.1 - seeds.0).saturating_mul(applicable.len() as u64);
        if runs > MAX_RUNS {
            let message = format!("{runs} runs; a comparison has at most {MAX_RUNS}");
            let problem = Problem::whole("compare", message).hint("take fewer seeds");
            return Err(Problems::new(file, &cross.base.source, vec![problem]));
        }
        Ok(Comparison {
            file: file.to_owned(),
            source: String::from_utf8_lossy(bytes).into_owned(),
            set: set.to_vec(),
            title: cross.title.clone(),
            seeds,
            cells,
            attacks: cross.attacks(),
            applicable,
        })
    }

    /// What an attack is, in words.
    pub fn what(&self, attack: &str) -> &'static str {
        self.attacks.iter().find(|(name, _)| name == attack).map_or("", |(_, what)| what)
    }

    /// How many runs there are.
    pub fn runs(&self) -> u64 {
        self.applicable.len() as u64 * self.seed_count()
    }

    fn seed_count(&self) -> u64 {
        self.seeds.1 - self.seeds.0
    }

    /// The cell and the seed of a run.
    fn run_of(&self, number: u64) -> (usize, u64) {
        let seeds = self.seed_count();
        (self.applicable[(number / seeds) as usize], self.seeds.0 + number % seeds)
    }

    /// Makes a run, one of [`Comparison::runs`].
    ///
    /// # Errors
    /// The scenario is wrong for this seed.
    pub fn run(&self, number: u64, registry: &Registry) -> Result<Sample, Problems> {
        let (cell, seed) = self.run_of(number);
        let cell = &self.cells[cell];
        let document = cell.document.as_ref().expect("only cells that apply are run");
        let scenario = document.resolve(Some(seed), registry)?;
        let entry = registry.get(&cell.protocol).expect("cells name known protocols");
        let run = entry.run(&scenario, &Options::default());
        Ok(Sample::of(number, entry.about(), &run))
    }

    /// What tells this comparison from every other one: cells, seeds, and what is run in each.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        let mut add = |part: &str| {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        };
        add(env!("CARGO_PKG_VERSION"));
        add(&self.file);
        add(&format!("{:?}", self.seeds));
        for cell in &self.cells {
            add(&format!(
                "{} {} {} {} {:?}",
                cell.protocol, cell.attack, cell.n, cell.f, cell.network
            ));
            match &cell.document {
                Ok(document) => add(&document.source),
                Err(why) => add(why),
            }
        }
        Digest::of("byzlab/comparison/1", &bytes)
    }

    /// The command that gives a run of a cell again.
    pub fn repeat(&self, cell: &Cell, seed: u64) -> Option<String> {
        let document = cell.document.as_ref().ok()?;
        let file = if self.file == "stdin" { "-" } else { &self.file };
        let mut line = format!("byzlab run {}", quoted(file));
        for set in &document.set {
            line.push_str(&format!(" --set {}", quoted(set)));
        }
        line.push_str(&format!(" --seed {seed}"));
        Some(line)
    }
}

/// A comparison and what came of it.
#[derive(Debug)]
pub struct Table {
    /// What was compared.
    pub comparison: Comparison,
    /// What was measured in each cell; nothing where it does not apply or nothing was run.
    pub measured: Vec<Option<Measured>>,
}

impl Table {
    /// The table of these samples, in whatever order.
    pub fn new(comparison: Comparison, mut samples: Vec<Sample>) -> Table {
        samples.sort_by_key(|sample| sample.run);
        let seeds = comparison.seed_count();
        let mut measured: Vec<Option<Measured>> = comparison.cells.iter().map(|_| None).collect();
        for (at, cell) in comparison.applicable.iter().enumerate() {
            let (start, end) = (at as u64 * seeds, (at as u64 + 1) * seeds);
            let start = samples.partition_point(|sample| sample.run < start);
            let end = samples.partition_point(|sample| sample.run < end);
            let good = comparison.cells[*cell].attack == GOOD_CASE;
            measured[*cell] = Measured::of(&samples[start..end], !good, comparison.seeds.0, seeds);
        }
        Table { comparison, measured }
    }

    /// The cells with what was measured in them.
    pub fn rows(&self) -> impl Iterator<Item = (&Cell, Option<&Measured>)> {
        self.comparison.cells.iter().zip(self.measured.iter().map(Option::as_ref))
    }

    /// The median latency relative to the good case of the same protocol, in hundredths.
    pub fn relative(&self, cell: &Cell, measured: &Measured) -> Option<u64> {
        let same = |other: &Cell| {
            other.attack == GOOD_CASE
                && other.protocol == cell.protocol
                && (other.n, other.f) == (cell.n, cell.f)
                && other.network == cell.network
        };
        let good = self.rows().find(|(other, _)| same(other)).and_then(|(_, good)| good)?;
        (100 * measured.latency_ns?).checked_div(good.latency_ns?)
    }

    /// The word of a cell.
    pub fn word(measured: Option<&Measured>, cell: &Cell) -> Word {
        match (measured, &cell.document) {
            (Some(measured), _) => measured.word(),
            (None, Err(_)) => Word::NotApplicable,
            (None, Ok(_)) => Word::NotRun,
        }
    }
}

/// An argument as a shell takes it.
pub fn quoted(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./=,:+".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
