//! What a user reads who gives a wrong file: every row of the catalogue of bad inputs (4.1).

mod common;

use byzlab::{
    Lab,
    scenarios::{MAX_FILE_BYTES, Problems},
};
use serde_json::Value;

/// A wrong file: its row of the catalogue, its text below the first line, and what is said of it.
struct Row(&'static str, &'static str, &'static [Said]);

/// Line and column, key, and words of the message, of what was expected, of the hint.
struct Said(usize, usize, &'static str, &'static str, &'static str, &'static str);

/// Line 1 of every file that does not bring its own.
const FIRST: &str = "protocol = \"pbft\"\n";

const PROBABILITY: &str = "a probability from 0 to 1";
const DURATION: &str = "a duration such as \"250ms\"";
const ON_PURPOSE: &str = "add `beyond_bound = true`";
const SEED: &str = "a number of 64 bits; as a string";

const KEYS: &[Row] = &[
    Row(
        "B1",
        "seeed = 3",
        &[Said(2, 1, "seeed", "unknown key `seeed`", "", "did you mean `seed`?")],
    ),
    Row(
        "B1 in a table",
        "network.detla = \"1s\"",
        &[Said(2, 9, "network.detla", "unknown key `network.detla`", "", "did you mean `delta`?")],
    ),
    Row("B2 key", "n = 4\nf = 1\nn = 7", &[Said(4, 1, "n", "duplicate key `n`", "", "")]),
    Row(
        "B2 table",
        "[network]\ndelta = \"1s\"\n[network]",
        &[Said(4, 2, "network", "duplicate key `network`", "", "")],
    ),
    Row(
        "B2 inline",
        "expect = { fired = true, fired = false }",
        &[Said(2, 26, "fired", "duplicate key `fired`", "", "")],
    ),
    Row("B3 zero", "n = 0", &[Said(2, 5, "n", "`n` is 0", "an integer from 1 to 1024", "")]),
    Row(
        "B3 nobody honest",
        "n = 1\nf = 1\nbeyond_bound = true",
        &[Said(3, 5, "f", "f = 1 of n = 1", "f below n", "")],
    ),
    Row(
        "B3 huge",
        "n = 4294967296",
        &[Said(2, 5, "n", "`n` is 4294967296", "an integer from 1 to 1024", "")],
    ),
    Row(
        "B4",
        "n = 4\nf = 2",
        &[Said(3, 5, "f", "f = 2 exceeds the bound 1 for pbft with n = 4", "", ON_PURPOSE)],
    ),
    Row(
        "B5",
        "[[byzantine]]\nparties = [0, 3]\nbehaviour = \"silent\"",
        &[Said(2, 1, "byzantine", "2 faulty parties, but f = 1", "", ON_PURPOSE)],
    ),
    Row(
        "B5 crash for good",
        "event = [{ crash = { party = [1, 2] } }]",
        &[Said(2, 9, "event", "2 faulty parties, but f = 1", "", ON_PURPOSE)],
    ),
    Row(
        "B6 range and twice",
        "beyond_bound = true\n[[byzantine]]\nparties = [7, 1, 1]\nbehaviour = \"silent\"",
        &[
            Said(4, 12, "byzantine[0]", "party 7 does not exist", "from 0 to 3 (n = 4)", ""),
            Said(4, 18, "byzantine[0]", "party 1 is named twice", "", ""),
        ],
    ),
    Row(
        "B6 negative",
        "[[byzantine]]\nparty = -1\nbehaviour = \"silent\"",
        &[Said(3, 9, "byzantine[0].party", "`byzantine[0].party` is -1", "an integer from 0", "")],
    ),
    Row(
        "B6 both names",
        "[[byzantine]]\nparty = 1\nparties = [2]\nbehaviour = \"silent\"",
        &[Said(4, 11, "byzantine[0]", "has both `party` and `parties`", "one of them", "")],
    ),
];

const VALUES: &[Row] = &[
    Row("B7 nan", "network.loss = nan", &[Said(2, 16, "network.loss", "is nan", PROBABILITY, "")]),
    Row("B7 inf", "network.loss = inf", &[Said(2, 16, "network.loss", "is inf", PROBABILITY, "")]),
    Row("B7 2.5", "network.loss = 2.5", &[Said(2, 16, "network.loss", "is 2.5", PROBABILITY, "")]),
    Row(
        "B7 -0.1",
        "network.loss = -0.1",
        &[Said(2, 16, "network.loss", "is -0.1", PROBABILITY, "")],
    ),
    Row(
        "B7 where nothing may be lost",
        "network.loss = 0.1",
        &[Said(
            2,
            16,
            "network.loss",
            "this model loses no messages",
            "before_gst = \"lossy\"",
            "",
        )],
    ),
    Row(
        "B8",
        "seed = 18446744073709551616",
        &[Said(2, 8, "seed", "`seed` is the number 18446744073709551616", SEED, "")],
    ),
    Row("B9 negative", "seed = -1", &[Said(2, 8, "seed", "`seed` is the number -1", SEED, "")]),
    Row("B9 fraction", "seed = 4.0", &[Said(2, 8, "seed", "`seed` is the number 4.0", SEED, "")]),
    Row(
        "B9 string",
        "n = \"4\"",
        &[Said(2, 5, "n", "`n` is the string \"4\"", "an integer from 1 to 1024", "")],
    ),
    Row(
        "B10 number",
        "network.delta = 100",
        &[Said(2, 17, "network.delta", "is the number 100", DURATION, "")],
    ),
    Row(
        "B10 no unit",
        "network.delta = \"100\"",
        &[Said(2, 17, "network.delta", "it has no unit (ns, us, ms, s or m)", DURATION, "")],
    ),
    Row(
        "B10 parsecs",
        "network.delta = \"5 parsecs\"",
        &[Said(2, 17, "network.delta", "`parsecs` is no unit", DURATION, "")],
    ),
    Row(
        "B10 negative",
        "stop.time = \"-5ms\"",
        &[Said(2, 13, "stop.time", "no duration", DURATION, "")],
    ),
    Row(
        "B10 too long",
        "stop.time = \"99999999999999999999s\"",
        &[Said(2, 13, "stop.time", "100 years at the most", DURATION, "")],
    ),
    Row(
        "B10 1e400s",
        "stop.time = \"1e400s\"",
        &[Said(2, 13, "stop.time", "no duration", DURATION, "")],
    ),
    Row(
        "B11 GST",
        "network.gst = \"90s\"\nstop.time = \"60s\"",
        &[Said(2, 15, "network.gst", "GST 90s is not before the end 60s", "", "end later")],
    ),
    Row(
        "B11 delta",
        "network.delta = \"0s\"",
        &[Said(2, 17, "network.delta", "`network.delta` is too short", "at least 1ns", "")],
    ),
    Row(
        "B11 end",
        "stop.time = \"0s\"",
        &[Said(2, 13, "stop.time", "`stop.time` is too short", "at least 1ns", "")],
    ),
    Row(
        "B11 delays",
        "network.delay.constant = \"2s\"",
        &[Said(
            2,
            9,
            "network.delay",
            "do not keep to Δ = 100ms",
            "delays up to `delta`",
            "[[rule]]",
        )],
    ),
    Row(
        "B12",
        "[[event]]\nuntil = \"1s\"\npartition = [[0, 1], [1, 2]]",
        &[
            Said(4, 13, "event[0]", "the partition leaves out [3]", "a group for every party", ""),
            Said(4, 23, "event[0]", "party 1 is in two groups", "", ""),
        ],
    ),
    Row(
        "B22 rate",
        "workload.clients = { rate = 0 }",
        &[Said(2, 29, "workload.clients.rate", "is 0", "an integer from 1 to 1000000", "")],
    ),
    Row(
        "B22 denormal",
        "network.duplicate = 5e-324",
        &[Said(2, 21, "network.duplicate", "is 5e-324", "in billionths at the finest", "")],
    ),
];

const NAMES: &[Row] = &[
    Row(
        "B13 behaviour",
        "byzantine = [{ party = 0, behaviour = \"equivocat\" }]",
        &[Said(
            2,
            39,
            "byzantine[0].behaviour",
            "unknown behaviour `equivocat`",
            "one of silent, crash, equivocate",
            "did you mean `equivocate`?",
        )],
    ),
    Row(
        "B13 attack of another protocol",
        "attack.name = \"HS4\"",
        &[Said(2, 15, "attack.name", "pbft knows no attack `HS4`", "one of PB3,", "did you mean")],
    ),
    Row(
        "B13 kind",
        "rule = [{ on = { kind = \"prepare\" }, do = \"drop\" }]",
        &[Said(2, 25, "kind", "pbft has no message kind `prepare`", "", "did you mean `propose`?")],
    ),
    Row(
        "B14 when it is always",
        "byzantine = [{ party = 0, behaviour = \"hasty\", when = { views = \"1..3\" } }]",
        &[Said(2, 55, "when", "`hasty` is at work always", "", "leave it out")],
    ),
    Row(
        "B14 of another",
        "byzantine = [{ party = 0, behaviour.delay = { split = [[0], [1]] } }]",
        &[Said(
            2,
            47,
            "byzantine[0].behaviour.delay.split",
            "unknown key `byzantine[0].behaviour.delay.split`",
            "",
            "there are: by",
        )],
    ),
    Row(
        "B14 no table",
        "byzantine = [{ party = 0, behaviour.delay = 3 }]",
        &[Said(
            2,
            45,
            "byzantine[0].behaviour.delay",
            "is the number 3",
            "table of parameters: by",
            "",
        )],
    ),
    Row(
        "B14 missing",
        "rule = [{ on = {}, do = \"delay\" }]",
        &[Said(2, 25, "rule[0].do", "`delay` takes a value", "{ delay = a duration", "")],
    ),
    Row(
        "B16 label",
        "expect = { agreement = \"holds\", label = \"beyond-bound\" }",
        &[Said(2, 41, "expect.label", "the scenario is within the bound", "", "")],
    ),
    Row(
        "B16 accused",
        "expect = { accountability = \"holds\", accused = [2] }",
        &[Said(
            2,
            48,
            "expect.accused",
            "party 2 is honest, and accountability is to hold",
            "corrupted",
            "",
        )],
    ),
    Row(
        "B18 commands",
        "n = 1024\nf = 3\n[workload]\ncommands = 100000",
        &[Said(
            4,
            1,
            "workload",
            "messages; the limit is 2000000000",
            "",
            "fewer parties or fewer",
        )],
    ),
    Row(
        "B18 GST",
        "network = { gst = \"1000000000s\", delta = \"20ms\" }",
        &[Said(2, 19, "network.gst", "messages before GST; the limit is", "", "an earlier GST")],
    ),
    Row(
        "B19",
        "schema = 2",
        &[Said(2, 1, "schema", "unknown key `schema`", "", "may be of a newer one")],
    ),
    Row(
        "B20 title",
        "title = \"a\\u001b[31m\"",
        &[Said(2, 9, "title", "`title` has control characters", "printable characters", "")],
    ),
    Row(
        "B20 name",
        "attack.name = \"S4 \\u0007\"",
        &[Said(
            2,
            15,
            "attack.name",
            "`attack.name` is no name",
            "letters, digits, - and _, 64",
            "",
        )],
    ),
];

fn refused(source: &[u8]) -> Problems {
    let lab = Lab::new();
    let document = byzlab::scenarios::Document::decode("test.toml", source, &[], lab.registry());
    let scenario = document.and_then(|document| document.resolve(None, lab.registry()));
    match scenario {
        Ok(_) => panic!("taken: {}", String::from_utf8_lossy(source)),
        Err(problems) => problems,
    }
}

/// The problems as a machine reads them, one object each.
fn objects(problems: &Problems) -> Vec<Value> {
    let lines = problems.json();
    lines.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn check(rows: &[Row]) {
    for Row(name, text, said) in rows {
        let problems = refused(format!("{FIRST}{text}\n").as_bytes());
        let objects = objects(&problems);
        assert_eq!(objects.len(), said.len(), "{name}: {problems}");
        for (object, Said(line, column, key, message, expected, hint)) in objects.iter().zip(*said)
        {
            let holds = |key: &str, part: &str| {
                let text = object[key].as_str().expect("a string");
                assert!(text.contains(part), "{name}: {key} lacks {part:?}\n{problems}");
                assert_eq!(text.is_empty(), part.is_empty(), "{name}: {key}\n{problems}");
            };
            assert_eq!(object["line"], *line, "{name}\n{problems}");
            assert_eq!(object["column"], *column, "{name}\n{problems}");
            assert_eq!(object["key"], *key, "{name}\n{problems}");
            assert_eq!(object["file"], "test.toml");
            holds("message", message);
            holds("expected", expected);
            holds("hint", hint);
        }
    }
}

#[test]
fn wrong_keys_and_numbers_of_parties() {
    check(KEYS);
}

#[test]
fn wrong_values() {
    check(VALUES);
}

#[test]
fn wrong_names_and_what_cannot_be_run() {
    check(NAMES);
}

#[test]
fn b4_a_network_that_promises_less_than_the_protocol_needs() {
    let text = "protocol = \"dolev-strong\"\nnetwork.model = \"asynchrony\"\n";
    let problem = &objects(&refused(text.as_bytes()))[0];
    assert_eq!(problem["message"], "dolev-strong needs synchrony, the network promises asynchrony");
    assert_eq!((&problem["line"], &problem["key"]), (&2.into(), &"network.model".into()));
    assert!(problem["hint"].as_str().expect("a hint").contains(ON_PURPOSE));
}

#[test]
fn b8_all_seeds_of_64_bits_can_be_written() {
    let lab = Lab::new();
    for seed in ["18446744073709551615", "\"18446744073709551615\"", "\"0xffffffffffffffff\""] {
        let scenario = common::resolve(&lab, &format!("{FIRST}seed = {seed}\n"), None);
        assert_eq!(scenario.expect("a seed").seed, u64::MAX);
    }
}

#[test]
fn b13_an_unknown_protocol_and_none_at_all() {
    let unknown = objects(&refused(b"protocol = \"pbfd\"\n"));
    assert_eq!(unknown[0]["message"], "unknown protocol `pbfd`");
    let all = "one of dolev-strong, pbft, pbft-classic, hotstuff, hotstuff-chained";
    assert_eq!(unknown[0]["expected"], all);
    assert_eq!(unknown[0]["hint"], "did you mean `pbft`?");
    for nothing in ["", "# nothing\n", "\n\n"] {
        let none = objects(&refused(nothing.as_bytes()));
        assert_eq!(none[0]["message"], "`protocol` is missing", "B15");
        assert_eq!(none[0]["expected"], all);
    }
}

#[test]
fn b15_texts_that_are_none() {
    let message = |source: &[u8]| objects(&refused(source))[0]["message"].clone();
    assert_eq!(message(b"\xff\xfep\0"), "this is UTF-16");
    assert_eq!(message(b"\xfe\xff\0p"), "this is UTF-16");
    assert_eq!(message(b"title = \"\x80\"\n"), "not UTF-8 at byte 9");
    let large = vec![b'#'; MAX_FILE_BYTES + 1];
    assert_eq!(message(&large), "1048577 bytes; a scenario file has at most 1048576");
    let nested = format!("{FIRST}x = {}", "[".repeat(100_000));
    assert!(message(nested.as_bytes()).as_str().expect("a string").contains("recurs"));
}

#[test]
fn b15_a_mark_at_the_start_and_both_line_ends_are_taken() {
    let lab = Lab::new();
    let scenario = common::resolve(&lab, "\u{feff}protocol = \"pbft\"\r\nn = 7\r\n", None);
    assert_eq!(scenario.expect("a scenario").n, 7);
    let problem = &objects(&refused("\u{feff}protocol = \"pbft\"\r\nn = 0\r\n".as_bytes()))[0];
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &5.into()));
}

#[test]
fn a_file_of_many_mistakes_shows_the_first_hundred() {
    let text = (0..5000).map(|number| format!("k{number} = 1\n")).collect::<String>();
    let problems = refused(format!("{FIRST}{text}").as_bytes());
    let shown = objects(&problems);
    assert_eq!(shown.len(), 101);
    assert_eq!(shown[0]["key"], "k0");
    assert_eq!(shown[100]["message"], "there are more problems: 4900 at least");
    let text = "n = 4\n".repeat(150_000);
    assert_eq!(objects(&refused(text.as_bytes())).len(), 101);
}

#[test]
fn all_problems_come_at_once_with_their_lines() {
    let text = r#"protocol = "pbft"
n = "4"

[network]
delta = "5 parsecs"
delay.uniform = ["1ms", 7]
gtc = "1s"

[[byzantine]]
party = "leader"
behaviour = "equivocat"
"#;
    let shown = refused(text.as_bytes()).render(false);
    assert_eq!(shown, include_str!("bad_files/five-problems.txt").trim_end());
}

#[test]
fn a_problem_shows_the_other_place_too() {
    let text = "protocol = \"pbft\"\nn = 4\nf = 1\nn = 7\n";
    let shown = refused(text.as_bytes()).render(false);
    assert_eq!(shown, include_str!("bad_files/duplicate.txt").trim_end());
}
