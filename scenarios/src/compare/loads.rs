//! Loads that were put on real networks, as `byzlab load --json` printed them: an object a line.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The longest file of loads, in bytes.
pub const MAX_LOADS_BYTES: usize = 16 << 20;

/// A load at one rate.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Load {
    schema: u32,
    /// What the parties ran.
    pub protocol: String,
    /// How many they were.
    pub n: usize,
    /// How else it was run, in words: `synced`.
    #[serde(default)]
    pub label: Option<String>,
    /// How many commands became due a second.
    pub rate: u64,
    /// The bytes of each command.
    pub size: usize,
    /// How many became due.
    pub due: u64,
    /// How many were answered.
    pub done: u64,
    /// How many were answered a second.
    pub per_second: f64,
    /// From when a command was due until its result was believed.
    pub latency_us: Latency,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// Of a hundred one takes longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// Why a file holds no loads.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoadsError {
    /// A line is something else.
    #[error("{file}:{line}: no load: {why}; expected what `byzlab load --json` prints")]
    Malformed {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A load stands there twice.
    #[error(
        "{file}:{line}: {series} at {rate} a second stands there twice; --label tells loads apart"
    )]
    Twice {
        /// The file.
        file: String,
        /// The second line, from 1.
        line: usize,
        /// What was run.
        series: String,
        /// The commands that were due a second.
        rate: u64,
    },
    /// There is none.
    #[error("{0}: no load in it; expected what `byzlab load --json` prints")]
    Empty(String),
}

impl Load {
    /// What loads at several rates have in common.
    pub fn series(&self) -> String {
        let label = self.label.iter().map(|label| format!(", {label}"));
        format!("{}, n = {}, {} B{}", self.protocol, self.n, self.size, label.collect::<String>())
    }
}

/// Reads a file: the loads of a series one after the other, by rate.
///
/// # Errors
/// A line is no load, stands there twice, or there is none.
pub fn loads(file: &str, text: &str) -> Result<Vec<Load>, LoadsError> {
    let mut loads = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = |why| LoadsError::Malformed { file: file.to_owned(), line: at + 1, why };
        let load: Load =
            serde_json::from_str(line).map_err(|error| malformed(error.to_string()))?;
        if load.schema != 1 {
            return Err(malformed(format!("schema {}; this byzlab knows 1", load.schema)));
        }
        if !seen.insert((load.series(), load.rate)) {
            let (series, rate) = (load.series(), load.rate);
            return Err(LoadsError::Twice { file: file.to_owned(), line: at + 1, series, rate });
        }
        loads.push(load);
    }
    if loads.is_empty() {
        return Err(LoadsError::Empty(file.to_owned()));
    }
    // Where a series begins is its place: files are read as they were written.
    let names: Vec<String> = loads.iter().map(Load::series).collect();
    let place = |load: &Load| names.iter().position(|name| *name == load.series());
    loads.sort_by_key(|load| (place(load), load.rate));
    Ok(loads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(protocol: &str, rate: u64) -> String {
        format!(
            r#"{{"schema":1,"protocol":"{protocol}","n":4,"f":1,"rate":{rate},"size":512,"due":9,"done":9,"per_second":4.5,"latency_us":{{"p50":1,"p99":2,"max":3}}}}"#
        )
    }

    #[test]
    fn loads_of_a_series_stand_together_by_rate() {
        let text = [line("b", 20), line("a", 5), String::new(), line("b", 10)].join("\n");
        let read = loads("x", &text).expect("loads");
        let read: Vec<_> = read.iter().map(|load| (load.protocol.as_str(), load.rate)).collect();
        assert_eq!(read, [("b", 10), ("b", 20), ("a", 5)]);
    }

    #[test]
    fn what_is_no_load_is_named_by_its_line() {
        let wrong = |text: &str| loads("x", text).expect_err("it is wrong").to_string();
        let good = line("a", 5);
        assert!(wrong(&format!("{good}\n{{}}")).starts_with("x:2: no load: missing field"));
        assert!(wrong(&format!("{good}\n{good}")).contains("x:2: a, n = 4, 512 B at 5 a second"));
        assert!(wrong(&good.replace("schema\":1", "schema\":2")).contains("knows 1"));
        assert!(wrong("\n").contains("no load in it"));
    }
}
