//! `byzlab merge FILE...`: the parts of a comparison, put together.

use std::path::PathBuf;

use byzlab_scenarios::{
    Registry,
    compare::{MAX_SHARD_BYTES, ShardError, merge as merged},
};
use clap::Args;

use super::{Failure, Status, compare::Forms, input, output::Output};

/// Arguments of `byzlab merge`.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// All shards of one comparison, as `byzlab compare FILE --shard i/m` printed them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) forms: Forms,
}

pub(crate) fn merge(
    args: &MergeArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let mut files = Vec::with_capacity(args.files.len());
    for file in &args.files {
        let (name, bytes) = input::bytes(file, MAX_SHARD_BYTES)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::Usage(format!("{name}: not a shard: not UTF-8")))?;
        files.push((name, text));
    }
    let loads = args.forms.probe()?;
    let table = merged(&files, registry).map_err(|error| match error {
        ShardError::Problems(problems) => Failure::from(problems),
        other => Failure::Usage(other.to_string()),
    })?;
    args.forms.give(&table, &loads, registry, output)
}
