//! A file as decoded: values of the right type, with their places, selectors not yet resolved.

use std::collections::BTreeMap;

use byzlab_protocols::{Probability, Span};

use super::problem::Place;

/// A value with its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    /// The value.
    pub(crate) raw: Raw,
    /// Where it stands; the enclosing table for defaults.
    pub(crate) place: Place,
    /// Whether the file says so itself.
    pub(crate) given: bool,
}

/// A table with its place.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Table {
    /// The values by key; keys without a value or default are not in it.
    pub(crate) nodes: BTreeMap<&'static str, Node>,
    /// Where it stands.
    pub(crate) place: Place,
}

/// Who is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Selector {
    /// This party.
    Number(u64),
    /// The leader of a view (the sender of a broadcast); the first one if none is named.
    Leader(Option<u64>),
    /// The first parties that do not lead the first view, f of them.
    Followers,
    /// So many parties, drawn from the seed.
    Random(u64),
}

/// A value of the type that its field takes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Raw {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(u64),
    /// A duration.
    Duration(Span),
    /// A probability.
    Probability(Probability),
    /// Words.
    Text(String),
    /// Who is meant.
    Parties(Vec<(Selector, Place)>),
    /// Groups of those who are meant.
    Groups(Vec<Vec<(Selector, Place)>>),
    /// A range, its end excluded.
    Range(u64, u64),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A name and what it takes.
    Tagged(String, Box<Node>),
    /// Nothing.
    Unit,
    /// Free keys.
    Free(Vec<(String, serde_json::Value)>),
}

impl Table {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.nodes.get(key)
    }

    /// Where a key's value stands; the table if it is not there.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or_else(|| self.place.clone(), |node| node.place.clone())
    }

    /// Whether the file itself sets the key.
    pub(crate) fn gives(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| node.given)
    }

    /// A number.
    pub(crate) fn integer(&self, key: &str) -> Option<u64> {
        match self.get(key)?.raw {
            Raw::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// A duration.
    pub(crate) fn span(&self, key: &str) -> Option<Span> {
        match self.get(key)?.raw {
            Raw::Duration(span) => Some(span),
            _ => None,
        }
    }

    /// A truth value.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.raw {
            Raw::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// A probability.
    pub(crate) fn probability(&self, key: &str) -> Option<Probability> {
        match self.get(key)?.raw {
            Raw::Probability(probability) => Some(probability),
            _ => None,
        }
    }

    /// Words.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.raw {
            Raw::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A range.
    pub(crate) fn range(&self, key: &str) -> Option<(u64, u64)> {
        match self.get(key)?.raw {
            Raw::Range(start, end) => Some((start, end)),
            _ => None,
        }
    }

    /// A table.
    pub(crate) fn table(&self, key: &str) -> Option<&Table> {
        match &self.get(key)?.raw {
            Raw::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A list, empty if there is none.
    pub(crate) fn list(&self, key: &str) -> &[Node] {
        match self.get(key).map(|node| &node.raw) {
            Some(Raw::List(nodes)) => nodes,
            _ => &[],
        }
    }

    /// The tables of a list of tables.
    pub(crate) fn tables(&self, key: &str) -> impl Iterator<Item = &Table> {
        self.list(key).iter().filter_map(|node| match &node.raw {
            Raw::Table(table) => Some(table),
            _ => None,
        })
    }

    /// A name and what it takes.
    pub(crate) fn tagged(&self, key: &str) -> Option<(&str, &Node)> {
        match &self.get(key)?.raw {
            Raw::Tagged(name, node) => Some((name, node)),
            _ => None,
        }
    }
}
