//! The resolved file: every value that a run uses, and what each means.

use std::fmt::Write;

use byzlab_crypto::PartyId;
use byzlab_protocols::{
    Field, FieldDefault as Default, FieldKind as Kind, Model, Probability, Span,
    byzantine::BEHAVIOURS,
};

use super::{
    document::Document,
    fields::FILE,
    node::{Node, Raw, Selector, Table},
};
use crate::{Demand, Registry, Scenario};

/// Prints the resolved file as TOML: it can be run as it is, and gives the same run.
pub fn explain(document: &Document, scenario: &Scenario, registry: &Registry) -> String {
    let printer = Printer { scenario, registry };
    let mut out = String::new();
    let (tables, values): (Vec<_>, Vec<_>) =
        FILE.iter().partition(|field| matches!(field.kind, Kind::Table(_) | Kind::Tables(_)));
    for field in values {
        printer.line(&mut out, field, document.table.get(field.name), "");
    }
    for field in tables {
        let Some(node) = document.table.get(field.name) else { continue };
        match (&field.kind, &node.raw) {
            (Kind::Table(fields), Raw::Table(table)) => {
                printer.table(&mut out, &format!("[{}]", field.name), fields, table, field.name);
            }
            (Kind::Tables(fields), Raw::List(nodes)) => {
                for node in nodes {
                    if let Raw::Table(table) = &node.raw {
                        let header = format!("[[{}]]", field.name);
                        printer.table(&mut out, &header, fields, table, field.name);
                    }
                }
            }
            _ => {}
        }
    }
    out
}

struct Printer<'a> {
    scenario: &'a Scenario,
    registry: &'a Registry,
}

impl Printer<'_> {
    fn table(&self, out: &mut String, header: &str, fields: &[Field], table: &Table, path: &str) {
        let mut lines = String::new();
        for field in fields {
            self.line(&mut lines, field, table.get(field.name), &format!("{path}."));
        }
        if !lines.is_empty() {
            let _ = write!(out, "\n{header}\n{lines}");
        }
    }

    fn line(&self, out: &mut String, field: &Field, node: Option<&Node>, prefix: &str) {
        let path = format!("{prefix}{}", field.name);
        let text = match node {
            Some(node) if !node.given && !self.means(&path) => {
                let key = format!("# {}", field.name);
                let _ = writeln!(out, "{key:<40} # {}; it means nothing here", field.doc);
                return;
            }
            Some(node) => Some(self.value(node, &field.kind)),
            None => self.derived(&path),
        };
        match (text, field.default) {
            (Some(text), _) => {
                let _ = writeln!(out, "{:<40} # {}", format!("{} = {text}", field.name), field.doc);
            }
            (None, Default::Unset(why)) if !why.is_empty() => {
                let _ = writeln!(
                    out,
                    "{:<40} # {}; now: {why}",
                    format!("# {}", field.name),
                    field.doc
                );
            }
            (None, _) => {}
        }
    }

    /// Whether a default does anything in this scenario; the file may not name one that does not.
    fn means(&self, path: &str) -> bool {
        let scenario = self.scenario;
        match path {
            "network.gst" | "network.before_gst" => {
                scenario.network.model == Model::PartialSynchrony
            }
            "workload.commands" => matches!(scenario.workload.demand, Demand::Commands(_)),
            _ => true,
        }
    }

    /// Values that the file leaves open and the scenario settles.
    fn derived(&self, path: &str) -> Option<String> {
        let scenario = self.scenario;
        Some(match path {
            "title" => quoted(&scenario.title),
            "post" => quoted(&scenario.post),
            "f" => scenario.f.to_string(),
            "network.model" => quoted(scenario.network.model.name()),
            _ => return None,
        })
    }

    fn value(&self, node: &Node, kind: &Kind) -> String {
        match &node.raw {
            Raw::Bool(flag) => flag.to_string(),
            Raw::Integer(number) if i64::try_from(*number).is_err() => quoted(&number.to_string()),
            Raw::Integer(number) => self.seed_or(number, kind),
            Raw::Duration(span) => quoted(&span.to_string()),
            Raw::Probability(Probability(billionths)) => {
                format!("{}", f64::from(*billionths) / 1e9)
            }
            Raw::Text(text) => quoted(text),
            Raw::Parties(list) => {
                let parties: Vec<_> = list.iter().flat_map(|item| self.chosen(item)).collect();
                numbers(&parties)
            }
            Raw::Groups(groups) => {
                let groups: Vec<_> = groups
                    .iter()
                    .map(|group| {
                        let parties: Vec<_> =
                            group.iter().flat_map(|item| self.chosen(item)).collect();
                        numbers(&parties)
                    })
                    .collect();
                format!("[{}]", groups.join(", "))
            }
            Raw::Range(start, end) => match kind {
                Kind::Times => quoted(&format!("{}..{}", Span(*start), Span(*end))),
                _ => quoted(&format!("{start}..{end}")),
            },
            Raw::List(nodes) => {
                let inner = match kind {
                    Kind::List(kind) | Kind::Pair(kind) => kind,
                    other => other,
                };
                let items: Vec<_> = nodes.iter().map(|node| self.value(node, inner)).collect();
                format!("[{}]", items.join(", "))
            }
            Raw::Table(table) => self.inline(table, fields_of(kind)),
            Raw::Tagged(name, inner) => self.tagged(name, inner, kind),
            Raw::Unit => String::new(),
            Raw::Free(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(key, value)| format!("{} = {value}", quoted(key)))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
        }
    }

    /// The seed of this run stands in the place of the file's.
    fn seed_or(&self, number: &u64, kind: &Kind) -> String {
        match kind {
            Kind::Seed if i64::try_from(self.scenario.seed).is_err() => {
                quoted(&self.scenario.seed.to_string())
            }
            Kind::Seed => self.scenario.seed.to_string(),
            _ => number.to_string(),
        }
    }

    fn tagged(&self, name: &str, inner: &Node, kind: &Kind) -> String {
        let fields: &[Field] = match kind {
            Kind::OneOf(fields) => fields,
            Kind::Protocol => self.registry.get(name).map_or(&[], |entry| entry.fields()),
            Kind::Behaviour => {
                let info = BEHAVIOURS.iter().find(|info| info.name == name);
                info.map_or(&[], |info| info.fields)
            }
            _ => &[],
        };
        match (&inner.raw, kind) {
            (Raw::Unit, _) => quoted(name),
            (Raw::Table(table), Kind::Protocol | Kind::Behaviour) => {
                if table.nodes.is_empty() {
                    return quoted(name);
                }
                format!("{{ {name} = {} }}", self.inline(table, fields))
            }
            _ => {
                let field = fields.iter().find(|field| field.name == name);
                let text = field.map(|field| self.value(inner, &field.kind)).unwrap_or_default();
                format!("{{ {name} = {text} }}")
            }
        }
    }

    fn inline(&self, table: &Table, fields: &[Field]) -> String {
        let parts: Vec<_> = fields
            .iter()
            .filter_map(|field| {
                let node = table.get(field.name)?;
                // Nobody finds the disk of a party that does not come back.
                if field.name == "disk" && table.get("restart_after").is_none() {
                    return None;
                }
                Some(format!("{} = {}", field.name, self.value(node, &field.kind)))
            })
            .collect();
        if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
    }

    fn chosen(&self, item: &(Selector, super::problem::Place)) -> Vec<PartyId> {
        self.scenario.selected.get(&item.1.start).cloned().unwrap_or_default()
    }
}

fn fields_of(kind: &Kind) -> &'static [Field] {
    match kind {
        Kind::Table(fields) => fields,
        _ => &[],
    }
}

fn numbers(parties: &[PartyId]) -> String {
    let numbers: Vec<_> = parties.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
