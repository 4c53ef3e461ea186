//! The lectures and the code: every numbered line of a protocol's pseudo-code is reached by an
//! honest party, and the table of lines is that of the lecture.

mod common;

use std::{collections::BTreeMap, fs};

use byzlab::Lab;
use common::{root, run_text};

/// Scenarios that together reach every line of a protocol; what each is for.
const DOLEV_STRONG: &[&str] = &[
    // An honest sender: sends, keeps, extracts, relays, decides the value.
    "",
    // Two values: accuses, decides the default.
    "[[byzantine]]\nparty = 0\nbehaviour = \"equivocate\"",
];

const PBFT: &[&str] = &[
    // Everything goes well.
    "",
    // Two blocks: the leader is accused.
    "[[byzantine]]\nparty = 1\nbehaviour = \"equivocate\"",
    // Party 3 misses two decided blocks and leads view 3: it can build on nothing that it is
    // told, and what it asks for comes too late.
    "[network]\ndelay.constant = \"100ms\"\ngst = \"1200ms\"\nbefore_gst = \"lossy\"\n\
     delay_before_gst.constant = \"100ms\"\n\
     [[event]]\nuntil = \"1200ms\"\npartition = [[0, 1, 2], [3]]",
];

const HOTSTUFF: &[&str] = &[
    // Everything goes well.
    "",
    // Two votes of one party in a phase: accused.
    "[[byzantine]]\nparty = 2\nbehaviour = \"double-vote\"",
    // The leader of view 1 says nothing: timeouts, amplified by those who had nothing to ask for.
    "[[byzantine]]\nparty = 1\nbehaviour = \"silent\"\n[workload]\nto = [0, 2]",
    // All are locked on block 1 and nobody has decided it: a block on genesis is refused.
    "[attack]\nname = \"HS3\"\nparties = [2]\n\
     [network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"\n\
     [[rule]]\non = { kind = \"commit-vote\", view = 1 }\ndo = \"drop\"",
    // Party 3 hears nothing for a while: it is helped, and fetches what it missed.
    "[[event]]\nuntil = \"1500ms\"\npartition = [[0, 1, 2], [3]]\n\
     [network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"",
];

const HOTSTUFF_CHAINED: &[&str] = &[
    // Everything goes well.
    "",
    // Two votes of one party in a view: accused.
    "[[byzantine]]\nparty = 2\nbehaviour = \"double-vote\"",
    // The leader of view 1 says nothing: timeouts, amplified by those who had nothing to ask for.
    "[[byzantine]]\nparty = 1\nbehaviour = \"silent\"\n[workload]\nto = [0, 2]",
    // The leader of view 4 proposes on genesis, against all locks.
    "[attack]\nname = \"HS3\"",
    // Party 3 hears nothing for a while: it is helped, and fetches what it missed.
    "[[event]]\nuntil = \"1500ms\"\npartition = [[0, 1, 2], [3]]\n\
     [network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"",
];

const PBFT_CLASSIC: &[&str] = &[
    // Two intervals of checkpoints.
    "[workload]\ncommands = 40",
    // Two batches for a slot: the primary is accused.
    "[attack]\nname = \"PC3\"",
    // Gaps: suspected, replaced, filled with null requests.
    "[attack]\nname = \"PB15\"",
    // Only two parties know what waits: they forward it, leave the view, and a third one joins.
    "[[byzantine]]\nparty = 0\nbehaviour = \"silent\"\n[workload]\nto = [1, 2]",
    // Party 3 hears nothing for a while: it is told, and takes over a state.
    "[workload]\ncommands = 40\n[[event]]\nuntil = \"1500ms\"\npartition = [[0, 1, 2], [3]]\n\
     [network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"",
    // Party 3 gets no batches, and fetches what is decided.
    "[network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"\n\
     [[rule]]\non = { kind = \"pre-prepare\", to = 3 }\ndo = \"drop\"",
];

/// How often each line fired at honest parties, over all these scenarios.
fn noted(protocol: &str, scenarios: &[&str]) -> Vec<u64> {
    let lab = Lab::new();
    let mut sum = Vec::new();
    for scenario in scenarios {
        let f = if protocol == "dolev-strong" { "f = 2\n" } else { "" };
        let toml = format!("protocol = \"{protocol}\"\ncrypto = \"ideal\"\n{f}{scenario}\n");
        let (_, run) = run_text(&lab, &toml, None);
        sum.resize(run.noted.len(), 0);
        sum.iter_mut().zip(&run.noted).for_each(|(sum, noted)| *sum += noted);
        assert_eq!(run.verdict.reasons, Vec::<String>::new(), "{toml}");
    }
    sum
}

#[test]
fn every_line_is_reached() {
    let cases = [
        ("dolev-strong", DOLEV_STRONG),
        ("pbft", PBFT),
        ("pbft-classic", PBFT_CLASSIC),
        ("hotstuff", HOTSTUFF),
        ("hotstuff-chained", HOTSTUFF_CHAINED),
    ];
    for (protocol, scenarios) in cases {
        let lab = Lab::new();
        let lines = lab.registry().get(protocol).expect("a protocol").about().lines;
        let noted = noted(protocol, scenarios);
        assert_eq!(noted.len(), lines.len() + 1, "{protocol}: one count a line");
        assert_eq!(noted[0], 0, "{protocol}: there is no line 0");
        for (number, line) in lines.iter().enumerate() {
            assert!(
                noted[number + 1] > 0,
                "{protocol}: line {} is never reached: {line}",
                number + 1
            );
        }
    }
}

/// The numbered lines of a lecture, each with the text up to the next one.
fn lecture(protocol: &str) -> BTreeMap<usize, String> {
    let file = root().join("protocols/src").join(protocol.replace('-', "_")).join("mod.rs");
    let text = fs::read_to_string(&file).expect("a protocol has a lecture");
    let block = text.split("//! ```text\n").nth(1).expect("with its pseudo-code");
    let block = block.split("//! ```").next().expect("that ends");
    let block = block.replace("D_v(B)", "commit certificate").replace("C_v(B)", "certificate");
    let mut lines = BTreeMap::new();
    let mut present: Option<usize> = None;
    for line in block.lines().map(|line| line.trim_start_matches("//!")) {
        let words = line.trim_start();
        let number = words.split_once(' ').and_then(|(first, _)| first.parse::<usize>().ok());
        if let Some(number) = number {
            let text = words.trim_start_matches(|char: char| char.is_ascii_digit()).trim();
            assert_eq!(lines.insert(number, text.to_owned()), None, "{protocol}: {number} twice");
            present = Some(number);
        } else if let Some(text) = present.and_then(|present| lines.get_mut(&present)) {
            text.push(' ');
            text.push_str(words);
        }
    }
    lines
}

/// The words that say what a line is about, in the form that they share.
fn stems(text: &str) -> Vec<String> {
    let words = text.split(|char: char| !char.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.len() > 3).map(|word| word.chars().take(4).collect()).collect()
}

#[test]
fn the_table_of_lines_is_that_of_the_lecture() {
    let lab = Lab::new();
    for entry in lab.registry().entries() {
        let about = entry.about();
        let lecture = lecture(about.name);
        let numbers: Vec<usize> = lecture.keys().copied().collect();
        assert_eq!(numbers, (1..=about.lines.len()).collect::<Vec<_>>(), "{}", about.name);
        for (number, text) in &lecture {
            let short = about.lines[number - 1];
            let told = stems(text);
            let shared = stems(short).iter().filter(|stem| told.contains(stem)).count();
            let place = format!("{} line {number}: {short:?} for {text:?}", about.name);
            assert!(shared > 0, "{place}");
        }
    }
}
