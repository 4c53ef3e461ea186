//! What a node serves over HTTP, on loopback: how it is, and the key-value store.
//!
//! - `GET /health`: 200 and JSON if the node goes on and reaches enough others, else 503 and why.
//! - `GET /metrics`: all that it counts, for Prometheus.
//! - `GET` and `PUT /kv/KEY`: the store, through a [`Gateway`]: what comes
//!   back is what f + 1 parties say alike.
//!
//! Whoever reaches the endpoint is believed to be the user. So it listens on loopback only, and
//! answers only those who ask for this machine by name: a page in a browser that had some other
//! name resolved to it gets nothing. It has no word for pages of other sites either.

mod health;
mod metrics;
mod store;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use crate::clients::{Gateway, Port, PortCounters};

/// The most connections at once; more are closed as they come.
const CONNECTIONS: usize = 64;
/// In what time the head of a request has to come, from when the one before was answered.
const HEAD: Duration = Duration::from_secs(30);
/// In what time all of it has to come and be answered.
const WHOLE: Duration = Duration::from_secs(90);
/// The most bytes of a head.
const HEAD_BYTES: usize = 16 << 10;
/// How long to wait when the system has no connection to give, for lack of file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// What is to be served.
#[derive(Default)]
pub struct Endpoint {
    routes: Router,
    what: Vec<&'static str>,
}

impl Endpoint {
    /// Serves how a node is; `clients` is what happened at its client port, if it has one.
    pub fn node(self, port: Arc<dyn Port>, clients: Option<Arc<PortCounters>>) -> Endpoint {
        let routes = health::routes(port.clone()).merge(metrics::routes(port, clients));
        self.with(&["/health", "/metrics"], routes)
    }

    /// Serves the key-value store.
    pub fn store(self, gateway: Gateway) -> Endpoint {
        self.with(&["/kv/KEY"], store::routes(gateway))
    }

    fn with(mut self, what: &[&'static str], routes: Router) -> Endpoint {
        self.what.extend(what);
        Endpoint { routes: self.routes.merge(routes), what: self.what }
    }

    /// Serves it at an address of loopback; port 0 lets the system choose.
    ///
    /// # Errors
    /// The address cannot be listened on, or others could reach it.
    pub async fn serve(self, address: SocketAddr) -> io::Result<Serving> {
        if !address.ip().is_loopback() {
            let why = format!(
                "{address}: loopback is expected, such as 127.0.0.1:8080; for others put a proxy \
                 in front that knows who may ask"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        tracing::info!(%address, what = ?self.what, "HTTP endpoint listens");
        let there_is = format!("there is: {}", self.what.join(", "));
        let routes = self
            .routes
            .fallback(async || refuse(StatusCode::NOT_FOUND, there_is))
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn(for_this_machine));
        let task = tokio::spawn(accept(listener, routes)).abort_handle();
        Ok(Serving { address, task })
    }
}

/// An endpoint that is served; dropping it ends that.
pub struct Serving {
    address: SocketAddr,
    task: AbortHandle,
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, routes: Router) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    // Aborted with this task: no connection outlives its endpoint.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "HTTP connection turned away: too many connections");
            continue;
        };
        let routes = routes.clone();
        connections.spawn(async move {
            if let Err(error) = connection(stream, routes).await {
                tracing::debug!(%peer, %error, "HTTP connection closed");
            }
            drop(seat);
        });
    }
}

async fn connection(stream: TcpStream, routes: Router) -> hyper::Result<()> {
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await
}

/// A refusal, with a sentence that says why.
fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    (status, why.into() + "\n").into_response()
}

async fn in_time(request: Request, next: Next) -> Response {
    match timeout(WHOLE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(StatusCode::REQUEST_TIMEOUT, "the request did not end in time"),
    }
}

async fn for_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(is_this_machine) {
        return next.run(request).await;
    }
    let asked = host.unwrap_or("nobody");
    let why = format!("asked for {asked:?}; this is localhost and nothing else");
    refuse(StatusCode::MISDIRECTED_REQUEST, why)
}

fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests;
