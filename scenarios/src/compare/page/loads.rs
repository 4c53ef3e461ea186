//! Throughput and latency of real networks against the load that was put on them.

use std::fmt::Write;

use super::{
    Text,
    chart::{Chart, Curve},
};
use crate::compare::{
    Load,
    text::{duration, short},
};

/// What is drawn against the load.
struct Measure {
    title: &'static str,
    of: fn(&Load) -> f64,
    text: fn(f64) -> String,
    exact: fn(f64) -> String,
}

const MEASURES: [Measure; 3] = [
    Measure {
        title: "Commands answered a second, against those offered",
        of: |load| load.per_second,
        text: |value| short(value as u64),
        exact: |value| format!("{value:.0}"),
    },
    Measure {
        title: "Median latency of a command against the load",
        of: |load| load.latency_us.p50 as f64,
        text: micros,
        exact: micros,
    },
    Measure {
        title: "Latency of the slowest of a hundred against the load",
        of: |load| load.latency_us.p99 as f64,
        text: micros,
        exact: micros,
    },
];

fn micros(value: f64) -> String {
    duration(value as u64 * 1000)
}

/// The section of a page.
pub(super) fn section(loads: &[Load]) -> String {
    let mut out = "<h2 id=\"load\">Throughput against load</h2>\n<p>Recorded, not simulated: real \
                   networks, each rate for some seconds. Commands are due at their rate whether \
                   those before them are answered or not; a latency counts from then until f + 1 \
                   parties gave the same result. These numbers belong to the machine that they \
                   were measured on.</p>\n"
        .to_owned();
    for (at, measure) in MEASURES.iter().enumerate() {
        let series = loads.chunk_by(|one, other| one.series() == other.series());
        let curves = series.enumerate().map(|(series, loads)| Curve {
            series,
            points: loads.iter().map(|load| (load.rate as f64, (measure.of)(load))).collect(),
            label: name(&loads[0]),
        });
        let chart = Chart {
            title: measure.title.to_owned(),
            below: "commands offered a second",
            x: |rate| short(rate as u64),
            y: measure.text,
            exact: measure.exact,
            at: "at",
            curves: curves.collect(),
        };
        out.push_str(&chart.figure(&format!("load-{at}")));
    }
    out + &numbers(loads)
}

/// A series at the end of its curve, where there is little room.
fn name(load: &Load) -> String {
    let label = load.label.iter().map(|label| format!(", {label}"));
    format!("{}{}", load.protocol, label.collect::<String>())
}

fn numbers(loads: &[Load]) -> String {
    let mut out = "<details><summary>The numbers</summary><table><caption>Recorded loads</caption>\
                   <thead><tr><th scope=\"col\" class=\"l\">network</th>"
        .to_owned();
    for head in ["offered a second", "answered a second", "not answered", "p50", "p99", "max"] {
        let _ = write!(out, "<th scope=\"col\">{head}</th>");
    }
    out.push_str("</tr></thead><tbody>\n");
    for load in loads {
        let latency = load.latency_us;
        let [p50, p99, max] = [latency.p50, latency.p99, latency.max].map(|value| value as f64);
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\" class=\"l\">{}</th><td>{}</td><td>{:.0}</td><td>{}</td>\
             <td>{}</td><td>{}</td><td>{}</td></tr>",
            Text(&load.series()),
            load.rate,
            load.per_second,
            load.due.saturating_sub(load.done),
            micros(p50),
            micros(p99),
            micros(max),
        );
    }
    out + "</tbody></table></details>\n"
}
