//! The referee: what breaks the model is said, and what does not is not.

mod common;

use byzlab::{Lab, scenarios::Run};
use common::run_text;

/// PBFT with a traitor that does nothing wrong by itself, and these lines more.
fn with_traitor(lines: &str) -> String {
    format!(
        "protocol = \"pbft\"\nworkload.commands = 3\n[[byzantine]]\nparty = 3\n\
         behaviour = \"silent\"\nwhen = {{ views = \"900..901\" }}\n{lines}"
    )
}

fn judged(toml: &str) -> Run {
    run_text(&Lab::new(), toml, None).1
}

/// The model promises nothing of what traitors send or receive.
#[test]
fn links_of_traitors_may_be_cut_for_ever() {
    for (cut, label) in [
        ("cut = { from = [3], to = [0, 1, 2] }", "in-model"),
        ("cut = { from = [0, 1, 2], to = [3] }", "in-model"),
        ("partition = [[0, 1, 2], [3]]", "in-model"),
        ("cut = { from = [2], to = [0] }", "out-of-model"),
        ("partition = [[0, 1], [2, 3]]", "out-of-model"),
    ] {
        let run = judged(&with_traitor(&format!("[[event]]\n{cut}\n")));
        assert_eq!(run.verdict.label, label, "{cut}: {:?}", run.verdict.out_of_model);
    }
    for (rule, label) in [
        ("on = { from = 3 }", "in-model"),
        ("on = { to = 3 }", "in-model"),
        ("on = { from = 2, to = 1, kind = \"vote\" }", "out-of-model"),
    ] {
        let run = judged(&with_traitor(&format!("[[rule]]\n{rule}\ndo = \"drop\"\n")));
        assert_eq!(run.verdict.label, label, "{rule}: {:?}", run.verdict.out_of_model);
    }
}
