//! Blocks of commands with their output, as a reader would see them.
//!
//! A `console` block has lines that begin with `$ `; what follows is what they print. Every
//! `byzlab` command is run in a folder that holds the scenarios of the repository and the files
//! that the page itself shows: a `toml` block that begins with `# NAME.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{common, read};

/// The page with the outputs of its commands as they are now.
pub(crate) fn refreshed(page: &Path) -> String {
    let folder = folder(page);
    let mut out = String::new();
    let mut block: Option<(&str, Vec<&str>)> = None;
    for line in read(page).lines() {
        match &mut block {
            None => {
                out.push_str(line);
                out.push('\n');
                block = line.strip_prefix("```").map(|info| (info, Vec::new()));
            }
            Some((info, lines)) if line == "```" => {
                match *info {
                    "console" => out.push_str(&console(lines, &folder)),
                    info => {
                        keep(info, lines, &folder);
                        lines.iter().for_each(|line| out.push_str(&format!("{line}\n")));
                    }
                }
                out.push_str("```\n");
                block = None;
            }
            Some((_, lines)) => lines.push(line),
        }
    }
    out
}

/// An empty folder with the scenarios in it.
fn folder(page: &Path) -> PathBuf {
    let name = page.file_stem().expect("a name");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old folder can be removed");
    }
    for file in common::scenario_files("scenarios") {
        let copy = folder.join(file.strip_prefix(common::root()).expect("below the root"));
        fs::create_dir_all(copy.parent().expect("a folder")).expect("folders can be made");
        fs::copy(&file, &copy).expect("the file can be copied");
    }
    folder
}

/// Writes a file that the page shows.
fn keep(info: &str, lines: &[&str], folder: &Path) {
    let name = lines.first().and_then(|line| line.strip_prefix("# "));
    if let Some(name) = name.filter(|name| info == "toml" && name.ends_with(".toml")) {
        fs::write(folder.join(name), lines.join("\n")).expect("the file can be written");
    }
}

fn console(lines: &[&str], folder: &Path) -> String {
    let mut out = String::new();
    for command in lines.iter().filter_map(|line| line.strip_prefix("$ ")) {
        out.push_str(&format!("$ {command}\n"));
        let arguments = command.strip_prefix("cargo run --release -- ");
        if let Some(arguments) = arguments.or_else(|| command.strip_prefix("byzlab ")) {
            out.push_str(&printed(arguments, folder));
        }
    }
    out
}

/// What a command prints, and its exit status unless that is 0.
fn printed(arguments: &str, folder: &Path) -> String {
    let (arguments, shown) = match arguments.strip_suffix(" > /dev/null") {
        Some(arguments) => (arguments, false),
        None => (arguments, true),
    };
    let run = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("byzlab can be run");
    let mut text = String::new();
    if shown {
        let printed = [run.stdout, run.stderr].concat();
        let printed = String::from_utf8(printed).expect("output is text");
        // Editors strip what nobody sees.
        printed.lines().for_each(|line| text.push_str(&format!("{}\n", line.trim_end())));
    }
    match run.status.code() {
        Some(0) => {}
        other => text.push_str(&format!("exit status {}\n", other.unwrap_or(-1))),
    }
    text
}
