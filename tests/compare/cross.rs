//! What is crossed, and what a cell says.

use std::{collections::BTreeSet, fs};

use byzlab::Lab;
use serde_json::{Value, json};

use crate::{byzlab, common, folder, rows};

const SMALL: &str = "protocol = \"pbft\"\n[network]\ndelay.uniform = [\"5ms\", \"20ms\"]\n\
                     [workload]\ncommands = 2\n";

fn of<'a>(rows: &'a [Value], attack: &str, protocol: &str) -> Vec<&'a Value> {
    let fits = |row: &&Value| row["attack"] == attack && row["protocol"] == protocol;
    rows.iter().filter(fits).collect()
}

#[test]
fn everything_is_crossed_with_everything_and_the_good_case_beside_it() {
    let folder = folder("cross");
    let file = format!(
        "{SMALL}[compare]\nbehaviours = [\"silent\", \"forge\"]\nattacks = [\"S4\"]\nn = [4, 7]\n\
         f = [0, 1]\nseeds = \"0..2\"\n[[compare.network]]\nname = \"near\"\n\
         delay.constant = \"1ms\"\n[[compare.network]]\nname = \"far\"\ndelta = \"1s\"\n"
    );
    fs::write(folder.join("a.toml"), file).expect("it can be written");
    let rows = rows(&folder, &["a.toml"]);
    let protocols = Lab::new().registry().names();
    assert_eq!(rows.len(), 2 * 2 * 2 * 4 * protocols.len());
    let places: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            ["network", "n", "f", "attack", "protocol"].map(|key| row[key].to_string()).join(" ")
        })
        .collect();
    assert_eq!(places.len(), rows.len(), "no cell stands there twice");
    for protocol in protocols {
        assert_eq!(of(&rows, "good case", protocol).len(), 8, "{protocol}");
    }
    for row in &rows {
        let nobody =
            row["f"] == 0 && ["silent", "forge"].contains(&row["attack"].as_str().unwrap());
        if nobody {
            assert_eq!(row["verdict"], "not applicable");
            assert!(row["reason"].is_string() && row["worst"].is_null(), "{row}");
        } else if row["verdict"] != "not applicable" {
            assert_eq!((&row["verdict"], &row["runs"]), (&json!("holds"), &json!(2)), "{row}");
        }
    }
    let latency = |network: &str| {
        let good = of(&rows, "good case", "hotstuff");
        let row = good.into_iter().find(|row| row["network"] == network).expect("a row");
        row["latency_ns"].as_u64().expect("a number")
    };
    assert_eq!(latency("near"), 7_000_000, "seven hops of a millisecond");
    assert!(latency("far") > 35_000_000, "and otherwise as the file says");
}

/// What is said of a cell is what its command gives.
#[test]
fn the_worst_run_of_a_cell_is_one_printed_command_away() {
    let folder = folder("worst");
    let file = format!(
        "leaders = \"stable\"\n{SMALL}[compare]\nbehaviours = [\"silent\", \"twins\"]\nattacks = [\"S12\"]\n\
         n = [4]\nseeds = \"5..6\"\n[[compare.network]]\nname = \"far\"\n\
         delay.constant = \"40ms\"\n"
    );
    fs::write(folder.join("a file's.toml"), file).expect("it can be written");
    let rows = rows(&folder, &["a file's.toml", "--set", "network.delta='150ms'"]);
    let mut repeated = 0;
    for row in rows.iter().filter(|row| row["worst"].is_string()) {
        let command = row["worst"].as_str().expect("a command");
        let script = command.replacen("byzlab ", "\"$BYZLAB\" ", 1) + " --json";
        let again = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("BYZLAB", env!("CARGO_BIN_EXE_byzlab"))
            .current_dir(&folder)
            .output()
            .expect("a shell");
        let again: Value = serde_json::from_slice(&again.stdout)
            .unwrap_or_else(|error| panic!("{error}: {script}"));
        assert_eq!(again["seed"], 5, "{command}");
        assert_eq!(again["decisions"], row["decisions"], "{command}");
        let metrics = &again["metrics"];
        for key in ["messages", "bytes", "signatures_made", "signatures_verified", "lost_views"] {
            assert_eq!(metrics[key], row[key], "{key} of {command}");
        }
        if !row["latency_ns"].is_null() {
            assert_eq!(metrics["latency_ns"]["p50"], row["latency_ns"], "{command}");
        }
        repeated += 1;
    }
    assert!(repeated >= 12, "{repeated}");
}

#[test]
fn beyond_its_bound_a_protocol_does_not_apply_unless_the_file_means_it() {
    let folder = folder("beyond");
    let compare = "[compare]\nprotocols = [\"dolev-strong\", \"pbft\"]\nbehaviours = [\"twins\"]\n\
                   n = [4]\nf = [2]\nseeds = \"0..20\"\n";
    fs::write(folder.join("a.toml"), format!("{SMALL}{compare}")).expect("it can be written");
    let meant = format!("beyond_bound = true\n{SMALL}{compare}");
    fs::write(folder.join("meant.toml"), meant).expect("it can be written");

    let refused = rows(&folder, &["a.toml"]);
    let row = of(&refused, "twins", "pbft")[0];
    assert_eq!(row["verdict"], "not applicable");
    assert!(row["reason"].as_str().expect("a reason").contains("exceeds the bound 1"), "{row}");
    assert_eq!(of(&refused, "twins", "dolev-strong")[0]["verdict"], "holds");

    let meant = rows(&folder, &["meant.toml"]);
    let row = of(&meant, "twins", "pbft")[0];
    assert_eq!(
        (&row["verdict"], &row["label"]),
        (&json!("violated as expected"), &json!("beyond-bound"))
    );
    assert_eq!(row["unexpected"], 0);
    let text = byzlab(&folder, &["compare", "meant.toml"]);
    assert_eq!(text.status, Some(0), "a violation that is no bug: {}", text.out);
    let look = text.out.lines().find(|line| line.starts_with("look: ")).expect("a command");
    assert!(look.contains("twins"), "{look}");
    assert_eq!(of(&meant, "good case", "dolev-strong")[0]["label"], "in-model");
}

#[test]
fn what_is_violated_is_not_as_expected_and_the_exit_status_says_so() {
    let folder = folder("violated");
    // Of what the theorem promises nothing falls: so the file expects too much.
    let file = "protocol = \"pbft\"\n[workload]\ncommands = 2\n[stop]\ntime = \"100ms\"\n\
                [expect]\ntermination = \"holds\"\n[compare]\nprotocols = [\"pbft\"]\n";
    fs::write(folder.join("a.toml"), file).expect("it can be written");
    let done = byzlab(&folder, &["compare", "a.toml"]);
    assert_eq!(done.status, Some(3), "{}", done.out);
    assert!(done.out.contains("undecided") && done.out.contains("look: byzlab run a.toml"));
    let costs = file.replace("[expect]\ntermination = \"holds\"", "[expect]\ncosts.hops = 9");
    fs::write(folder.join("b.toml"), costs.replace("time = \"100ms\"", "time = \"9s\""))
        .expect("it can be written");
    let done = byzlab(&folder, &["compare", "b.toml"]);
    assert_eq!(done.status, Some(1), "{}", done.out);
    assert!(done.out.contains("UNEXPECTED"), "{}", done.out);
}

#[test]
fn an_attack_without_effect_is_not_said_to_be_stood() {
    let folder = folder("idle");
    let file =
        format!("{SMALL}[compare]\nprotocols = [\"pbft\"]\nattacks = [\"PB25\"]\nn = [31]\n");
    fs::write(folder.join("a.toml"), file).expect("it can be written");
    let rows = rows(&folder, &["a.toml", "--seeds", "0..2"]);
    assert_eq!(of(&rows, "PB25", "pbft")[0]["verdict"], "no effect");
    assert_eq!(of(&rows, "PB25", "pbft")[0]["idle"], 2);
    assert_eq!(of(&rows, "good case", "pbft")[0]["verdict"], "holds");
}

#[test]
fn a_wrong_file_says_what_is_wrong() {
    let folder = folder("wrong");
    let wrong = [
        ("", "the file has no [compare] table"),
        ("[compare]\nprotocols = [\"pbtf\"]", "did you mean"),
        ("[compare]\nprotocols = []", "no protocol is compared"),
        ("[compare]\nprotocols = \"some\"", "expected one of all, or a list"),
        ("[compare]\nprotocols = [\"pbft\", \"pbft\"]", "`pbft` is compared twice"),
        ("[compare]\nbehaviours = [\"silence\"]", "unknown behaviour `silence`"),
        ("[compare]\nattacks = [\"PB99\"]", "unknown attack `PB99`"),
        ("[compare]\nn = []", "`compare.n` is empty"),
        ("[compare]\nn = [4, 4]", "`4` is compared twice"),
        ("[compare]\nf = [-1]", "compare.f[0]"),
        ("[compare]\nseeds = \"5..5\"", "seed"),
        ("[compare]\nseeds = \"0..99999999\"", "a comparison has at most"),
        ("[[compare.network]]\ndelta = \"1s\"", "name"),
        ("[[compare.network]]\nname = \"a\"\ndelta = \"0s\"", "delta"),
        ("[[compare.network]]\nname = \"a\"\ndelay.regions = [\"moon\"]", "moon"),
        (
            "[[byzantine]]\nparty = 0\nbehaviour = \"silent\"\n[compare]",
            "no `byzantine` of its own",
        ),
        ("[attack]\nname = \"S4\"\n[compare]", "no `attack` of its own"),
    ];
    for (text, message) in wrong {
        fs::write(folder.join("a.toml"), format!("{SMALL}{text}\n")).expect("it can be written");
        let done = byzlab(&folder, &["compare", "a.toml"]);
        assert_eq!(done.status, Some(2), "{text}: {}{}", done.out, done.err);
        assert!(done.out.is_empty() && done.err.contains(message), "{text}: {}", done.err);
    }
    let done = byzlab(&folder, &["compare", "no.toml"]);
    assert_eq!(done.status, Some(2), "{}", done.err);
    let done = byzlab(&folder, &["compare", "a.toml", "--csv", "no/such/folder/a.csv"]);
    assert_eq!(done.status, Some(2), "before anything is run: {}", done.err);
}

/// Every line of the table, whatever is in it: all attacks, and the numbers of many parties.
#[test]
fn the_table_fits_into_80_columns() {
    let file = "scenarios/compare/all.toml";
    let small = &["--set", "compare.n=[4]"][..];
    let large = &["--set", "compare.n=[31]", "--set", "compare.attacks=[]"];
    for set in [small, large] {
        let arguments = [&["compare", file, "--seeds", "0..1"], set].concat();
        let done = byzlab(common::root(), &arguments);
        assert!(done.err.is_empty(), "{}", done.err);
        let long: Vec<_> = done.out.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.iter().all(|line| line.starts_with("look: ")), "{}", long.join("\n"));
        assert!(done.out.lines().count() > 50, "{}", done.out);
    }
}

#[test]
fn csv_has_the_same_rows_as_json() {
    let folder = folder("csv");
    let file = format!("{SMALL}[compare]\nbehaviours = [\"forge\", \"delay\"]\nseeds = \"0..2\"\n");
    fs::write(folder.join("a.toml"), file).expect("it can be written");
    let rows = rows(&folder, &["a.toml", "--csv", "a.csv"]);
    let csv = fs::read_to_string(folder.join("a.csv")).expect("it was written");
    let mut lines = csv.lines().map(fields);
    let names = lines.next().expect("a line of names");
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(&rows) {
        assert_eq!(line.len(), names.len());
        for (name, field) in names.iter().zip(line) {
            let text = match &row[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Array(items) => {
                    items.iter().map(|item| item.as_str().unwrap()).collect::<Vec<_>>().join(" ")
                }
                other => other.to_string(),
            };
            assert_eq!(*field, text, "{name}");
        }
    }
    assert!(csv.contains("\"byzlab run"), "a command has commas and quotes in it");
}

/// The fields of a line of CSV.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        let last = fields.last_mut().expect("there is one");
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                last.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => last.push(other),
        }
    }
    fields
}
