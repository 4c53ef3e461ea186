//! `byzlab client`: one request to a running network, believed once f + 1 nodes agree.

use std::{path::Path, time::Duration};

use byzlab_live::clients::{Network, Reach, Session, SessionError};
use byzlab_protocols::Span;
use byzlab_scenarios::parse_span;
use clap::{Args, Subcommand};

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
    let (Request::Put { key, .. } | Request::Get { key }) = &args.request;
    if key.is_empty() || key.contains(' ') {
        return Err(Failure::Usage(format!("key {key:?}: a key is a word without spaces")));
    }
    let payload = match &args.request {
        Request::Put { key, value } => format!("put {key} {value}"),
        Request::Get { key } => format!("get {key}"),
    };
    let network = network(&args.network)?;
    let signer = network.signer(args.client).map_err(|error| Failure::Usage(error.to_string()))?;
    let patience = duration(args.timeout);
    let believed = runtime()?.block_on(async {
        let session = Session::connect(&network, signer, Reach::All, RETRY, patience);
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
