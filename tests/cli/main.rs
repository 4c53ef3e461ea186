//! The command line as a user meets it: the binary, its exit status, what it says where.

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod inputs;
mod outputs;
mod signals;
mod texts;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

/// As expected.
const GOOD: &str = "title = \"Three commands\"\nprotocol = \"pbft\"\ncrypto = \"ideal\"\n\
                    workload.commands = 3\n";

/// Not as expected: nobody is accused.
const BAD: &str = "protocol = \"pbft\"\ncrypto = \"ideal\"\nworkload.commands = 1\n\
                   expect.costs.hops = 4\n";

/// It ends before anything is decided.
const SHORT: &str = "protocol = \"pbft\"\ncrypto = \"ideal\"\nstop.time = \"1ms\"\n";

/// As small as a run can be.
const TINY: &str = "protocol = \"pbft\"\ncrypto = \"ideal\"\nn = 1\nworkload.commands = 1\n";

/// A traitor who is found out.
const TRAITOR: &str = "protocol = \"pbft\"\nworkload.commands = 2\n\
                       byzantine = [{ party = \"leader\", behaviour = \"equivocate\" }]\n";

/// What a process left behind.
struct Done {
    status: Option<i32>,
    out: String,
    err: String,
}

/// The binary, in the folder of the repository, in a plain environment.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
    command.args(arguments).current_dir(common::root()).stdin(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("LANG", "C");
    command
}

fn done(mut command: Command) -> Done {
    let output = command.output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Done { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn byzlab(arguments: &[&str]) -> Done {
    done(command(arguments))
}

/// With this on standard input.
fn given(input: &str, arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    // A process that refuses its arguments does not wait for input.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Done { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// An empty folder of one test, with these files in it.
fn folder(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    for (name, text) in files {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    folder
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("a path that is text")
}
