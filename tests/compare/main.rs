//! Comparisons: crossed in full, judged like single runs, the same in one piece or in parts.

#[path = "../common/mod.rs"]
mod common;
mod cross;
mod page;
mod shards;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What a command printed.
pub(crate) struct Done {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: Option<i32>,
}

/// An empty folder for a test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old folder can be removed");
    }
    fs::create_dir_all(&folder).expect("folders can be made");
    folder
}

/// Runs byzlab in a folder.
pub(crate) fn byzlab(folder: &Path, arguments: &[&str]) -> Done {
    let run = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("byzlab can be run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    Done { out: text(run.stdout), err: text(run.stderr), status: run.status.code() }
}

/// The rows of a comparison that must be right.
pub(crate) fn rows(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let done = byzlab(folder, &[&["compare"], arguments, &["--json"]].concat());
    assert!(done.err.is_empty() && done.status != Some(2), "{}{}", done.out, done.err);
    done.out.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}
