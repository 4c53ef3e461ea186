//! A protocol and attacks of a crate of its own: byzlab as a library, with every command.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use common::root;

/// The folder of the crate.
fn folder() -> PathBuf {
    root().join("examples/own-protocol")
}

/// Where everything is built.
fn target() -> &'static Path {
    let profile = Path::new(env!("CARGO_BIN_EXE_byzlab")).parent().expect("a folder");
    profile.parent().expect("the target directory")
}

/// Cargo without a network, sharing what is built already.
fn cargo(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--offline", "--quiet", "--target-dir"]).arg(target());
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let output = command.current_dir(folder()).output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}:\n{said}");
}

/// The program of the crate, built with the features of the workspace so that nothing but the
/// crate itself is built anew.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let manifest = root().join("Cargo.toml").display().to_string();
        cargo(&["build", "--workspace", "--example", "own-protocol", "--manifest-path", &manifest]);
        let bin = Path::new(env!("CARGO_BIN_EXE_byzlab")).parent().expect("a folder");
        bin.join("examples/own-protocol")
    })
}

fn run(line: &str) -> Output {
    // Tests run beside each other: each has a folder of its own.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("own-protocol");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&scratch).expect("a folder can be made");
    let link = scratch.join("scenarios");
    if link.exists() {
        fs::remove_dir_all(&link).expect("the old files can be removed");
    }
    fs::create_dir_all(&link).expect("a folder can be made");
    for file in common::scenario_files("examples/own-protocol/scenarios") {
        fs::copy(&file, link.join(file.file_name().expect("a name"))).expect("copied");
    }
    let mut command = Command::new(program());
    command.args(line.split_whitespace()).current_dir(&scratch).output().expect("it runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The page shows every command, and each does what the page says.
#[test]
fn every_command_works_for_a_protocol_of_ones_own() {
    let page = fs::read_to_string(root().join("docs/own-protocol.md")).expect("the page");
    let lines = page.lines().filter_map(|line| line.strip_prefix("$ cargo run -- "));
    let mut commands = Vec::new();
    for line in lines {
        let (line, says) = line.split_once('#').expect("what is seen stands beside the command");
        let output = run(line.trim());
        let expected = if line.starts_with("search") { 1 } else { 0 };
        let (out, err) = (text(&output), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(expected), "{line}:\n{out}{err}");
        let says = says.trim();
        assert!(out.contains(says), "{line} does not say `{says}`:\n{out}");
        commands.extend(line.split_whitespace().next().map(str::to_owned));
    }
    commands.dedup();
    let all = ["list", "explain", "run", "trace", "report", "compare", "search", "run"];
    assert_eq!(commands, all, "the page shows all commands");
}

/// Within the bound it stands whatever byzlab knows; a part of it, so that it stays quick.
#[test]
fn a_search_within_the_bound_finds_nothing() {
    let output = run("search scenarios/good-case.toml --budget 3s --set crypto=\"ideal\"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).starts_with("nothing found"), "{}", text(&output));
}

#[test]
fn the_protocol_is_under_150_lines() {
    let code = fs::read_to_string(folder().join("src/main.rs")).expect("the source");
    let counts = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = code.lines().filter(counts).count();
    assert!((50..150).contains(&lines), "{lines} lines");
}

/// The crate stands on its own manifest: no member of the workspace, nothing but what it names.
#[test]
fn the_crate_builds_outside_the_workspace() {
    fs::copy(root().join("Cargo.lock"), folder().join("Cargo.lock")).expect("the lock is copied");
    cargo(&["check"]);
}
