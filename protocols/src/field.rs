//! What can be set, described once: the decoder, `explain`, the schema and the docs read the
//! same tables.

use std::collections::BTreeMap;

use byzlab_crypto::PartyId;

use crate::{Probability, Span};

/// One thing that can be set in a file.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub kind: FieldKind,
    /// What holds when the file is silent.
    pub default: Default,
    /// One line for people.
    pub doc: &'static str,
}

impl Field {
    /// The parameter that chooses one of [`crate::About::broken`].
    pub const BROKEN: Field = Field {
        name: "broken",
        kind: FieldKind::Name,
        default: Default::Unset("the published rules"),
        doc: "A broken twin of one rule, by id: `byzlab list broken`",
    };
}

/// What holds when the file is silent.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// The file must not be silent.
    Required,
    /// This value, as it would stand in the file.
    Is(&'static str),
    /// Nothing is set; in words, what follows.
    Unset(&'static str),
}

/// What a field takes.
#[derive(Debug)]
pub enum FieldKind {
    /// `true` or `false`.
    Bool,
    /// A whole number from `min` to `max`.
    Integer {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A 64-bit number, as a string where TOML's integers do not reach.
    Seed,
    /// A duration such as `"250ms"`, `min` at the least.
    Duration {
        /// The least.
        min: Span,
    },
    /// A number from 0 to 1.
    Probability,
    /// Words for people.
    Text,
    /// A small name: `[a-z0-9-_]`, 64 characters at most; upper case where ids have it.
    Name,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Parties: a number, a selector such as `"leader"`, or a list of these.
    Parties,
    /// Groups of parties, such as `[[0, 1], [2, 3]]`.
    Groups,
    /// A range of whole numbers, such as `"1..3"` or `"1..=3"`.
    Range,
    /// A range of moments, such as `"1s..2s"`.
    Times,
    /// A list.
    List(&'static FieldKind),
    /// A list of exactly two.
    Pair(&'static FieldKind),
    /// A table with these fields.
    Table(&'static [Field]),
    /// A list of tables with these fields.
    Tables(&'static [Field]),
    /// One of these fields: `"name"` where it takes nothing, else `{ name = value }`.
    OneOf(&'static [Field]),
    /// Nothing: the name says all. Only inside [`FieldKind::OneOf`].
    Unit,
    /// The first of these that fits.
    Either(&'static [FieldKind]),
    /// Free keys with plain values.
    Free,
    /// A protocol of the registry, with its parameters.
    Protocol,
    /// A behaviour, with its parameters.
    Behaviour,
}

/// A decoded value: checked against its [`FieldKind`], selectors resolved.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// From [`FieldKind::Bool`].
    Bool(bool),
    /// From [`FieldKind::Integer`] and [`FieldKind::Seed`].
    Integer(u64),
    /// From [`FieldKind::Duration`].
    Duration(Span),
    /// From [`FieldKind::Probability`].
    Probability(Probability),
    /// From [`FieldKind::Text`], [`FieldKind::Name`] and [`FieldKind::Choice`].
    Text(String),
    /// From [`FieldKind::Parties`].
    Parties(Vec<PartyId>),
    /// From [`FieldKind::Groups`].
    Groups(Vec<Vec<PartyId>>),
    /// From [`FieldKind::Range`] and [`FieldKind::Times`]: start, and end excluded.
    Range(u64, u64),
    /// From lists, pairs and lists of tables.
    List(Vec<Value>),
    /// From [`FieldKind::Table`].
    Table(Values),
    /// From [`FieldKind::OneOf`] and registry kinds: the name and what it takes.
    Tagged(String, Box<Value>),
    /// From [`FieldKind::Unit`].
    Unit,
    /// From [`FieldKind::Free`]: path and value as they stand.
    Free(Vec<(String, serde_json::Value)>),
}

/// Decoded values by key. Getters panic on a key that the table of fields does not have or that
/// has no default: that is a fault of the code, not of the file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Values(pub BTreeMap<&'static str, Value>);

impl std::default::Default for Default {
    fn default() -> Self {
        Default::Unset("")
    }
}

impl Values {
    /// The value of a key, if it is set.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    fn must(&self, key: &str) -> &Value {
        self.get(key).unwrap_or_else(|| panic!("`{key}` is in the table of fields and has a value"))
    }

    /// A number.
    pub fn integer(&self, key: &str) -> u64 {
        match self.must(key) {
            Value::Integer(number) => *number,
            other => panic!("`{key}` is a number, not {other:?}"),
        }
    }

    /// A duration.
    pub fn span(&self, key: &str) -> Span {
        match self.must(key) {
            Value::Duration(span) => *span,
            other => panic!("`{key}` is a duration, not {other:?}"),
        }
    }

    /// A truth value.
    pub fn flag(&self, key: &str) -> bool {
        match self.must(key) {
            Value::Bool(flag) => *flag,
            other => panic!("`{key}` is true or false, not {other:?}"),
        }
    }

    /// A probability.
    pub fn probability(&self, key: &str) -> Probability {
        match self.must(key) {
            Value::Probability(probability) => *probability,
            other => panic!("`{key}` is a probability, not {other:?}"),
        }
    }

    /// Words, if they are set.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            other => panic!("`{key}` is a text, not {other:?}"),
        }
    }

    /// Parties, if they are set.
    pub fn parties(&self, key: &str) -> Option<&[PartyId]> {
        match self.get(key)? {
            Value::Parties(parties) => Some(parties),
            other => panic!("`{key}` is a list of parties, not {other:?}"),
        }
    }

    /// Groups of parties, if they are set.
    pub fn groups(&self, key: &str) -> Option<&[Vec<PartyId>]> {
        match self.get(key)? {
            Value::Groups(groups) => Some(groups),
            other => panic!("`{key}` is a list of groups, not {other:?}"),
        }
    }

    /// A table, if it is set.
    pub fn table(&self, key: &str) -> Option<&Values> {
        match self.get(key)? {
            Value::Table(values) => Some(values),
            other => panic!("`{key}` is a table, not {other:?}"),
        }
    }

    /// A list, empty if it is not set.
    pub fn list(&self, key: &str) -> &[Value] {
        match self.get(key) {
            Some(Value::List(items)) => items,
            None => &[],
            Some(other) => panic!("`{key}` is a list, not {other:?}"),
        }
    }

    /// A range, its end excluded, if it is set.
    pub fn range(&self, key: &str) -> Option<(u64, u64)> {
        match self.get(key)? {
            Value::Range(start, end) => Some((*start, *end)),
            other => panic!("`{key}` is a range, not {other:?}"),
        }
    }

    /// A name and what it takes, if it is set.
    pub fn tagged(&self, key: &str) -> Option<(&str, &Value)> {
        match self.get(key)? {
            Value::Tagged(name, value) => Some((name, value)),
            other => panic!("`{key}` is a name with a value, not {other:?}"),
        }
    }
}
