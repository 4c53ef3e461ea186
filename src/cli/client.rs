//! `byzlab client`: one request to a running network, believed once f + 1 nodes agree; or all
//! those that come over HTTP.

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use byzlab_crypto::Signer;
use byzlab_live::{
    clients::{Gateway, Network, Reach, Session, SessionError},
    http::Endpoint,
};
use byzlab_protocols::Span;
use byzlab_scenarios::parse_span;
use clap::{Args, Subcommand};
use tokio::sync::Notify;

use super::{Failure, Status, input, output::Output};

/// Options of `byzlab client`.
#[derive(Args)]
pub(crate) struct ClientArgs {
    /// The description of the network, a JSON file.
    #[arg(long, value_name = "FILE")]
    network: std::path::PathBuf,
    /// Which client asks.
    #[arg(long, default_value_t = 0, value_name = "N")]
    client: usize,
    /// When to give up, such as 10s.
    #[arg(long, default_value = "10s", value_parser = parse_span, value_name = "TIME")]
    timeout: Span,
    #[command(subcommand)]
    request: Request,
}

#[derive(Subcommand)]
enum Request {
    /// Store a value.
    Put {
        /// A word.
        key: String,
        /// Any text.
        value: String,
    },
    /// Print the value of a key; nothing if it has none.
    Get {
        /// A word.
        key: String,
    },
    /// Do so for all who ask over HTTP: GET and PUT /kv/KEY.
    Serve {
        /// Where to listen, on loopback; port 0 lets the system choose.
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
        http: SocketAddr,
    },
}

/// The most bytes of the description of a network.
const NETWORK: usize = 1 << 20;
/// After what time an unanswered request is sent again.
pub(crate) const RETRY: Duration = Duration::from_millis(500);

/// Reads the description of a network.
pub(crate) fn network(path: &Path) -> Result<Network, Failure> {
    let (name, bytes) = input::bytes(path, NETWORK)?;
    let wrong = |why: String| Failure::Usage(format!("{name}: {why}"));
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8 text".to_owned()))?;
    Network::parse(&text).map_err(|error| wrong(error.to_string()))
}

/// A runtime for what waits for sockets.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let failed = |error| Failure::Io("threads for the network".to_owned(), error);
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)
}

pub(crate) fn duration(span: Span) -> Duration {
    Duration::from_nanos(span.0)
}

/// Says why a session came to nothing: nobody to be reached is a fault of the environment, no
/// result in time leaves open what happened.
pub(crate) fn failed(error: &SessionError, output: &mut Output) -> Result<Status, Failure> {
    let status = match error {
        SessionError::TooLong(_) | SessionError::Network(_) => {
            return Err(Failure::Usage(error.to_string()));
        }
        SessionError::Unreachable { .. } => Status::Environment,
        SessionError::GaveUp(_) => Status::Inconclusive,
    };
    output.error(&error.to_string());
    Ok(status)
}

/// Asks for one thing.
pub(crate) fn client(args: &ClientArgs, output: &mut Output) -> Result<Status, Failure> {
    let network = network(&args.network)?;
    let signer = network.signer(args.client).map_err(|error| Failure::Usage(error.to_string()))?;
    let patience = duration(args.timeout);
    match &args.request {
        Request::Put { key, value } => {
            let payload = format!("put {} {value}", word(key)?);
            ask(&network, signer, payload, patience, output)
        }
        Request::Get { key } => {
            ask(&network, signer, format!("get {}", word(key)?), patience, output)
        }
        Request::Serve { http } => serve(&network, signer, *http, patience, output),
    }
}

fn word(key: &str) -> Result<&str, Failure> {
    match key.is_empty() || key.contains(' ') {
        true => Err(Failure::Usage(format!("key {key:?}: a key is a word without spaces"))),
        false => Ok(key),
    }
}

fn ask(
    network: &Network,
    signer: Signer,
    payload: String,
    patience: Duration,
    output: &mut Output,
) -> Result<Status, Failure> {
    let believed = runtime()?.block_on(async {
        let session = Session::connect(network, signer, Reach::All, RETRY, patience);
        session.await?.call(payload.into_bytes(), patience).await
    });
    match believed {
        Ok(believed) => {
            if !believed.result.is_empty() {
                output.line(&String::from_utf8_lossy(&believed.result))?;
            }
            Ok(Status::Expected)
        }
        Err(error) => failed(&error, output),
    }
}

/// Serves until it is interrupted.
fn serve(
    network: &Network,
    signer: Signer,
    address: SocketAddr,
    patience: Duration,
    output: &mut Output,
) -> Result<Status, Failure> {
    let interrupted = Arc::new(Notify::new());
    let end = interrupted.clone();
    let _ = ctrlc::set_handler(move || end.notify_one());
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::Usage(format!("--http {error}")),
        _ => Failure::Io(format!("--http {address}"), error),
    };
    runtime()?.block_on(async {
        let gateway = Gateway::open(network, signer, RETRY, patience);
        let serving = Endpoint::default().store(gateway).serve(address).await.map_err(failed)?;
        output.line(&format!("http://{}/kv/KEY", serving.address()))?;
        output.flush()?;
        interrupted.notified().await;
        Ok(Status::Expected)
    })
}
