//! A comparison in a terminal of 80 columns: a block an attack, a line a protocol.

use std::fmt::Write;

use byzlab_protocols::Span;

use super::{Cell, Measured, Table, Word, cross::NO_ATTACK};

/// How wide a line is.
const WIDTH: usize = 80;

/// The table for people; the commands to look at what is not as expected last.
pub fn text(table: &Table) -> String {
    let mut out = String::new();
    let rows: Vec<_> = table.rows().collect();
    for corner in rows.chunk_by(|(one, _), (other, _)| corner(one) == corner(other)) {
        let blank = if out.is_empty() { "" } else { "\n" };
        let (seeds, cell) = (table.comparison.seeds, corner[0].0);
        let network = cell.network.as_ref().map(|name| format!("network {name}, "));
        let _ = writeln!(
            out,
            "{blank}{}n = {}, f = {}, seeds {}..{}",
            network.unwrap_or_default(),
            cell.n,
            cell.f,
            seeds.0,
            seeds.1
        );
        let _ = writeln!(out, "{HEADER}");
        for block in corner.chunk_by(|(one, _), (other, _)| one.attack == other.attack) {
            let attack = &block[0].0.attack;
            let heading = format!("{attack}: {}", table.comparison.what(attack));
            wrapped(&heading, WIDTH).iter().for_each(|line| out.push_str(&format!("{line}\n")));
            for (cell, measured) in block {
                if let Some(measured) = measured {
                    out.push_str(&line(table, cell, measured));
                }
            }
            out.push_str(&skipped(block));
        }
    }
    out.push_str(&summary(&rows));
    out.push_str(&commands(table));
    out
}

fn corner(cell: &Cell) -> (&Option<String>, usize, usize) {
    (&cell.network, cell.n, cell.f)
}

/// Columns of [`line`]; what stands after the bar is per decision.
const HEADER: &str = "  protocol         verdict    slots latency to good lost| msgs bytes \
                       made check";

fn line(table: &Table, cell: &Cell, measured: &Measured) -> String {
    let each = |count| measured.per_decision(count).map_or("-".to_owned(), tenths);
    let bytes = measured.per_decision(measured.bytes).map(|tenths| tenths / 10);
    let latency = measured.latency_ns.map_or("-".to_owned(), duration);
    let relative = table.relative(cell, measured);
    let relative = relative
        .map_or("-".to_owned(), |percent| format!("x{}.{:02}", percent / 100, percent % 100));
    let mut line = format!(
        "  {:<16} {:<10} {:>5} {:>7} {:>7} {:>4}|{:>5} {:>5} {:>5} {:>5}\n",
        cell.protocol,
        measured.word().short(),
        short(measured.decisions),
        latency,
        relative,
        short(measured.lost_views),
        each(measured.messages),
        bytes.map_or("-".to_owned(), short),
        each(measured.signatures_made),
        each(measured.signatures_verified),
    );
    for note in notes(measured) {
        let _ = writeln!(line, "{:19}{note}", "");
    }
    line
}

/// What the word of a cell leaves open.
fn notes(measured: &Measured) -> Vec<String> {
    let mut notes = Vec::new();
    let (word, concerned, runs) = (measured.word(), measured.concerned(), measured.runs);
    if word >= Word::Undecided {
        let properties = measured.properties.join(", ");
        notes.push(format!("in {concerned} of {runs} runs, {}: {properties}", measured.label));
    }
    if measured.idle > 0 && word != Word::NoEffect {
        notes.push(format!("no effect in {} of {runs} runs", measured.idle));
    }
    if measured.runs < measured.planned {
        notes.push(format!("{runs} of {} runs were made", measured.planned));
    }
    if measured.nondeterministic > 0 {
        notes.push(format!("{} runs differ when they are repeated", measured.nondeterministic));
    }
    notes
}

/// The protocols to which the attack of a block does not apply, by reason.
fn skipped(block: &[(&Cell, Option<&Measured>)]) -> String {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for (cell, measured) in block {
        let word = Table::word(*measured, cell);
        let Some(reason) = (match word {
            Word::NotApplicable => cell.document.as_ref().err().cloned(),
            Word::NotRun => Some("interrupted".to_owned()),
            _ => None,
        }) else {
            continue;
        };
        // The attack of one protocol: that the others have no line says it.
        if reason.starts_with(NO_ATTACK) {
            continue;
        }
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, protocols)) => protocols.push(&cell.protocol),
            None => reasons.push((reason, vec![&cell.protocol])),
        }
    }
    let mut out = String::new();
    for (reason, protocols) in reasons {
        let text = format!("{}: {reason}", protocols.join(", "));
        for (at, part) in wrapped(&text, WIDTH - 8).iter().enumerate() {
            let label = if at == 0 { "n/a" } else { "" };
            let _ = writeln!(out, "  {label:<5} {part}");
        }
    }
    out
}

/// A text in lines no longer than that, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            let space = if last.is_empty() { "" } else { " " };
            last.push_str(&format!("{space}{word}"));
        }
    }
    lines
}

fn summary(rows: &[(&Cell, Option<&Measured>)]) -> String {
    let words: Vec<_> = rows.iter().map(|(cell, measured)| Table::word(*measured, cell)).collect();
    let counts = Word::ALL.iter().filter_map(|word| {
        let count = words.iter().filter(|own| *own == word).count();
        (count > 0).then(|| format!("{count} {}", word.name()))
    });
    let runs: u64 = rows.iter().filter_map(|(_, measured)| measured.map(|cell| cell.runs)).sum();
    let text =
        format!("{} cells, {runs} runs: {}", rows.len(), counts.collect::<Vec<_>>().join(", "));
    let lines = wrapped(&text, WIDTH);
    format!("\n{}\n", lines.join("\n"))
}

/// The command that gives the worst run of each cell in which something is to be seen.
fn commands(table: &Table) -> String {
    let mut out = String::new();
    for (cell, measured) in table.rows() {
        let Some(measured) = measured else { continue };
        if measured.word() < Word::Undecided {
            continue;
        }
        if let Some(repeat) = table.comparison.repeat(cell, measured.worst_seed) {
            let _ = writeln!(out, "look: {repeat}");
        }
    }
    out
}

fn tenths(tenths: u64) -> String {
    match tenths {
        0..1000 => format!("{}.{}", tenths / 10, tenths % 10),
        more => short(more / 10),
    }
}

/// A number in five characters.
pub(super) fn short(number: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match units.into_iter().find(|(size, _)| number >= 10 * size) {
        Some((size, unit)) => format!("{}{unit}", number / size),
        None => number.to_string(),
    }
}

/// A duration in seven characters: three digits at the least.
pub(super) fn duration(nanos: u64) -> String {
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    let Some((unit, size)) = units.into_iter().find(|(_, size)| nanos >= *size) else {
        return Span(nanos).to_string();
    };
    let (whole, rest) = (nanos / size, nanos % size);
    let digits = format!("{:03}", rest / (size / 1000));
    let kept = match whole {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let decimals = digits[..kept].trim_end_matches('0');
    let dot = if decimals.is_empty() { "" } else { "." };
    format!("{whole}{dot}{decimals}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_short() {
        let shorts = [(0, "0"), (9_999, "9999"), (10_000, "10k"), (123_456_789, "123M")];
        for (number, text) in shorts {
            assert_eq!(short(number), text);
        }
        let durations = [
            (7, "7ns"),
            (212_122_000, "212ms"),
            (83_294_000, "83.2ms"),
            (1_000_000_000, "1s"),
            (1_250_000_000, "1.25s"),
            (90_000_000, "90ms"),
        ];
        for (nanos, text) in durations {
            assert_eq!(duration(nanos), text);
        }
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("toolong a", 3), ["toolong", "a"]);
    }
}
