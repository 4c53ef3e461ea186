//! The reference of scenario files, made from the table of fields that the decoder uses.

use byzlab::{
    Lab,
    protocols::{Field, FieldDefault, FieldKind, byzantine::BEHAVIOURS},
    scenarios::{FILE, expected},
};

/// What follows it in the page is generated.
pub(crate) const MARK: &str = "<!-- From here on made from the table of fields: edit that. -->";

/// All keys of a scenario file.
pub(crate) fn render(lab: &Lab) -> String {
    let mut out = String::new();
    section(&mut out, "The file", "", FILE);
    out.push_str("## Parameters of protocols\n\n");
    for entry in lab.registry().entries() {
        let about = entry.about();
        out.push_str(&format!("### {}\n\n`protocol.{} = {{ .. }}`\n\n", about.name, about.name));
        table(&mut out, entry.fields());
    }
    out.push_str("## Parameters of behaviours\n\n");
    for info in BEHAVIOURS {
        out.push_str(&format!("### {}\n\nA party that {}.", info.name, info.doc));
        if info.fields.is_empty() {
            out.push_str(" No parameters.\n\n");
        } else {
            out.push_str(&format!(" `behaviour.{} = {{ .. }}`\n\n", info.name));
            table(&mut out, info.fields);
        }
    }
    format!("{}\n", out.trim_end())
}

/// A table of fields, and then those within it.
fn section(out: &mut String, title: &str, path: &str, fields: &'static [Field]) {
    out.push_str(&format!("## {title}\n\n"));
    table(out, fields);
    for field in fields {
        let path =
            if path.is_empty() { field.name.to_owned() } else { format!("{path}.{}", field.name) };
        match &field.kind {
            FieldKind::Table(inner) | FieldKind::Tables(inner) | FieldKind::OneOf(inner) => {
                section(out, &path, &path, inner);
            }
            _ => {}
        }
    }
}

fn table(out: &mut String, fields: &[Field]) {
    out.push_str("| key | takes | default | what it is |\n|---|---|---|---|\n");
    for field in fields {
        let default = match field.default {
            FieldDefault::Required => "required".to_owned(),
            FieldDefault::Is(value) => format!("`{value}`"),
            FieldDefault::Unset(why) => why.to_owned(),
        };
        let row = [format!("`{}`", field.name), takes(&field.kind), default, field.doc.to_owned()];
        let row: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        out.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    out.push('\n');
}

/// What a field takes; what stands inside it has a table of its own.
fn takes(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Table(_) => "a table".to_owned(),
        FieldKind::OneOf(fields) => {
            let names = fields.iter().map(|field| match field.kind {
                FieldKind::Unit => format!("`\"{}\"`", field.name),
                _ => format!("`{{ {} = .. }}`", field.name),
            });
            format!("one of {}", names.collect::<Vec<_>>().join(", "))
        }
        FieldKind::Duration { min } if min.0 > 0 => format!("{}, above 0", expected(kind)),
        FieldKind::Pair(inner) => format!("a list of two, each {}", takes(inner)),
        FieldKind::Protocol => "a name, or `{ name = { .. } }` with parameters".to_owned(),
        FieldKind::Behaviour => "a name, or `{ name = { .. } }` with parameters".to_owned(),
        kind => expected(kind),
    }
}
