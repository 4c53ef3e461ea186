//! A log for ShiViz: events with vector clocks. The first line is the regular expression by which
//! ShiViz reads the rest, the second (empty) would separate executions.

use std::collections::BTreeMap;

use super::{Selection, is_network, note};

/// How ShiViz is to read an event: what happened on one line, who and its clock on the next.
const SHIVIZ_REGEX: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

type Clock = BTreeMap<u16, u64>;

/// The log as text. A clock counts the events that are shown; what is left out still carries
/// what its party knew.
pub fn shiviz(selection: &Selection<'_>) -> String {
    let mut out = format!("{SHIVIZ_REGEX}\n\n");
    let mut clocks: BTreeMap<u16, Clock> = BTreeMap::new();
    let mut sent: BTreeMap<u64, Clock> = BTreeMap::new();
    for record in selection.records.iter().filter(|record| !is_network(record)) {
        let clock = clocks.entry(record.party).or_default();
        let known = record.send.filter(|_| record.what == "delivered");
        for (party, count) in known.and_then(|send| sent.get(&send)).into_iter().flatten() {
            let own = clock.entry(*party).or_default();
            *own = (*own).max(*count);
        }
        if (selection.keep)(record)
            && let Some(text) = event(selection, record)
        {
            *clock.entry(record.party).or_default() += 1;
            let entries: Vec<_> =
                clock.iter().map(|(party, count)| format!("\"P{party}\": {count}")).collect();
            out.push_str(&format!("{text}\nP{} {{{}}}\n", record.party, entries.join(", ")));
        }
        if record.what == "sent" {
            sent.insert(record.id, clock.clone());
        }
    }
    out
}

fn event(selection: &Selection<'_>, record: &byzlab_trace::Record) -> Option<String> {
    let millis = format!("{:.3} ms", record.at as f64 / 1e6);
    let text = match (record.what.as_str(), record.from) {
        ("sent", _) => {
            let to = record.to.map_or_else(|| "all".to_owned(), |to| to.to_string());
            format!("sends {} to {to}", selection.message(record))
        }
        ("delivered", Some(from)) => format!("gets {} of {from}", selection.message(record)),
        ("dropped", Some(from)) => format!("loses {} of {from}", selection.message(record)),
        _ => note(record)?,
    };
    Some(format!("{text} at {millis}"))
}
