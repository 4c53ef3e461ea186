//! Real sockets and real processes: the same verdicts as in the simulator, whatever is killed.
#![cfg(feature = "live")]

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod kills;
mod library;
mod machines;
mod overload;
mod ports;
mod trouble;
mod up;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// The binary, in the folder of the repository, in a plain environment.
fn byzlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    command.args(arguments).current_dir(common::root()).stdin(Stdio::null());
    command.env("NO_COLOR", "1").env("LANG", "C");
    command
}

/// What a process left behind: its exit status, its output, what it said beside that.
fn done(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What an HTTP endpoint of this machine answers.
fn get(address: &str, what: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let ask = format!("GET {what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).expect("it takes");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text");
    text
}

/// The objects of an output of one a line.
fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

/// A path as an argument.
fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
