//! The page of a comparison: whole, safe, and saying what the table says.

use std::{collections::BTreeSet, fs};

use crate::{byzlab, folder, rows};

const FILE: &str = "title = \"<script>alert(1)</script> & \\\"co\\\"\"\nprotocol = \"pbft\"\n\
                    [network]\ndelay.uniform = [\"5ms\", \"20ms\"]\n[workload]\ncommands = 3\n\
                    [compare]\nbehaviours = [\"equivocate\", \"forge\", \"delay\"]\n\
                    attacks = [\"S4\", \"PB3\"]\nn = [4, 7, 10]\nseeds = \"0..5\"\n";

fn made(name: &str) -> (String, Vec<serde_json::Value>) {
    let folder = folder(name);
    fs::write(folder.join("a.toml"), FILE).expect("it can be written");
    let set = "network.delta='120ms' # <img src=x onerror=alert(1)>";
    let rows = rows(&folder, &["a.toml", "--set", set, "--html", "a.html"]);
    (fs::read_to_string(folder.join("a.html")).expect("it was written"), rows)
}

/// The tags of a page, with what stands in them.
fn tags(page: &str) -> Vec<&str> {
    let rest = page.split('<').skip(1);
    rest.map(|part| part.split_once('>').expect("a tag ends").0).collect()
}

#[test]
fn the_page_runs_nothing_and_loads_nothing() {
    let (page, _) = made("page-safe");
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/').split(' ').next().expect("a name");
        for never in ["script", "img", "iframe", "object", "link", "base", "form", "use", "image"] {
            assert_ne!(name, never, "{tag}");
        }
        for never in [" on", " src=", " href=", " style=", "javascript:"] {
            assert!(!tag.contains(never), "{tag}");
        }
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"), "a content policy");
    assert!(!page.contains("@import") && !page.contains("url("), "and styles that load nothing");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;co&quot;</h1>"));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "what was set stays text");
}

#[test]
fn every_tag_is_closed_and_every_picture_is_told() {
    let (page, _) = made("page-whole");
    let mut open: Vec<&str> = Vec::new();
    let mut ids = BTreeSet::new();
    let (mut pictures, mut titles) = (0, 0);
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
        }
        if tag.starts_with("svg ") {
            pictures += 1;
            assert!(tag.contains("role=\"img\"") && tag.contains("aria-labelledby="), "{tag}");
        }
        titles += usize::from(tag.starts_with("title id="));
        let void = ["!DOCTYPE", "meta"].contains(&name) || tag.ends_with('/');
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "in this order"),
            None if !void => open.push(name),
            None => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert_eq!(pictures, 3 + 4, "latency at each n, and four costs");
    assert_eq!(titles, pictures);
    let named = page.split("aria-labelledby=\"").skip(1);
    let named = named.flat_map(|rest| rest.split('"').next().unwrap_or_default().split(' '));
    assert!(named.into_iter().all(|id| ids.contains(id)), "what is named is there");
}

#[test]
fn the_page_says_what_the_rows_say() {
    let (page, rows) = made("page-true");
    let (_, cells) = page.split_once("id=\"cells\"").expect("the cells");
    let lines: Vec<_> = cells.lines().filter(|line| line.starts_with("<tr><td")).collect();
    let text = |line: &str| -> Vec<String> {
        let fields = line.split("<td").skip(1);
        let plain = |field: &str| {
            let field = field.split_once('>').map_or("", |(_, rest)| rest);
            let parts = field.split('<').enumerate();
            let parts = parts.map(|(at, part)| match at {
                0 => part,
                _ => part.split_once('>').map_or("", |(_, rest)| rest),
            });
            parts.collect::<String>().trim().to_owned()
        };
        fields.map(plain).collect()
    };
    let own = |row: &&serde_json::Value| {
        !row["reason"].as_str().unwrap_or_default().starts_with("no attack on")
    };
    let rows: Vec<_> = rows.iter().filter(own).collect();
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(&rows) {
        let fields = text(line);
        assert_eq!(
            [&fields[0], &fields[1]],
            [&row["attack"], &row["protocol"]].map(|of| of.as_str().unwrap())
        );
        assert!(fields[2].contains(row["verdict"].as_str().expect("a word")), "{line}");
        if row["runs"].is_number() {
            assert_eq!(fields[3], row["decisions"].to_string());
            assert_eq!(fields[7], row["lost_views"].to_string());
            assert_eq!(fields[8].parse::<f64>().ok(), row["messages_per_decision"].as_f64());
            let worst = row["worst"].as_str().expect("a command").replace('\'', "&#39;");
            let worst = worst.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
            assert_eq!(fields[12], worst);
        }
    }
}

/// The exponent beside a curve is that of the formula where the costs are those of the formula.
#[test]
fn the_fitted_exponent_stands_beside_the_stated_one() {
    let folder = folder("page-fit");
    let file = FILE.replace("delay.uniform = [\"5ms\", \"20ms\"]", "delay.constant = \"10ms\"");
    fs::write(folder.join("a.toml"), file.replace("[4, 7, 10]", "[64, 128]")).expect("written");
    let html = ["compare", "a.toml", "--seeds", "0..1", "--html", "a.html"];
    let set = ["--set", "compare.behaviours=[]", "--set", "compare.attacks=[]"];
    let done = byzlab(&folder, &[&html[..], &set[..]].concat());
    assert_eq!(done.status, Some(0), "{}", done.err);
    let page = fs::read_to_string(folder.join("a.html")).expect("it was written");
    // log2 of the messages of the formulas at n = 128 over those at n = 64, 2.0113 and 2.0039.
    for told in ["dolev-strong n^2.01, stated n^2", "pbft n^2.00, stated n^2"] {
        assert!(page.contains(told), "{told}");
    }
    assert!(page.contains("stated n^1"), "the linear one");
}

fn load(protocol: &str, label: &str, rate: u64, answered: u64) -> String {
    serde_json::json!({
        "schema": 1, "protocol": protocol, "n": 4, "f": 1, "label": label, "rate": rate,
        "size": 512, "due": rate, "done": answered, "per_second": answered,
        "latency_us": { "p50": 2500, "p99": 31_000, "max": 1_250_000 },
    })
    .to_string()
}

#[test]
fn recorded_loads_are_drawn_and_what_they_hold_stays_text() {
    let folder = folder("page-loads");
    fs::write(folder.join("a.toml"), FILE).expect("it can be written");
    let lines = [
        load("pbft-classic", "<img src=x>", 1000, 987),
        load("hotstuff-chained", "synced", 1000, 1000),
        load("pbft-classic", "<img src=x>", 60_000, 2345),
    ];
    fs::write(folder.join("loads.jsonl"), lines.join("\n")).expect("it can be written");
    let arguments = ["compare", "a.toml", "--seeds", "0..1", "--html", "a.html"];
    let done = byzlab(&folder, &[&arguments[..], &["--loads", "loads.jsonl"]].concat());
    assert_eq!(done.status, Some(0), "{}", done.err);
    let page = fs::read_to_string(folder.join("a.html")).expect("it was written");
    let (_, section) = page.split_once("<h2 id=\"load\">").expect("a section");
    assert_eq!(section.matches("<svg ").count(), 3);
    assert!(section.contains("pbft-classic, &lt;img src=x&gt;: 987 at 1000, 2345 at 60k"));
    assert!(!page.contains("<img"), "what a file holds stays text");
    let row = "pbft-classic, n = 4, 512 B, &lt;img src=x&gt;</th><td>60000</td><td>2345</td>\
               <td>57655</td><td>2.5ms</td><td>31ms</td><td>1.25s</td>";
    assert!(section.contains(row), "{section}");
    let without = byzlab(&folder, &arguments);
    assert_eq!(without.out, done.out, "loads change nothing of what is judged");
    let page = fs::read_to_string(folder.join("a.html")).expect("it was written");
    assert!(!page.contains("id=\"load\"") && page.contains("Throughput against load: that takes"));
}

#[test]
fn wrong_loads_are_refused_before_anything_is_run() {
    let folder = folder("page-wrong-loads");
    fs::write(folder.join("a.toml"), FILE).expect("it can be written");
    let one = load("pbft", "", 10, 10);
    fs::write(folder.join("twice.jsonl"), format!("{one}\n{one}\n")).expect("written");
    fs::write(folder.join("other.jsonl"), "{\"byzlab_shard\": 1}\n").expect("written");
    let page = ["--html", "a.html"];
    for (loads, more, told) in [
        ("twice.jsonl", &page[..], "twice.jsonl:2: pbft, n = 4, 512 B"),
        ("other.jsonl", &page[..], "other.jsonl:1: no load: missing field"),
        ("none.jsonl", &page[..], "none.jsonl"),
        ("twice.jsonl", &[], "--html"),
    ] {
        let done = byzlab(&folder, &[&["compare", "a.toml", "--loads", loads], more].concat());
        assert_eq!((done.status, done.out.as_str()), (Some(2), ""), "{loads}: {}", done.err);
        assert!(done.err.contains(told), "{loads}: {}", done.err);
    }
}
