//! A comparison in parts: together they are the whole, and only together.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{byzlab, folder};

const FILE: &str = "protocol = \"pbft\"\n[network]\ndelay.uniform = [\"5ms\", \"20ms\"]\n\
                    [workload]\ncommands = 2\n[compare]\nbehaviours = [\"equivocate\", \"forge\"]\n\
                    attacks = [\"PB3\"]\nn = [4, 5]\nseeds = \"3..10\"\n";

fn prepared(name: &str) -> PathBuf {
    let folder = folder(name);
    fs::write(folder.join("a.toml"), FILE).expect("it can be written");
    folder
}

/// Makes shard i of m and gives the name of its file.
fn shard(folder: &Path, shard: &str, name: &str, more: &[&str]) -> String {
    let arguments = [&["compare", "a.toml", "--shard", shard], more].concat();
    let done = byzlab(folder, &arguments);
    assert_eq!(done.status, Some(0), "{}", done.err);
    fs::write(folder.join(name), done.out).expect("it can be written");
    name.to_owned()
}

fn shards(folder: &Path, count: usize) -> Vec<String> {
    let one = |index| shard(folder, &format!("{index}/{count}"), &format!("{index}-{count}"), &[]);
    (1..=count).map(one).collect()
}

#[test]
fn shards_put_together_are_the_whole_byte_for_byte() {
    let folder = prepared("whole");
    let forms: [&[&str]; 2] = [&["--csv", "out.csv", "--html", "out.html"], &["--json"]];
    for form in forms {
        let whole = byzlab(&folder, &[&["compare", "a.toml"], form].concat());
        assert_eq!(whole.status, Some(0), "{}", whole.err);
        let files = |folder: &Path| ["out.csv", "out.html"].map(|name| fs::read(folder.join(name)));
        let written = files(&folder).map(|file| file.expect("it was written"));
        for count in [1, 3, 40] {
            let mut names = shards(&folder, count);
            names.reverse();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let merged = byzlab(&folder, &[&["merge"], names.as_slice(), form].concat());
            assert_eq!(merged.status, whole.status, "{}", merged.err);
            assert!(merged.out == whole.out, "{count} shards: {}", merged.out);
            let again = files(&folder).map(|file| file.expect("it was written"));
            assert!(again == written, "{count} shards");
        }
    }
}

#[test]
fn more_shards_than_runs_are_no_error() {
    let folder = prepared("many");
    let done = byzlab(&folder, &["compare", "a.toml", "--shard", "90000/90000"]);
    assert_eq!((done.status, done.out.lines().count()), (Some(0), 1), "{}", done.err);
}

#[test]
fn shards_that_do_not_make_a_whole_are_refused() {
    let folder = prepared("refused");
    let names = shards(&folder, 3);
    let [one, two, three] = [0, 1, 2].map(|at| names[at].as_str());
    let refused = |files: &[&str], why: &str| {
        let done = byzlab(&folder, &[&["merge"], files].concat());
        assert_eq!(done.status, Some(2), "{files:?}: {}", done.out);
        assert!(done.out.is_empty(), "{}", done.out);
        assert!(done.err.contains(why), "{files:?}: {}", done.err);
    };
    refused(&[one, three], "of 3 shards these are missing: 2");
    refused(&[one, two, two], "2-3 and 2-3 are both shard 2 of 3");
    refused(&[one, two, three, one], "are both shard 1 of 3");
    shard(&folder, "3/4", "of-four", &[]);
    refused(&[one, two, "of-four"], "3 shards and 4 shards");
    shard(&folder, "3/3", "seeds", &["--seeds", "3..11"]);
    refused(&[one, two, "seeds"], "seeds 3..10 and 3..11");
    shard(&folder, "3/3", "set", &["--set", "network.delta='200ms'"]);
    refused(&[one, two, "set"], "other values were set");
    fs::write(folder.join("a.toml"), FILE.replace("20ms", "30ms")).expect("it can be written");
    shard(&folder, "3/3", "changed", &[]);
    refused(&[one, two, "changed"], "the file was changed in between");
    refused(&["a.toml"], "a.toml: not a shard");
    refused(&[one, two, "none"], "none");
}

#[test]
fn a_shard_that_was_cut_off_or_changed_is_refused() {
    let folder = prepared("broken");
    let names = shards(&folder, 2);
    let whole = fs::read_to_string(folder.join(&names[1])).expect("it is there");
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() > 10);
    let cut = lines[..lines.len() - 1].join("\n");
    let doubled = [&lines[..], &lines[3..4]].concat().join("\n");
    let swapped = [&lines[..3], &lines[4..5], &lines[3..4], &lines[5..]].concat().join("\n");
    let half = &whole[..whole.len() - 30];
    let word = whole.replacen("as-expected", "as-hoped", 1);
    let key = whole.replacen("\"decisions\"", "\"decided\"", 1);
    let large = whole.replacen("\"messages\":", "\"messages\":9999999999999", 1);
    let other = whole.replacen("\"comparison\":\"", "\"comparison\":\"0", 1);
    let version = whole.replacen("\"version\":\"", "\"version\":\"9", 1);
    let changes = [
        (cut.as_str(), "1 of "),
        (&doubled, "there are no more runs"),
        (&swapped, "line 4: run "),
        (half, "not a run"),
        (&word, "no run says this"),
        (&key, "not a run"),
        (&large, "no run says this"),
        (&other, "are not of one comparison"),
        (&version, "made by byzlab 9"),
        ("", "not a shard"),
    ];
    for (text, why) in changes {
        fs::write(folder.join("changed"), text).expect("it can be written");
        let done = byzlab(&folder, &["merge", &names[0], "changed"]);
        assert_eq!(done.status, Some(2), "{why}: {}", done.out);
        assert!(done.err.contains(why), "{why}: {}", done.err);
    }
    fs::write(folder.join("changed"), [0xff, 0xfe]).expect("it can be written");
    let done = byzlab(&folder, &["merge", &names[0], "changed"]);
    assert!(done.err.contains("not UTF-8"), "{}", done.err);
}

#[test]
fn wrong_shards_are_refused_before_anything_is_run() {
    let folder = prepared("numbers");
    for wrong in ["0/3", "4/3", "3", "1/0", "a/b", "1/100001", "-1/3"] {
        let done = byzlab(&folder, &["compare", "a.toml", &format!("--shard={wrong}")]);
        assert_eq!(done.status, Some(2), "{wrong}: {}", done.out);
        assert!(done.err.contains("expected i/m"), "{wrong}: {}", done.err);
    }
    let both = byzlab(&folder, &["compare", "a.toml", "--shard", "1/3", "--json"]);
    assert_eq!(both.status, Some(2), "a shard is no table");
}
