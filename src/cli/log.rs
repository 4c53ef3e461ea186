//! `--log`: what happens in a network, on stderr, as text or as JSON.

use std::io;

use clap::ValueEnum;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use super::Failure;

/// How what happens is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Form {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Tells what happens from now on.
pub(crate) fn start(form: Form, colour: bool) -> Result<(), Failure> {
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colour);
    let lines = match form {
        Form::Text => lines.boxed(),
        Form::Json => lines.json().boxed(),
    };
    registry().with(lines.with_filter(filter()?)).init();
    Ok(())
}

fn filter() -> Result<Targets, Failure> {
    match std::env::var("RUST_LOG") {
        Ok(text) => text.parse().map_err(|error| {
            let example = "byzlab_live=debug,libp2p=info";
            Failure::Usage(format!("RUST_LOG={text:?}: {error}; expected such as {example}"))
        }),
        Err(_) => Ok(Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("byzlab", LevelFilter::INFO)),
    }
}
