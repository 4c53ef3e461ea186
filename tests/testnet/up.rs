//! A network that is kept up: clients, kills, partitions, its end, and the end of who started it.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{byzlab, common, done, objects, path};

/// Longer than anything takes, on a busy machine too.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A network that is up. Dropped, whoever started it is killed.
pub(super) struct Network {
    parent: Child,
    pub(super) folder: PathBuf,
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.parent.kill();
        let _ = self.parent.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Network {
    /// Starts one and waits until it says where it is.
    pub(super) fn up(name: &str, protocol: &str) -> Network {
        Network::of(Path::new(env!("CARGO_BIN_EXE_byzlab")), name, protocol)
    }

    /// Starts one by this program.
    pub(super) fn of(program: &Path, name: &str, protocol: &str) -> Network {
        let text = format!("protocol = \"{protocol}\"\nworkload.commands = 2\nruntime.scale = 3\n");
        Network::with(program, name, &text)
    }

    /// Starts one of this scenario.
    pub(super) fn with(program: &Path, name: &str, text: &str) -> Network {
        let folder = common::root().join(format!("target/testnet-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        let scenario = common::root().join(format!("target/testnet-{name}.toml"));
        std::fs::write(&scenario, text).expect("it is written");
        let mut command = Command::new(program);
        command.args(["testnet", "up", path(&scenario), "--folder", path(&folder), "--json"]);
        command.current_dir(common::root()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut parent = command.spawn().expect("it starts");
        let out = parent.stdout.take().expect("it is piped");
        let mut out = BufReader::new(out);
        let mut lines = Vec::new();
        while lines.len() < 5 {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).expect("it can be read"), 0, "{lines:?}");
            lines.push(line);
        }
        assert!(lines[0].starts_with("party") && lines[4].starts_with('3'), "{lines:?}");
        parent.stdout = Some(out.into_inner());
        Network { parent, folder }
    }

    pub(super) fn order(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut arguments = vec!["testnet"];
        arguments.extend(words);
        arguments.extend(["--folder", path(&self.folder)]);
        done(byzlab(&arguments))
    }

    pub(super) fn obeys(&self, words: &[&str]) -> String {
        let (status, out, err) = self.order(words);
        assert_eq!(status, Some(0), "{words:?}: {err}");
        out
    }

    pub(super) fn status(&self) -> Vec<Value> {
        objects(&self.obeys(&["status", "--json"]))
    }

    pub(super) fn ask(&self, words: &[&str]) -> String {
        let network = self.folder.join("network.json");
        let mut arguments = vec!["client", "--network", path(&network), "--timeout", "40s"];
        arguments.extend(words);
        let (status, out, err) = done(byzlab(&arguments));
        assert_eq!(status, Some(0), "{words:?}: {err}");
        out
    }

    /// Waits until the parties are so.
    pub(super) fn until(&self, what: &str, holds: impl Fn(&[Value]) -> bool) {
        let begun = Instant::now();
        loop {
            let states = self.status();
            if holds(&states) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {what}: {states:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it; what the one who started it said in the end.
    pub(super) fn down(mut self) -> (Option<i32>, Value) {
        self.obeys(&["down"]);
        let mut out = String::new();
        let piped = self.parent.stdout.as_mut().expect("it is piped");
        piped.read_to_string(&mut out).expect("text");
        let status = self.parent.wait().expect("it ends").code();
        let last = out.lines().last().unwrap_or_else(|| panic!("no verdict: {out}"));
        (status, serde_json::from_str(last).expect("an object"))
    }
}

fn pids(states: &[Value]) -> Vec<u64> {
    states.iter().filter_map(|state| state["pid"].as_u64()).collect()
}

/// Whether a process still runs: who ended and was not asked for yet does not.
pub(super) fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn a_network_serves_clients_loses_a_party_and_gets_it_back() {
    let network = Network::up("serves", "pbft-classic");
    network.ask(&["put", "colour", "green"]);
    assert_eq!(network.ask(&["get", "colour"]), "green\n");
    // By somebody else: that is noticed.
    let pid = network.status()[2]["pid"].to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.expect("it runs").success());
    network.until("party 2 is down", |states| states[2]["up"] == false);
    let states = network.status();
    assert_eq!((pids(&states).len(), states[2]["up"].as_bool()), (3, Some(false)));
    let (status, _, err) = network.order(&["kill", "2"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("party 2 is down already"), "{err}");
    network.ask(&["put", "colour", "blue"]);
    network.obeys(&["restart", "2"]);
    network.until("party 2 has executed what it missed", |states| {
        let executed = |party: usize| states[party]["status"]["executed"].as_u64();
        executed(2) >= Some(5) && executed(2) == executed(0)
    });
    assert_eq!(network.ask(&["get", "colour"]), "blue\n");
    let (status, verdict) = network.down();
    // Safety is judged; that a party was killed is no part of the scenario.
    assert_eq!((status, verdict["label"].as_str()), (Some(3), Some("out-of-model")), "{verdict}");
    for property in ["agreement", "validity", "integrity", "certificates", "accountability"] {
        assert_eq!(verdict["properties"][property]["verdict"], "holds", "{property}: {verdict}");
    }
}

#[test]
fn a_network_that_is_parted_decides_nothing_until_it_heals() {
    let network = Network::up("parted", "hotstuff");
    network.ask(&["put", "a", "1"]);
    let (status, _, err) = network.order(&["partition", "0,1", "2"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("party 3 is in no group"), "{err}");
    network.obeys(&["partition", "0,1", "2,3"]);
    let file = network.folder.join("network.json");
    let asks = ["client", "--network", path(&file), "--timeout", "2s", "put", "a", "2"];
    assert_eq!(done(byzlab(&asks)).0, Some(3), "nobody has a quorum");
    // Whoever comes back is still apart.
    network.obeys(&["kill", "3"]);
    network.obeys(&["restart", "3"]);
    assert_eq!(done(byzlab(&asks)).0, Some(3), "nobody has a quorum");
    network.obeys(&["heal"]);
    network.ask(&["put", "a", "3"]);
    assert_eq!(network.ask(&["get", "a"]), "3\n");
    let (status, verdict) = network.down();
    assert_eq!((status, verdict["label"].as_str()), (Some(3), Some("out-of-model")), "{verdict}");
    assert_eq!(verdict["properties"]["agreement"]["verdict"], "holds", "{verdict}");
}

#[test]
fn a_history_of_clients_is_linearizable_and_the_endpoint_answers() {
    let network = Network::up("load", "hotstuff-chained");
    let file = network.folder.join("network.json");
    let load =
        ["load", "--network", path(&file), "--rate", "8", "--duration", "5s", "--clients", "3"];
    let mut arguments = load.to_vec();
    // Less than a block of one request each is decided in, so that none waits for others.
    arguments.extend(["--check", "--json", "--timeout", "40s"]);
    let (status, out, err) = done(byzlab(&arguments));
    assert_eq!(status, Some(0), "{out}{err}");
    let load = &objects(&out)[0];
    assert_eq!(load["linearizable"], "yes", "{out}");
    assert_eq!((load["done"].as_u64(), load["due"].as_u64()), (Some(40), Some(40)), "{out}");
    let http = network.status()[1]["http"].as_str().expect("an address").to_owned();
    let get = |what: &str| super::get(&http, what);
    assert!(get("/health").starts_with("HTTP/1.1 200"), "{}", get("/health"));
    assert!(get("/metrics").contains("byzlab_"), "{}", get("/metrics"));
    let (status, verdict) = network.down();
    // On a busy machine a message may have come late.
    let late = verdict["label"] == "out-of-model";
    assert_eq!(status, Some(if late { 3 } else { 0 }), "{verdict}");
    for property in ["agreement", "validity", "integrity", "certificates", "accountability"] {
        assert_eq!(verdict["properties"][property]["verdict"], "holds", "{property}: {verdict}");
    }
}

/// Nobody judges it, so that it keeps its store and little else; batches of commands are executed in
/// order all the same, whether their clients sign them or not.
#[test]
fn a_network_without_journals_serves_clients_and_has_no_verdict() {
    for sync in [true, false] {
        let unsigned = !sync;
        let text = format!(
            "protocol = {{ hotstuff-chained = {{ batch = 100, patience = 7, pace = 50 }} }}\n\
             workload.commands = 2\nruntime = {{ scale = 3, journal = false, \
             sync = {sync}, unsigned = {unsigned} }}\n"
        );
        let program = Path::new(env!("CARGO_BIN_EXE_byzlab"));
        let network = Network::with(program, &format!("unjudged-{sync}"), &text);
        let file = network.folder.join("network.json");
        let scheme = if unsigned { r#""scheme": "ideal""# } else { r#""scheme": "ed25519""# };
        assert!(std::fs::read_to_string(&file).is_ok_and(|text| text.contains(scheme)));
        let (status, out, err) = done(byzlab(&[
            "load",
            "--network",
            path(&file),
            "--rate",
            "1600",
            "--duration",
            "500ms",
            "--clients",
            "2",
            "--batch",
            "20",
            "--check",
            "--json",
            "--timeout",
            "40s",
        ]));
        assert_eq!(status, Some(0), "{out}{err}");
        let load = &objects(&out)[0];
        assert_eq!(
            (load["linearizable"].as_str(), load["done"].as_u64()),
            (Some("yes"), Some(800))
        );
        assert!(load["requests"].as_u64().is_some_and(|requests| requests < 800), "{out}");
        if sync {
            network.obeys(&["kill", "1"]);
            network.obeys(&["restart", "1"]);
            network.ask(&["put", "a", "1"]);
            network.until("party 1 decides", |states| {
                states[1]["status"]["decided"].as_u64() > Some(0)
            });
        }
        for party in 0..4 {
            let journal = network.folder.join(format!("party-{party}/journals/journal-0"));
            let written = std::fs::metadata(journal).expect("it marks the start").len();
            assert!((33..200).contains(&written), "{written} bytes");
        }
        let scenario = network.folder.join("scenario.toml");
        let (status, _, err) = done(byzlab(&["run", path(&scenario), "--runtime", "processes"]));
        assert_eq!(status, Some(2), "{err}");
        assert!(err.contains("runtime.journal = false"), "{err}");
        if unsigned {
            let journal = ["--set", "runtime.journal=true"];
            let up = [&["testnet", "up", path(&scenario), "--folder", "nowhere"], &journal[..]];
            let (status, _, err) = done(byzlab(&up.concat()));
            assert_eq!(status, Some(2), "{err}");
            assert!(err.contains("runtime.unsigned = true"), "{err}");
        }
        let (status, verdict) = network.down();
        assert_eq!((status, &verdict["outcome"]), (Some(0), &Value::Null), "{verdict}");
    }
}

#[test]
fn no_party_outlives_whoever_started_it() {
    let mut network = Network::up("orphans", "pbft");
    let pids = pids(&network.status());
    assert_eq!(pids.len(), 4);
    assert!(pids.iter().all(|pid| runs(*pid)));
    network.parent.kill().expect("it runs");
    network.parent.wait().expect("it ends");
    let begun = Instant::now();
    while pids.iter().any(|pid| runs(*pid)) {
        assert!(begun.elapsed() < PATIENCE, "somebody is left");
        std::thread::sleep(Duration::from_millis(10));
    }
    let (status, _, err) = network.order(&["status"]);
    assert_eq!(status, Some(2));
    assert!(err.contains("no network is up"), "{err}");
}

/// An interrupt from the terminal goes to the whole group: the run ends in order, and what it had no
/// time for is nobody's fault.
#[test]
fn an_interrupt_ends_a_run_that_is_inconclusive() {
    let scenario = common::root().join("target/testnet-interrupted.toml");
    let text = "protocol = \"pbft\"\nworkload.commands = 500\nruntime.scale = 3\n";
    std::fs::write(&scenario, text).expect("it is written");
    let mut command = byzlab(&["run", path(&scenario), "--runtime", "processes", "--json"]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = command.spawn().expect("it starts");
    let group = format!("-{}", run.id());
    // Long after all have found each other, long before all is decided.
    std::thread::sleep(Duration::from_secs(4));
    let told = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(told.expect("it runs").success());
    let output = run.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(3), "{out}{err}");
    let verdict = &objects(&out)[0];
    assert_eq!(verdict["outcome"], "inconclusive", "{out}");
    // On a busy machine nothing may have been decided yet.
    assert_ne!(verdict["properties"]["agreement"]["verdict"], "violated", "{out}");
    assert_eq!(verdict["properties"]["termination"]["verdict"], "undecided", "{out}");
}
