//! A comparison in parts: each part is a file of its own, and all parts together give the table
//! that one run would have given.
//!
//! A shard file is JSON Lines. The first line says which comparison it is a part of, and carries
//! the file that was compared; every other line is a [`Sample`]. Shard i of m has the runs whose
//! number is i - 1 modulo m.

use serde::{Deserialize, Serialize};

use super::{Comparison, Sample, Table};
use crate::{Problems, Registry};

/// The longest shard file, in bytes.
pub const MAX_SHARD_BYTES: usize = 4 << 30;

/// So many shards a comparison may have.
const MAX_SHARDS: u64 = 100_000;

/// Which part of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// Which, counted from 1.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Shard = Shard { index: 1, count: 1 };

    /// A shard as people write it: `3/8`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Shard, String> {
        let expected = || format!("expected i/m, i from 1 to m and m at most {MAX_SHARDS}: 3/8");
        let (index, count) = text.split_once('/').ok_or_else(expected)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| expected());
        let shard = Shard { index: number(index)?, count: number(count)? };
        let fits = (1..=shard.count).contains(&shard.index) && shard.count <= MAX_SHARDS;
        if fits { Ok(shard) } else { Err(expected()) }
    }

    /// The numbers of its runs, of so many.
    pub fn runs(self, all: u64) -> impl Iterator<Item = u64> {
        (self.index - 1..all).step_by(self.count as usize)
    }

    /// The first line of its file.
    pub fn header(self, comparison: &Comparison) -> String {
        let header = Header {
            byzlab_shard: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            index: self.index,
            count: self.count,
            comparison: format!("{:#}", comparison.digest()),
            file: comparison.file.clone(),
            set: comparison.set.clone(),
            seeds: comparison.seeds,
            source: comparison.source.clone(),
        };
        serde_json::to_string(&header).expect("a header is plain data")
    }
}

/// The first line of a shard file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// The version of this form.
    byzlab_shard: u32,
    version: String,
    index: u64,
    count: u64,
    /// The digest of the comparison.
    comparison: String,
    file: String,
    set: Vec<String>,
    seeds: (u64, u64),
    /// The text of the file.
    source: String,
}

impl Header {
    /// The same for all shards of one comparison.
    fn common(&self) -> Header {
        Header { index: 0, ..self.clone() }
    }
}

/// Why shards cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// A file is none of a shard, or not whole.
    #[error("{0}: {1}")]
    File(String, String),
    /// They do not belong together.
    #[error("{0}")]
    Set(String),
    /// The file that was compared is wrong.
    #[error(transparent)]
    Problems(Box<Problems>),
}

/// Puts shards together: each a name and its text.
///
/// # Errors
/// A file is no shard; they are not all shards, each once, of one comparison; or a run is missing.
pub fn merge(files: &[(String, String)], registry: &Registry) -> Result<Table, ShardError> {
    let mut shards = Vec::with_capacity(files.len());
    for (name, text) in files {
        shards.push((name.as_str(), header(name, text)?, text.as_str()));
    }
    let Some((first_name, first, _)) = shards.first() else {
        return Err(ShardError::Set("no shards".to_owned()));
    };
    for (name, header, _) in &shards {
        if header.common() != first.common() {
            let why = different(first, header);
            let text = format!("{name} and {first_name} are not of one comparison: {why}");
            return Err(ShardError::Set(text));
        }
    }
    complete(&shards)?;
    let source = first.source.as_bytes();
    let comparison = Comparison::new(&first.file, source, &first.set, Some(first.seeds), registry)
        .map_err(|problems| ShardError::Problems(Box::new(problems)))?;
    if format!("{:#}", comparison.digest()) != first.comparison {
        let text = "another byzlab made these shards: it crosses the file otherwise";
        return Err(ShardError::File((*first_name).to_owned(), text.to_owned()));
    }
    let mut samples = Vec::new();
    for (name, header, text) in &shards {
        let shard = Shard { index: header.index, count: header.count };
        samples.extend(runs(name, shard, comparison.runs(), text)?);
    }
    Ok(Table::new(comparison, samples))
}

fn header(name: &str, text: &str) -> Result<Header, ShardError> {
    let wrong = |why: String| ShardError::File(name.to_owned(), why);
    let line = text.lines().next().unwrap_or_default();
    let header: Header = serde_json::from_str(line).map_err(|error| {
        wrong(format!("not a shard, as `byzlab compare FILE --shard i/m` prints it: {error}"))
    })?;
    if header.byzlab_shard != 1 || header.version != env!("CARGO_PKG_VERSION") {
        let (version, own) = (&header.version, env!("CARGO_PKG_VERSION"));
        return Err(wrong(format!("made by byzlab {version}, this is {own}")));
    }
    if Shard::parse(&format!("{}/{}", header.index, header.count)).is_err() {
        return Err(wrong(format!("there is no shard {}/{}", header.index, header.count)));
    }
    if header.seeds.0 > header.seeds.1 {
        return Err(wrong(format!("no seeds: {}..{}", header.seeds.0, header.seeds.1)));
    }
    Ok(header)
}

/// In what two headers differ.
fn different(one: &Header, other: &Header) -> String {
    if one.count != other.count {
        return format!("{} shards and {} shards", one.count, other.count);
    }
    if one.seeds != other.seeds {
        let range = |header: &Header| format!("{}..{}", header.seeds.0, header.seeds.1);
        return format!("seeds {} and {}", range(one), range(other));
    }
    if one.file != other.file {
        return format!("{} and {}", one.file, other.file);
    }
    if one.set != other.set {
        return "other values were set".to_owned();
    }
    "the file was changed in between".to_owned()
}

/// Every shard is there, and once.
fn complete(shards: &[(&str, Header, &str)]) -> Result<(), ShardError> {
    let count = shards[0].1.count;
    let mut names: Vec<Option<&str>> = vec![None; count as usize];
    for (name, header, _) in shards {
        let place = &mut names[header.index as usize - 1];
        if let Some(other) = place {
            let text = format!("{name} and {other} are both shard {} of {count}", header.index);
            return Err(ShardError::Set(text));
        }
        *place = Some(name);
    }
    let missing = names.iter().zip(1..).filter(|(name, _)| name.is_none());
    let missing: Vec<_> = missing.map(|(_, index): (_, u64)| index.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let shown = missing.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
    let more = if missing.len() > 10 { ", .." } else { "" };
    Err(ShardError::Set(format!("of {count} shards these are missing: {shown}{more}")))
}

/// The runs of a shard: all of them, and no other.
fn runs(name: &str, shard: Shard, all: u64, text: &str) -> Result<Vec<Sample>, ShardError> {
    let wrong = |why: String| ShardError::File(name.to_owned(), why);
    let mut expected = shard.runs(all);
    let mut samples = Vec::new();
    for (line, number) in text.lines().zip(1_u64..).skip(1) {
        let sample: Sample = serde_json::from_str(line)
            .map_err(|error| wrong(format!("line {number}: not a run: {error}")))?;
        if !sample.is_sound() {
            return Err(wrong(format!("line {number}: no run says this")));
        }
        match expected.next() {
            Some(run) if run == sample.run => samples.push(sample),
            Some(run) => {
                let text = format!("line {number}: run {}, expected: run {run}", sample.run);
                return Err(wrong(text));
            }
            None => return Err(wrong(format!("line {number}: there are no more runs"))),
        }
    }
    match expected.count() {
        0 => Ok(samples),
        missing => {
            let whole = samples.len() + missing;
            Err(wrong(format!("{missing} of {whole} runs are missing: it was interrupted")))
        }
    }
}
