//! Interrupts, readers that go away, full disks.
#![cfg(unix)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
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
