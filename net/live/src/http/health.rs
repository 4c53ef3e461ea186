//! Whether a node is well.

use std::sync::Arc;

use axum::{Json, Router, http::StatusCode, routing::get};
use serde::Serialize;

use crate::clients::{Port, Report};

#[derive(Serialize)]
struct Health {
    schema: u32,
    healthy: bool,
    /// What is wrong, if something is.
    why: Option<String>,
    party: u16,
    protocol: String,
    view: u64,
    decided: u64,
    executed: u64,
    peers: u64,
}

pub(super) fn routes(port: Arc<dyn Port>) -> Router {
    Router::new().route("/health", get(async move || answer(&*port)))
}

fn answer(port: &dyn Port) -> (StatusCode, Json<Health>) {
    let committee = &port.context().committee;
    let report = port.report();
    let why = why(&report, committee.n() - committee.f());
    let status = if why.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let Report { party, protocol, view, decided, executed, peers, .. } = report;
    let health = Health {
        schema: 1,
        healthy: why.is_none(),
        why,
        party: party.0,
        protocol,
        view: view.0,
        decided,
        executed,
        peers,
    };
    (status, Json(health))
}

/// What is wrong with a node that needs so many parties, itself among them, to get on.
fn why(report: &Report, needed: usize) -> Option<String> {
    let reached = report.peers + 1;
    let alone = || {
        let isolated = reached < needed as u64;
        isolated.then(|| format!("it reaches {reached} parties with itself, of {needed} needed"))
    };
    report.failed.clone().or_else(alone)
}
