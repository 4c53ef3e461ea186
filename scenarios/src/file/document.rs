//! A file as read and decoded: resolved into a scenario once for each seed.

use super::{
    decode::Decoder,
    fields::FILE,
    node::Table,
    overlay,
    problem::{MAX_SHOWN, Problem, Problems},
};
use crate::{Registry, Scenario};

/// The longest file, in bytes.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// A decoded file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The name of the file, as given.
    pub file: String,
    /// Its text, changes from the command line included.
    pub source: String,
    /// What was set over the file.
    pub set: Vec<String>,
    /// What it says.
    pub(crate) table: Table,
}

impl Document {
    /// Whether the file has an attack by name.
    pub fn names_attack(&self) -> bool {
        self.table.table("attack").is_some()
    }

    /// Decodes a file, with values set over it: each as `key = value`.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn decode(
        file: &str,
        bytes: &[u8],
        set: &[String],
        registry: &Registry,
    ) -> Result<Document, Problems> {
        let mut source = text(file, bytes)?;
        let end = source.len();
        for line in set {
            source.push_str(&format!("\n{line}"));
        }
        let (parsed, errors) = overlay::parse(&source, end);
        let mut problems: Vec<_> = errors
            .iter()
            .take(MAX_SHOWN + 1)
            .map(|error| {
                let message = error.message().to_owned();
                let problem = match error.span() {
                    Some(place) => Problem::at(&place, "", message),
                    None => Problem::whole("", message),
                };
                if !error.message().starts_with("duplicate key") {
                    return problem;
                }
                let place = error.span().unwrap_or_default();
                let key = source.get(place.clone()).unwrap_or_default();
                let again = Problem::at(&place, key, format!("duplicate key `{key}`"));
                match first(key, place.start, &source) {
                    Some(first) => again.related(&first, "first defined here"),
                    None => again,
                }
            })
            .collect();
        let mut decoder = Decoder::new(registry);
        let table = decoder.table(&parsed, &(0..0), FILE, "");
        if problems.is_empty() {
            problems = decoder.problems;
        }
        if problems.is_empty() {
            Ok(Document { file: file.to_owned(), source, set: set.to_vec(), table })
        } else {
            Err(Problems::new(file, &source, problems))
        }
    }

    /// The same file, with one more value set over it.
    ///
    /// # Errors
    /// The value cannot be set.
    pub fn with(&self, line: &str, registry: &Registry) -> Result<Document, Problems> {
        let over: usize = self.set.iter().map(|line| line.len() + 1).sum();
        let file = &self.source[..self.source.len() - over];
        let set = [&self.set[..], &[line.to_owned()]].concat();
        Document::decode(&self.file, file.as_bytes(), &set, registry)
    }

    /// The scenario for a seed (that of the file, if none is given): selectors resolved, bounds
    /// checked.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn resolve(&self, seed: Option<u64>, registry: &Registry) -> Result<Scenario, Problems> {
        super::resolve::resolve(self, seed, registry)
            .map_err(|list| Problems::new(&self.file, &self.source, list))
    }
}

/// The text of a file that is neither too long nor something else than text.
fn text(file: &str, bytes: &[u8]) -> Result<String, Problems> {
    let wrong = |message: String, hint: &str| {
        let problem = Problem::whole("", message).expected("a TOML file in UTF-8").hint(hint);
        Err(Problems::new(file, "", vec![problem]))
    };
    if bytes.len() > MAX_FILE_BYTES {
        let message =
            format!("{} bytes; a scenario file has at most {MAX_FILE_BYTES}", bytes.len());
        return wrong(message, "");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return wrong("this is UTF-16".to_owned(), "save it as UTF-8");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').to_owned()),
        Err(error) => wrong(format!("not UTF-8 at byte {}", error.valid_up_to()), ""),
    }
}

/// Where a line defines a key or table of this name before a place.
fn first(key: &str, before: usize, source: &str) -> Option<std::ops::Range<usize>> {
    let mut offset = 0;
    for line in source.split_inclusive('\n') {
        let trimmed = line.trim();
        let start = offset + line.len() - line.trim_start().len();
        if start >= before {
            return None;
        }
        let rest = trimmed.trim_start_matches('[').trim_start().strip_prefix(key);
        if rest.is_some_and(|rest| rest.trim_start().starts_with(['=', ']'])) {
            return Some(start..start + trimmed.len());
        }
        offset += line.len();
    }
    None
}
