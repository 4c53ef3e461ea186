//! A trace for Perfetto (and chrome://tracing): trace events as JSON, a track a party, another one
//! for its views, flows from sends to deliveries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Selection, is_network, note};

/// All of it is one process.
const PROCESS: u64 = 1;
/// The tracks of views have numbers above those of parties, the network comes before.
const VIEWS: u64 = 100_000;

/// How long an event takes on its track, in microseconds: what takes no time is not drawn.
const WIDTH: f64 = 1.0;

/// The trace as JSON.
pub fn perfetto(selection: &Selection<'_>) -> String {
    let mut events = vec![named("process_name", 0, "byzlab"), named("thread_name", 0, "network")];
    for party in selection.parties().into_iter().map(u64::from) {
        events.push(named("thread_name", track(party), &format!("party {party}")));
        let views = format!("party {party}, views");
        events.push(named("thread_name", VIEWS + track(party), &views));
    }
    let shown: BTreeSet<u64> = selection.kept().map(|record| record.id).collect();
    let mut views: BTreeMap<u64, (u64, f64)> = BTreeMap::new();
    let mut end = 0.0_f64;
    for record in selection.kept() {
        let (at, own) = (record.at as f64 / 1e3, track(u64::from(record.party)));
        end = end.max(at + WIDTH);
        match record.what.as_str() {
            "sent" | "delivered" => {
                let name = format!("{} {}", record.what, selection.message(record));
                events.push(slice(&name, own, at, WIDTH, Some(record.id)));
                let send =
                    record.send.filter(|send| record.what == "delivered" && shown.contains(send));
                let send = send.and_then(|send| selection.sent.get(&send));
                if let Some(sent) = send.filter(|sent| sent.party != record.party) {
                    let from = track(u64::from(sent.party));
                    events.push(flow("s", record.id, from, sent.at as f64 / 1e3));
                    events.push(flow("f", record.id, own, at));
                }
            }
            "entered" => {
                let view = record.view.unwrap_or_default();
                if let Some((before, since)) = views.insert(own, (view, at)) {
                    events.push(in_view(own, before, since, at));
                }
            }
            _ => {
                if let Some(text) = note(record) {
                    let track = if is_network(record) { 0 } else { own };
                    events.push(json!({
                        "ph": "i", "s": "t", "name": text, "cat": "event", "pid": PROCESS,
                        "tid": track, "ts": at, "args": { "event": record.id },
                    }));
                }
            }
        }
    }
    for (track, (view, since)) in views {
        events.push(in_view(track, view, since, end));
    }
    let lines: Vec<_> = events.iter().map(Value::to_string).collect();
    format!("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{}\n]}}\n", lines.join(",\n"))
}

fn track(party: u64) -> u64 {
    party + 1
}

fn named(what: &str, track: u64, name: &str) -> Value {
    json!({ "ph": "M", "name": what, "pid": PROCESS, "tid": track, "args": { "name": name } })
}

fn slice(name: &str, track: u64, at: f64, width: f64, event: Option<u64>) -> Value {
    json!({
        "ph": "X", "name": name, "cat": "message", "pid": PROCESS, "tid": track, "ts": at,
        "dur": width, "args": { "event": event },
    })
}

fn in_view(track: u64, view: u64, since: f64, until: f64) -> Value {
    slice(&format!("view {view}"), VIEWS + track, since, until - since, None)
}

fn flow(phase: &str, id: u64, track: u64, at: f64) -> Value {
    let mut flow = json!({
        "ph": phase, "name": "message", "cat": "message", "id": id, "pid": PROCESS, "tid": track,
        "ts": at,
    });
    if phase == "f" {
        flow["bp"] = json!("e");
    }
    flow
}
