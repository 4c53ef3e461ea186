//! Pages in a real browser: starts the checks of `tests/browser/`, where Node and Chromium are.

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use common::root;

/// A program, by one of its names.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let places = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// Skipped, and said so, where Node, Chromium or the packages are missing; never in CI.
#[test]
fn pages_do_in_a_browser_what_they_must() {
    let folder = root().join("tests/browser");
    let modules = folder.join("node_modules/playwright-core");
    let found = (program(&["node"]), program(&["chromium", "chromium-browser"]), modules.is_dir());
    let (Some(node), Some(chromium), true) = found else {
        let hint = "apt-get install nodejs npm chromium; npm ci --prefix tests/browser";
        assert!(std::env::var_os("CI").is_none(), "CI must check pages: {hint}");
        println!("skipped: pages are not checked in a browser ({hint})");
        return;
    };
    let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let done = Command::new(node)
        .arg(folder.join("checks.mjs"))
        .args([Path::new(env!("CARGO_BIN_EXE_byzlab")), &chromium, &pages, root()])
        .output()
        .expect("Node starts");
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "a check failed:\n{said}");
}
