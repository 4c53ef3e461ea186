//! A violation as a small picture: who sent what about the values in question, who got it, who
//! decided which of them. A column a party, a row a message.

use std::{collections::BTreeSet, fmt::Write};

use byzlab_crypto::PartySet;
use byzlab_protocols::{Span, Time};
use byzlab_trace::Record;

use crate::Violation;

/// How wide the picture is, and its column of times.
const WIDTH: usize = 80;
const TIMES: usize = 13;
/// So narrow a column may get; what does not fit is left out, and said so.
const NARROWEST: usize = 11;
/// So many rows it has at most.
const ROWS: usize = 24;

/// The picture of a violation in a recorded run; nothing if it is about no value.
pub(super) fn diagram(
    records: &[Record],
    violation: &Violation,
    n: usize,
    traitors: &PartySet,
) -> Option<String> {
    let story = Story::of(records, violation, n, traitors)?;
    let mut out = String::new();
    let values: Vec<_> = story
        .values
        .iter()
        .zip('A'..)
        .map(|(digest, letter)| format!("{letter} = {}", value(digest)))
        .collect();
    let _ = writeln!(out, "    {}", values.join(", "));
    let columns = story.columns();
    let width = ((WIDTH - TIMES) / columns.len().max(1)).min(18);
    let cell = |text: &str| format!("{:<width$}", text.chars().take(width - 1).collect::<String>());
    let heads = columns.iter().map(|party| {
        let mark = if story.traitors.contains(party) { " !" } else { "" };
        cell(&format!("party {party}{mark}"))
    });
    let _ = writeln!(out, "    {:<9}{}", "", heads.collect::<String>().trim_end());
    for row in &story.rows {
        let cells = columns.iter().map(|party| row.cell(*party, width));
        let time = Span(row.at).rounded().to_string();
        let _ = writeln!(out, "    {time:<9}{}", cells.collect::<String>().trim_end());
    }
    for note in story.notes(&columns) {
        let _ = writeln!(out, "    {note}");
    }
    Some(out)
}

struct RowOf {
    at: u64,
    /// Who did it, what it is, and the letter of the value that it is about.
    from: (u16, String, String),
    /// Whom it reached in time.
    reached: BTreeSet<u16>,
}

impl RowOf {
    /// What stands in the column of a party.
    fn cell(&self, party: u16, width: usize) -> String {
        let (from, what, letter) = &self.from;
        let text = match party {
            party if party == *from => {
                let room = width.saturating_sub(letter.len() + 2);
                let what: String = what.chars().take(room).collect();
                format!("{} {letter}", what.trim_end_matches('-'))
            }
            party if self.reached.contains(&party) => format!("> {letter}"),
            _ => ".".to_owned(),
        };
        format!("{text:<width$}")
    }
}

struct Story {
    values: Vec<String>,
    rows: Vec<RowOf>,
    left_out: usize,
    n: usize,
    traitors: Vec<u16>,
    /// Those whom the violation concerns.
    concerned: Vec<u16>,
    /// Who certified each value that was decided.
    quorums: Vec<(String, Vec<u16>)>,
}

impl Story {
    fn of(
        records: &[Record],
        violation: &Violation,
        n: usize,
        traitors: &PartySet,
    ) -> Option<Story> {
        let by_id =
            |id: u64| records.iter().find(|record| record.id == id && record.what != "shown");
        let shown: Vec<&Record> =
            violation.events.iter().filter_map(|event| by_id(event.0)).collect();
        let mut values: Vec<String> = Vec::new();
        for digest in shown.iter().filter_map(|record| record.digest.clone()) {
            if !values.contains(&digest) {
                values.push(digest);
            }
        }
        if values.is_empty() || values.len() > 3 {
            return None;
        }
        let chain: BTreeSet<u64> =
            shown.iter().flat_map(|record| causes(records, record)).collect();
        let about = |record: &&Record| {
            let named = record.digest.as_ref().is_some_and(|digest| values.contains(digest));
            record.what == "sent" && (chain.contains(&record.id) || named)
        };
        let until = violation.at;
        let sends: Vec<&Record> =
            records.iter().filter(about).filter(|record| Time(record.at) <= until).collect();
        let traitors: Vec<u16> = traitors.iter().map(|party| party.0).collect();
        let most = ROWS.saturating_sub(shown.len());
        let mut rows: Vec<(u64, RowOf)> = Vec::new();
        let mut left_out = 0;
        for send in ranked(&sends, &values, &chain, &traitors) {
            let new = sent(records, send, &values, until);
            // What one party sends to several at once is one row.
            let same = |row: &RowOf| row.at == new.at && row.from == new.from;
            match rows.iter().position(|(_, row)| same(row)) {
                Some(at) => rows[at].1.reached.extend(new.reached),
                None if rows.len() < most => rows.push((send.id, new)),
                None => left_out += 1,
            }
        }
        for record in &shown {
            rows.push((record.id, told(record, &values)));
        }
        rows.sort_by_key(|(id, _)| *id);
        Some(Story {
            left_out,
            rows: rows.into_iter().map(|(_, row)| row).collect(),
            quorums: quorums(&shown, &values),
            values,
            n,
            traitors,
            concerned: violation.parties.iter().map(|party| party.0).collect(),
        })
    }

    /// The parties that have a column: those concerned, then traitors, then who sends something.
    fn columns(&self) -> Vec<u16> {
        let most = (WIDTH - TIMES) / NARROWEST;
        let all = 0..self.n as u16;
        let senders = self.rows.iter().map(|row| row.from.0);
        let mut columns: Vec<u16> = Vec::new();
        for party in self.concerned.iter().chain(&self.traitors).copied().chain(senders).chain(all)
        {
            if !columns.contains(&party) && columns.len() < most {
                columns.push(party);
            }
        }
        columns.sort_unstable();
        columns
    }

    fn notes(&self, columns: &[u16]) -> Vec<String> {
        let mut notes = Vec::new();
        if self.traitors.iter().any(|party| columns.contains(party)) {
            notes.push("! is corrupted; > got it".to_owned());
        }
        for (letter, signers) in &self.quorums {
            notes.push(format!("{letter} is certified by {}", listed(signers)));
        }
        if let [(_, one), (_, other)] = &self.quorums[..] {
            let both: Vec<u16> = one.iter().copied().filter(|by| other.contains(by)).collect();
            let honest: Vec<u16> =
                both.iter().copied().filter(|by| !self.traitors.contains(by)).collect();
            notes.push(format!("both by {}, honest: {}", listed(&both), listed(&honest)));
        }
        if self.left_out > 0 {
            notes.push(format!("{} more messages about it are left out", self.left_out));
        }
        if columns.len() < self.n {
            notes.push(format!("{} of {} parties have a column", columns.len(), self.n));
        }
        notes
    }
}

/// Whose signatures decided each value, as far as decisions are proved.
fn quorums(shown: &[&Record], values: &[String]) -> Vec<(String, Vec<u16>)> {
    let proved = shown.iter().filter(|record| !record.signers.is_empty());
    let mut quorums: Vec<_> = proved
        .map(|record| (letter(record.digest.as_deref(), values), record.signers.clone()))
        .collect();
    quorums.sort();
    quorums.dedup_by(|one, other| one.0 == other.0);
    quorums
}

/// Parties by number, or how many where they would not fit.
fn listed(parties: &[u16]) -> String {
    match parties.len() {
        0 => "nobody".to_owned(),
        1..=8 => parties.iter().map(u16::to_string).collect::<Vec<_>>().join(" "),
        many => format!("{many} parties"),
    }
}

/// An event and the chain of its causes.
fn causes(records: &[Record], last: &Record) -> Vec<u64> {
    let mut chain = vec![last.id];
    let mut next = last.send.or(last.cause);
    while let Some(id) = next.filter(|id| chain.last().is_some_and(|last| id < last)) {
        chain.push(id);
        let record = records.iter().find(|record| record.id == id && record.what != "shown");
        next = record.and_then(|record| record.send.or(record.cause));
    }
    chain
}

/// The messages by their weight in the story: what led to the decisions, then what traitors sent
/// about the values, then the first of each kind, then the others.
fn ranked<'a>(
    sends: &[&'a Record],
    values: &[String],
    chain: &BTreeSet<u64>,
    traitors: &[u16],
) -> Vec<&'a Record> {
    let mut first = BTreeSet::new();
    let mut ranked: Vec<_> = sends
        .iter()
        .map(|send| {
            let new = first.insert((send.kind.clone(), send.digest.clone()));
            let named = values.iter().any(|value| Some(value) == send.digest.as_ref());
            let led = chain.contains(&send.id);
            let rank = match (named, led, traitors.contains(&send.party), new) {
                (true, true, _, _) => 0,
                (true, _, true, _) => 1,
                (true, _, _, true) => 2,
                (true, ..) => 3,
                // What led there from earlier values: the latest first.
                (false, ..) => u64::MAX - send.id,
            };
            (rank, *send)
        })
        .collect();
    ranked.sort_by_key(|(rank, send)| (*rank, send.id));
    ranked.into_iter().map(|(_, send)| send).collect()
}

/// The row of a message: its kind at its sender, a mark at those whom it reached in time.
fn sent(records: &[Record], send: &Record, values: &[String], until: Time) -> RowOf {
    let letter = letter(send.digest.as_deref(), values);
    let kind = send.kind.clone().unwrap_or_else(|| "message".to_owned());
    let arrived = records.iter().filter(|record| {
        record.what == "delivered" && record.send == Some(send.id) && Time(record.at) <= until
    });
    let reached = arrived.map(|record| record.party).filter(|party| *party != send.party);
    RowOf { at: send.at, from: (send.party, kind, letter), reached: reached.collect() }
}

/// The row of what shows the violation.
fn told(record: &Record, values: &[String]) -> RowOf {
    let letter = letter(record.digest.as_deref(), values);
    let what = match record.what.as_str() {
        "decided" => "DECIDES".to_owned(),
        "conflicted" => "PROOF OF".to_owned(),
        other => other.to_uppercase(),
    };
    RowOf { at: record.at, from: (record.party, what, letter), reached: BTreeSet::new() }
}

fn letter(digest: Option<&str>, values: &[String]) -> String {
    let at = values.iter().position(|value| Some(value.as_str()) == digest);
    at.and_then(|at| ('A'..='Z').nth(at)).map(String::from).unwrap_or_default()
}

fn value(digest: &str) -> String {
    match digest.chars().all(|char| char == '0') {
        true => "the default value".to_owned(),
        false => digest.chars().take(8).collect(),
    }
}
