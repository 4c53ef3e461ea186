//! A recorded run in columns: each field of all events behind each other, as differences in
//! variable length, so that it deflates to a few bytes an event ([ADR](
//! ../../../docs/adr/0012-reports-embed-columns.md)).
//!
//! `page/web/decode.js` reads what stands here; both follow the order of [`FIELDS`].

use std::{collections::BTreeMap, io::Write as _};

use byzlab_trace::Record;
use flate2::{Compression, write::ZlibEncoder};
use serde_json::json;

/// The fields of an event, in the order of the columns.
const FIELDS: [&str; 18] = [
    "id", "at", "party", "what", "cause", "kind", "from", "to", "send", "view", "slot", "digest",
    "bytes", "hops", "number", "signers", "parent", "text",
];

/// What a delivery has of its send, unless it says otherwise: kind, view, slot, digest, bytes,
/// hops.
const OF_SEND: [usize; 6] = [5, 9, 10, 11, 12, 13];

/// So many events are embedded at the most.
pub const MAX_EVENTS: usize = 2_000_000;

/// So many bytes of text of messages are embedded; near what matters more are.
const MAX_TEXT: usize = 256 << 10;

/// So many bytes of other text are embedded.
const MAX_OTHER: usize = 8 << 20;

/// The longest text of one event, in bytes.
const MAX_ONE: usize = 2000;

/// So many events around one that matters have their text.
const NEAR: u64 = 200;

/// So many hexadecimal digits of a digest are embedded: enough to tell blocks apart for people.
const DIGITS: usize = 16;

/// Takes records one at a time, and embeds them.
#[derive(Default)]
pub struct Columns {
    columns: [Vec<u8>; FIELDS.len()],
    /// The values of the event before, by field.
    last: [u64; FIELDS.len()],
    /// The values of sends, by event.
    sends: BTreeMap<u64, [u64; OF_SEND.len()]>,
    words: Words,
    digests: Words,
    signers: Words,
    rows: usize,
    left_out: u64,
    texts_left_out: u64,
    text: usize,
    other: usize,
    near: Vec<u64>,
    state: [Vec<u8>; 4],
    states: usize,
    last_state: usize,
    shown: BTreeMap<(u16, u64), u64>,
}

/// Strings, each once.
#[derive(Default)]
struct Words {
    list: Vec<String>,
    numbers: BTreeMap<String, u64>,
}

impl Words {
    /// The number of a string, from 1 on; 0 is none.
    fn number(&mut self, word: &str) -> u64 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.list.push(word.to_owned());
        let number = self.list.len() as u64;
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

impl Columns {
    /// Columns of a run; the text of all messages near these events is kept.
    pub fn new(near: Vec<u64>) -> Columns {
        Columns { near, ..Columns::default() }
    }

    /// Adds an event.
    pub fn push(&mut self, record: &Record) {
        if record.what == "shown" {
            return self.show(record);
        }
        if self.rows == MAX_EVENTS {
            self.left_out += 1;
            return;
        }
        let text = self.text(record);
        let mut values = [0; FIELDS.len()];
        let some = |value: Option<u64>| value.map_or(0, |value| value.saturating_add(1));
        values[0] = record.id;
        values[1] = record.at;
        values[2] = u64::from(record.party);
        values[3] = self.words.number(&record.what);
        values[4] = some(record.cause);
        values[5] = record.kind.as_ref().map_or(0, |kind| self.words.number(kind));
        values[6] = some(record.from.map(u64::from));
        values[7] = some(record.to.map(u64::from));
        values[8] = some(record.send);
        values[9] = some(record.view);
        values[10] = some(record.slot);
        values[11] = self.digest(record.digest.as_ref());
        values[12] = some(record.bytes.map(u64::from));
        values[13] = some(record.hops.map(u64::from));
        values[14] = some(record.number);
        values[15] = match record.signers.as_slice() {
            [] => 0,
            signers => {
                let list: Vec<_> = signers.iter().map(ToString::to_string).collect();
                self.signers.number(&list.join(" "))
            }
        };
        values[16] = self.digest(record.parent.as_ref());
        values[17] = text.map_or(0, |text| self.words.number(&text));
        self.write(record, &values);
        self.rows += 1;
    }

    /// Each value as its difference from what is likely.
    fn write(&mut self, record: &Record, values: &[u64; FIELDS.len()]) {
        let mut likely = [0; FIELDS.len()];
        likely[0] = self.last[0].wrapping_add(1);
        likely[1] = self.last[1];
        for field in OF_SEND {
            likely[field] = self.last[field];
        }
        // Causes and sends are a little way back.
        for field in [4, 8] {
            if values[field] > 0 {
                likely[field] = values[0].wrapping_add(2);
            }
        }
        let send = record.send.filter(|_| record.what == "delivered");
        if let Some(of) = send.and_then(|send| self.sends.get(&send)) {
            OF_SEND.iter().zip(of).for_each(|(field, value)| likely[*field] = *value);
        }
        for (field, column) in self.columns.iter_mut().enumerate() {
            match field {
                // None is 0, so that a reader knows it before it knows the event.
                4 | 8 if values[field] == 0 => varint(column, 0),
                4 | 8 => varint(column, zigzag(values[field], likely[field]).wrapping_add(1)),
                _ => varint(column, zigzag(values[field], likely[field])),
            }
        }
        self.last = *values;
        if record.what == "sent" {
            self.sends.insert(record.id, OF_SEND.map(|field| values[field]));
        }
    }

    fn digest(&mut self, digest: Option<&String>) -> u64 {
        digest.map_or(0, |digest| self.digests.number(digest))
    }

    /// What is kept of the text of an event.
    fn text(&mut self, record: &Record) -> Option<String> {
        if record.text.is_empty() {
            return None;
        }
        let text = short(&record.text);
        let near = self.near.iter().any(|near| near.abs_diff(record.id) <= NEAR);
        let (used, most) = match record.what == "sent" {
            true => (&mut self.text, if near { 2 * MAX_TEXT } else { MAX_TEXT }),
            false => (&mut self.other, MAX_OTHER),
        };
        if *used + text.len() > most {
            self.texts_left_out += 1;
            return None;
        }
        *used += text.len();
        Some(text)
    }

    /// What changed of what a party shows, after the event before.
    fn show(&mut self, record: &Record) {
        if self.rows == MAX_EVENTS {
            return;
        }
        for (name, value) in pairs(&record.text) {
            let (name, value) = (self.words.number(name), self.words.number(&short(&value)));
            if self.shown.insert((record.party, name), value) == Some(value) {
                continue;
            }
            let row = [(self.rows - self.last_state) as u64, u64::from(record.party), name, value];
            self.state.iter_mut().zip(row).for_each(|(column, value)| varint(column, value));
            self.last_state = self.rows;
            self.states += 1;
        }
    }

    /// How many events are embedded.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All of it, deflated: the length of a head in JSON, the head, the columns.
    pub fn deflated(&self) -> Vec<u8> {
        let columns = self.columns.iter().chain(&self.state);
        let digits = |digest: &String| digest.chars().take(DIGITS).collect::<String>();
        let head = json!({
            "fields": FIELDS,
            "rows": self.rows,
            "states": self.states,
            "lengths": columns.clone().map(Vec::len).collect::<Vec<_>>(),
            "words": self.words.list,
            "digests": self.digests.list.iter().map(digits).collect::<Vec<_>>(),
            "signers": self.signers.list,
            "left_out": self.left_out,
            "texts_left_out": self.texts_left_out,
        });
        let head = head.to_string();
        let mut length = Vec::new();
        varint(&mut length, head.len() as u64);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let parts = [&length, head.as_bytes()].into_iter().chain(columns.map(Vec::as_slice));
        parts.for_each(|part| encoder.write_all(part).expect("writing to memory cannot fail"));
        encoder.finish().expect("writing to memory cannot fail")
    }
}

/// The names and values of a shown state. A comma within a value separates nothing.
fn pairs(text: &str) -> Vec<(&str, String)> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for piece in text.split(", ") {
        match (piece.split_once(" = "), pairs.last_mut()) {
            (Some((name, value)), _) => pairs.push((name, value.to_owned())),
            (None, Some((_, value))) => {
                value.push_str(", ");
                value.push_str(piece);
            }
            (None, None) => {}
        }
    }
    pairs
}

/// At most so much of a text.
fn short(text: &str) -> String {
    if text.len() <= MAX_ONE {
        return text.to_owned();
    }
    let end = (0..=MAX_ONE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", &text[..end])
}

/// A difference as a number without sign, small if the difference is.
fn zigzag(value: u64, likely: u64) -> u64 {
    let difference = value.wrapping_sub(likely).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

/// Seven bits a byte, the lowest first.
fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_as_many_bytes_as_it_needs() {
        let mut bytes = Vec::new();
        [0, 127, 128, u64::MAX].into_iter().for_each(|value| varint(&mut bytes, value));
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(bytes, [&[0, 0x7f, 0x80, 1][..], &most].concat());
    }

    #[test]
    fn a_difference_is_small_in_both_directions() {
        assert_eq!([zigzag(5, 5), zigzag(4, 5), zigzag(6, 5), zigzag(7, 5)], [0, 1, 2, 4]);
        assert_eq!(zigzag(0, u64::MAX), 2, "differences go around");
    }

    #[test]
    fn a_comma_within_a_value_separates_nothing() {
        let found = pairs("broadcast = 1, extracted = {ab, cd}, rounds ended = 2");
        let values: Vec<_> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let expected = [("broadcast", "1"), ("extracted", "{ab, cd}"), ("rounds ended", "2")];
        assert_eq!(values, expected);
        assert!(pairs("no pair").is_empty());
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(MAX_ONE);
        let cut = short(&text);
        assert!(cut.len() <= MAX_ONE + 3 && cut.ends_with("é..."));
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let text = "x".repeat(MAX_ONE);
        let mut columns = Columns::new(vec![1000]);
        for id in 1..=1000 {
            let sent =
                Record { id, what: "sent".to_owned(), text: text.clone(), ..Record::default() };
            columns.push(&sent);
        }
        let near = NEAR.min((MAX_TEXT / MAX_ONE) as u64);
        let kept = (MAX_TEXT / MAX_ONE) as u64 + near;
        assert_eq!(columns.texts_left_out, 1000 - kept);
    }
}
