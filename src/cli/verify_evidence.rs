//! `byzlab verify-evidence FILE`: does this prove guilt, from public keys alone.

use std::path::PathBuf;

use byzlab_scenarios::{EvidenceFile, Registry};
use clap::Args;

use super::{Failure, Status, input, output::Output};

/// Arguments of `byzlab verify-evidence`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// A file written by `byzlab run --evidence FILE`; `-` reads standard input.
    file: PathBuf,
}

pub(crate) fn verify(
    args: &VerifyArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let (name, bytes) = input::bytes(&args.file, byzlab_scenarios::MAX_EVIDENCE_BYTES)?;
    let file = EvidenceFile::read(&bytes);
    let file = file.map_err(|why| Failure::Usage(format!("{name}: {why}")))?;
    match file.check(&bytes, registry) {
        Err(why) => {
            output.line(&format!("proves nothing: {why}"))?;
            Ok(Status::Unexpected)
        }
        Ok(guilty) => {
            for ((party, fault), evidence) in guilty.iter().zip(&file.evidence) {
                let key = file.keys[party.index()];
                output.line(&format!("party {party} is guilty: {fault}   (key {key:#})"))?;
                for statement in &evidence.statements {
                    output.line(&format!("  signed    {}", statement.text))?;
                }
            }
            Ok(Status::Expected)
        }
    }
}
