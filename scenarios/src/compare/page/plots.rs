//! The plots of a comparison: latency by protocol and attack, cost against n.

use std::fmt::Write;

use super::{
    Corner, Text,
    chart::{Chart, Curve, WIDTH},
    svg::{Axis, Svg, class},
};
use crate::{
    Registry,
    compare::{
        Measured, fit,
        stated::power,
        text::{duration, short},
    },
};

/// A cost of a decision.
struct Cost {
    name: &'static str,
    of: fn(&Measured) -> u64,
    /// Whether the published formula is about it.
    stated: bool,
}

const COSTS: [Cost; 4] = [
    Cost { name: "Messages", of: |measured| measured.messages, stated: true },
    Cost { name: "Bytes", of: |measured| measured.bytes, stated: false },
    Cost { name: "Signatures made", of: |measured| measured.signatures_made, stated: false },
    Cost { name: "Signatures checked", of: |measured| measured.signatures_verified, stated: false },
];

/// Cost against n in the good case, on logarithmic axes: a figure a cost. The corners are those
/// of one network.
pub(super) fn costs(
    corners: &[&Corner<'_>],
    protocols: &[&str],
    registry: &Registry,
    name: &str,
) -> String {
    let mut out = String::new();
    for (at, cost) in COSTS.iter().enumerate() {
        let curves = protocols.iter().enumerate().map(|(series, protocol)| {
            let points: Vec<_> = corners
                .iter()
                .filter_map(|corner| {
                    Some((corner.n as f64, each(corner.good(protocol)?, cost.of)?))
                })
                .collect();
            let label = label(registry, protocol, cost, &points);
            Curve { series, points, label }
        });
        let curves: Vec<_> = curves.filter(|curve| curve.points.len() > 1).collect();
        if !curves.is_empty() {
            out.push_str(&figure(cost, curves, protocols, &format!("cost-{name}-{at}")));
        }
    }
    out
}

fn each(measured: &Measured, of: fn(&Measured) -> u64) -> Option<f64> {
    measured.per_decision(of(measured)).map(|tenths| tenths as f64 / 10.0)
}

fn fitted(points: &[(f64, f64)]) -> String {
    let points: Vec<_> = points.iter().map(|(n, value)| (*n as u64, *value)).collect();
    power(fit::exponent(&points))
}

/// The protocol with the exponent that fits, beside the stated one.
fn label(registry: &Registry, protocol: &str, cost: &Cost, points: &[(f64, f64)]) -> String {
    let fitted = fitted(points);
    let about = registry.get(protocol).map(|entry| entry.about());
    match about.filter(|_| cost.stated) {
        Some(about) => {
            let growth = fit::growth(|n| (about.good_case)(n, (about.tolerates)(n)).messages);
            format!("{protocol} {fitted}, stated n^{growth}")
        }
        None => format!("{protocol} {fitted}"),
    }
}

fn figure(cost: &Cost, curves: Vec<Curve>, protocols: &[&str], id: &str) -> String {
    let chart = Chart {
        title: format!("{} of a decision against n, good case", cost.name),
        below: "n, the number of parties",
        x: |n| format!("{n:.0}"),
        y: |value| short(value as u64),
        exact: |value| format!("{value:.1}"),
        at: "at n =",
        curves,
    };
    chart.figure(id) + &numbers(&chart, protocols)
}

/// The same numbers as a table.
fn numbers(chart: &Chart, protocols: &[&str]) -> String {
    let sizes = chart.places();
    let mut out = format!(
        "<details><summary>The numbers</summary><table><caption>{}</caption><thead><tr>\
         <th scope=\"col\" class=\"l\">protocol</th>",
        Text(&chart.title)
    );
    for n in &sizes {
        let _ = write!(out, "<th scope=\"col\">n = {n:.0}</th>");
    }
    out.push_str("<th scope=\"col\">fitted</th></tr></thead><tbody>\n");
    for curve in &chart.curves {
        let protocol = protocols.get(curve.series).copied().unwrap_or_default();
        let _ = write!(out, "<tr><th scope=\"row\" class=\"l\">{}</th>", Text(protocol));
        for n in &sizes {
            let value = curve.points.iter().find(|(own, _)| own == n);
            let value = value.map_or("-".to_owned(), |(_, value)| format!("{value:.1}"));
            let _ = write!(out, "<td>{value}</td>");
        }
        let _ = writeln!(out, "<td>{}</td></tr>", fitted(&curve.points));
    }
    out.push_str("</tbody></table></details>\n");
    out
}

/// The percentiles of a row, and the median to be shown.
struct Spread {
    protocol: String,
    series: usize,
    at: [u64; 5],
    median: u64,
}

/// So much of the median of all is still on the axis: schedules in which some messages take no
/// time at all have latencies of nanoseconds.
const LEAST: u64 = 20;

/// Latency by attack and protocol, of one corner: a row each.
pub(super) fn latencies(corner: &Corner<'_>, protocols: &[&str], id: &str) -> String {
    let mut groups: Vec<(&str, Vec<Spread>)> = Vec::new();
    for (attack, cells) in corner.blocks() {
        let rows: Vec<_> = cells
            .iter()
            .filter_map(|(cell, measured)| {
                let latencies = &measured.as_ref()?.latencies;
                let at = [5, 25, 50, 75, 95].map(|percent| latencies.percentile(percent));
                let [Some(a), Some(b), Some(c), Some(d), Some(e)] = at else { return None };
                let series = protocols.iter().position(|own| *own == cell.protocol)?;
                let (protocol, median) = (cell.protocol.clone(), measured.as_ref()?.latency_ns?);
                Some(Spread { protocol, series, at: [a, b, c, d, e], median })
            })
            .collect();
        if !rows.is_empty() {
            groups.push((attack, rows));
        }
    }
    let rows = || groups.iter().flat_map(|(_, rows)| rows);
    let mut medians: Vec<_> = rows().map(|row| row.median).collect();
    medians.sort_unstable();
    let least = medians.get(medians.len() / 2).map_or(1, |median| (median / LEAST).max(1));
    let (left, right, step, gap) = (222.0, WIDTH - 60.0, 15.0, 8.0);
    let values = rows().flat_map(|row| row.at).filter(|value| *value >= least);
    let Some(axis) = Axis::of(values.map(|value| value as f64), left, right) else {
        return String::new();
    };
    let height = 30.0 + rows().count() as f64 * step + groups.len() as f64 * gap + 24.0;
    let mut svg = Svg::new(WIDTH, height);
    let mut y = 26.0;
    let mut tops = Vec::new();
    for (at, (_, rows)) in groups.iter().enumerate() {
        let size = gap + rows.len() as f64 * step;
        if at % 2 == 0 {
            svg.rect("band", (0.0, y), (WIDTH, size));
        }
        tops.push(y + gap / 2.0);
        y += size;
    }
    for tick in axis.ticks(52.0) {
        svg.line("grid", (axis.at(tick), 20.0), (axis.at(tick), y));
        for place in [14.0, y + 16.0] {
            svg.text("mid soft", (axis.at(tick), place), &duration(tick as u64));
        }
    }
    for ((attack, rows), top) in groups.iter().zip(tops) {
        svg.text("head", (6.0, top + 12.0), attack);
        for (number, row) in rows.iter().enumerate() {
            spread(&mut svg, &axis, row, least, top + (number as f64 + 0.5) * step);
        }
    }
    let told = format!(
        "A row for each attack and protocol: a line from the 5th to the 95th percentile of the \
         latency, a box from the 25th to the 75th, a thick tick at the median, which stands at the \
         right. What is left of the axis is shown at its end. {} rows; the table of the cells has the \
         numbers.",
        rows().count()
    );
    let title = format!("Latency from proposal to decision, {}", corner.title());
    let drawing = svg.finish(id, &title, &told);
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"{}\">{drawing}</div>\n",
        Text(&title)
    )
}

fn spread(svg: &mut Svg, axis: &Axis, row: &Spread, least: u64, y: f64) {
    let place = |value: u64| axis.at(value.max(least) as f64).max(axis.start());
    let [low, lower, _, upper, high] = row.at.map(place);
    let (median, color) = (place(row.median), class(row.series));
    svg.text("end soft", (214.0, y + 4.0), &row.protocol);
    svg.line(&format!("thin {color}"), (low, y), (high.max(low + 1.0), y));
    svg.rect(&format!("box {color}"), (lower, y - 4.0), ((upper - lower).max(1.0), 8.0));
    svg.mark(row.series, (median, y));
    svg.text("", (high.max(median) + 10.0, y + 4.0), &duration(row.median));
}
