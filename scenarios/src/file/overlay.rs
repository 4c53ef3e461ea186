//! Values set on the command line, laid over the file: `--set network.gst='"2s"'`.

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

/// Parses a text of which everything from `end` on is lines that are set over the rest. Places
/// are those in the whole text.
pub(super) fn parse(source: &str, end: usize) -> (DeTable<'_>, Vec<Error>) {
    let (base, mut errors) = DeTable::parse_recoverable(&source[..end]);
    let mut table = base.into_inner();
    let mut offset = end;
    for line in source[end..].split_inclusive('\n') {
        let (mut set, wrong) = DeTable::parse_recoverable(line);
        errors.extend(wrong);
        shift_table(set.get_mut(), offset);
        merge(&mut table, set.into_inner());
        offset += line.len();
    }
    (table, errors)
}

/// Keys whose table is one of several alternatives: another alternative takes its place.
const ONE_OF: [&str; 3] = ["protocol", "delay", "delay_before_gst"];

/// Lays a table over another one: tables are merged, everything else is replaced.
fn merge<'i>(base: &mut DeTable<'i>, over: DeTable<'i>) {
    for (key, value) in over {
        let merged = match base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut) {
            Some(DeValue::Table(below)) => match value.into_inner() {
                DeValue::Table(above) => {
                    let other = !above.keys().any(|key| below.contains_key(key.get_ref().as_ref()));
                    if other && ONE_OF.contains(&key.get_ref().as_ref()) {
                        below.clear();
                    }
                    merge(below, above);
                    continue;
                }
                other => Spanned::new(key.span(), other),
            },
            _ => value,
        };
        base.remove(key.get_ref().as_ref());
        base.insert(key, merged);
    }
}

fn shift_table(table: &mut DeTable<'_>, offset: usize) {
    let entries = std::mem::take(table);
    for (key, mut value) in entries {
        shift(&mut value, offset);
        let span = key.span();
        table.insert(Spanned::new(span.start + offset..span.end + offset, key.into_inner()), value);
    }
}

fn shift(value: &mut Spanned<DeValue<'_>>, offset: usize) {
    let span = value.span();
    let mut inner = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
    match &mut inner {
        DeValue::Table(table) => shift_table(table, offset),
        DeValue::Array(items) => items.iter_mut().for_each(|item| shift(item, offset)),
        _ => {}
    }
    *value = Spanned::new(span.start + offset..span.end + offset, inner);
}
