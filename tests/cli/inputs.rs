//! Arguments and files, right and wrong.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{BAD, GOOD, SHORT, byzlab, command, done, folder, given, path};

#[test]
fn the_exit_status_says_how_it_ended() {
    assert_eq!(given(GOOD, &["run", "-"]).status, Some(0));
    assert_eq!(given(BAD, &["run", "-"]).status, Some(1));
    assert_eq!(given("n = 4", &["run", "-"]).status, Some(2));
    assert_eq!(given(SHORT, &["run", "-"]).status, Some(3));
    let expected = format!("{BAD}agreement = \"holds\"\n").replace("hops = 4", "hops = 3");
    let expected = expected.replace("agreement", "expect.agreement");
    assert_eq!(given(&expected, &["run", "-"]).status, Some(0));
}

#[test]
fn of_several_runs_the_worst_counts() {
    let files = [("good.toml", GOOD), ("short.toml", SHORT), ("sub/bad.toml", BAD)];
    let suite = folder("worst", &files);
    assert_eq!(byzlab(&["run", path(&suite)]).status, Some(1));
    let files = [path(&suite.join("good.toml")).to_owned(), path(&suite.join("short.toml")).into()];
    assert_eq!(byzlab(&["run", &files[0], &files[1]]).status, Some(3));
    assert_eq!(byzlab(&["run", &files[0], &files[0]]).status, Some(0));
}

#[test]
fn wrong_arguments_are_refused_and_nothing_is_run() {
    let refused = |arguments: &[&str], said: &str| {
        let done = given(GOOD, arguments);
        assert_eq!(done.status, Some(2), "{arguments:?}");
        assert!(done.err.contains(said), "{arguments:?}: {}", done.err);
        assert_eq!(done.out, "", "{arguments:?}");
    };
    refused(&["run", "-", "--sede", "1"], "similar argument exists: '--seed'");
    refused(&["rnu", "-"], "unrecognized subcommand 'rnu'");
    refused(&["run"], "required arguments were not provided");
    refused(&["run", "-", "--seed"], "a value is required for '--seed <SEED>'");
    refused(&["run", "-", "--seed", "1", "--seed", "2"], "cannot be used multiple times");
    refused(&["run", "-", "--seed", "abc"], "expected a number of 64 bits, decimal or 0x..");
    refused(&["run", "-", "--seed", "-1"], "unexpected argument '-1'");
    refused(&["run", "-", "--seed", "18446744073709551616"], "expected a number of 64 bits");
    refused(&["run", "-", "--seed", "1", "--seeds", "0..2"], "cannot be used with");
    refused(&["run", "-", "--seeds", "5"], "there is no `..` in it; expected a range such as");
    refused(&["run", "-", "--seeds", "3..3"], "it is empty");
    refused(&["run", "-", "--runtime", "moon"], "[possible values: sim, libp2p, processes]");
    refused(&["run", "-", "--trace", "x", "--seeds", "0..2"], "cannot be used with");
    refused(&["completions", "tcl"], "bash");
}

#[test]
fn seeds_are_written_in_several_ways() {
    let seed = |text: &str| {
        let done = given(GOOD, &["run", "-", "--json", "--seed", text]);
        let object: Value = serde_json::from_str(&done.out).expect("an object");
        object["seed"].clone()
    };
    assert_eq!(seed("0x10"), 16);
    assert_eq!(seed("9007199254740991"), 9_007_199_254_740_991_u64);
    assert_eq!(seed("9007199254740992"), "9007199254740992", "more than 53 bits are a string");
    assert_eq!(seed("0xffffffffffffffff"), "18446744073709551615");
}

#[test]
fn standard_input_may_be_empty_or_closed() {
    let empty = given("", &["run", "-"]);
    assert_eq!(empty.status, Some(2));
    assert!(empty.err.contains("`protocol` is missing"));
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$0\" run - <&-", env!("CARGO_BIN_EXE_byzlab")]);
    let closed = done(closed);
    assert_eq!(closed.status, Some(2), "{}", closed.err);
    assert_eq!(closed.out, "");
}

#[test]
fn what_is_no_file_is_said_so() {
    let folder = folder("no-file", &[]);
    let refused = |file: &str, said: &str| {
        let done = byzlab(&["run", file]);
        assert_eq!(done.status, Some(2), "{file}: {}", done.err);
        assert!(done.err.contains(said) && done.err.contains(file), "{file}: {}", done.err);
        let json = byzlab(&["run", file, "--json"]);
        let object: Value = serde_json::from_str(&json.out).expect("an error is an object too");
        assert_eq!((json.status, &object["error"]), (Some(2), &true.into()));
        assert!(object["message"].as_str().expect("a message").contains(said));
    };
    refused(path(&folder), "no .toml file in this folder");
    refused(path(&folder.join("missing.toml")), "No such file");
    #[cfg(unix)]
    {
        let pipe = folder.join("pipe.toml");
        let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        refused(path(&pipe), "not a regular file");
        refused("/dev/zero", "not a regular file");
        let link = folder.join("link.toml");
        std::os::unix::fs::symlink("nowhere", &link).expect("a link");
        refused(path(&link), "No such file");
    }
    let explained = byzlab(&["explain", path(&folder)]);
    assert_eq!(explained.status, Some(2));
    assert!(explained.err.contains("not a regular file"));
}

/// A file that is no text is the user's mistake, not one of the environment.
#[test]
fn what_is_no_text_is_said_so() {
    let folder = folder("no-text", &[]);
    let file = folder.join("picture.png");
    std::fs::write(&file, b"\x89PNG\xff\xfe").expect("there is room");
    let page = folder.join("page.html");
    for command in [&["report", path(&file), "--out", path(&page)][..], &["trace", path(&file)]] {
        let done = byzlab(command);
        assert_eq!(done.status, Some(2), "{command:?}: {}", done.err);
        assert!(done.err.contains(path(&file)) && done.err.contains("UTF-8"), "{}", done.err);
        assert!(!page.exists());
    }
}

#[test]
fn every_wrong_file_of_a_suite_is_told_and_none_is_run() {
    let files = [("a.toml", "n = 0\nprotocol = \"pbft\""), ("b.toml", GOOD), ("c.toml", "n = 4")];
    let suite = folder("wrong-suite", &files);
    let text = byzlab(&["run", path(&suite)]);
    assert_eq!((text.status, text.out.as_str()), (Some(2), ""));
    assert!(text.err.contains("a.toml:1:5") && text.err.contains("c.toml:1:1"), "{}", text.err);
    let json = byzlab(&["run", path(&suite), "--json"]);
    let objects: Vec<Value> =
        json.out.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!((json.status, json.err.as_str(), objects.len()), (Some(2), "", 2));
    for object in &objects {
        let numbers = ["schema", "line", "column"].map(|key| object[key].is_u64());
        let texts = ["file", "key", "message", "expected", "hint"];
        let texts = texts.map(|key| object[key].is_string());
        assert!(object["error"] == true && numbers == [true; 3] && texts == [true; 5], "{object}");
    }
}

#[test]
fn values_are_set_over_the_file() {
    let set = ["--set", "n=7", "--set", "workload.commands=2"];
    let done = given(GOOD, &[&["run", "-", "--json"][..], &set].concat());
    let object: Value = serde_json::from_str(&done.out).expect("an object");
    assert_eq!((&object["n"], &object["decisions"]), (&7.into(), &2.into()));
    let repeat = object["repeat"].as_str().expect("a line");
    assert_eq!(repeat, "byzlab run - --seed 1 --set n=7 --set workload.commands=2");
    let wrong = given(GOOD, &["run", "-", "--set", "n = 0"]);
    assert!(wrong.status == Some(2) && wrong.err.contains("`n` is 0"), "{}", wrong.err);
}

#[test]
fn a_file_is_read_wherever_the_user_stands() {
    let suite = folder("elsewhere", &[("library/pbft/three.toml", GOOD), ("mine/four.toml", GOOD)]);
    let name = |stand: &str, file: &str| {
        let mut command = command(&["run", file, "--json"]);
        command.current_dir(suite.join(stand)).stdin(Stdio::null());
        let object: Value = serde_json::from_str(&done(command).out).expect("an object");
        object["scenario"].as_str().expect("a name").to_owned()
    };
    assert_eq!(name("", "library/pbft/three.toml"), "pbft/three");
    assert_eq!(name("library", "pbft/three.toml"), "pbft/three");
    assert_eq!(name("mine", path(&suite.join("library/pbft/three.toml"))), "pbft/three");
    assert_eq!(name("mine", "./four.toml"), "four");
    assert_eq!(name("library", path(&suite.join("mine/four.toml"))), "four");
}
