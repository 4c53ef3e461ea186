//! A recorded run for other programs: Mermaid, ShiViz, Perfetto. What stands in a record may come
//! from anybody: only plain words reach the outputs.

mod mermaid;
mod perfetto;
mod shiviz;

use std::collections::BTreeMap;

use byzlab_trace::Record;

pub use mermaid::mermaid;
pub use perfetto::perfetto;
pub use shiviz::shiviz;

/// Of a recorded run what is to be shown.
pub struct Selection<'a> {
    records: &'a [Record],
    keep: &'a dyn Fn(&Record) -> bool,
    /// What was sent, by event: a delivery names only its send.
    sent: BTreeMap<u64, &'a Record>,
}

impl<'a> Selection<'a> {
    /// Those records that fit.
    pub fn new(records: &'a [Record], keep: &'a dyn Fn(&Record) -> bool) -> Self {
        let sent = records.iter().filter(|record| record.what == "sent");
        Selection { records, keep, sent: sent.map(|record| (record.id, record)).collect() }
    }

    fn kept(&self) -> impl Iterator<Item = &'a Record> {
        let events = self.records.iter().filter(|record| record.run.is_none());
        events.filter(|record| (self.keep)(record))
    }

    /// The parties that do something or send something in what is shown, ascending.
    fn parties(&self) -> Vec<u16> {
        let both = |record: &Record| [Some(record.party), record.from].into_iter().flatten();
        let mut parties: Vec<_> =
            self.kept().filter(|record| !is_network(record)).flat_map(both).collect();
        parties.sort_unstable();
        parties.dedup();
        parties
    }

    /// What a message is: kind, view, the first digits of its digest.
    fn message(&self, record: &Record) -> String {
        let about = match record.kind {
            Some(_) => record,
            None => record.send.and_then(|send| self.sent.get(&send)).copied().unwrap_or(record),
        };
        let mut words = vec![word(about.kind.as_deref().unwrap_or("message"))];
        words.extend(about.view.map(|view| format!("view {view}")));
        words.extend(
            about
                .digest
                .as_ref()
                .filter(|digest| names_a_value(digest))
                .map(|digest| short(digest)),
        );
        words.join(" ")
    }
}

/// What happens to no party but to the network.
fn is_network(record: &Record) -> bool {
    ["run", "cut", "heal", "gst", "out-of-model", "fired"].contains(&record.what.as_str())
}

/// What is worth a note in a picture, in a few words.
fn note(record: &Record) -> Option<String> {
    let slot = record.slot.map(|slot| format!(" slot {slot}")).unwrap_or_default();
    let digest = record.digest.as_deref().map(|digest| format!(" {}", short(digest)));
    let digest = digest.unwrap_or_default();
    let number = record.number.map(|number| format!(" {number}")).unwrap_or_default();
    Some(match record.what.as_str() {
        "decided" => format!("decides{slot}{digest}"),
        "conflicted" => format!("has a proof against its log{slot}{digest}"),
        "entered" => format!("enters view {}", record.view.unwrap_or_default()),
        "accused" => format!("accuses party{number}"),
        "rejected" => format!("refuses - {}", word(&record.text)),
        "crashed" => "goes down".to_owned(),
        "recovered" => "comes back".to_owned(),
        "corrupted" => "is corrupted".to_owned(),
        "panicked" => "panics".to_owned(),
        "timer" => "timer".to_owned(),
        "gst" => "GST".to_owned(),
        "cut" => "a partition begins".to_owned(),
        "heal" => "a partition ends".to_owned(),
        "out-of-model" => "the model is broken".to_owned(),
        _ => return None,
    })
}

fn names_a_value(digest: &str) -> bool {
    digest.chars().any(|char| char != '0')
}

fn short(digest: &str) -> String {
    word(&digest.chars().take(8).collect::<String>())
}

/// The text with everything but letters, digits, spaces and `_.-` replaced, at most 60 of it.
fn word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || " _.-".contains(char);
    text.chars().take(60).map(|char| if plain(char) { char } else { '?' }).collect()
}
