//! The report for machines: one object a run, on one line. Keys stay; more may come.

use serde_json::{Map, Value, json};

use super::Report;
use crate::{KindCosts, Latency, Metrics, Verdict, theorem};

/// Seeds above this are strings: JSON's readers have 53 bits.
const EXACT: u64 = (1 << 53) - 1;

/// The report of one run.
pub fn json(report: &Report<'_>) -> String {
    let Report { scenario, run, .. } = report;
    let verdict = &run.verdict;
    let mut value = json!({
        "schema": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "scenario": scenario.name,
        "protocol": scenario.protocol.about.name,
        "n": scenario.n,
        "f": scenario.f,
        "seed": number(scenario.seed),
        "runtime": run.runtime,
        "label": verdict.label,
        "outcome": verdict.outcome.name(),
        "reasons": verdict.reasons,
        "beyond": theorem::beyond(scenario),
        "properties": properties(verdict),
        "violations": violations(verdict),
        "accused": accused(verdict),
        "fired": fired(verdict),
        "decisions": run.metrics.decisions,
        "stopped_by": run.stopped_by.name(),
        "ended_ns": run.end.0,
        "metrics": metrics(&run.metrics),
        "digest": format!("{:#}", run.digest),
        "repeat": report.repeat,
    });
    if let Some((id, _)) = scenario.protocol.broken {
        value["broken"] = json!(id);
    }
    if let Some(why) = &verdict.out_of_model {
        value["out_of_model"] = json!(why);
    }
    if report.timing {
        value["timing"] = json!({
            "elapsed_ns": run.timing.elapsed.as_nanos() as u64,
            "deliveries": run.timing.deliveries,
            "signatures_checked": run.timing.checked,
            "memory_bytes": report.memory,
        });
    }
    value.to_string()
}

fn number(seed: u64) -> Value {
    if seed > EXACT { json!(seed.to_string()) } else { json!(seed) }
}

fn properties(verdict: &Verdict) -> Value {
    let mut map = Map::new();
    for property in &verdict.properties {
        let mut value = json!({ "verdict": property.finding.name(), "detail": property.detail });
        if let Some(expected) = property.expected {
            value["expected"] = json!(expected.name());
        }
        map.insert(property.property.name().to_owned(), value);
    }
    Value::Object(map)
}

fn violations(verdict: &Verdict) -> Value {
    let list = verdict.violations.iter().map(|violation| {
        json!({
            "property": violation.property.name(),
            "time_ns": violation.at.0,
            "parties": violation.parties,
            "events": violation.events.iter().map(|event| event.0).collect::<Vec<_>>(),
            "text": violation.text,
        })
    });
    list.collect()
}

fn accused(verdict: &Verdict) -> Value {
    let list = verdict.accused.iter().map(|evidence| {
        json!({ "party": evidence.culprit, "fault": evidence.fault, "evidence": evidence.statements })
    });
    list.collect()
}

fn fired(verdict: &Verdict) -> Value {
    let list = verdict.fired.iter().map(
        |fired| json!({ "party": fired.party, "behaviour": fired.name, "count": fired.count }),
    );
    list.collect()
}

fn metrics(metrics: &Metrics) -> Value {
    let kinds = metrics.by_kind.iter().map(|(kind, costs)| ((*kind).to_owned(), costs_json(costs)));
    let parties: Vec<_> = metrics.by_party.iter().map(costs_json).collect();
    let mut value = costs_json(&metrics.total);
    let by_kind: Map<_, _> = metrics
        .by_kind
        .iter()
        .map(|(kind, costs)| ((*kind).to_owned(), json!(costs.messages)))
        .collect();
    value["by_kind"] = Value::Object(by_kind);
    value["kinds"] = Value::Object(kinds.collect());
    value["by_party"] = json!(parties);
    value["messages_per_decision"] =
        json!({ "min": metrics.messages_per_decision.0, "max": metrics.messages_per_decision.1 });
    value["latency_hops"] = latency(&metrics.latency_hops);
    value["latency_ns"] = latency(&metrics.latency_ns);
    value["client_latency_ns"] = latency(&metrics.client_latency_ns);
    value["answered"] = json!(metrics.answered);
    value["views"] = json!(metrics.views);
    value["lost_views"] = json!(metrics.lost_views);
    value["lost_to_faulty_leaders"] = json!(metrics.lost_to_faulty_leaders);
    value
}

fn costs_json(costs: &KindCosts) -> Value {
    json!({
        "messages": costs.messages,
        "bytes": costs.bytes,
        "signatures_made": costs.signatures_made,
        "signatures_verified": costs.signatures_verified,
    })
}

fn latency(latency: &Latency) -> Value {
    json!({ "p50": latency.p50, "p99": latency.p99, "max": latency.max })
}
