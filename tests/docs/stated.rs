//! The table of what is stated and what is measured, made by running it.

use byzlab::{
    Lab,
    scenarios::compare::{HEADS, Stated},
};

/// What stands between these is made by runs.
pub(crate) const MARKS: [&str; 2] =
    ["<!-- Made by runs: BYZLAB_BLESS=1 cargo test --test docs -->", "<!-- So far. -->"];

/// The table, after every protocol was found to do what its post states, or the page to say why not.
pub(crate) fn render(lab: &Lab, page: &str) -> String {
    let mut out = format!("| {} |\n|{}\n", HEADS.join(" | "), "---|".repeat(HEADS.len()));
    for entry in lab.registry().entries() {
        let stated = Stated::measure(entry, lab.registry());
        assert!(stated.agrees(), "{}: {:?}", entry.about().name, stated.row());
        let (growth, fitted) = stated.growth;
        let fitted = fitted.expect("four sizes");
        assert!((fitted - growth as f64).abs() < 0.2, "{}: {growth}, {fitted}", entry.about().name);
        let why = format!("- **`{}`, a lost view.** ", entry.about().name);
        assert!(!stated.loses_otherwise() || page.contains(&why), "not explained: {why}");
        out.push_str(&format!("| {} |\n", stated.row().join(" | ")));
    }
    out
}
