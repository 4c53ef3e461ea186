//! `byzlab list`: what there is, one line each.

use std::path::PathBuf;

use byzlab_protocols::byzantine::BEHAVIOURS;
use byzlab_scenarios::Registry;
use clap::{Args, ValueEnum};

use super::{Failure, Status, input, output::Output};

/// Arguments of `byzlab list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// What to list.
    what: What,
    /// For scenarios: the folder.
    #[arg(default_value = "scenarios/library")]
    folder: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum What {
    /// The protocols.
    Protocols,
    /// What corrupted parties can do.
    Behaviours,
    /// The attacks of the catalogue that can be run by name.
    Attacks,
    /// The broken twins of the museum.
    Broken,
    /// The scenario files of a folder.
    Scenarios,
}

pub(crate) fn list(
    args: &ListArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    match args.what {
        What::Protocols => {
            for entry in registry.entries() {
                let about = entry.about();
                output.line(&format!(
                    "{:<14} {} ({}, {})  {}",
                    about.name,
                    about.title,
                    about.bound,
                    about.model.name(),
                    about.post
                ))?;
            }
        }
        What::Behaviours => {
            for info in BEHAVIOURS {
                let lacking: Vec<_> = registry
                    .entries()
                    .filter(|entry| !(info.means)(&entry.can()))
                    .map(|entry| entry.about().name)
                    .collect();
                let not = if lacking.is_empty() {
                    String::new()
                } else {
                    format!("  (not for {})", lacking.join(", "))
                };
                output.line(&format!("{:<14} {}{not}", info.name, info.doc))?;
            }
        }
        What::Attacks => {
            for entry in registry.entries() {
                for attack in entry.attacks().iter().filter(|attack| attack.protocol.is_some()) {
                    let name = entry.about().name;
                    output.line(&format!("{:<8} {:<14} {}", attack.id, name, attack.title))?;
                }
            }
            for attack in registry.attacks().iter().filter(|attack| attack.protocol.is_none()) {
                output.line(&format!("{:<8} {:<14} {}", attack.id, "all", attack.title))?;
            }
        }
        What::Broken => {
            for about in registry.entries().map(|entry| entry.about()) {
                for (id, what) in about.broken {
                    output.line(&format!("{:<14} {:<14} {what}", about.name, id))?;
                }
            }
        }
        What::Scenarios => {
            for file in input::files(std::slice::from_ref(&args.folder))? {
                let scenario = input::document(&file, &[], registry)?.resolve(None, registry)?;
                output.line(&format!("{:<60} {}", file.display(), scenario.title))?;
            }
        }
    }
    Ok(Status::Expected)
}
