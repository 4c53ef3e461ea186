//! What goes wrong around a network: a disk that is full or damaged, a port or a binary that somebody
//! took away, interrupts. Each has a clear end, and nothing is left behind.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::{
    byzlab, common, done, objects, path,
    up::{Network, PATIENCE, runs},
};

/// A folder for temporary ones, empty.
fn empty(name: &str) -> PathBuf {
    let folder = common::root().join(format!("target/trouble-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn scenario(name: &str, more: &str) -> PathBuf {
    let file = common::root().join(format!("target/trouble-{name}.toml"));
    let text = format!("protocol = \"pbft\"\nworkload.commands = 500\n{more}\n");
    fs::write(&file, text).expect("it is written");
    file
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).expect("a folder");
    read.map(|entry| entry.expect("it can be read").path()).collect()
}

/// The processes of parties whose folder is in this one.
fn parties(folder: &Path) -> Vec<u64> {
    let all = entries(Path::new("/proc"));
    let numbered = all.iter().filter_map(|entry| entry.file_name()?.to_str()?.parse::<u64>().ok());
    let within = |pid: &u64| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.contains("--member") && line.contains(path(folder))
    };
    numbered.filter(within).collect()
}

fn signal(name: &str, pid: u64) {
    let told = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(told.expect("it runs").success());
}

/// Waits for something.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn ended(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// A run with a process for each party whose temporary folders are in this one.
fn run(file: &Path, temporary: &Path) -> Child {
    let mut command = byzlab(&["run", path(file), "--runtime", "processes", "--json"]);
    command.env("TMPDIR", temporary).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

#[test]
fn two_interrupts_end_a_run_at_once_and_leave_nothing_behind() {
    let temporary = empty("interrupts");
    let child = run(&scenario("interrupts", "runtime.scale = 3"), &temporary);
    let journal = |folder: PathBuf| folder.join("party-0/journals/journal-0");
    until("it has begun", || {
        let folder = entries(&temporary).pop()?;
        (fs::metadata(journal(folder)).ok()?.len() > 1000).then_some(())
    });
    let pids = parties(&temporary);
    assert_eq!(pids.len(), 4);
    // It would be waited for.
    signal("-STOP", pids[1]);
    signal("-INT", u64::from(child.id()));
    until("one has ended", || pids.iter().any(|pid| !runs(*pid)).then_some(()));
    assert_eq!(entries(&temporary).len(), 1, "the first interrupt waits for all");
    signal("-INT", u64::from(child.id()));
    let (status, out, err) = ended(child);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert_eq!(entries(&temporary), [] as [PathBuf; 0]);
    assert!(!pids.iter().any(|pid| runs(*pid)), "no process is left");
}

#[test]
fn an_interrupt_is_heard_while_parties_join() {
    let temporary = empty("joining");
    let child = run(&scenario("joining", "n = 10"), &temporary);
    let first = until("one has started", || parties(&temporary).first().copied());
    signal("-STOP", first);
    until("all have started", || (parties(&temporary).len() == 10).then_some(()));
    let told = Instant::now();
    signal("-INT", u64::from(child.id()));
    let (status, out, err) = ended(child);
    assert_eq!((status, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("interrupted after 0 of 1 runs"), "{err}");
    assert!(told.elapsed() < byzlab_live::PATIENCE, "nobody waited for the one that hangs");
    assert_eq!(entries(&temporary), [] as [PathBuf; 0]);
    assert!(parties(&temporary).is_empty(), "no process is left");
}

/// Files may have so many KiB: writing on fails as on a disk that is full.
fn limited(kib: u64, arguments: &[&str]) -> Command {
    let plain = byzlab(arguments);
    let mut command = Command::new("bash");
    let limit = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
    command.args(["-c", &limit]).arg(plain.get_program()).args(arguments);
    command.current_dir(common::root()).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

#[test]
fn a_full_disk_ends_a_run_with_its_reason() {
    let temporary = empty("full");
    // Neither is there room for a disk at all, nor, later on, for what a journal grows to.
    let (early, late) = (scenario("full", ""), scenario("fuller", "network.delta = \"20ms\""));
    for (kib, file) in [(64, early), (256, late)] {
        let mut command = limited(kib, &["run", path(&file), "--runtime", "processes"]);
        let (status, out, err) = done({
            command.env("TMPDIR", &temporary);
            command
        });
        assert_eq!((status, out.as_str()), (Some(5), ""), "{kib} KiB: {err}");
        assert!(err.contains("File too large"), "{kib} KiB: {err}");
        assert_eq!(entries(&temporary), [] as [PathBuf; 0], "{kib} KiB");
    }
    // A network that is kept up leaves not even its folder.
    let folder = temporary.join("network");
    let file = scenario("full-up", "");
    let command = limited(64, &["testnet", "up", path(&file), "--folder", path(&folder)]);
    let (status, _, err) = done(command);
    assert_eq!(status, Some(5), "{err}");
    assert!(err.contains("File too large") && !folder.exists(), "{err}");
}

#[test]
fn a_party_that_cannot_come_back_is_named_and_the_others_go_on() {
    let network = Network::up("fails", "pbft");
    network.ask(&["put", "a", "1"]);
    network.obeys(&["kill", "2"]);
    let disk = network.folder.join("party-2/disk");
    for file in entries(&disk) {
        fs::write(file, b"no store").expect("it is there");
    }
    // That it does not come back is seen at once, or soon.
    let (status, _, err) = network.order(&["restart", "2"]);
    assert!([Some(0), Some(2)].contains(&status), "{err}");
    network.until("party 2 has failed", |states| states[2]["failed"].is_string());
    let shown = network.obeys(&["status"]);
    assert!(shown.contains("failed") && shown.contains("party 2 failed: "), "{shown}");
    network.ask(&["put", "a", "2"]);
    assert_eq!(network.ask(&["get", "a"]), "2\n");
    let (status, verdict) = network.down();
    assert_eq!(status, Some(3), "{verdict}");
    let why = verdict["out_of_model"].as_str().expect("a reason");
    assert!(why.starts_with("party 2 failed: "), "{why}");
    for property in ["agreement", "validity", "integrity", "certificates", "accountability"] {
        assert_eq!(verdict["properties"][property]["verdict"], "holds", "{property}: {verdict}");
    }
}

#[test]
fn a_port_that_somebody_took_keeps_a_party_down_until_it_is_free() {
    let network = Network::up("port", "hotstuff");
    let address = network.status()[1]["clients"].as_str().expect("an address").to_owned();
    network.obeys(&["kill", "1"]);
    let taken = until("it is free", || TcpListener::bind(&address).ok());
    network.order(&["restart", "1"]);
    network.until("party 1 has failed", |states| {
        states[1]["failed"].as_str().is_some_and(|why| why.contains("in use"))
    });
    drop(taken);
    network.obeys(&["restart", "1"]);
    network.until("party 1 is back", |states| {
        states[1]["up"] == true && states[1]["http"].is_string() && states[1]["failed"].is_null()
    });
    network.ask(&["put", "a", "1"]);
    let (status, verdict) = network.down();
    assert_eq!(status, Some(3), "{verdict}");
    assert_eq!(verdict["properties"]["agreement"]["verdict"], "holds", "{verdict}");
}

/// The folder has a longer name than a socket may have, and somebody removes the program meanwhile.
#[test]
fn a_long_name_and_a_program_that_is_gone_are_no_trouble() {
    let program = empty("program").join("byzlab");
    fs::copy(env!("CARGO_BIN_EXE_byzlab"), &program).expect("a copy");
    let network = Network::of(&program, &"long-".repeat(30), "pbft");
    fs::remove_file(&program).expect("it is there");
    network.obeys(&["kill", "3"]);
    network.obeys(&["restart", "3"]);
    network.until("party 3 is back", |states| {
        states[3]["up"] == true && states[3]["http"].is_string()
    });
    network.ask(&["put", "a", "1"]);
    let (status, verdict) = network.down();
    assert_eq!(status, Some(3), "{verdict}");
    let nobody = done(byzlab(&["testnet", "status", "--folder", &"none-".repeat(40)]));
    assert_eq!(nobody.0, Some(2));
    assert!(nobody.2.contains("no network is up"), "{}", nobody.2);
    assert!(objects(&nobody.1).is_empty());
}
