//! `byzlab explain FILE`.

use std::path::PathBuf;

use byzlab_scenarios::{Entry, Property, Registry, beyond, promised, search::write, statement};
use clap::Args;

use super::{Failure, Status, input, output::Output};

/// Arguments of `byzlab explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The scenario; `-` reads standard input.
    file: PathBuf,
    /// Set a value, as it would stand in the file: --set network.gst='"2s"'.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The seed, in place of the file's.
    #[arg(long, value_parser = super::run::parse_seed)]
    seed: Option<u64>,
}

pub(crate) fn explain(
    args: &ExplainArgs,
    registry: &Registry,
    output: &mut Output,
) -> Result<Status, Failure> {
    let document = input::document(&args.file, &args.set, registry)?;
    let scenario = document.resolve(args.seed, registry)?;
    output.text(&byzlab_scenarios::explain(&document, &scenario, registry))?;
    if document.names_attack() && scenario.attack.is_none() {
        let fields = registry.get(scenario.protocol.about.name).map_or(&[][..], Entry::fields);
        output.line("\n# the attack was planned for this scenario; it is the same as")?;
        for line in write(&scenario, fields).lines() {
            output.line(format!("#   {line}").trim_end())?;
        }
    }
    output.line(&format!("\n# theorem: {}", statement(&scenario)))?;
    for reason in beyond(&scenario) {
        output.line(&format!("# it does not apply: {reason}"))?;
    }
    if let Some((id, what)) = scenario.protocol.broken {
        output.line(&format!("# nothing is promised: broken on purpose, {id}: {what}"))?;
    }
    let entry = registry.get(scenario.protocol.about.name);
    let deadline = entry.and_then(|entry| entry.deadline(&scenario));
    for property in Property::ALL {
        let named = scenario.expect.properties.get(&property);
        let promised = promised(&scenario, property, deadline);
        let line = match (named, promised) {
            (Some(finding), _) => format!("{}, as the file says", finding.name()),
            (None, Some(finding)) if property == Property::Termination => {
                let by = deadline.map_or(String::new(), |by| format!(" by {by}"));
                format!("{}{by}, as the theorem promises", finding.name())
            }
            (None, Some(finding)) => format!("{}, as the theorem promises", finding.name()),
            (None, None) => "anything".to_owned(),
        };
        output.line(&format!("# expected: {:<15} {line}", property.name()))?;
    }
    let who = |set: byzlab_crypto::PartySet| {
        let numbers: Vec<_> = set.iter().map(|party| party.to_string()).collect();
        if numbers.is_empty() { "nobody".to_owned() } else { numbers.join(", ") }
    };
    output.line(&format!("# corrupted: {}", who(scenario.traitors())))?;
    output.line(&format!("# failed: {}", who(scenario.failed())))?;
    output.line(&format!("# judged: {}", who(scenario.judged())))?;
    Ok(Status::Expected)
}
