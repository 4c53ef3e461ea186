//! The scenario files of the library, as the lectures list them.

use byzlab::{Lab, scenarios::Document};

use crate::common;

/// What follows it in a lecture is made from the files.
pub(crate) const MARK: &str = "<!-- Made from scenarios/library. -->";

/// The files of a protocol: where its theorem applies, where it does not, with a broken rule.
pub(crate) fn render(lab: &Lab, protocol: &str) -> String {
    let mut groups = [
        ("What it stands:", Vec::new()),
        ("Beyond the bound, or out of the model:", Vec::new()),
        ("With a rule broken on purpose:", Vec::new()),
    ];
    for file in common::scenario_files("scenarios/library") {
        let path = file.strip_prefix(common::root()).expect("below the root").display().to_string();
        let bytes = std::fs::read(&file).expect("the file can be read");
        let document = Document::decode(&path, &bytes, &[], lab.registry());
        let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        if scenario.protocol.about.name != protocol {
            continue;
        }
        let out_of_model = scenario.expect.label.as_deref() == Some("out-of-model");
        let group = match (scenario.protocol.broken, scenario.is_beyond_bound() || out_of_model) {
            (Some(_), _) => 2,
            (None, true) => 1,
            (None, false) => 0,
        };
        groups[group].1.push(format!("- [{}](../../{path})\n", scenario.title));
    }
    let chapters = groups.iter().filter(|(_, files)| !files.is_empty());
    chapters.map(|(title, files)| format!("\n{title}\n\n{}", files.concat())).collect()
}
