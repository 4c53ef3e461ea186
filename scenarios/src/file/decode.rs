//! From TOML's spanned tree to typed nodes, by the table of fields. All problems in one pass.

use std::borrow::Cow;

use byzlab_protocols::{Field, FieldDefault as Default, FieldKind as Kind, byzantine::BEHAVIOURS};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    node::{Node, Raw, Selector, Table},
    problem::{Place, Problem, suggest},
    scalars::{
        choice, free, integer, name, parse_number, parse_span, probability, range, seed, selector,
        text_value,
    },
};

/// What can be named in a file beside its own keys.
pub trait Names {
    /// The names of the protocols.
    fn protocols(&self) -> Vec<&'static str>;

    /// The parameters of a protocol.
    fn protocol_fields(&self, name: &str) -> Option<&'static [Field]>;
}

/// Decodes tables and gathers problems.
pub(crate) struct Decoder<'a> {
    names: &'a dyn Names,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// How deep tables and lists may nest.
const MAX_DEPTH: usize = 16;

impl<'a> Decoder<'a> {
    /// A decoder that knows these names.
    pub(crate) fn new(names: &'a dyn Names) -> Self {
        Decoder { names, problems: Vec::new() }
    }

    /// Decodes a table: unknown keys, wrong types and missing values are problems.
    pub(crate) fn table(
        &mut self,
        table: &DeTable<'_>,
        place: &Place,
        fields: &'static [Field],
        path: &str,
    ) -> Table {
        let mut decoded = Table { place: place.clone(), ..Table::default() };
        for (key, value) in table {
            let name: &str = key.get_ref();
            match fields.iter().find(|field| field.name == name) {
                Some(field) => {
                    let path = join(path, name);
                    if let Some(raw) = self.value(value, &field.kind, &path) {
                        let node = Node { raw, place: value.span(), given: true };
                        decoded.nodes.insert(field.name, node);
                    }
                }
                None => self.unknown(name, &key.span(), fields, path),
            }
        }
        for field in fields {
            let given = table.keys().any(|key| key.get_ref() == field.name);
            if !given {
                self.default(field, &mut decoded, path);
            }
        }
        decoded
    }

    fn unknown(&mut self, name: &str, place: &Place, fields: &[Field], path: &str) {
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        let key = join(path, name);
        let problem = Problem::at(place, &key, format!("unknown key `{key}`"));
        let hint = match name {
            // Files have no version: what a newer byzlab reads beside these keys, this one refuses.
            "schema" | "version" => format!(
                "files name no version; keys that byzlab {} does not know may be of a newer one",
                env!("CARGO_PKG_VERSION")
            ),
            _ => suggest(name, &names),
        };
        self.problems.push(problem.hint(hint));
    }

    fn default(&mut self, field: &'static Field, table: &mut Table, path: &str) {
        let place = table.place.clone();
        match field.default {
            Default::Required => {
                let key = join(path, field.name);
                let problem = Problem::at(&place, &key, format!("`{key}` is missing"));
                let expected = match field.kind {
                    Kind::Protocol => format!("one of {}", self.names.protocols().join(", ")),
                    ref kind => expected(kind),
                };
                self.problems.push(problem.expected(expected).hint(field.doc));
            }
            Default::Unset(_) => {}
            Default::Is(text) => {
                let parsed = DeValue::parse(text).expect("a default is a TOML value");
                let raw = self.value(&parsed, &field.kind, &join(path, field.name));
                let raw = raw.expect("a default fits its field");
                table
                    .nodes
                    .insert(field.name, Node { raw: relocate(raw, &place), place, given: false });
            }
        }
    }

    /// Decodes a value of a kind; nothing if it is wrong, with the problem noted.
    fn value(&mut self, value: &Value<'_>, kind: &'static Kind, path: &str) -> Option<Raw> {
        let raw = self.try_value(value, kind, path);
        raw.map_err(|problem| self.problems.extend(problem)).ok()
    }

    /// A problem that was noted already is `None`.
    fn try_value(
        &mut self,
        value: &Value<'_>,
        kind: &'static Kind,
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        if path.matches(['.', '[']).count() > MAX_DEPTH {
            return Err(Some(Problem::at(&value.span(), path, "nested too deeply")));
        }
        let wrong = || Some(wrong_type(value, kind, path));
        match (kind, value.get_ref()) {
            (Kind::Bool, DeValue::Boolean(flag)) => Ok(Raw::Bool(*flag)),
            (Kind::Integer { min, max }, DeValue::Integer(_)) => {
                integer(value, *min, *max, path).map(Raw::Integer).map_err(Some)
            }
            (Kind::Seed, _) => seed(value, path).map(Raw::Integer).map_err(Some),
            (Kind::Duration { min }, DeValue::String(text)) => match parse_span(text) {
                Ok(span) if span >= *min => Ok(Raw::Duration(span)),
                Ok(_) => Err(Some(
                    Problem::at(&value.span(), path, format!("`{path}` is too short"))
                        .expected(format!("at least {min}")),
                )),
                Err(why) => Err(Some(
                    Problem::at(&value.span(), path, format!("`{text}` is no duration: {why}"))
                        .expected(expected(kind)),
                )),
            },
            (Kind::Probability, DeValue::Float(_) | DeValue::Integer(_)) => {
                probability(value, path).map(Raw::Probability).map_err(Some)
            }
            (Kind::Text, DeValue::String(text)) => text_value(value, text, path).map_err(Some),
            (Kind::Name, DeValue::String(text)) => name(value, text, path).map_err(Some),
            (Kind::Choice(words), DeValue::String(text)) => {
                choice(value, text, words, path).map_err(Some)
            }
            (Kind::Parties, _) => self.parties(value, path).map(Raw::Parties),
            (Kind::Groups, DeValue::Array(items)) => {
                let groups: Vec<_> = items.iter().map(|item| self.parties(item, path)).collect();
                groups.into_iter().collect::<Result<_, _>>().map(Raw::Groups)
            }
            (Kind::Range, DeValue::String(text)) => {
                range(value, text, path, parse_number).map_err(Some)
            }
            (Kind::Times, DeValue::String(text)) => {
                let time = |text: &str| parse_span(text).map(|span| span.0);
                range(value, text, path, time).map_err(Some)
            }
            (Kind::List(kind), DeValue::Array(items)) => self.list(items, kind, path),
            (Kind::Pair(kind), DeValue::Array(items)) if items.len() == 2 => {
                self.list(items, kind, path)
            }
            (Kind::Table(fields), DeValue::Table(table)) => {
                Ok(Raw::Table(self.table(table, &value.span(), fields, path)))
            }
            (Kind::Tables(fields), DeValue::Array(items)) => self.tables(items, fields, path),
            (Kind::OneOf(fields), _) => self.one_of(value, fields, path),
            (Kind::Either(kinds), _) => self.either(value, kinds, path),
            (Kind::Free, DeValue::Table(table)) => Ok(Raw::Free(free(table))),
            (Kind::Protocol, _) => self.protocol(value, path),
            (Kind::Behaviour, _) => self.behaviour(value, path),
            _ => Err(wrong()),
        }
    }

    fn list(
        &mut self,
        items: &[Value<'_>],
        kind: &'static Kind,
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        let mut nodes = Vec::with_capacity(items.len());
        let mut whole = true;
        for (at, item) in items.iter().enumerate() {
            match self.value(item, kind, &format!("{path}[{at}]")) {
                Some(raw) => nodes.push(Node { raw, place: item.span(), given: true }),
                None => whole = false,
            }
        }
        if whole { Ok(Raw::List(nodes)) } else { Err(None) }
    }

    fn tables(
        &mut self,
        items: &[Value<'_>],
        fields: &'static [Field],
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        let mut nodes = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match item.get_ref() {
                DeValue::Table(table) => {
                    let table = self.table(table, &item.span(), fields, &path);
                    nodes.push(Node { raw: Raw::Table(table), place: item.span(), given: true });
                }
                _ => {
                    let message = format!("`{path}` is {}", found(item.get_ref()));
                    let problem = Problem::at(&item.span(), &path, message);
                    self.problems.push(problem.expected("a table"));
                }
            }
        }
        Ok(Raw::List(nodes))
    }

    /// `"name"` or `{ name = value }`.
    fn one_of(
        &mut self,
        value: &Value<'_>,
        fields: &'static [Field],
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        let names: Vec<_> = fields.iter().map(|field| field.name).collect();
        let (name, place, inner) = match value.get_ref() {
            DeValue::String(name) => (name.clone(), value.span(), None),
            DeValue::Table(table) => {
                let (key, inner) = only_key(table, value, path)?;
                (key.get_ref().clone(), key.span(), Some(inner))
            }
            _ => {
                let problem = Problem::at(
                    &value.span(),
                    path,
                    format!("`{path}` is {}", found(value.get_ref())),
                );
                return Err(Some(problem.expected(format!("one of {}", names.join(", ")))));
            }
        };
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let problem = Problem::at(&place, path, format!("unknown `{name}` in `{path}`"));
            return Err(Some(problem.hint(suggest(&name, &names))));
        };
        let raw = match (&field.kind, inner) {
            (Kind::Unit, None) => Raw::Unit,
            (Kind::Unit, Some(inner)) => {
                let problem = Problem::at(&inner.span(), path, format!("`{name}` takes nothing"));
                return Err(Some(problem.hint(format!("write {path} = \"{name}\""))));
            }
            (kind, None) => {
                let problem = Problem::at(&place, path, format!("`{name}` takes a value"));
                return Err(Some(problem.expected(format!("{{ {name} = {} }}", expected(kind)))));
            }
            (kind, Some(inner)) => self.try_value(inner, kind, &join(path, &name))?,
        };
        let place = inner.map_or(place, Spanned::span);
        let node = Node { raw, place, given: true };
        Ok(Raw::Tagged(field.name.to_owned(), Box::new(node)))
    }

    fn either(
        &mut self,
        value: &Value<'_>,
        kinds: &'static [Kind],
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        let mut first = None;
        for kind in kinds {
            let before = self.problems.len();
            match self.try_value(value, kind, path) {
                Ok(raw) => return Ok(raw),
                Err(problem) => {
                    let noted = self.problems.split_off(before);
                    let fits = same_shape(value.get_ref(), kind);
                    if fits && first.is_none() {
                        first = problem.or_else(|| noted.into_iter().next());
                    }
                }
            }
        }
        let all: Vec<_> = kinds.iter().map(expected).collect();
        let all = all.join(", or ");
        let message = format!("`{path}` is {}", found(value.get_ref()));
        Err(Some(first.unwrap_or_else(|| Problem::at(&value.span(), path, message)).expected(all)))
    }

    /// A name from a registry, or one with parameters.
    fn named(
        &mut self,
        value: &Value<'_>,
        what: &str,
        names: &[&'static str],
        fields: impl Fn(&str) -> Option<&'static [Field]>,
        path: &str,
    ) -> Result<Raw, Option<Problem>> {
        let (name, place, inner): (Cow<'_, str>, _, _) = match value.get_ref() {
            DeValue::String(name) => (name.clone(), value.span(), None),
            DeValue::Table(table) => {
                let (key, inner) = only_key(table, value, path)?;
                (key.get_ref().clone(), key.span(), Some(inner))
            }
            other => {
                let problem =
                    Problem::at(&value.span(), path, format!("`{path}` is {}", found(other)));
                return Err(Some(problem.expected(format!("a {what}: {}", names.join(", ")))));
            }
        };
        let Some(fields) = fields(&name) else {
            let problem = Problem::at(&place, path, format!("unknown {what} `{name}`"));
            let all = format!("one of {}", names.join(", "));
            return Err(Some(problem.expected(all).hint(suggest(&name, names))));
        };
        let path = join(path, &name);
        let (table, place) = match inner.map(|inner| (inner.get_ref(), inner.span())) {
            None => (self.table(&DeTable::default(), &place, fields, &path), place),
            Some((DeValue::Table(table), place)) => {
                (self.table(table, &place, fields, &path), place)
            }
            Some((other, place)) => {
                let problem = Problem::at(&place, &path, format!("`{path}` is {}", found(other)));
                return Err(Some(problem.expected(parameters(fields))));
            }
        };
        let node = Node { raw: Raw::Table(table), place, given: true };
        Ok(Raw::Tagged(name.into_owned(), Box::new(node)))
    }

    fn protocol(&mut self, value: &Value<'_>, path: &str) -> Result<Raw, Option<Problem>> {
        let names = self.names;
        self.named(value, "protocol", &names.protocols(), |name| names.protocol_fields(name), path)
    }

    fn behaviour(&mut self, value: &Value<'_>, path: &str) -> Result<Raw, Option<Problem>> {
        let names: Vec<_> = BEHAVIOURS.iter().map(|info| info.name).collect();
        let fields =
            |name: &str| BEHAVIOURS.iter().find(|info| info.name == name).map(|info| info.fields);
        self.named(value, "behaviour", &names, fields, path)
    }

    /// A number, a selector, or a list of these.
    fn parties(
        &mut self,
        value: &Value<'_>,
        path: &str,
    ) -> Result<Vec<(Selector, Place)>, Option<Problem>> {
        match value.get_ref() {
            DeValue::Array(items) => {
                let mut selectors = Vec::with_capacity(items.len());
                let mut whole = true;
                for item in items {
                    match selector(item, path) {
                        Ok(selector) => selectors.push((selector, item.span())),
                        Err(problem) => {
                            self.problems.push(problem);
                            whole = false;
                        }
                    }
                }
                if whole { Ok(selectors) } else { Err(None) }
            }
            _ => selector(value, path).map(|one| vec![(one, value.span())]).map_err(Some),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Puts a default at the place of the table that lacks it.
fn relocate(raw: Raw, place: &Place) -> Raw {
    let node =
        |node: Node| Node { raw: relocate(node.raw, place), place: place.clone(), given: false };
    match raw {
        Raw::List(nodes) => Raw::List(nodes.into_iter().map(node).collect()),
        Raw::Tagged(name, inner) => Raw::Tagged(name, Box::new(node(*inner))),
        Raw::Table(table) => Raw::Table(Table {
            nodes: table.nodes.into_iter().map(|(key, inner)| (key, node(inner))).collect(),
            place: place.clone(),
        }),
        other => other,
    }
}

fn only_key<'t, 'i>(
    table: &'t DeTable<'i>,
    value: &Value<'_>,
    path: &str,
) -> Result<(&'t Spanned<Cow<'i, str>>, &'t Value<'i>), Option<Problem>> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => {
            let problem = Problem::at(&value.span(), path, format!("`{path}` names nothing"));
            Err(Some(problem.expected("one name")))
        }
        (Some((first, _)), Some((second, _))) => {
            let message =
                format!("`{path}` names both `{}` and `{}`", first.get_ref(), second.get_ref());
            let problem = Problem::at(&second.span(), path, message);
            Err(Some(problem.expected("one of them").related(&first.span(), "named first here")))
        }
    }
}

fn parameters(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "no parameters".to_owned();
    }
    let names: Vec<_> = fields.iter().map(|field| field.name).collect();
    format!("a table of parameters: {}", names.join(", "))
}

pub(super) fn wrong_type(value: &Value<'_>, kind: &Kind, path: &str) -> Problem {
    Problem::at(&value.span(), path, format!("`{path}` is {}", found(value.get_ref())))
        .expected(expected(kind))
}

fn same_shape(value: &DeValue<'_>, kind: &Kind) -> bool {
    match value {
        DeValue::String(text) => {
            let selector = text.contains(['(', ')']) || text == "followers";
            matches!(kind, Kind::Choice(_) | Kind::Range) && !selector
                || matches!(kind, Kind::Parties) && selector
        }
        DeValue::Integer(_) => matches!(kind, Kind::Integer { .. }),
        DeValue::Array(_) => matches!(kind, Kind::Parties | Kind::List(_)),
        _ => false,
    }
}

/// What a value is, for people.
pub(super) fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(flag) => format!("{flag}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(items) => format!("a list of {}", items.len()),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What a kind takes, for people.
pub fn expected(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer { min, max } => format!("an integer from {min} to {max}"),
        Kind::Seed => {
            "a number of 64 bits; as a string, decimal or 0x.., above 9223372036854775807"
                .to_owned()
        }
        Kind::Duration { .. } => "a duration such as \"250ms\"".to_owned(),
        Kind::Probability => "a probability from 0 to 1".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::Name => "a name of letters, digits, - and _, 64 at most".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::Parties => {
            "a party number, \"leader\", \"leader(VIEW)\", \"followers\", \"random\", \
             \"random(COUNT)\", or a list of these"
                .to_owned()
        }
        Kind::Groups => "a list of lists of parties, such as [[0, 1], [2, 3]]".to_owned(),
        Kind::Range => "a range such as \"1..3\" or \"1..=3\"".to_owned(),
        Kind::Times => "a range of times such as \"1s..2s\"".to_owned(),
        Kind::List(kind) => format!("a list, each {}", expected(kind)),
        Kind::Pair(kind) => format!("a list of two, each {}", expected(kind)),
        Kind::Table(fields) => {
            let names: Vec<_> = fields.iter().map(|field| field.name).collect();
            format!("a table with {}", names.join(", "))
        }
        Kind::Tables(_) => "a list of tables".to_owned(),
        Kind::OneOf(fields) => {
            let forms: Vec<_> = fields.iter().map(|field| field.name).collect();
            format!("one of {}", forms.join(", "))
        }
        Kind::Unit => "nothing".to_owned(),
        Kind::Either(kinds) => {
            let all: Vec<_> = kinds.iter().map(expected).collect();
            all.join(", or ")
        }
        Kind::Free => "a table of fields".to_owned(),
        Kind::Protocol => "a protocol".to_owned(),
        Kind::Behaviour => "a behaviour".to_owned(),
    }
}
