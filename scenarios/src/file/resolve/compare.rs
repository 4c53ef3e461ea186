//! The `[compare]` table: which protocols, attacks, sizes, networks and seeds are crossed.

use byzlab_protocols::{Probability, byzantine::BEHAVIOURS};

use super::Resolver;
use crate::{
    Compare, Registry,
    file::{
        node::{Node, Raw, Table},
        problem::{Place, suggest},
    },
};

impl Resolver<'_> {
    pub(super) fn compare(&mut self, registry: &Registry) -> Option<Compare> {
        let table = self.table.table("compare")?;
        let attacks: Vec<_> = registry.attacks().iter().map(|attack| attack.id).collect();
        let behaviours: Vec<_> = BEHAVIOURS.iter().map(|info| info.name).collect();
        let networks = self.networks(table);
        let given = |key: &str, number: usize| match table.gives(key) {
            true => Vec::new(),
            false => vec![number as u64],
        };
        let n = [given("n", self.n), self.distinct(table, "n")].concat();
        let own = if self.table.gives("f") { given("f", self.f) } else { Vec::new() };
        let f = [own, self.distinct(table, "f")].concat();
        let seeds = table.range("seeds").unwrap_or((0, 10));
        if seeds.0 >= seeds.1 {
            let place = table.place_of("seeds");
            let message = format!("{}..{} is no seed", seeds.0, seeds.1);
            self.problem(&place, "compare.seeds", message).expected = "one at least".to_owned();
        }
        Some(Compare {
            protocols: self.names(table, "protocols", "protocol", &registry.names()),
            behaviours: self.names(table, "behaviours", "behaviour", &behaviours),
            attacks: self.names(table, "attacks", "attack", &attacks),
            n,
            f,
            networks,
            seeds,
        })
    }

    /// The names of a list, each known and there once; `all` of them.
    fn names(&mut self, table: &Table, key: &str, what: &str, known: &[&str]) -> Vec<String> {
        let path = format!("compare.{key}");
        if table.text(key) == Some("all") {
            return known.iter().map(|name| (*name).to_owned()).collect();
        }
        let mut names: Vec<(String, Place)> = Vec::new();
        for node in table.list(key) {
            let Raw::Text(name) = &node.raw else { continue };
            if !known.contains(&name.as_str()) {
                let message = format!("unknown {what} `{name}`");
                self.problem(&node.place, &path, message).hint = suggest(name, known);
            }
            self.once(&mut names, name, &node.place, &path);
        }
        if names.is_empty() && key == "protocols" {
            let place = table.place_of(key);
            let problem = self.problem(&place, &path, "no protocol is compared".to_owned());
            problem.expected = format!("\"all\", or some of {}", known.join(", "));
        }
        names.into_iter().map(|(name, _)| name).collect()
    }

    fn once(&mut self, seen: &mut Vec<(String, Place)>, name: &str, place: &Place, path: &str) {
        match seen.iter().find(|(other, _)| other == name).map(|(_, place)| place.clone()) {
            Some(first) => {
                let message = format!("`{name}` is compared twice");
                self.problem(place, path, message).related = Some((first, "here".to_owned()));
            }
            None => seen.push((name.to_owned(), place.clone())),
        }
    }

    /// The numbers of a list, each there once.
    fn distinct(&mut self, table: &Table, key: &str) -> Vec<u64> {
        let path = format!("compare.{key}");
        let mut seen = Vec::new();
        let mut numbers = Vec::new();
        for node in table.list(key) {
            if let Raw::Integer(number) = node.raw {
                self.once(&mut seen, &number.to_string(), &node.place, &path);
                numbers.push(number);
            }
        }
        if table.gives(key) && numbers.is_empty() {
            let place = table.place_of(key);
            let problem = self.problem(&place, &path, format!("`{path}` is empty"));
            problem.expected = "one number at least".to_owned();
        }
        numbers
    }

    /// What each network sets, as lines over the file.
    fn networks(&mut self, table: &Table) -> Vec<(String, Vec<String>)> {
        let mut seen = Vec::new();
        let mut networks = Vec::new();
        for network in table.tables("network") {
            let name = network.text("name").unwrap_or_default().to_owned();
            self.once(&mut seen, &name, &network.place_of("name"), "compare.network");
            let given = network.nodes.iter().filter(|(key, node)| **key != "name" && node.given);
            let lines = given.map(|(key, node)| format!("network.{key} = {}", written(node)));
            networks.push((name, lines.collect()));
        }
        networks
    }
}

/// A value as it stands in a file; those that a network has.
fn written(node: &Node) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    match &node.raw {
        Raw::Integer(number) => number.to_string(),
        Raw::Duration(span) => text(&span.to_string()),
        Raw::Probability(Probability(billionths)) => format!("{}", f64::from(*billionths) / 1e9),
        Raw::Text(name) => text(name),
        Raw::List(nodes) => {
            format!("[{}]", nodes.iter().map(written).collect::<Vec<_>>().join(", "))
        }
        Raw::Tagged(name, inner) => format!("{{ {name} = {} }}", written(inner)),
        other => unreachable!("a network has no {other:?}"),
    }
}
