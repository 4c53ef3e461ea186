//! What the tests across rooms share: scenarios as text, run and judged.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::{Path, PathBuf};

use byzlab::{
    Lab,
    scenarios::{Document, Options, Problems, Run, Scenario},
};

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The scenario files below a folder of the repository, sorted.
pub(crate) fn scenario_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("its entries too").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Resolves a scenario that is given as text.
pub(crate) fn resolve(lab: &Lab, toml: &str, seed: Option<u64>) -> Result<Scenario, Problems> {
    Document::decode("test.toml", toml.as_bytes(), &[], lab.registry())?
        .resolve(seed, lab.registry())
}

/// Runs a resolved scenario.
pub(crate) fn run(lab: &Lab, scenario: &Scenario, options: &Options) -> Run {
    let name = scenario.protocol.about.name;
    lab.registry().get(name).expect("a known protocol").run(scenario, options)
}

/// Resolves and runs a scenario that is given as text and must be right.
pub(crate) fn run_text(lab: &Lab, toml: &str, seed: Option<u64>) -> (Scenario, Run) {
    let scenario = resolve(lab, toml, seed).unwrap_or_else(|problems| panic!("{problems}\n{toml}"));
    let run = run(lab, &scenario, &Options::default());
    (scenario, run)
}
