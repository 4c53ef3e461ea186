//! A sequence diagram for Mermaid: an arrow where a message arrives, a cross where it is lost.

use std::fmt::Write;

use super::{Selection, is_network, note};

/// The diagram as text. Mermaid itself draws no more than 50,000 characters unless it is told to.
pub fn mermaid(selection: &Selection<'_>) -> String {
    let parties = selection.parties();
    let mut out = String::from("sequenceDiagram\n");
    for party in &parties {
        let _ = writeln!(out, "    participant P{party} as party {party}");
    }
    for record in selection.kept() {
        let party = record.party;
        match (record.what.as_str(), record.from) {
            ("delivered", Some(from)) if from != party => {
                let _ =
                    writeln!(out, "    P{from}->>P{party}: {}", label(&selection.message(record)));
            }
            ("dropped", Some(from)) => {
                let _ =
                    writeln!(out, "    P{from}-xP{party}: {}", label(&selection.message(record)));
            }
            ("timer" | "fired", _) => {}
            _ => {
                let Some(text) = note(record) else { continue };
                let over = match (is_network(record), parties.as_slice()) {
                    (true, [first, .., last]) => format!("P{first},P{last}"),
                    (true, []) => continue,
                    (true, [only]) => format!("P{only}"),
                    (false, _) => format!("P{party}"),
                };
                let _ = writeln!(out, "    Note over {over}: {}", label(&text));
            }
        }
    }
    out
}

/// A word that ends a block of the language must not stand alone.
fn label(text: &str) -> String {
    let words = text.split(' ').map(|word| match word.eq_ignore_ascii_case("end") {
        true => format!("({word})"),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
