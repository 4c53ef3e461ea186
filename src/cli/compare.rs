//! `byzlab compare FILE`: stub, to be replaced below.

use std::path::PathBuf;

use byzlab_scenarios::Registry;
use clap::Args;

use super::{Failure, Status, output::Output};

/// Arguments of `byzlab compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// The scenario with a [compare] table.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn compare(_: &CompareArgs, _: &Registry, _: &mut Output) -> Result<Status, Failure> {
    Err(Failure::Usage("not yet".into()))
}
