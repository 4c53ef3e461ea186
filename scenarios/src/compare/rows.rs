//! A comparison for machines: a row a cell, as CSV or as JSON Lines, with the same names.

use serde_json::{Map, Value, json};

use super::{Cell, Measured, Table};

/// The names of a row, in the order of CSV.
const COLUMNS: [&str; 35] = [
    "network",
    "n",
    "f",
    "attack",
    "protocol",
    "verdict",
    "reason",
    "properties",
    "label",
    "runs",
    "unexpected",
    "inconclusive",
    "violated",
    "undecided",
    "idle",
    "decisions",
    "latency_ns",
    "latency_relative",
    "latency_p5_ns",
    "latency_p50_ns",
    "latency_p95_ns",
    "latency_p99_ns",
    "hops",
    "views",
    "lost_views",
    "messages",
    "view_change_messages",
    "bytes",
    "signatures_made",
    "signatures_verified",
    "messages_per_decision",
    "bytes_per_decision",
    "signatures_made_per_decision",
    "signatures_verified_per_decision",
    "worst",
];

/// One object a cell, a line each.
pub fn json_lines(table: &Table) -> String {
    let comparison = &table.comparison;
    let mut out = String::new();
    for (cell, measured) in table.rows() {
        let mut object = Map::new();
        object.insert("schema".to_owned(), json!(1));
        object.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        object.insert("comparison".to_owned(), json!(comparison.file));
        object.insert("seeds".to_owned(), json!([comparison.seeds.0, comparison.seeds.1]));
        for name in COLUMNS {
            let value = value(table, cell, measured, name);
            if !value.is_null() {
                object.insert(name.to_owned(), value);
            }
        }
        out.push_str(&format!("{}\n", Value::Object(object)));
    }
    out
}

/// A line of names, then a line a cell (RFC 4180, but for its line ends).
pub fn csv(table: &Table) -> String {
    let mut out = format!("{}\n", COLUMNS.join(","));
    for (cell, measured) in table.rows() {
        let fields = COLUMNS.map(|name| match value(table, cell, measured, name) {
            Value::Null => String::new(),
            Value::String(text) => escaped(&text),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                escaped(&items.join(" "))
            }
            other => other.to_string(),
        });
        out.push_str(&format!("{}\n", fields.join(",")));
    }
    out
}

fn escaped(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// A value of a row; null where there is none.
fn value(table: &Table, cell: &Cell, measured: Option<&Measured>, name: &str) -> Value {
    match name {
        "network" => json!(cell.network),
        "n" => json!(cell.n),
        "f" => json!(cell.f),
        "attack" => json!(cell.attack),
        "protocol" => json!(cell.protocol),
        "verdict" => json!(Table::word(measured, cell).name()),
        "reason" => json!(cell.document.as_ref().err()),
        _ => measured.map_or(Value::Null, |measured| number(table, cell, measured, name)),
    }
}

fn number(table: &Table, cell: &Cell, measured: &Measured, name: &str) -> Value {
    let percentile = |percent| json!(measured.latencies.percentile(percent));
    let each = |count: u64| {
        let tenths = measured.per_decision(count);
        tenths.map_or(Value::Null, |tenths| json!(tenths as f64 / 10.0))
    };
    match name {
        "properties" => json!(measured.properties),
        "label" => json!(measured.label),
        "runs" => json!(measured.runs),
        "unexpected" => json!(measured.unexpected),
        "inconclusive" => json!(measured.inconclusive),
        "violated" => json!(measured.violated),
        "undecided" => json!(measured.undecided),
        "idle" => json!(measured.idle),
        "decisions" => json!(measured.decisions),
        "latency_ns" => json!(measured.latency_ns),
        "latency_relative" => table
            .relative(cell, measured)
            .map_or(Value::Null, |percent| json!(percent as f64 / 100.0)),
        "latency_p5_ns" => percentile(5),
        "latency_p50_ns" => percentile(50),
        "latency_p95_ns" => percentile(95),
        "latency_p99_ns" => percentile(99),
        "hops" => json!(measured.hops),
        "views" => json!(measured.views),
        "lost_views" => json!(measured.lost_views),
        "messages" => json!(measured.messages),
        "view_change_messages" => json!(measured.view_change),
        "bytes" => json!(measured.bytes),
        "signatures_made" => json!(measured.signatures_made),
        "signatures_verified" => json!(measured.signatures_verified),
        "messages_per_decision" => each(measured.messages),
        "bytes_per_decision" => each(measured.bytes),
        "signatures_made_per_decision" => each(measured.signatures_made),
        "signatures_verified_per_decision" => each(measured.signatures_verified),
        "worst" => json!(table.comparison.repeat(cell, measured.worst_seed)),
        other => unreachable!("no column {other}"),
    }
}
