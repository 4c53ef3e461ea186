//! A recorded run in the forms of other programs, each read back by the rules of its reader.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn byzlab(arguments: &[&str]) -> (String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("byzlab can be run");
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    (text(run.stdout), text(run.stderr))
}

/// A recorded run with traitors, losses, a partition and a crash in it.
fn recorded(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace");
    fs::create_dir_all(&folder).expect("folders can be made");
    let (file, trace) = (folder.join(format!("{name}.toml")), folder.join(format!("{name}.jsonl")));
    let scenario = "protocol = \"hotstuff\"\nn = 7\n[network]\ndelay.uniform = [\"5ms\", \"20ms\"]\n\
                    gst = \"400ms\"\nbefore_gst = \"lossy\"\nloss = 0.2\n[workload]\ncommands = 3\n\
                    [[byzantine]]\nparty = \"leader\"\nbehaviour = \"equivocate\"\n\
                    [[event]]\nat = \"50ms\"\nuntil = \"200ms\"\n\
                    partition = [[0, 1, 2], [3, 4, 5, 6]]\n[[event]]\nat = \"600ms\"\n\
                    crash = { party = 5, restart_after = \"100ms\" }\n[expect]\nfired = false\n";
    fs::write(&file, scenario).expect("it can be written");
    let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
    byzlab(&["run", &text(&file), "--trace", &text(&trace)]);
    trace
}

fn exported(trace: &Path, arguments: &[&str]) -> String {
    byzlab(&[&["trace", trace.to_str().expect("a plain path")], arguments].concat()).0
}

fn records(trace: &Path, arguments: &[&str]) -> Vec<Value> {
    let text = exported(trace, &[arguments, &["--to", "jsonl"]].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn count(records: &[Value], fits: impl Fn(&Value) -> bool) -> usize {
    records.iter().filter(|record| fits(record)).count()
}

#[test]
fn json_lines_are_what_was_recorded() {
    let trace = recorded("jsonl");
    let whole = fs::read_to_string(&trace).expect("it is there");
    assert_eq!(exported(&trace, &["--to", "jsonl"]), whole);
    assert_eq!(exported(&trace, &["--json"]), whole);
}

#[test]
fn filters_leave_what_fits_and_nothing_else() {
    let trace = recorded("filters");
    let all = records(&trace, &[]);
    let number = |record: &Value, key: &str| record[key].as_u64();
    type Fits = Box<dyn Fn(&Value) -> bool>;
    let digest = all.iter().find(|record| record["what"] == "decided").expect("a decision");
    let digest = digest["digest"].as_str().expect("a digest")[..10].to_owned();
    let filters: [(Vec<&str>, Fits); 6] = [
        (
            vec!["--party", "2,3"],
            Box::new(move |r| [Some(2), Some(3)].contains(&number(r, "party"))),
        ),
        (vec!["--from", "1"], Box::new(move |r| number(r, "from") == Some(1))),
        (
            vec!["--view", "2..=3"],
            Box::new(move |r| [Some(2), Some(3)].contains(&number(r, "view"))),
        ),
        (vec!["--slot", "1"], Box::new(move |r| number(r, "slot") == Some(1))),
        (
            vec!["--time", "400ms..1s", "--what", "delivered"],
            Box::new(move |r| {
                let at = number(r, "at").expect("a time");
                r["what"] == "delivered" && (400_000_000..1_000_000_000).contains(&at)
            }),
        ),
        (
            vec!["--digest", &digest],
            Box::new({
                let digest = digest.clone();
                move |r| r["digest"].as_str().is_some_and(|own| own.starts_with(&digest))
            }),
        ),
    ];
    for (arguments, fits) in filters {
        let kept = records(&trace, &arguments);
        assert!(kept.iter().all(&fits), "{arguments:?}");
        assert_eq!(kept.len(), count(&all, fits), "{arguments:?}");
        assert!(!kept.is_empty() && kept.len() < all.len(), "{arguments:?}");
    }
}

/// The statements of a sequence diagram that are used, by Mermaid's own rules: participants are
/// declared, arrows are `->>` or `-x`, a text has none of the characters that end or escape one.
#[test]
fn mermaid_can_read_its_diagram() {
    let trace = recorded("mermaid");
    let text = exported(&trace, &["--to", "mermaid"]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("sequenceDiagram"));
    let (mut declared, mut arrived, mut lost, mut notes) = (BTreeSet::new(), 0, 0, 0);
    for line in lines {
        let line = line.strip_prefix("    ").expect("four spaces");
        if let Some(rest) = line.strip_prefix("participant ") {
            let (name, label) = rest.split_once(" as ").expect("a label");
            assert_eq!(name.replace('P', "party "), label);
            declared.insert(name.to_owned());
            continue;
        }
        let (actors, label) = line.split_once(": ").expect("a text");
        assert!(!label.is_empty() && !label.contains([';', '#', ':', '<', '>', '"']), "{line}");
        assert!(label.split(' ').all(|word| word != "end"), "{line}");
        let names: Vec<&str> = if let Some(over) = actors.strip_prefix("Note over ") {
            notes += 1;
            over.split(',').collect()
        } else if let Some((from, to)) = actors.split_once("->>") {
            arrived += 1;
            vec![from, to]
        } else {
            lost += 1;
            let (from, to) = actors.split_once("-x").expect("an arrow");
            vec![from, to]
        };
        assert!(names.iter().all(|name| declared.contains(*name)), "{line}");
    }
    let all = records(&trace, &[]);
    let between = |record: &Value| record["party"] != record["from"];
    assert_eq!(arrived, count(&all, |r| r["what"] == "delivered" && between(r)));
    assert_eq!(lost, count(&all, |r| r["what"] == "dropped"));
    assert!(lost > 0 && notes > 10);
    assert_eq!(declared.len(), 7);
    let long = exported(&recorded("mermaid-long"), &["--to", "mermaid", "--view", "1"]);
    assert!(long.len() < text.len(), "a filter makes it smaller");
}

/// The regular expression of the first line, applied by hand: what happened, then host and clock.
#[test]
fn shiviz_can_read_its_log() {
    let trace = recorded("shiviz");
    for filter in [&[][..], &["--what", "delivered,decided"], &["--view", "2..4"]] {
        let text = exported(&trace, &[filter, &["--to", "shiviz"]].concat());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})");
        assert_eq!(lines[1], "", "no delimiter of executions");
        assert!(lines.len() > 20 && lines.len().is_multiple_of(2), "{}", lines.len());
        let mut last: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for pair in lines[2..].chunks(2) {
            let (host, clock) = pair[1].split_once(' ').expect("a host and a clock");
            let clock: BTreeMap<String, u64> = serde_json::from_str(clock).expect("a clock");
            let before = last.get(host).cloned().unwrap_or_default();
            let own = before.get(host).copied().unwrap_or_default();
            assert_eq!(clock.get(host), Some(&(own + 1)), "{pair:?}");
            for (other, count) in before {
                assert!(clock[&other] >= count, "nobody forgets: {pair:?}");
            }
            for (other, count) in clock.iter().filter(|(other, _)| *other != host) {
                let theirs = last.get(other).and_then(|clock| clock.get(other)).copied();
                assert!(theirs.is_some_and(|theirs| theirs >= *count), "from the future: {pair:?}");
            }
            if filter.is_empty() && pair[0].contains("gets ") {
                let from = pair[0].split(" of ").nth(1).and_then(|rest| rest.split(' ').next());
                let from = format!("P{}", from.expect("a sender"));
                assert!(from == host || clock.contains_key(&from), "{pair:?}");
            }
            last.insert(host.to_owned(), clock);
        }
    }
}

/// The parts of the trace event format that are used, field by field.
#[test]
fn perfetto_can_read_its_trace() {
    let trace = recorded("perfetto");
    let text = exported(&trace, &["--to", "perfetto"]);
    let file: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(file["displayTimeUnit"], "ms");
    let events = file["traceEvents"].as_array().expect("a list");
    let mut tracks = BTreeSet::new();
    let mut flows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    let mut slices: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for event in events {
        assert!(event["name"].is_string() && event["pid"] == 1, "{event}");
        let track = event["tid"].as_u64().expect("a track");
        let phase = event["ph"].as_str().expect("a phase");
        if phase == "M" {
            assert!(event["args"]["name"].is_string(), "{event}");
            tracks.insert(track);
            continue;
        }
        assert!(tracks.contains(&track), "every track has a name: {event}");
        let at = event["ts"].as_f64().expect("a time");
        assert!(at >= 0.0 && event["cat"].is_string(), "{event}");
        match phase {
            "X" => {
                let width = event["dur"].as_f64().expect("a width");
                assert!(width >= 0.0);
                slices.entry(track).or_default().push((at, at + width));
            }
            "i" => assert_eq!(event["s"], "t"),
            "s" | "f" => {
                assert_eq!(event["bp"] == "e", phase == "f");
                flows.entry(event["id"].as_u64().expect("an id")).or_default().push(event);
            }
            other => panic!("no phase {other}"),
        }
    }
    for (id, ends) in &flows {
        assert_eq!(ends.len(), 2, "flow {id}");
        assert_eq!((&ends[0]["ph"], &ends[1]["ph"]), (&Value::from("s"), &Value::from("f")));
        assert!(ends[0]["ts"].as_f64() <= ends[1]["ts"].as_f64());
        for end in ends {
            let (track, at) = (end["tid"].as_u64().unwrap(), end["ts"].as_f64().unwrap());
            let bound = slices[&track].iter().any(|(from, to)| *from <= at && at <= *to);
            assert!(bound, "a flow begins and ends in a slice: {end}");
        }
    }
    let all = records(&trace, &[]);
    let between = |record: &Value| record["party"] != record["from"];
    assert_eq!(flows.len(), count(&all, |r| r["what"] == "delivered" && between(r)));
    let alone = exported(&trace, &["--to", "perfetto", "--what", "delivered"]);
    assert!(!alone.contains("\"ph\":\"s\""), "no flow from what is not shown");
}

/// Whoever writes the file: words stay words.
#[test]
fn what_stands_in_a_record_cannot_break_out() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace");
    fs::create_dir_all(&folder).expect("folders can be made");
    let file = folder.join("hostile.jsonl");
    let kind = "x\\n    P0->>P1: end;#quot;<script>";
    let lines = [
        format!(
            r#"{{"id":1,"at":5,"party":0,"what":"sent","kind":"{kind}","digest":"<b>","view":1}}"#
        ),
        format!(
            r#"{{"id":2,"at":6,"party":1,"what":"delivered","send":1,"from":0,"kind":"{kind}"}}"#
        ),
        r#"{"id":3,"at":7,"party":1,"what":"rejected","text":"a\nP1 {\"P1\": 99}"}"#.to_owned(),
        r#"{"id":4,"at":8,"party":2,"what":"dropped","send":77,"from":9}"#.to_owned(),
        r#"{"id":5,"at":8,"party":2,"what":"entered","view":18446744073709551615}"#.to_owned(),
    ];
    fs::write(&file, lines.join("\n")).expect("it can be written");
    let mermaid = exported(&file, &["--to", "mermaid"]);
    assert!(!mermaid.contains([';', '#', '<']) && mermaid.matches("->>").count() == 1, "{mermaid}");
    let shiviz = exported(&file, &["--to", "shiviz"]);
    assert_eq!(shiviz.lines().count(), 2 + 2 * 5, "{shiviz}");
    assert!(!shiviz.contains("\"P1\": 99"), "{shiviz}");
    let perfetto = exported(&file, &["--to", "perfetto"]);
    serde_json::from_str::<Value>(&perfetto).expect("JSON");
    assert!(!perfetto.contains('<'), "{perfetto}");
}
