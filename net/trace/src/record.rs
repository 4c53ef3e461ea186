//! Recorded runs: one event a line, as JSON.

use std::any::Any;

use byzlab_crypto::Digest;
use byzlab_protocols::Target;
use serde::{Deserialize, Serialize};

use crate::{Detail, Event, Observer, What, event::signers};

/// One event of a recorded run. Keys that do not apply are left out.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Record {
    /// The number of the event.
    pub id: u64,
    /// When it happened, in nanoseconds since the start.
    pub at: u64,
    /// To whom.
    pub party: u16,
    /// What happened.
    pub what: String,
    /// The event that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The kind of message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The sender of a message that arrived or was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<u16>,
    /// The receiver of a message that was sent to one party; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<u16>,
    /// The event in which the message was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<u64>,
    /// The view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<u64>,
    /// The slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u64>,
    /// The block or value, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The length of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u32>,
    /// Message delays since the proposal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops: Option<u32>,
    /// The number of a line of the pseudo-code, or of a fault of the scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The block before a decided one, in hexadecimal, where blocks are linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whose signatures prove a decision.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<u16>,
    /// The rest, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the run is of and what came of it: in the first record only, which is no event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<serde_json::Value>>,
}

impl Record {
    /// The name of the record that is no event but says what the run is of.
    pub const RUN: &'static str = "run";

    /// The first record of a run: what it is of and what came of it.
    pub fn run(about: serde_json::Value) -> Record {
        Record { what: Record::RUN.to_owned(), run: Some(Box::new(about)), ..Record::default() }
    }

    /// The record of an event.
    pub fn of(event: &Event, detail: Detail<'_>) -> Record {
        let mut record = Record {
            id: event.id.0,
            at: event.at.0,
            party: event.party.0,
            what: event.what.name().to_owned(),
            cause: event.cause.map(|cause| cause.0),
            ..Record::default()
        };
        record.what(&event.what);
        record.detail(detail);
        record
    }

    fn what(&mut self, what: &What) {
        match *what {
            What::Sent { to, tag, bytes, hops, .. } => {
                self.tag(&tag, bytes, hops);
                if let Target::One(party) = to {
                    self.to = Some(party.0);
                }
            }
            What::Delivered { send, from, tag, bytes, hops } => {
                self.tag(&tag, bytes, hops);
                self.send = Some(send.0);
                self.from = Some(from.0);
            }
            What::Dropped { send, from, why } => {
                self.send = Some(send.0);
                self.from = Some(from.0);
                self.text = format!("{why:?}").to_lowercase();
            }
            What::Rejected(reason) => self.text = reason.to_string(),
            What::Noted(line) => self.number = Some(u64::from(line)),
            What::Entered(view) => self.view = Some(view.0),
            What::Decided { slot, view, digest, hops } => {
                self.slot = Some(slot);
                self.view = Some(view.0);
                self.digest = Some(format!("{digest:#}"));
                self.hops = Some(hops);
            }
            What::Conflicted { slot, digest } | What::Installed { slot, log: digest } => {
                self.slot = Some(slot);
                self.digest = Some(format!("{digest:#}"));
            }
            What::Submitted(id) | What::Replied(id) => self.text = id.to_string(),
            What::Accused(party) => self.number = Some(u64::from(party.0)),
            What::Fired(fault) => self.number = Some(u64::from(fault.0)),
            What::Timer
            | What::Persisted
            | What::Shown
            | What::Crashed
            | What::Recovered
            | What::Corrupted
            | What::Network(_)
            | What::OutOfModel
            | What::Panicked => {}
        }
    }

    fn tag(&mut self, tag: &byzlab_protocols::Tag, bytes: u32, hops: u32) {
        self.kind = Some(tag.kind.to_owned());
        self.view = Some(tag.view.0);
        self.slot = Some(tag.slot);
        self.digest = Some(format!("{:#}", tag.digest));
        self.bytes = Some(bytes);
        self.hops = Some(hops);
    }

    fn detail(&mut self, detail: Detail<'_>) {
        match detail {
            Detail::None => {}
            Detail::Message(message) => self.text = format!("{message:?}"),
            Detail::Decision(decision) => {
                let ids: Vec<_> = decision.requests.iter().map(ToString::to_string).collect();
                self.text = ids.join(" ");
                if decision.parent != Digest::ZERO {
                    self.parent = Some(format!("{:#}", decision.parent));
                }
                self.signers = decision
                    .proof
                    .as_ref()
                    .map(|proof| signers(&proof.signers()))
                    .unwrap_or_default();
            }
            Detail::Installed(installed) => {
                let ids: Vec<_> = installed.requests.iter().map(ToString::to_string).collect();
                self.text = ids.join(" ");
                self.signers = signers(&installed.proof.signers());
            }
            Detail::Reply(reply) => {
                let result = String::from_utf8_lossy(&reply.result).into_owned();
                self.text = format!("{} {result:?}", reply.request);
            }
            Detail::Evidence(evidence) => self.text = evidence.to_string(),
            Detail::State(values) => {
                let values = values.iter().map(|(name, value)| format!("{name} = {value}"));
                self.text = values.collect::<Vec<_>>().join(", ");
            }
            Detail::Text(text) => self.text = text.to_owned(),
        }
    }
}

/// Keeps every event of a run.
#[derive(Clone, Default)]
pub struct TraceWriter {
    /// The records, in order.
    pub records: Vec<Record>,
}

impl Observer for TraceWriter {
    fn see(&mut self, event: &Event, detail: Detail<'_>) {
        self.records.push(Record::of(event, detail));
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
