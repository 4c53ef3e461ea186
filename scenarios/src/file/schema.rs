//! The JSON Schema of scenario files, from the table of fields.

use byzlab_protocols::{Field, FieldDefault as Default, FieldKind as Kind, byzantine::BEHAVIOURS};
use serde_json::{Map, Value, json};

use super::{decode::expected, fields::FILE};
use crate::Registry;

/// The schema, draft 2020-12.
pub fn schema(registry: &Registry) -> Value {
    let mut schema = table(FILE, registry);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("byzlab scenario");
    schema
}

fn table(fields: &[Field], registry: &Registry) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut property = kind(&field.kind, registry);
        let doc = match field.default {
            Default::Required => format!("{} (required)", field.doc),
            Default::Is(default) => format!("{} (default: {default})", field.doc),
            Default::Unset("") => field.doc.to_owned(),
            Default::Unset(why) => format!("{} (default: {why})", field.doc),
        };
        property["description"] = json!(doc);
        properties.insert(field.name.to_owned(), property);
    }
    let required: Vec<_> = fields
        .iter()
        .filter(|field| matches!(field.default, Default::Required))
        .map(|field| field.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn kind(of: &Kind, registry: &Registry) -> Value {
    let party = json!({ "type": ["integer", "string"], "description": expected(&Kind::Parties) });
    match of {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Seed => json!({ "type": ["integer", "string"] }),
        Kind::Duration { .. } => {
            json!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]{1,9})?(ns|us|µs|ms|s|m|min)$" })
        }
        Kind::Probability => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Text => json!({ "type": "string", "maxLength": 4096 }),
        Kind::Name => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Parties => json!({ "anyOf": [party, { "type": "array", "items": party }] }),
        Kind::Groups => json!({
            "type": "array",
            "items": { "type": "array", "items": party },
        }),
        Kind::Range => json!({ "type": "string", "pattern": r"^ *[0-9]+ *\.\.=? *[0-9]+ *$" }),
        Kind::Times => json!({ "type": "string", "pattern": r"^.+\.\.=?.+$" }),
        Kind::List(inner) => json!({ "type": "array", "items": kind(inner, registry) }),
        Kind::Pair(inner) => json!({
            "type": "array", "items": kind(inner, registry), "minItems": 2, "maxItems": 2,
        }),
        Kind::Table(fields) => table(fields, registry),
        Kind::Tables(fields) => json!({ "type": "array", "items": table(fields, registry) }),
        Kind::OneOf(fields) => {
            let variants = fields.iter().map(|field| match &field.kind {
                Kind::Unit => json!({ "const": field.name, "description": field.doc }),
                other => only(field.name, field.doc, &kind(other, registry)),
            });
            json!({ "oneOf": variants.collect::<Vec<_>>() })
        }
        Kind::Unit => json!({ "type": "null" }),
        Kind::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(|other| kind(other, registry)).collect::<Vec<_>>() })
        }
        Kind::Free => json!({ "type": "object" }),
        Kind::Protocol => {
            let entries = registry.entries();
            named(
                entries.map(|entry| (entry.about().name, entry.about().title, entry.fields())),
                registry,
            )
        }
        Kind::Behaviour => {
            named(BEHAVIOURS.iter().map(|info| (info.name, info.doc, info.fields)), registry)
        }
    }
}

fn only(name: &str, doc: &str, inner: &Value) -> Value {
    json!({
        "type": "object",
        "properties": { name: inner },
        "required": [name],
        "additionalProperties": false,
        "description": doc,
    })
}

/// A name alone, or with its parameters.
fn named(
    entries: impl Iterator<Item = (&'static str, &'static str, &'static [Field])>,
    registry: &Registry,
) -> Value {
    let variants = entries.flat_map(|(name, doc, fields)| {
        let mut variants = vec![only(name, doc, &table(fields, registry))];
        if !fields.iter().any(|field| matches!(field.default, Default::Required)) {
            variants.insert(0, json!({ "const": name, "description": doc }));
        }
        variants
    });
    json!({ "oneOf": variants.collect::<Vec<_>>() })
}
