//! The network of a scenario.

use std::sync::{Arc, LazyLock};

use byzlab_protocols::{BeforeGst, Model, Probability, Span, Time};
use byzlab_sim::{Delay, Regions};
use toml::Table as Toml;

use super::{Resolver, before_gst, model, moment};
use crate::{
    NetworkSpec,
    file::{
        node::{Node, Raw, Table},
        problem::suggest,
    },
};

/// One-way latencies between cloud regions; the file names its source.
static REGIONS: LazyLock<RegionTable> =
    LazyLock::new(|| RegionTable::read(include_str!("../../../data/regions.toml")));

struct RegionTable {
    names: Vec<String>,
    p50: Vec<Vec<Span>>,
    p90: Vec<Vec<Span>>,
}

impl RegionTable {
    fn read(text: &str) -> RegionTable {
        let table: Toml = text.parse().expect("the regions file is TOML");
        let list = |key: &str| table[key].as_array().expect("a list").clone();
        let names = list("regions").into_iter();
        let names = names.map(|name| name.as_str().expect("a name").to_owned());
        let matrix = |key| {
            let rows = list(key).into_iter().map(|row| {
                let row = row.as_array().expect("a row").clone();
                row.iter().map(|cell| millis(cell.as_float().expect("milliseconds"))).collect()
            });
            rows.collect()
        };
        RegionTable { names: names.collect(), p50: matrix("p50"), p90: matrix("p90") }
    }
}

/// The name of a region, by its row.
pub(crate) fn region(row: u16) -> &'static str {
    &REGIONS.names[usize::from(row)]
}

/// Tenths of milliseconds, exactly.
fn millis(number: f64) -> Span {
    Span((number * 10.0).round() as u64 * 100_000)
}

impl Resolver<'_> {
    pub(super) fn network(&mut self) -> NetworkSpec {
        let root = self.table;
        let table = root.table("network").expect("`network` has a default");
        let about = self.entry.about();
        let delta = table.span("delta").expect("`delta` has a default");
        let delay = table.get("delay").expect("`delay` has a default");
        let spec = NetworkSpec {
            model: table.text("model").and_then(model).unwrap_or(about.model),
            delta,
            delay: self.delay(delay, "network.delay"),
            early: table
                .get("delay_before_gst")
                .map(|node| self.delay(node, "network.delay_before_gst")),
            gst: moment(table.span("gst").unwrap_or(Span::ZERO)),
            before_gst: table.text("before_gst").and_then(before_gst).unwrap_or(BeforeGst::Bounded),
            loss: table.probability("loss").unwrap_or(Probability::ZERO),
            duplicate: table.probability("duplicate").unwrap_or(Probability::ZERO),
        };
        self.check_delay(table, &spec);
        self.check_gst(table, &spec);
        spec
    }

    fn delay(&mut self, node: &Node, path: &str) -> Delay {
        let Raw::Tagged(name, inner) = &node.raw else { return Delay::Constant(Span::millis(10)) };
        let pair = || match &inner.raw {
            Raw::List(nodes) => match [&nodes[0].raw, &nodes[1].raw] {
                [Raw::Duration(first), Raw::Duration(second)] => (*first, *second),
                _ => (Span::TICK, Span::TICK),
            },
            _ => (Span::TICK, Span::TICK),
        };
        match (name.as_str(), &inner.raw) {
            ("constant", Raw::Duration(span)) => Delay::Constant(*span),
            ("uniform", _) => {
                let (low, high) = pair();
                if low > high {
                    let message = format!("`{path}.uniform` begins at {low} and ends at {high}");
                    self.problem(&inner.place, path, message);
                }
                Delay::Uniform(low, high)
            }
            ("normal", _) => {
                let (mean, deviation) = pair();
                Delay::Normal(mean, deviation)
            }
            _ => self.regions(inner),
        }
    }

    fn regions(&mut self, node: &Node) -> Delay {
        let names: Vec<_> = REGIONS.names.iter().map(String::as_str).collect();
        let Raw::List(nodes) = &node.raw else { return Delay::Constant(Span::millis(10)) };
        let mut listed = Vec::new();
        for node in nodes {
            let Raw::Text(name) = &node.raw else { continue };
            match names.iter().position(|known| known == name) {
                Some(row) => listed.push(row as u16),
                None => {
                    let message = format!("unknown region `{name}`");
                    let problem = self.problem(&node.place, "network.delay.regions", message);
                    problem.expected = format!("one of {}", names.join(", "));
                    problem.hint = suggest(name, &names);
                }
            }
        }
        if listed.is_empty() {
            let problem =
                self.problem(&node.place, "network.delay.regions", "no regions".to_owned());
            problem.expected = format!("some of {}", names.join(", "));
            listed.push(0);
        }
        let of = (0..self.n).map(|party| listed[party % listed.len()]).collect();
        let (p50, p90) = (REGIONS.p50.clone(), REGIONS.p90.clone());
        Delay::Regions(Arc::new(Regions { of, p50, p90 }))
    }

    /// What the distribution is centred on has to fit the model.
    fn check_delay(&mut self, table: &Table, spec: &NetworkSpec) {
        let (_, high) = spec.delay.centre();
        if spec.model != Model::Asynchrony && high > spec.delta {
            let place = table.place_of("delay");
            let message = format!("delays of {high} do not keep to Δ = {}", spec.delta);
            let problem = self.problem(&place, "network.delay", message);
            problem.expected = "delays up to `delta`".to_owned();
            problem.hint =
                "raise `delta`, or break the model on purpose with a [[rule]]".to_owned();
        }
    }

    fn check_gst(&mut self, table: &Table, spec: &NetworkSpec) {
        let partial = spec.model == Model::PartialSynchrony;
        let late = partial && spec.gst > Time::ZERO;
        for key in ["gst", "before_gst", "delay_before_gst"] {
            if table.gives(key) && !partial {
                let place = table.place_of(key);
                let message = format!("`network.{key}` means nothing in {}", spec.model.name());
                self.problem(&place, key, message).expected =
                    "model = \"partial-synchrony\"".to_owned();
            }
        }
        if spec.loss > Probability::ZERO && !(late && spec.before_gst == BeforeGst::Lossy) {
            let place = table.place_of("loss");
            let message = "this model loses no messages".to_owned();
            self.problem(&place, "network.loss", message).expected =
                "a GST above 0 and before_gst = \"lossy\"".to_owned();
        }
        let stop = self.stop().span("time").map(moment);
        if let Some(stop) = stop.filter(|stop| late && *stop <= spec.gst) {
            let place = table.place_of("gst");
            let message = format!("GST {} is not before the end {stop}", spec.gst);
            let problem = self.problem(&place, "network.gst", message);
            problem.hint = "liveness cannot be judged: end later".to_owned();
        }
    }
}
