//! Same seed, same run: in two processes, on any number of threads, under both signature schemes.

mod common;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use byzlab::{
    Lab,
    crypto::Scheme,
    protocols::byzantine::BEHAVIOURS,
    scenarios::{Entry, Options, Run, Scenario},
};
use common::{resolve, root, run};
use rayon::prelude::*;

const PROTOCOLS: [&str; 5] =
    ["dolev-strong", "pbft", "pbft-classic", "hotstuff", "hotstuff-chained"];

/// What a process of byzlab says: its standard output, and its exit status.
fn byzlab(arguments: &[&str], threads: &str, file: &str) -> (Vec<u8>, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    command.args(arguments).current_dir(root()).env("RAYON_NUM_THREADS", threads);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("it reads");
    input.write_all(file.as_bytes()).expect("all of it");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(!output.stdout.is_empty(), "{arguments:?} says nothing");
    (output.stdout, output.status.code())
}

/// Numbers drawn from a seed, one after the other.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn among<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A scenario of four parties and two requests, its network, traitor and accidents drawn.
fn drawn(entry: &dyn Entry, seed: u64) -> String {
    let mut draw = Draw(seed);
    let protocol = entry.about().name;
    let lock_step = protocol == "dolev-strong";
    let delay = draw.among(&[
        "constant = \"10ms\"",
        "constant = \"100ms\"",
        "uniform = [\"1ms\", \"100ms\"]",
        "normal = [\"20ms\", \"15ms\"]",
    ]);
    let early = match draw.below(4) {
        _ if lock_step => String::new(),
        0 => String::new(),
        kind => format!(
            "gst = \"{}ms\"\nbefore_gst = \"{}\"\n{}",
            1 + draw.below(1500),
            ["bounded", "unbounded", "lossy"][kind as usize - 1],
            if kind == 3 { "loss = 0.3\n" } else { "" }
        ),
    };
    let duplicate = draw.among(&["", "duplicate = 0.2\n"]);
    let can = entry.can();
    let means: Vec<_> = BEHAVIOURS.iter().filter(|behaviour| (behaviour.means)(&can)).collect();
    let behaviour = means[draw.below(means.len() as u64) as usize].name;
    let accident = match draw.below(4) {
        0 if !lock_step => {
            "[[event]]\nat = \"300ms\"\ncrash = { party = 3, restart_after = \"400ms\" }\n"
        }
        _ => "",
    };
    format!(
        "protocol = \"{protocol}\"\nf = {}\n[network]\ndelay.{delay}\n{early}{duplicate}\
         [[byzantine]]\nparty = {}\nbehaviour = \"{behaviour}\"\n{accident}\
         [workload]\ncommands = 2\n[expect]\nfired = false\n",
        if lock_step { 2 } else { 1 },
        draw.below(3),
    )
}

fn entries(lab: &Lab) -> impl Iterator<Item = &dyn Entry> {
    PROTOCOLS.iter().map(|name| lab.registry().get(name).expect("a protocol"))
}

#[test]
fn two_processes_say_the_same() {
    for entry in entries(&Lab::new()) {
        for seed in 0..8 {
            let file = drawn(entry, seed);
            let seed = seed.to_string();
            for form in
                [vec!["run", "-", "--seed", &seed], vec!["run", "-", "--seed", &seed, "--json"]]
            {
                let [first, second] = ["1", "2"].map(|threads| byzlab(&form, threads, &file));
                assert_eq!(first, second, "{form:?}\n{file}");
            }
        }
    }
}

/// Files too. The digest leaves out what stands inside of messages; a trace shows all of it.
#[test]
fn two_processes_write_the_same_files() {
    for entry in entries(&Lab::new()) {
        for (option, seed) in [("--trace", 1), ("--trace", 2), ("--junit", 3)] {
            let file = drawn(entry, seed);
            let [first, second] = ["first", "second"].map(|name| {
                let name = format!("{}{option}-{seed}-{name}", entry.about().name);
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
                let target = path.display().to_string();
                byzlab(&["run", "-", option, &target], "1", &file);
                fs::read(path).expect("the file was written")
            });
            assert!(!first.is_empty());
            assert!(first == second, "{} {option} seed {seed}", entry.about().name);
        }
    }
}

/// Every file of the library, one after the other and side by side. Real signatures change nothing but
/// themselves, as is shown below, and the time.
#[test]
fn the_library_says_the_same_on_any_number_of_threads() {
    let folder = "scenarios/library";
    if !root().join(folder).is_dir() {
        return;
    }
    let form = ["run", folder, "--json", "--set", "crypto=\"ideal\""];
    let [(first, status), second] = ["1", "5"].map(|threads| byzlab(&form, threads, ""));
    assert_ne!(status, Some(2), "{}", String::from_utf8_lossy(&first));
    let lines = first.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, common::scenario_files(folder).len(), "a line for each file");
    assert!((first, status) == second, "five threads say something else than one");
}

#[test]
fn many_seeds_say_the_same_on_any_number_of_threads() {
    for entry in entries(&Lab::new()) {
        let file = drawn(entry, 3);
        let form = ["run", "-", "--seeds", "0..40", "--json"];
        let (first, status) = byzlab(&form, "1", &file);
        assert_eq!(first.iter().filter(|byte| **byte == b'\n').count(), 40, "a line each");
        for threads in ["2", "5"] {
            let other = byzlab(&form, threads, &file);
            assert!((&first, status) == (&other.0, other.1), "{threads} threads\n{file}");
        }
    }
}

#[test]
fn a_comparison_says_the_same_on_any_number_of_threads() {
    let file = "protocol = \"pbft\"\ncrypto = \"ideal\"\n[workload]\ncommands = 2\n[compare]\n\
                protocols = [\"dolev-strong\", \"pbft\", \"pbft-classic\", \"hotstuff\", \
                \"hotstuff-chained\"]\n\
                behaviours = [\"silent\", \"equivocate\", \"random\"]\nseeds = \"0..4\"\n";
    for form in [vec!["compare", "-"], vec!["compare", "-", "--json"]] {
        let [one, two, five] = ["1", "2", "5"].map(|threads| byzlab(&form, threads, file));
        assert!(one == two && two == five, "{form:?}");
    }
}

/// Even where no delay is random: keys and instance come from the seed.
#[test]
fn another_seed_is_another_run() {
    let lab = Lab::new();
    for protocol in PROTOCOLS {
        let toml =
            format!("protocol = \"{protocol}\"\ncrypto = \"ideal\"\nworkload.commands = 1\n");
        let digest = |seed| judged(&lab, &toml, seed, Scheme::Ideal, false).1.digest;
        let mut digests: Vec<_> = (0..100).map(digest).collect();
        assert_eq!(digest(7), digests[7], "{protocol}: the same seed is the same run");
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 100, "{protocol}");
    }
}

/// Another size or another protocol is another instance, whatever happens in it.
#[test]
fn another_size_is_another_run() {
    let lab = Lab::new();
    let mut digests = Vec::new();
    for (n, f) in [(4, 0), (4, 1), (4, 2), (5, 1), (5, 2)] {
        let toml = format!("protocol = \"dolev-strong\"\nn = {n}\nf = {f}\ncrypto = \"ideal\"");
        digests.push(judged(&lab, &toml, 1, Scheme::Ideal, false).1.digest);
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 5);
}

fn judged(lab: &Lab, toml: &str, seed: u64, crypto: Scheme, trace: bool) -> (Scenario, Run) {
    let scenario = resolve(lab, toml, Some(seed));
    let mut scenario = scenario.unwrap_or_else(|problems| panic!("{problems}\n{toml}"));
    scenario.crypto = crypto;
    let run = run(lab, &scenario, &Options { trace, ..Options::default() });
    (scenario, run)
}

/// Who keeps every event of a run, and shows every state, changes nothing in it.
#[test]
fn a_run_that_is_traced_is_the_same_run() {
    let lab = Lab::new();
    for entry in entries(&lab) {
        for seed in 0..20 {
            let toml = drawn(entry, seed);
            let of = |trace| judged(&lab, &toml, seed, Scheme::Ideal, trace).1;
            let (plain, traced) = (of(false), of(true));
            assert!(plain.trace.is_empty() && !traced.trace.is_empty());
            assert_eq!(plain.digest, traced.digest, "seed {seed}\n{toml}");
            assert_eq!(plain.metrics, traced.metrics, "seed {seed}\n{toml}");
        }
    }
}

/// A text without the signatures in it: what stands for them is eight digits after the name of
/// the field, or after a signer.
fn without_signatures(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    let starts = ["signature: ", "), "];
    while let Some(at) =
        starts.iter().filter_map(|start| Some(rest.find(start)? + start.len())).min()
    {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        rest = &rest[if digits == 8 { 8 } else { 0 }..];
    }
    plain.push_str(rest);
    plain
}

#[test]
fn signatures_are_left_out_and_nothing_else() {
    let text = "Signed { hash: 2ea8959a, by: PartyId(0), signature: c566b6c5 }, (PartyId(1), 8878abcd), \
                (PartyId(2), View(3), 12";
    let plain = "Signed { hash: 2ea8959a, by: PartyId(0), signature:  }, (PartyId(1), ), (PartyId(2), \
                 View(3), 12";
    assert_eq!(without_signatures(text), plain);
}

/// What both schemes must agree on, event by event.
fn events(run: &Run) -> Vec<String> {
    let shown = run.trace.iter().map(|record| {
        let mut record = record.clone();
        record.text = without_signatures(&record.text);
        format!("{record:?}")
    });
    shown.collect()
}

/// Both schemes give the same run but for signature bytes: digest, costs, verdict and, event by
/// event, what is inside of the messages.
#[test]
fn both_schemes_give_the_same_run() {
    let lab = Lab::new();
    for entry in entries(&lab) {
        (0..1000_u64).into_par_iter().for_each(|seed| {
            let toml = drawn(entry, seed);
            // A trace of every tenth: they take longer than the runs.
            let trace = seed % 10 == 0;
            let run = |scheme| judged(&lab, &toml, seed, scheme, trace).1;
            let (ideal, real) = (run(Scheme::Ideal), run(Scheme::Ed25519));
            assert_eq!(ideal.digest, real.digest, "seed {seed}\n{toml}");
            assert_eq!(ideal.metrics, real.metrics, "seed {seed}\n{toml}");
            assert_eq!(ideal.noted, real.noted, "seed {seed}\n{toml}");
            assert_eq!(ideal.verdict.properties, real.verdict.properties, "seed {seed}\n{toml}");
            assert_eq!((ideal.end, ideal.stopped_by), (real.end, real.stopped_by), "seed {seed}");
            assert_eq!(events(&ideal), events(&real), "seed {seed}\n{toml}");
            let signatures = ideal.trace.iter().zip(&real.trace);
            let differ = signatures.filter(|(ideal, real)| ideal.text != real.text).count();
            assert!(!trace || differ > 0, "the signatures are others");
        });
    }
}
