//! `byzlab completions SHELL`.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Failure, Status, output::Output};

/// Arguments of `byzlab completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    shell: Shell,
}

pub(crate) fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    output: &mut Output,
) -> Result<Status, Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(args.shell, &mut command, "byzlab", &mut bytes);
    output.text(&String::from_utf8_lossy(&bytes))?;
    Ok(Status::Expected)
}
