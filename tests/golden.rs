//! Golden transcripts: what happens in a small run, event by event, compared byte by byte. They
//! show the protocols to people, and any change of them to whoever makes it.
//!
//! After a change that is meant: `BYZLAB_BLESS=1 cargo test --test golden`, and read the diff.

mod common;

use std::{collections::BTreeMap, fmt::Write, fs};

use byzlab::{
    Lab,
    protocols::About,
    scenarios::{Options, Run},
    trace::Record,
};
use common::{resolve, root, run};

/// A transcript: its file, what it shows, and its scenario.
type Transcript = (&'static str, &'static str, &'static str);

const TRANSCRIPTS: &[Transcript] = &[
    (
        "dolev-strong-normal",
        "an honest sender: everybody relays, and decides its value at the end of round 2",
        "protocol = \"dolev-strong\"\nf = 1",
    ),
    (
        "dolev-strong-silent-sender",
        "a sender that says nothing: the default value at the end of round 2",
        "protocol = \"dolev-strong\"\nf = 1\n[[byzantine]]\nparty = 0\nbehaviour = \"silent\"",
    ),
    (
        "dolev-strong-equivocating-sender",
        "two values: relayed, extracted by all, the sender accused, the default value decided",
        "protocol = \"dolev-strong\"\nf = 1\n[[byzantine]]\nparty = 0\nbehaviour = \"equivocate\"",
    ),
    ("pbft-normal", "one view: status, propose, vote, vote2, commit", "protocol = \"pbft\""),
    (
        "pbft-silent-leader",
        "the leader of view 1 says nothing; view 2 begins by the clock and commits",
        "protocol = \"pbft\"\n[[byzantine]]\nparty = 1\nbehaviour = \"silent\"",
    ),
    (
        "pbft-locked",
        "view 1 ends with a lock and no commit; the statuses carry the lock into view 2",
        "protocol = \"pbft\"\n[network]\ngst = \"800ms\"\nbefore_gst = \"lossy\"\n\
         delay_before_gst.constant = \"10ms\"\n\
         [[rule]]\non = { kind = \"vote2\", view = 1 }\ndo = \"drop\"",
    ),
    (
        "pbft-behind",
        "party 3 misses view 1 and its decision; the proposal of view 2 brings it all",
        "protocol = \"pbft\"\n[network]\ngst = \"800ms\"\nbefore_gst = \"lossy\"\n\
         delay_before_gst.constant = \"10ms\"\n\
         [[event]]\nuntil = \"800ms\"\npartition = [[0, 1, 2], [3]]",
    ),
    (
        "pbft-classic-normal",
        "one slot: pre-prepare, prepare, commit; and a checkpoint after it",
        "protocol.pbft-classic = { checkpoint = 1 }",
    ),
    (
        "pbft-classic-silent-primary",
        "the primary of view 1 says nothing: everybody leaves, and view 2 opens",
        "protocol = \"pbft-classic\"\n[[byzantine]]\nparty = 0\nbehaviour = \"silent\"",
    ),
    (
        "pbft-classic-prepared",
        "nobody hears a commit of view 1; view 2 opens with what was prepared",
        "protocol = \"pbft-classic\"\n[network]\ngst = \"2s\"\nbefore_gst = \"lossy\"\n\
         delay_before_gst.constant = \"10ms\"\n\
         [[rule]]\non = { kind = \"commit\", view = 1 }\ndo = \"drop\"",
    ),
    (
        "pbft-classic-behind",
        "party 3 hears nothing while the others execute; it takes over their state",
        "protocol.pbft-classic = { checkpoint = 1 }\n\
         [network]\ngst = \"300ms\"\nbefore_gst = \"lossy\"\ndelay_before_gst.constant = \"10ms\"\n\
         [[event]]\nuntil = \"300ms\"\npartition = [[0, 1, 2], [3]]",
    ),
    ("hotstuff-normal", "one view: three phases and the decision", "protocol = \"hotstuff\""),
    (
        "hotstuff-silent-leader",
        "the leader of view 1 says nothing; timeouts make a certificate that opens view 2",
        "protocol = \"hotstuff\"\n[[byzantine]]\nparty = 1\nbehaviour = \"silent\"",
    ),
    (
        "hotstuff-selective-decide",
        "the leader shows its decision to party 0 alone, whose new-view brings it to the next \
         leader, who passes it on",
        "protocol = \"hotstuff\"\n[[byzantine]]\nparty = 1\n\
         behaviour.selective = { to = [0] }\nwhen = { kinds = [\"decide\", \"new-view\"] }",
    ),
    (
        "hotstuff-decide-to-the-next-leader",
        "the leader shows its decision to party 2 alone, who leads next, waits for the others in \
         vain, and passes it on",
        "protocol = \"hotstuff\"\n[[byzantine]]\nparty = 1\n\
         behaviour.selective = { to = [2] }\nwhen = { kinds = [\"decide\", \"new-view\"] }",
    ),
    (
        "hotstuff-helped",
        "party 3 hears nothing until all others are done; it gives up its view and is helped",
        "protocol = \"hotstuff\"\n[network]\ngst = \"500ms\"\nbefore_gst = \"lossy\"\n\
         delay_before_gst.constant = \"10ms\"\n\
         [[event]]\nuntil = \"500ms\"\npartition = [[0, 1, 2], [3]]",
    ),
    (
        "hotstuff-amplified-timeouts",
        "only parties 0 and 2 know the request: their timeouts make party 3 give up too",
        "protocol = \"hotstuff\"\n[[byzantine]]\nparty = 1\nbehaviour = \"silent\"\n\
         [workload]\nto = [0, 2]",
    ),
    (
        "hotstuff-chained-normal",
        "a request, two empty blocks on it, and a fourth proposal that tells of the decision",
        "protocol = \"hotstuff-chained\"",
    ),
    (
        "hotstuff-chained-silent-collector",
        "who should collect the votes of view 3 says nothing: they come with the timeouts",
        "protocol = \"hotstuff-chained\"\n[[byzantine]]\nparty = 0\nbehaviour = \"silent\"",
    ),
];

/// The names of digests in a transcript: letters in the order in which they appear.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    fn of(&mut self, digest: &str) -> String {
        if digest.bytes().all(|digit| digit == b'0') {
            return "-".to_owned();
        }
        let next = self.0.len();
        let number = *self.0.entry(digest.to_owned()).or_insert(next);
        let letter = char::from(b'A' + u8::try_from(number % 26).expect("below 26"));
        format!("{letter}{}", "'".repeat(number / 26))
    }
}

/// Whether an event stands in the transcript: what is said, noted, decided; and those arrivals
/// that made somebody say or decide something.
fn shown(record: &Record, trace: &[Record]) -> bool {
    match record.what.as_str() {
        "delivered" => trace.iter().any(|effect| {
            effect.cause == Some(record.id)
                && matches!(effect.what.as_str(), "sent" | "decided" | "accused" | "entered")
        }),
        "persisted" | "timer" | "replied" | "submitted" | "fired" | "shown" => false,
        _ => true,
    }
}

fn line(record: &Record, about: &About, names: &mut Names) -> String {
    let mut line =
        format!("{:>6} ms  {}  {:<10}", record.at / 1_000_000, record.party, record.what);
    if let Some(kind) = &record.kind {
        let _ = write!(line, "{kind}");
    }
    if let (Some(number), "noted") = (record.number, record.what.as_str()) {
        let text = about.lines[usize::try_from(number).expect("a small number") - 1];
        let _ = write!(line, "{number:>2} {text}");
    } else if let Some(number) = record.number {
        let _ = write!(line, "{number}");
    }
    match (record.from, record.to, record.what.as_str()) {
        (Some(from), ..) => _ = write!(line, " from {from}"),
        (_, Some(to), _) => _ = write!(line, " to {to}"),
        (_, None, "sent") => line.push_str(" to all"),
        _ => {}
    }
    for (name, value) in
        [("view", record.view), ("slot", record.slot), ("hops", record.hops.map(u64::from))]
    {
        if let Some(value) = value.filter(|value| *value > 0 || name == "view") {
            let _ = write!(line, "  {name} {value}");
        }
    }
    if let Some(digest) = &record.digest {
        let _ = write!(line, "  {}", names.of(digest));
    }
    if matches!(record.what.as_str(), "rejected" | "dropped" | "out-of-model") {
        let _ = write!(line, " {}", record.text);
    }
    line.trim_end().to_owned()
}

fn transcript(&(name, what, toml): &Transcript) -> String {
    let lab = Lab::new();
    let (workload, rest) = match toml.split_once("[workload]") {
        Some((rest, workload)) => (workload, rest),
        None => ("", toml),
    };
    let toml = format!("{rest}\n[workload]\ncommands = 1{workload}\n");
    let scenario = resolve(&lab, &toml, None).unwrap_or_else(|problems| panic!("{problems}"));
    let Run { trace, verdict, end, .. } =
        run(&lab, &scenario, &Options { trace: true, ..Options::default() });
    assert_eq!(verdict.reasons, Vec::<String>::new(), "{name}");
    let mut text = format!("{name}: {what}\n\n");
    for line in toml.lines().filter(|line| !line.is_empty()) {
        let _ = writeln!(text, "    {line}");
    }
    text.push('\n');
    let mut names = Names::default();
    for record in trace.iter().filter(|record| shown(record, &trace)) {
        let _ = writeln!(text, "{}", line(record, scenario.protocol.about, &mut names));
    }
    let _ = writeln!(text, "\nended at {end}: {}", verdict.outcome.name());
    text
}

#[test]
fn transcripts_are_as_they_were() {
    let folder = root().join("tests/golden");
    let bless = std::env::var_os("BYZLAB_BLESS").is_some();
    let mut differing = Vec::new();
    for case in TRANSCRIPTS {
        let file = folder.join(format!("{}.txt", case.0));
        let text = transcript(case);
        assert!(text.lines().count() <= 160, "{}: {} lines", case.0, text.lines().count());
        if bless {
            fs::write(&file, &text).expect("the transcript can be written");
        }
        let golden = fs::read_to_string(&file).unwrap_or_default();
        if golden != text {
            let at = golden.lines().zip(text.lines()).position(|(was, is)| was != is);
            let at = at.unwrap_or_else(|| golden.lines().count().min(text.lines().count()));
            let was = golden.lines().nth(at).unwrap_or("(the end)");
            let is = text.lines().nth(at).unwrap_or("(the end)");
            differing.push(format!("{}:{}\n  was {was}\n  is  {is}", file.display(), at + 1));
        }
    }
    assert!(differing.is_empty(), "{}\nBYZLAB_BLESS=1 takes the new ones", differing.join("\n"));
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("its entries too").file_name().into_string().expect("a name"))
        .collect();
    files.sort();
    let mut expected: Vec<_> = TRANSCRIPTS.iter().map(|case| format!("{}.txt", case.0)).collect();
    expected.sort();
    assert_eq!(files, expected, "a file for every transcript and no other");
}
