//! The command line: a file for each command.

#[cfg(feature = "live")]
mod client;
mod compare;
mod completions;
mod explain;
#[cfg(feature = "live")]
mod genesis;
mod input;
mod list;
#[cfg(feature = "live")]
mod load;
#[cfg(feature = "live")]
mod log;
mod merge;
mod network;
#[cfg(feature = "live")]
mod node;
mod output;
mod report;
mod run;
mod schema;
mod search;
#[cfg(feature = "live")]
mod testnet;
mod trace;
mod verify_evidence;

use std::io::{self, ErrorKind};

use byzlab_scenarios::{Outcome, Problems};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::Lab;
use output::Output;

/// Exit statuses; of several runs, the first of 4, 5, 1, 3, 0 that occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// Everything as the file expects.
    Expected = 0,
    /// Not as expected.
    Unexpected = 1,
    /// Wrong usage or a wrong file: nothing was run.
    Usage = 2,
    /// Inconclusive or interrupted.
    Inconclusive = 3,
    /// Determinism lost, or a fault of byzlab itself.
    Internal = 4,
    /// The environment would not let us.
    Environment = 5,
}

impl Status {
    /// The worse of two.
    pub(crate) fn worse(self, other: Status) -> Status {
        let order =
            [Status::Internal, Status::Environment, Status::Unexpected, Status::Inconclusive];
        order.into_iter().find(|status| [self, other].contains(status)).unwrap_or(Status::Expected)
    }

    pub(crate) fn of(outcome: Outcome) -> Status {
        match outcome {
            Outcome::AsExpected => Status::Expected,
            Outcome::NotAsExpected => Status::Unexpected,
            Outcome::Inconclusive => Status::Inconclusive,
        }
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the user gave is wrong.
    Usage(String),
    /// A runtime cannot do what a file says.
    CannotHonour(String),
    /// Files are wrong.
    Files(Vec<Problems>),
    /// Reading or writing failed.
    Io(String, io::Error),
    /// The environment would not let us.
    #[cfg(feature = "live")]
    Environment(String),
    /// Somebody interrupted before anything was run.
    #[cfg(feature = "live")]
    Interrupted(String),
    /// A fault of byzlab itself.
    #[cfg(feature = "live")]
    Internal(String),
}

impl Failure {
    /// Whether others can be run all the same.
    fn is_of_one_run(&self) -> bool {
        #[cfg(feature = "live")]
        return matches!(self, Failure::Environment(_) | Failure::Internal(_));
        #[cfg(not(feature = "live"))]
        false
    }
}

impl From<Box<Problems>> for Failure {
    fn from(problems: Box<Problems>) -> Self {
        Failure::Files(vec![*problems])
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Failure::Files(vec![problems])
    }
}

/// A laboratory for Byzantine consensus.
#[derive(Parser)]
#[command(
    name = "byzlab",
    version,
    about,
    after_help = "Exit status: 0 as expected, 1 not as expected, 2 wrong usage or file (nothing was \
                  run),\n3 inconclusive or interrupted, 4 determinism lost or internal error, 5 \
                  environment.\n\nTry: byzlab run scenarios/library/pbft/equivocating-leader.toml"
)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// When to use colours; NO_COLOR is honoured.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    color: When,
    /// Tell on stderr what happens in a network; RUST_LOG says of what, such as byzlab_live=debug.
    #[cfg(feature = "live")]
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    log: Option<log::Form>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios and judge them.
    Run(run::RunArgs),
    /// Print the resolved scenario, which theorem covers it, and what is expected and why.
    Explain(explain::ExplainArgs),
    /// List what there is.
    List(list::ListArgs),
    /// Compare protocols under attack, in one table.
    Compare(compare::CompareArgs),
    /// Look for a violation and shrink it to the smallest scenario.
    Search(search::SearchArgs),
    /// Put the parts of a comparison together.
    Merge(merge::MergeArgs),
    /// Print and filter a recorded run.
    Trace(trace::TraceArgs),
    /// Make a page of a recorded run, or of two beside each other.
    Report(report::ReportArgs),
    /// Check whether a file proves guilt, from public keys alone.
    VerifyEvidence(verify_evidence::VerifyArgs),
    /// Run with a process for each party, or keep such a network up.
    #[cfg(feature = "live")]
    Testnet(testnet::TestnetArgs),
    /// Make a key for a party of a network over several machines.
    #[cfg(feature = "live")]
    Keygen(genesis::KeygenArgs),
    /// Make the genesis of a network over several machines.
    #[cfg(feature = "live")]
    Genesis(genesis::GenesisArgs),
    /// One party of such a network.
    #[cfg(feature = "live")]
    Node(node::NodeArgs),
    /// Judge such a network from what its nodes kept.
    #[cfg(feature = "live")]
    Judge(genesis::JudgeArgs),
    /// Ask a running network for one thing.
    #[cfg(feature = "live")]
    Client(client::ClientArgs),
    /// Put load on a running network and measure it.
    #[cfg(feature = "live")]
    Load(load::LoadArgs),
    /// Print the JSON Schema of scenario files.
    Schema,
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
}

/// What the command line takes: for completions, and for tests that try what it takes.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of the process.
pub(crate) fn main(lab: &Lab) -> i32 {
    let registry = lab.registry();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return error.exit_code();
        }
    };
    let json = matches!(&cli.command, Command::Run(args) if args.json)
        || matches!(&cli.command, Command::Compare(args) if args.forms.json)
        || matches!(&cli.command, Command::Merge(args) if args.forms.json);
    #[cfg(feature = "live")]
    let json = json
        || matches!(&cli.command, Command::Load(args) if args.json)
        || matches!(&cli.command, Command::Judge(args) if args.json)
        || matches!(&cli.command, Command::Testnet(args) if testnet::is_json(args));
    let mut output = Output::new(cli.common.color);
    #[cfg(feature = "live")]
    if let Some(form) = cli.common.log
        && let Err(failure) = log::start(form, output.paints_errors())
    {
        return tell(&failure, json, &mut output) as i32;
    }
    let result = match &cli.command {
        Command::Run(args) => run::run(args, lab, &mut output),
        Command::Explain(args) => explain::explain(args, registry, &mut output),
        Command::List(args) => list::list(args, registry, &mut output),
        Command::Compare(args) => compare::compare(args, registry, &mut output),
        Command::Search(args) => search::search(args, registry, &mut output),
        Command::Merge(args) => merge::merge(args, registry, &mut output),
        Command::Trace(args) => trace::trace(args, &mut output),
        Command::Report(args) => report::report(args, registry, &mut output),
        Command::VerifyEvidence(args) => verify_evidence::verify(args, registry, &mut output),
        #[cfg(feature = "live")]
        Command::Testnet(args) => testnet::testnet(args, lab, &mut output),
        #[cfg(feature = "live")]
        Command::Node(args) => node::node(args, lab, &mut output),
        #[cfg(feature = "live")]
        Command::Keygen(args) => genesis::keygen(args, &mut output),
        #[cfg(feature = "live")]
        Command::Genesis(args) => genesis::genesis(args, lab, &mut output),
        #[cfg(feature = "live")]
        Command::Judge(args) => genesis::judge(args, lab, &mut output),
        #[cfg(feature = "live")]
        Command::Client(args) => client::client(args, &mut output),
        #[cfg(feature = "live")]
        Command::Load(args) => load::load(args, &mut output),
        Command::Schema => schema::schema(registry, &mut output),
        Command::Completions(args) => completions::completions(args, command(), &mut output),
    };
    let status = match result.and_then(|status| output.flush().map(|()| status)) {
        Ok(status) => status,
        Err(failure) => tell(&failure, json, &mut output),
    };
    status as i32
}

/// Says what went wrong, as text on stderr or as JSON on stdout.
fn tell(failure: &Failure, json: bool, output: &mut Output) -> Status {
    match failure {
        Failure::Io(_, error) if error.kind() == ErrorKind::BrokenPipe => Status::Expected,
        Failure::Io(file, error) => {
            say(file, &error.to_string(), json, output);
            let usage = [
                ErrorKind::NotFound,
                ErrorKind::PermissionDenied,
                ErrorKind::IsADirectory,
                ErrorKind::InvalidData,
                ErrorKind::AlreadyExists,
            ];
            if usage.contains(&error.kind()) { Status::Usage } else { Status::Environment }
        }
        Failure::Usage(message) | Failure::CannotHonour(message) => {
            say("", message, json, output);
            Status::Usage
        }
        #[cfg(feature = "live")]
        Failure::Environment(message) => {
            say("", message, json, output);
            Status::Environment
        }
        #[cfg(feature = "live")]
        Failure::Interrupted(message) => {
            say("", message, json, output);
            Status::Inconclusive
        }
        #[cfg(feature = "live")]
        Failure::Internal(message) => {
            say("", message, json, output);
            Status::Internal
        }
        Failure::Files(files) => {
            for problems in files {
                if json {
                    let _ = output.line(&problems.json()).and_then(|()| output.flush());
                } else {
                    output.problems(problems);
                }
            }
            Status::Usage
        }
    }
}

/// Says what went wrong with a file, or beside all files, in the form of a problem of a file.
fn say(file: &str, message: &str, json: bool, output: &mut Output) {
    if json {
        let object = serde_json::json!({
            "schema": 1, "error": true, "file": file, "line": 0, "column": 0, "key": "",
            "message": message, "expected": "", "hint": "",
        });
        let _ = output.line(&object.to_string()).and_then(|()| output.flush());
    } else if file.is_empty() {
        output.error(message);
    } else {
        output.error(&format!("{file}: {message}"));
    }
}
