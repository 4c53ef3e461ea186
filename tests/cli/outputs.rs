//! What is written where: JSON, JUnit, traces, always the same bytes.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::{BAD, GOOD, SHORT, TRAITOR, byzlab, folder, given, path};

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("one object")
}

#[test]
fn the_object_of_a_run_has_every_key_with_its_type() {
    let run = object(&given(TRAITOR, &["run", "-", "--json"]).out);
    let texts = [
        "version",
        "scenario",
        "protocol",
        "runtime",
        "label",
        "outcome",
        "stopped_by",
        "digest",
        "repeat",
    ];
    texts.iter().for_each(|key| assert!(run[key].is_string(), "{key}: {}", run[key]));
    let numbers = ["schema", "n", "f", "seed", "decisions"];
    numbers.iter().for_each(|key| assert!(run[key].is_u64(), "{key}: {}", run[key]));
    let properties = run["properties"].as_object().expect("an object");
    let names: BTreeSet<_> = properties.keys().map(String::as_str).collect();
    let known =
        ["agreement", "validity", "integrity", "termination", "certificates", "accountability"];
    assert_eq!(names, known.into_iter().collect());
    assert!(properties.values().all(|property| property["verdict"] == "holds"));
    assert_eq!(run["violations"], Value::Array(Vec::new()));
    assert_eq!(run["accused"][0]["party"], 1);
    assert_eq!(run["accused"][0]["fault"], "equivocation");
    assert_eq!(run["fired"][0]["behaviour"], "equivocate");
    assert!(run["fired"][0]["count"].as_u64() > Some(0) && run["fired"][0]["party"] == 1);
    let metrics = &run["metrics"];
    let counts =
        ["messages", "bytes", "signatures_made", "signatures_verified", "views", "lost_views"];
    counts.iter().for_each(|key| assert!(metrics[key].is_u64(), "{key}: {metrics}"));
    assert!(metrics["by_kind"]["vote"].is_u64());
    assert!(metrics["latency_hops"]["p50"].is_u64() && metrics["latency_hops"]["max"].is_u64());
    ["p50", "p99", "max"].iter().for_each(|key| assert!(metrics["latency_ns"][key].is_u64()));
    assert!(run.get("timing").is_none(), "no wall clock unless it is asked for");
    let timed = object(&given(TRAITOR, &["run", "-", "--json", "--timing"]).out);
    assert!(timed["timing"]["elapsed_ns"].as_u64() > Some(0));
}

#[test]
fn a_violation_says_what_when_who_and_why() {
    let split = "protocol = \"dolev-strong\"\nn = 3\nf = 1\nbeyond_bound = true\n\
                 workload.commands = 1\nrule = [{ on = { from = 0, to = 1 }, do.delay = \"1s\" }, \
                 { on = { to = 1 }, do.delay = \"1s\" }]\n";
    let run = object(&given(split, &["run", "-", "--json"]).out);
    let violation = &run["violations"][0];
    assert!(violation["property"].is_string() && violation["text"].is_string(), "{run}");
    assert!(violation["time_ns"].is_u64() && violation["events"].is_array());
    assert!(violation["parties"].as_array().is_some_and(|list| list.iter().all(Value::is_u64)));
    assert_eq!(run["label"], "out-of-model");
}

#[test]
fn runs_come_in_the_order_of_files_and_seeds() {
    let suite = folder("order", &[("b.toml", GOOD), ("a.toml", BAD), ("c/d.toml", GOOD)]);
    let done = byzlab(&["run", path(&suite), "--json", "--seeds", "3..=5"]);
    let order: Vec<_> = done.out.lines().map(object).collect();
    let order: Vec<_> = order
        .iter()
        .map(|run| (run["scenario"].as_str().expect("a name"), run["seed"].as_u64()))
        .map(|(name, seed)| format!("{name} {}", seed.expect("a number")))
        .collect();
    assert_eq!(order, ["a 3", "a 4", "a 5", "b 3", "b 4", "b 5", "d 3", "d 4", "d 5"]);
    assert_eq!((done.status, done.err.as_str()), (Some(1), ""));
}

#[test]
fn a_suite_ends_with_a_summary_and_shows_what_failed() {
    let suite = folder("summary", &[("bad.toml", BAD), ("good.toml", GOOD), ("short.toml", SHORT)]);
    let done = byzlab(&["run", path(&suite)]);
    let last = done.out.lines().last().expect("a summary");
    assert_eq!(last, "3 runs: 1 as expected, 1 not, 1 inconclusive");
    let line = |start: &str| done.out.lines().any(|line| line.starts_with(start));
    assert!(line("PASS  good") && line("FAIL  bad") && line("INCONCLUSIVE  short"), "{}", done.out);
    assert!(done.out.contains("hops: 3, expected: 4"), "{}", done.out);
    let again = format!("FAIL  byzlab run {} --seed 1", path(&suite.join("bad.toml")));
    assert!(line(&again), "{}", done.out);
}

#[test]
fn the_same_bytes_every_time() {
    for arguments in [&["run", "-"][..], &["run", "-", "--json"], &["explain", "-"]] {
        let first = given(TRAITOR, arguments);
        assert_eq!(first.out, given(TRAITOR, arguments).out, "{arguments:?}");
        assert_eq!(first.err, "", "{arguments:?}");
        let other = given(TRAITOR, &[arguments, &["--seed", "2"]].concat());
        assert_ne!(first.out, other.out, "{arguments:?}");
    }
    let one = ["run", "-", "--json", "--seeds", "0..20"];
    assert_eq!(given(GOOD, &one).out, given(GOOD, &one).out);
}

#[test]
fn junit_names_every_run_and_why_it_failed() {
    let suite = folder("junit", &[("bad.toml", BAD), ("good.toml", GOOD), ("short.toml", SHORT)]);
    let file = suite.join("report.xml");
    let done = byzlab(&["run", path(&suite), "--junit", path(&file)]);
    assert_eq!(done.status, Some(1));
    let xml = fs::read_to_string(&file).expect("a report");
    assert!(xml.starts_with("<?xml") && xml.trim_end().ends_with("</testsuites>"), "{xml}");
    assert!(xml.contains("tests=\"3\"") && xml.contains("failures=\"1\""), "{xml}");
    assert_eq!(xml.matches("<testcase ").count(), 3);
    assert_eq!(xml.matches("<failure message=\"hops: 3, expected: 4\"").count(), 1, "{xml}");
    assert_eq!(xml.matches("<error message=").count(), 1, "{xml}");
    assert!(!file.with_file_name("report.xml.tmp").exists());
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_run() {
    let folder = folder("unwritable", &[("good.toml", GOOD), ("file", "")]);
    let good = folder.join("good.toml");
    for option in ["--junit", "--trace"] {
        for place in ["missing/report", "file/report", "."] {
            let target = folder.join(place);
            let done = byzlab(&["run", path(&good), option, path(&target)]);
            assert_eq!((done.status, done.out.as_str()), (Some(2), ""), "{option} {place}");
            assert!(done.err.contains(path(&target)), "{}", done.err);
        }
    }
    let entries = fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(entries, 2, "nothing is left behind");
}

#[test]
fn an_output_that_exists_is_replaced_whole() {
    let folder =
        folder("replaced", &[("good.toml", GOOD), ("run.trace", &"old\n".repeat(100_000))]);
    let (good, trace) = (folder.join("good.toml"), folder.join("run.trace"));
    let done = byzlab(&["run", path(&good), "--trace", path(&trace)]);
    assert_eq!(done.status, Some(0));
    let text = fs::read_to_string(&trace).expect("a trace");
    assert!(text.lines().all(|line| line.starts_with('{')) && text.ends_with('\n'));
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 2);
}

#[test]
fn a_trace_can_be_read_back_and_filtered() {
    let folder = folder("trace", &[("good.toml", GOOD)]);
    let trace = folder.join("run.trace");
    let done = byzlab(&["run", path(&folder.join("good.toml")), "--trace", path(&trace)]);
    assert_eq!(done.status, Some(0), "{}", done.err);
    let recorded = fs::read_to_string(&trace).expect("a trace");
    let shown = |options: &[&str]| byzlab(&[&["trace", path(&trace)], options].concat());
    assert_eq!(shown(&["--json"]).out, recorded, "as recorded");
    let all = shown(&[]).out;
    assert_eq!(all.lines().count(), recorded.lines().count());
    let objects = |options: &[&str]| -> Vec<Value> {
        let done = shown(&[options, &["--json"]].concat());
        assert_eq!(done.status, Some(0), "{}", done.err);
        done.out.lines().map(object).collect()
    };
    let decided = objects(&["--what", "decided"]);
    assert_eq!(decided.len(), 12, "three decisions of four parties");
    assert!(objects(&["--party", "2,3"]).iter().all(|event| event["party"].as_u64() > Some(1)));
    let votes = objects(&["--kind", "vote", "--view", "1..3", "--what", "sent"]);
    assert_eq!(votes.len(), 8, "one each of four parties in two views");
    let last = decided.last().expect("a decision")["id"].to_string();
    let why = objects(&["--why", &last]);
    assert!(why.len() > 3 && why.iter().any(|event| event["what"] == "sent"), "{why:?}");
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = folder("no-trace", &[("a.trace", "hello\n"), ("good.trace", "")]);
    let wrong = byzlab(&["trace", path(&folder.join("a.trace"))]);
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.err.contains("a.trace:1: not an event of a recorded run"), "{}", wrong.err);
    assert_eq!(byzlab(&["trace", path(&folder.join("good.trace"))]).status, Some(0));
    assert_eq!(byzlab(&["trace", path(&folder)]).status, Some(2));
    assert_eq!(byzlab(&["trace", path(&folder.join("none"))]).status, Some(2));
    let view = byzlab(&["trace", path(&folder.join("good.trace")), "--view", "x"]);
    assert!(view.status == Some(2) && view.err.contains("--view"), "{}", view.err);
}
