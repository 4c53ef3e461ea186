//! Interrupts, readers that go away, full disks.
#![cfg(unix)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{TINY, command, folder, path};

/// A run of very many seeds that has printed its first result.
fn running(test: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let file = folder(test, &[("tiny.toml", TINY)]).join("tiny.toml");
    let mut command =
        command(&["run", path(&file), "--json", "--seeds", "0..=18446744073709551614"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a result");
    assert!(line.starts_with('{'), "{line}");
    (child, out)
}

fn errors(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut text).expect("text");
    text
}

#[test]
fn an_interrupt_ends_the_suite_and_says_how_far_it_came() {
    let (mut child, mut out) = running("interrupt");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("whole lines");
    assert!(rest.is_empty() || rest.ends_with('\n'));
    let said = errors(&mut child);
    assert_eq!(child.wait().expect("it ends").code(), Some(3), "{said}");
    let runs = rest.lines().count() + 1;
    let line = format!("error: interrupted after {runs} of 18446744073709551615 runs\n");
    assert_eq!(said, line);
}

/// Waits until a process catches interrupts: before, one simply ends it.
#[cfg(target_os = "linux")]
fn until_it_listens(child: &Child) {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.unwrap_or_default().trim(), 16);
        std::io::Result::Ok(mask.is_ok_and(|mask| mask >> 1 & 1 == 1))
    };
    while !caught().expect("it runs") {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One that takes minutes ends too, not only what would follow it.
#[test]
#[cfg(target_os = "linux")]
fn an_interrupt_ends_a_single_run() {
    let long = "protocol = \"pbft\"\nn = 40\ncrypto = \"ideal\"\n[workload]\ncommands = 10000\n\
                [stop]\nevents = 1000000000\n";
    let file = folder("long", &[("long.toml", long)]).join("long.toml");
    let mut command = command(&["run", path(&file)]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    until_it_listens(&child);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    let said = errors(&mut child);
    assert_eq!(child.wait().expect("it ends").code(), Some(3), "{said}");
    assert_eq!(said, "error: interrupted after 0 of 1 runs\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let (mut child, out) = running("pipe");
    drop(out);
    let said = errors(&mut child);
    assert_eq!((child.wait().expect("it ends").code(), said.as_str()), (Some(0), ""));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_the_environments_fault() {
    let mut command = command(&["schema"]);
    command.stdout(File::options().write(true).open("/dev/full").expect("a device"));
    let output = command.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("stdout"));
}
