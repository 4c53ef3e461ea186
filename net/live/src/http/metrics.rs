//! What a node counts, in the text form of OpenMetrics.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::refuse;
use crate::{
    clients::{Port, PortCounters, Report},
    transport::Refused,
};

const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes(port: Arc<dyn Port>, clients: Option<Arc<PortCounters>>) -> Router {
    let mut registry = Registry::with_prefix("byzlab");
    let seconds = "Seconds until what a batch of inputs brought is written down";
    registry.register("commit_seconds", seconds, port.commits().seconds.clone());
    registry.register_collector(Box::new(Node { port, clients }));
    let registry = Arc::new(registry);
    Router::new().route("/metrics", get(async move || answer(&registry)))
}

fn answer(registry: &Registry) -> Response {
    let mut page = String::new();
    match text::encode(&mut page, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, FORM)], page).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Asked for its numbers on each visit.
struct Node {
    port: Arc<dyn Port>,
    clients: Option<Arc<PortCounters>>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Collector for Node {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let report = self.port.report();
        page.party(&report)?;
        page.transport(&report)?;
        let commits = self.port.commits();
        page.count("journal_inputs", "Inputs written to the journal", value(&commits.inputs))?;
        let transactions = value(&commits.transactions);
        page.count("store_transactions", "Transactions of the store", transactions)?;
        let context = self.port.context();
        let checked = context.committee.ring().checked() + context.clients.checked();
        page.count(
            "checked_signatures",
            "Signatures, or keyed digests in their place, that were looked at in full",
            checked,
        )?;
        let waiting = self.port.replies().waiting() as u64;
        page.gauge("clients_waiting", "Requests whose reply somebody waits for", waiting)?;
        self.clients.as_ref().map_or(Ok(()), |clients| page.clients(clients))
    }
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn party(&mut self, report: &Report) -> fmt::Result {
        let Report { party, protocol, failed, .. } = report;
        let about = [("party", party.0.to_string()), ("protocol", protocol.clone())];
        self.0
            .encode_descriptor("node", "Which party this is", None, MetricType::Info)?
            .encode_info(&about.to_vec())?;
        self.gauge("failed", "1 if the party does not go on", u64::from(failed.is_some()))?;
        self.gauge("view", "The view that the party is in", report.view.0)?;
        self.gauge("decided_slots", "How far the log is decided", report.decided)?;
        self.count("executed_requests", "Requests executed", report.executed)?;
        self.count("sent_messages", "Messages that left, a broadcast once", report.sent)?;
        self.gauge("peers", "Other parties with a connection", report.peers)?;
        self.count("dropped_inputs", "Inputs that found no room", report.dropped)?;
        let help = "Frames to or from others that were lost here for lack of room";
        self.count("lost_frames", help, report.lost)
    }

    fn transport(&mut self, report: &Report) -> fmt::Result {
        let counters = &report.transport;
        let ways = |out, into| [("out", out), ("in", into)];
        let frames = ways(counters.frames_out, counters.frames_in);
        self.counts("transport_frames", "Frames carried", "direction", frames)?;
        let bytes = ways(counters.bytes_out, counters.bytes_in);
        self.counts("transport_bytes", "Bytes of the frames carried", "direction", bytes)?;
        let lost = [("queue", counters.dropped), ("stream", counters.lost)];
        self.counts("transport_lost_frames", "Frames lost, and where", "place", lost)?;
        self.count("transport_streams", "Streams opened and welcomed", counters.opened)?;
        let reopened = counters.reopened;
        self.count("transport_reopened_streams", "Those in place of a lost one", reopened)?;
        self.count("transport_dials", "Attempts to connect", counters.dials)?;
        self.count("transport_failed_dials", "Those that failed", counters.failed_dials)?;
        let refused = Refused::ALL.map(|reason| (reason.name(), counters.refused(reason)));
        self.counts("transport_refused", "What was refused of peers, and why", "reason", refused)
    }

    fn clients(&mut self, counters: &PortCounters) -> fmt::Result {
        let connections = [
            ("greeted", value(&counters.connections)),
            ("too-many", value(&counters.too_many)),
            ("refused", value(&counters.refused)),
            ("malformed", value(&counters.malformed)),
            ("slow", value(&counters.slow)),
        ];
        let help = "Connections of clients, and what ended those that were closed";
        self.counts("clients_connections", help, "event", connections)?;
        let requests = [
            ("taken", value(&counters.requests)),
            ("busy", value(&counters.busy)),
            ("invalid", value(&counters.invalid)),
        ];
        self.counts("clients_requests", "Requests of clients", "outcome", requests)?;
        self.count("clients_answers", "Answers written to clients", value(&counters.answers))
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn count(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, u64, u64>(&value, None)
    }

    fn counts<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: [(&str, u64); N],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (which, value) in values {
            family
                .encode_family(&[(label, which)])?
                .encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
        }
        Ok(())
    }
}
