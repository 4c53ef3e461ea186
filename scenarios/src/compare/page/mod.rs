//! A comparison as one page: no script, nothing from elsewhere, readable in light and dark and
//! without colour. What comes from the file is text and stays text.

mod chart;
mod loads;
mod plots;
mod svg;

use std::fmt::{self, Write};

use sha2::{Digest as _, Sha256};

use super::{
    Cell, GOOD_CASE, Load, Measured, Stated, Table, Word,
    cross::NO_ATTACK,
    stated::HEADS,
    text::{duration, short},
};
use crate::Registry;

const STYLE: &str = include_str!("page.css");

/// Text for HTML.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

type Row<'a> = (&'a Cell, Option<&'a Measured>);

/// The cells with one network, n and f.
pub(super) struct Corner<'a> {
    network: Option<&'a str>,
    n: usize,
    f: usize,
    rows: Vec<Row<'a>>,
}

impl<'a> Corner<'a> {
    fn title(&self) -> String {
        let network = self.network.map(|name| format!("network {name}, ")).unwrap_or_default();
        format!("{network}n = {}, f = {}", self.n, self.f)
    }

    /// The cells by attack.
    fn blocks(&self) -> impl Iterator<Item = (&'a str, &[Row<'a>])> {
        let blocks = self.rows.chunk_by(|(one, _), (other, _)| one.attack == other.attack);
        blocks.map(|rows| (rows[0].0.attack.as_str(), rows))
    }

    /// The good case of a protocol.
    fn good(&self, protocol: &str) -> Option<&'a Measured> {
        let good = |(cell, _): &&Row<'a>| cell.attack == GOOD_CASE && cell.protocol == protocol;
        self.rows.iter().find(good).and_then(|(_, measured)| *measured)
    }
}

const NO_LOADS: &str = "Throughput against load: that takes recorded runs over a real network \
                        (--loads), and these runs are simulated. ";

/// The page of a comparison, and of the loads that were put on real networks.
pub fn page(table: &Table, registry: &Registry, loads: &[Load]) -> String {
    let page = Page::new(table, registry);
    let comparison = &table.comparison;
    let mut out = String::new();
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n",
        base64(&Sha256::digest(STYLE)),
        Text(&comparison.title),
        Text(&comparison.title)
    );
    page.head(&mut out);
    page.overview(&mut out);
    page.stated(&mut out);
    page.costs(&mut out);
    page.latencies(&mut out);
    page.cells(&mut out);
    if !loads.is_empty() {
        out.push_str(&loads::section(loads));
    }
    let _ = write!(
        out,
        "<h2>What is not here</h2>\n<p>{}A property that holds over seeds is not proved.</p>\n\
         <p class=\"soft\">byzlab {}, comparison <code>{:#}</code></p>\n</main>\n</body>\n</html>\n",
        if loads.is_empty() { NO_LOADS } else { "" },
        env!("CARGO_PKG_VERSION"),
        comparison.digest()
    );
    out
}

struct Page<'a> {
    table: &'a Table,
    registry: &'a Registry,
    corners: Vec<Corner<'a>>,
    /// In the order of the table.
    protocols: Vec<&'a str>,
}

impl<'a> Page<'a> {
    fn new(table: &'a Table, registry: &'a Registry) -> Self {
        let rows: Vec<_> = table.rows().collect();
        let same = |(one, _): &Row<'_>, (other, _): &Row<'_>| {
            (&one.network, one.n, one.f) == (&other.network, other.n, other.f)
        };
        let corners = rows.chunk_by(same).map(|rows| {
            let cell = rows[0].0;
            let network = cell.network.as_deref();
            Corner { network, n: cell.n, f: cell.f, rows: rows.to_vec() }
        });
        let mut protocols: Vec<&str> = Vec::new();
        for cell in &table.comparison.cells {
            if !protocols.contains(&cell.protocol.as_str()) {
                protocols.push(&cell.protocol);
            }
        }
        Page { table, registry, corners: corners.collect(), protocols }
    }

    /// The verdict first, then what was run and how to run it again.
    fn head(&self, out: &mut String) {
        let words: Vec<_> =
            self.table.rows().map(|(cell, measured)| Table::word(measured, cell)).collect();
        let count = |word: Word| words.iter().filter(|own| **own == word).count();
        let runs: u64 = self.table.measured.iter().flatten().map(|cell| cell.runs).sum();
        let bad = count(Word::Violated) + count(Word::Unexpected);
        let (class, verdict) = match (bad, count(Word::Undecided) + count(Word::NotRun)) {
            (0, 0) => ("", "No property fell that a theorem promises".to_owned()),
            (0, open) => (" unclear", format!("In {open} cells something could not be told")),
            (bad, _) => (" bad", format!("{bad} cells are not as expected")),
        };
        let counts: Vec<_> = Word::ALL
            .iter()
            .filter(|word| count(**word) > 0)
            .map(|word| format!("{} {} ({})", count(*word), word.name(), symbol(*word)))
            .collect();
        let comparison = &self.table.comparison;
        let set = comparison.set.iter().map(|set| format!(" --set {}", super::quoted(set)));
        let _ = writeln!(
            out,
            "<p class=\"verdict{class}\">{verdict}, in {runs} runs of {} cells.</p>\n\
             <p>Cells: {}.</p>\n<p>{} protocols, {} attacks and the good case, seeds {}..{}. Every \
             run is simulated and judged by itself; the same file gives the same page. Made by</p>\n\
             <p><code>byzlab compare {}{} --seeds {}..{} --html compare.html</code></p>",
            words.len(),
            counts.join(", "),
            self.protocols.len(),
            comparison.attacks.len() - 1,
            comparison.seeds.0,
            comparison.seeds.1,
            Text(&super::quoted(&comparison.file)),
            Text(&set.collect::<String>()),
            comparison.seeds.0,
            comparison.seeds.1,
        );
    }

    /// A symbol for each cell: a row an attack, a column a protocol, in it all corners.
    fn overview(&self, out: &mut String) {
        let titles: Vec<_> = self.corners.iter().map(Corner::title).collect();
        let _ = write!(
            out,
            "<h2 id=\"overview\">Who stands what</h2>\n<p>In each cell a sign for {}, in this order: \
             {}.</p>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Overview\">\n\
             <table><thead><tr><th scope=\"col\" class=\"l\">attack</th>",
            Text(&titles.join("; ")),
            Word::ALL.map(|word| format!("{} {}", symbol(word), word.name())).join(", ")
        );
        for protocol in &self.protocols {
            let _ = write!(out, "<th scope=\"col\" class=\"l\">{}</th>", Text(protocol));
        }
        out.push_str("<th scope=\"col\" class=\"l w\">what it is</th></tr></thead><tbody>\n");
        for (attack, what) in &self.table.comparison.attacks {
            let _ = write!(out, "<tr><th scope=\"row\" class=\"l\">{}</th>", Text(attack));
            for protocol in &self.protocols {
                out.push_str(&self.signs(attack, protocol));
            }
            let _ = writeln!(out, "<td class=\"l w soft\">{}</td></tr>", Text(what));
        }
        out.push_str("</tbody></table></div>\n");
    }

    /// The signs of a protocol under an attack; one word for those who hear the page.
    fn signs(&self, attack: &str, protocol: &str) -> String {
        let words = self.corners.iter().map(|corner| {
            let here = |(cell, _): &&Row<'_>| cell.attack == attack && cell.protocol == protocol;
            let row = corner.rows.iter().find(here);
            row.map_or(Word::NotRun, |(cell, measured)| Table::word(*measured, cell))
        });
        let words: Vec<_> = words.collect();
        let worst = words.iter().max().copied().unwrap_or(Word::NotRun);
        // A sign of less than a doubt takes no colour from the others.
        let holds = worst < Word::Undecided && words.contains(&Word::Holds);
        let shown = if holds { Word::Holds } else { worst };
        let signs: String = words.iter().copied().map(symbol).collect();
        let mut names: Vec<_> = words.iter().map(|word| word.name()).collect();
        names.dedup();
        format!(
            "<td class=\"l\"><span class=\"sym {}\" aria-hidden=\"true\">{signs}</span>\
             <span class=\"hidden\">{}</span></td>",
            class(shown),
            names.join(", then ")
        )
    }

    /// What the posts state, beside what is measured.
    fn stated(&self, out: &mut String) {
        out.push_str(
            "<h2 id=\"stated\">Stated and measured</h2>\n<p>Before the stroke what the post states, \
             after it what is measured: in small runs of their own, good case, every delay the same \
             (the bound of 100 ms; for responsiveness 1 ms and 10 ms); for a lost view, a leader \
             is silent in view 3, or in view 1 where leaders do not change by themselves. Messages to oneself are not counted, nor those that only \
             bring a party up to date.</p>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" \
             aria-label=\"Stated and measured\"><table class=\"wrap\"><thead><tr>",
        );
        for head in HEADS {
            let _ = write!(out, "<th scope=\"col\" class=\"l\">{}</th>", Text(head));
        }
        out.push_str("</tr></thead><tbody>\n");
        for entry in self.protocols.iter().filter_map(|name| self.registry.get(name)) {
            let row = Stated::measure(entry, self.registry).row();
            out.push_str("<tr>");
            for (at, text) in row.iter().enumerate() {
                let tag = if at == 0 { "th scope=\"row\"" } else { "td" };
                let (name, _) = tag.split_once(' ').unwrap_or((tag, ""));
                let _ = write!(out, "<{tag} class=\"l\">{}</{name}>", Text(text));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }

    fn costs(&self, out: &mut String) {
        let mut networks: Vec<Option<&str>> = Vec::new();
        for corner in &self.corners {
            if !networks.contains(&corner.network) {
                networks.push(corner.network);
            }
        }
        let mut figures = String::new();
        for (at, network) in networks.into_iter().enumerate() {
            let mut corners: Vec<&Corner<'_>> = Vec::new();
            for corner in self.corners.iter().filter(|corner| corner.network == network) {
                if !corners.iter().any(|other| other.n == corner.n) {
                    corners.push(corner);
                }
            }
            corners.sort_by_key(|corner| corner.n);
            let plots = plots::costs(&corners, &self.protocols, self.registry, &at.to_string());
            if let Some(network) = network.filter(|_| !plots.is_empty()) {
                let _ = writeln!(figures, "<h3>Network {}</h3>", Text(network));
            }
            figures.push_str(&plots);
        }
        if !figures.is_empty() {
            let _ = write!(
                out,
                "<h2 id=\"cost\">Cost against n</h2>\n<p>Per decision, nobody corrupted, \
                 synchronisation included. The exponent is the slope of the best line through the \
                 logarithms; the stated one is what the published formula grows like when n is \
                 large, so that at small n its lower terms still show.</p>\n{figures}"
            );
        }
    }

    fn latencies(&self, out: &mut String) {
        out.push_str(
            "<h2 id=\"latency\">Latency</h2>\n<p>From proposal to decision at honest parties, over \
             all slots and seeds, in virtual time on a logarithmic axis: a line from the 5th to the \
             95th percentile, a box from the 25th to the 75th, the mark of the protocol at the \
             median, which is also given in figures (where there is little spread the mark covers \
             it). What was never decided has no latency.</p>\n",
        );
        for (at, corner) in self.corners.iter().enumerate() {
            let plot = plots::latencies(corner, &self.protocols, &format!("latency-{at}"));
            if !plot.is_empty() {
                let open = if at == 0 { " open" } else { "" };
                let title = corner.title();
                let _ = write!(
                    out,
                    "<details{open}><summary>{}</summary>\n<figure>{plot}</figure></details>\n",
                    Text(&title)
                );
            }
        }
    }

    /// All numbers of all cells, with the command for the worst run.
    fn cells(&self, out: &mut String) {
        out.push_str(
            "<h2 id=\"cells\">All cells</h2>\n<p>Latency is the median over seeds of the median of \
             a run; beside it, how many times that of the good case of the same protocol. From \
             messages on everything is per decision. The command gives the worst run of a cell: the \
             worst outcome, and of those the longest.</p>\n",
        );
        for corner in &self.corners {
            let _ = write!(
                out,
                "<details><summary>{}</summary>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" \
                 aria-label=\"Cells, {}\"><table><thead><tr>",
                Text(&corner.title()),
                Text(&corner.title())
            );
            for head in ["attack", "protocol", "verdict"] {
                let _ = write!(out, "<th scope=\"col\" class=\"l\">{head}</th>");
            }
            for head in [
                "decisions",
                "latency",
                "to good",
                "95%",
                "lost views",
                "messages",
                "bytes",
                "signed",
                "checked",
            ] {
                let _ = write!(out, "<th scope=\"col\">{head}</th>");
            }
            out.push_str("<th scope=\"col\" class=\"l\">worst run</th></tr></thead><tbody>\n");
            for (cell, measured) in &corner.rows {
                // The attack of another protocol: the overview shows it.
                if !cell.document.as_ref().is_err_and(|why| why.starts_with(NO_ATTACK)) {
                    self.cell(out, cell, *measured);
                }
            }
            out.push_str("</tbody></table></div></details>\n");
        }
    }

    fn cell(&self, out: &mut String, cell: &Cell, measured: Option<&Measured>) {
        let word = Table::word(measured, cell);
        let wide = if measured.is_some() { "" } else { " colspan=\"11\"" };
        let _ = write!(
            out,
            "<tr><td class=\"l\">{}</td><td class=\"l\">{}</td><td{wide} class=\"l {}\">{} {}",
            Text(&cell.attack),
            Text(&cell.protocol),
            class(word),
            symbol(word),
            word.name()
        );
        let Some(measured) = measured else {
            let why = cell.document.as_ref().err().cloned().unwrap_or_default();
            let _ = writeln!(out, ": {}</td></tr>", Text(&why));
            return;
        };
        if measured.concerned() < measured.runs {
            let _ = write!(out, " in {} of {}", measured.concerned(), measured.runs);
        }
        if word >= Word::Undecided {
            let _ = write!(out, ": {}", Text(&measured.properties.join(", ")));
        }
        if measured.idle > 0 && word != Word::NoEffect {
            let _ = write!(
                out,
                " <span class=\"soft\">(no effect in {} of {})</span>",
                measured.idle, measured.runs
            );
        }
        let none = || "-".to_owned();
        let each = |count| {
            let tenths = measured.per_decision(count);
            tenths.map_or_else(none, |tenths| format!("{}.{}", tenths / 10, tenths % 10))
        };
        let bytes = measured.per_decision(measured.bytes).map(|tenths| tenths / 10);
        let relative = self.table.relative(cell, measured);
        let fields = [
            measured.decisions.to_string(),
            measured.latency_ns.map_or_else(none, duration),
            relative.map_or_else(none, |part| format!("x{}.{:02}", part / 100, part % 100)),
            measured.latencies.percentile(95).map_or_else(none, duration),
            measured.lost_views.to_string(),
            each(measured.messages),
            bytes.map_or_else(none, short),
            each(measured.signatures_made),
            each(measured.signatures_verified),
        ];
        out.push_str("</td>");
        fields.iter().for_each(|field| {
            let _ = write!(out, "<td>{field}</td>");
        });
        let repeat = self.table.comparison.repeat(cell, measured.worst_seed).unwrap_or_default();
        let _ = writeln!(out, "<td class=\"l\"><code>{}</code></td></tr>", Text(&repeat));
    }
}

/// The sign of a word: tells the words apart without colour.
fn symbol(word: Word) -> &'static str {
    match word {
        Word::Holds => "✓",
        Word::NoEffect => "○",
        Word::NotApplicable => "·",
        Word::NotRun => "…",
        Word::Undecided => "?",
        Word::Expected => "!",
        Word::Unexpected => "≠",
        Word::Violated => "✗",
    }
}

fn class(word: Word) -> &'static str {
    match word {
        Word::Holds => "good",
        Word::NoEffect | Word::NotApplicable | Word::NotRun => "soft",
        Word::Undecided | Word::Expected => "unclear",
        Word::Unexpected | Word::Violated => "bad",
    }
}

/// The base64 of a few bytes, as a content policy wants it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn every_word_has_a_sign_of_its_own() {
        let mut signs = Word::ALL.map(symbol).to_vec();
        signs.sort_unstable();
        signs.dedup();
        assert_eq!(signs.len(), Word::ALL.len());
    }
}
