//! The key-value store over HTTP.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use byzlab_protocols::smr::MAX_PAYLOAD;

use super::refuse;
use crate::clients::{Believed, CallError, Gateway, SessionError};

/// Where in the log the request was executed.
const SLOT: HeaderName = HeaderName::from_static("byzlab-slot");

pub(super) fn routes(gateway: Gateway) -> Router {
    Router::new()
        .route("/kv/{key}", get(read).put(write))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD))
        .with_state(gateway)
}

async fn read(State(gateway): State<Gateway>, Path(key): Path<String>) -> Response {
    if let Err(refused) = checked(&key) {
        return refused;
    }
    let Believed { slot, result, .. } = match gateway.call(format!("get {key}").into()).await {
        Ok(believed) => believed,
        Err(error) => return failed(&error),
    };
    let slot = [(SLOT, slot.to_string())];
    if result.is_empty() {
        return (slot, refuse(StatusCode::NOT_FOUND, format!("no value under {key:?}")))
            .into_response();
    }
    // What somebody put is never taken for a page.
    let plain = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (slot, plain, result).into_response()
}

async fn write(State(gateway): State<Gateway>, Path(key): Path<String>, value: Bytes) -> Response {
    if let Err(refused) = checked(&key) {
        return refused;
    }
    let bad = |why: &str| refuse(StatusCode::BAD_REQUEST, why);
    let Ok(value) = std::str::from_utf8(&value) else {
        return bad("a value is UTF-8 text");
    };
    if value.is_empty() {
        return bad("a value has at least one byte: an empty one could not be told from none");
    }
    match gateway.call(format!("put {key} {value}").into()).await {
        Ok(Believed { slot, result, .. }) if result == b"ok" => {
            ([(SLOT, slot.to_string())], StatusCode::NO_CONTENT).into_response()
        }
        Ok(Believed { result, .. }) => {
            let said = String::from_utf8_lossy(&result).into_owned();
            refuse(StatusCode::BAD_GATEWAY, format!("f + 1 parties answered {said:?}"))
        }
        Err(error) => failed(&error),
    }
}

fn checked(key: &str) -> Result<(), Response> {
    if key.contains(' ') {
        let why = format!("key {key:?}: a key is a word without spaces");
        return Err(refuse(StatusCode::BAD_REQUEST, why));
    }
    Ok(())
}

/// The status says whether asking again could do it twice.
fn failed(error: &CallError) -> Response {
    let status = match error {
        CallError::Busy | CallError::Session(SessionError::Unreachable { .. }) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        CallError::Session(SessionError::TooLong(_)) => StatusCode::PAYLOAD_TOO_LARGE,
        CallError::Session(SessionError::GaveUp(_)) => StatusCode::GATEWAY_TIMEOUT,
        CallError::Session(SessionError::Network(_)) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refuse(status, error.to_string())
}
