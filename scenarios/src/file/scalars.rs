//! Single values: numbers, names, durations, ranges, selectors.

use byzlab_protocols::{FieldKind as Kind, Probability, Span};
use toml::de::{DeTable, DeValue};

use super::{
    decode::{Value, expected, found, wrong_type},
    node::{Raw, Selector},
    problem::{Problem, suggest},
};

pub(super) fn integer(value: &Value<'_>, min: u64, max: u64, path: &str) -> Result<u64, Problem> {
    let DeValue::Integer(number) = value.get_ref() else {
        return Err(wrong_type(value, &Kind::Seed, path));
    };
    let parsed = i128::from_str_radix(number.as_str(), number.radix()).ok();
    let fits = parsed.and_then(|number| u64::try_from(number).ok());
    fits.filter(|number| (min..=max).contains(number)).ok_or_else(|| {
        Problem::at(&value.span(), path, format!("`{path}` is {number}"))
            .expected(format!("an integer from {min} to {max}"))
    })
}

pub(super) fn seed(value: &Value<'_>, path: &str) -> Result<u64, Problem> {
    let parsed = match value.get_ref() {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => parse_seed(text),
        _ => None,
    };
    parsed.ok_or_else(|| wrong_type(value, &Kind::Seed, path))
}

/// A seed as people write it: decimal, or hexadecimal after `0x`.
pub fn parse_seed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok().filter(|_| !text.starts_with('+')),
    }
}

pub(super) fn probability(value: &Value<'_>, path: &str) -> Result<Probability, Problem> {
    let text = match value.get_ref() {
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        other => found(other),
    };
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    // Billionths: exact for what people write, and no float after this line.
    let billionths = number.map(|number| (number, (number * 1e9).round() as u32));
    let billionths = billionths.filter(|(number, billionths)| *billionths > 0 || *number == 0.0);
    billionths.map(|(_, billionths)| Probability(billionths)).ok_or_else(|| {
        Problem::at(&value.span(), path, format!("`{path}` is {text}"))
            .expected("a probability from 0 to 1, in billionths at the finest")
    })
}

pub(super) fn text_value(value: &Value<'_>, text: &str, path: &str) -> Result<Raw, Problem> {
    if text.chars().any(char::is_control) {
        let problem = Problem::at(&value.span(), path, format!("`{path}` has control characters"));
        return Err(problem.expected("a string of printable characters"));
    }
    if text.len() > 4096 {
        return Err(Problem::at(
            &value.span(),
            path,
            format!("`{path}` is longer than 4096 bytes"),
        ));
    }
    Ok(Raw::Text(text.to_owned()))
}

pub(super) fn name(value: &Value<'_>, text: &str, path: &str) -> Result<Raw, Problem> {
    let fits = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    if text.is_empty() || text.len() > 64 || !text.chars().all(fits) {
        let problem = Problem::at(&value.span(), path, format!("`{path}` is no name"));
        return Err(problem.expected(expected(&Kind::Name)));
    }
    Ok(Raw::Text(text.to_owned()))
}

pub(super) fn choice(
    value: &Value<'_>,
    text: &str,
    words: &[&str],
    path: &str,
) -> Result<Raw, Problem> {
    if words.contains(&text) {
        return Ok(Raw::Text(text.to_owned()));
    }
    let problem = Problem::at(&value.span(), path, format!("`{path}` is {text:?}"));
    Err(problem.expected(format!("one of {}", words.join(", "))).hint(suggest(text, words)))
}

pub(super) fn parse_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number"))
}

/// Parses Rust's ranges: `a..b` without b, `a..=b` with b.
pub fn parse_range<E>(
    text: &str,
    parse: impl Fn(&str) -> Result<u64, E>,
) -> Result<(u64, u64), String>
where
    E: std::fmt::Display,
{
    let (start, end, inclusive) = match text.split_once("..=") {
        Some((start, end)) => (start, end, true),
        None => {
            let (start, end) = text.split_once("..").ok_or("there is no `..` in it")?;
            (start, end, false)
        }
    };
    let parse = |text: &str| parse(text.trim()).map_err(|why| why.to_string());
    let (start, end) = (parse(start)?, parse(end)?);
    let end = if inclusive { end.checked_add(1).ok_or("its end is too large")? } else { end };
    if start < end { Ok((start, end)) } else { Err("it is empty".to_owned()) }
}

pub(super) fn range(
    value: &Value<'_>,
    text: &str,
    path: &str,
    parse: impl Fn(&str) -> Result<u64, String>,
) -> Result<Raw, Problem> {
    parse_range(text, parse).map(|(start, end)| Raw::Range(start, end)).map_err(|why| {
        Problem::at(&value.span(), path, format!("`{text}` is no range: {why}"))
            .expected(expected(&Kind::Range))
    })
}

/// Parses a duration: a number with at most nine decimals and a unit.
pub fn parse_span(text: &str) -> Result<Span, String> {
    let digits = text.find(|char: char| !char.is_ascii_digit() && char != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let size: u64 = match unit.trim() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "" => return Err("it has no unit (ns, us, ms, s or m)".to_owned()),
        other => return Err(format!("`{other}` is no unit (ns, us, ms, s or m)")),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || decimals.is_empty() || decimals.len() > 9 || decimals.contains('.') {
        return Err("its number is not one".to_owned());
    }
    let too_long = || "it is too long (100 years at the most)".to_owned();
    let whole: u64 = whole.parse().map_err(|_| too_long())?;
    let fraction: u64 = decimals.parse().map_err(|_| too_long())?;
    let fraction = u128::from(fraction) * u128::from(size) / 10u128.pow(decimals.len() as u32);
    let nanos = u128::from(whole) * u128::from(size) + fraction;
    let longest = 100 * 366 * 86_400 * 1_000_000_000;
    if nanos > longest { Err(too_long()) } else { Ok(Span(nanos as u64)) }
}

pub(super) fn selector(value: &Value<'_>, path: &str) -> Result<Selector, Problem> {
    let wrong = || wrong_type(value, &Kind::Parties, path);
    match value.get_ref() {
        DeValue::Integer(_) => integer(value, 0, 1023, path).map(Selector::Number),
        DeValue::String(text) => parse_selector(text).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn parse_selector(text: &str) -> Option<Selector> {
    let (name, argument) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?.parse::<u64>().ok()?)),
        None => (text, None),
    };
    match (name, argument) {
        ("leader", view) => (view != Some(0)).then_some(Selector::Leader(view)),
        ("followers", None) => Some(Selector::Followers),
        ("random", count) => Some(Selector::Random(count.unwrap_or(1))),
        _ => None,
    }
}

pub(super) fn free(table: &DeTable<'_>) -> Vec<(String, serde_json::Value)> {
    let plain = |value: &Value<'_>| match value.get_ref() {
        DeValue::String(text) => serde_json::Value::from(text.as_ref()),
        DeValue::Integer(number) => serde_json::Value::from(
            u64::from_str_radix(number.as_str(), number.radix()).unwrap_or(0),
        ),
        DeValue::Boolean(flag) => serde_json::Value::from(*flag),
        _ => serde_json::Value::Null,
    };
    table.iter().map(|(key, value)| (key.get_ref().to_string(), plain(value))).collect()
}
