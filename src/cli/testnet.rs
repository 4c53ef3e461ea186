//! `byzlab testnet`: a process for each party, with a live line for each, judged at the end; or a
//! network that is kept up.

use std::{
    fs,
    path::{Path, PathBuf},
};

use byzlab_live::{Crew, FleetError, SeatState, Status as Shown};
use byzlab_scenarios::{
    Options, Registry, Run, Scenario,
    compare::quoted,
    explain,
    report::{Report, json, text},
};
use clap::{Args, Subcommand};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Failure, Status, input, network,
    output::Output,
    run::{Runtime, catch_interrupts, goes_on, parse_seed},
};
use crate::{
    Lab,
    live::{Answer, Ask, Control, Order, Place, ask},
};

/// Options of `byzlab testnet`.
#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    override_usage = "byzlab testnet <FILE>\n       byzlab testnet up <FILE>\n       byzlab testnet \
                      <status|kill|restart|partition|heal|down>"
)]
pub(crate) struct TestnetArgs {
    #[command(flatten)]
    what: Option<What>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Which scenario.
#[derive(Args, Clone)]
pub(crate) struct What {
    /// The scenario; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The seed, in place of the file's.
    #[arg(long, value_parser = parse_seed)]
    seed: Option<u64>,
    /// Set a value, as it would stand in the file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print the verdict as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the network is.
#[derive(Args, Clone)]
pub(crate) struct Where {
    /// The folder of the network.
    #[arg(long, default_value = "testnet", value_name = "FOLDER")]
    folder: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Start a network and keep it up, in the foreground, until `down` or an interrupt.
    Up {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        place: Where,
    },
    /// How its parties are.
    Status {
        #[command(flatten)]
        place: Where,
        /// Print one JSON object a party.
        #[arg(long)]
        json: bool,
    },
    /// End a party as kill -9 does.
    Kill {
        party: u16,
        #[command(flatten)]
        place: Where,
    },
    /// Bring a party back, with its disk.
    Restart {
        party: u16,
        #[command(flatten)]
        place: Where,
    },
    /// Part the parties into groups that do not hear each other: 0,1 2,3.
    Partition {
        #[arg(required = true, value_name = "PARTIES", value_parser = parse_group)]
        groups: Vec<Group>,
        #[command(flatten)]
        place: Where,
    },
    /// Let all parties hear each other again.
    Heal {
        #[command(flatten)]
        place: Where,
    },
    /// End all parties in order; the run is judged where it was started.
    Down {
        #[command(flatten)]
        place: Where,
    },
}

#[derive(Clone, Debug)]
struct Group(Vec<u16>);

fn parse_group(text: &str) -> Result<Group, String> {
    let number = |part: &str| part.parse::<u16>().map_err(|_| format!("{part:?} is no party"));
    text.split(',').map(number).collect::<Result<_, _>>().map(Group)
}

/// Whether the verdict is to be JSON.
pub(crate) fn is_json(args: &TestnetArgs) -> bool {
    match &args.command {
        Some(Command::Up { what, .. }) => what.json,
        Some(Command::Status { json, .. }) => *json,
        Some(_) => false,
        None => args.what.as_ref().is_some_and(|what| what.json),
    }
}

/// Runs a scenario with a process for each party, or speaks to a network that is up.
pub(crate) fn testnet(
    args: &TestnetArgs,
    lab: &Lab,
    output: &mut Output,
) -> Result<Status, Failure> {
    let Some(command) = &args.command else {
        let usage =
            "expected a scenario, or one of up, status, kill, restart, partition, heal, down";
        let what = args.what.as_ref().ok_or_else(|| Failure::Usage(usage.to_owned()))?;
        return once(what, lab, output);
    };
    match command {
        Command::Up { what, place } => up(what, &place.folder, lab, output),
        Command::Status { place, json } => tell(&place.folder, &Order::Status, *json, output),
        Command::Kill { party, place } => tell(&place.folder, &Order::Kill(*party), false, output),
        Command::Restart { party, place } => {
            tell(&place.folder, &Order::Restart(*party), false, output)
        }
        Command::Partition { groups, place } => {
            let groups = groups.iter().map(|group| group.0.clone()).collect();
            tell(&place.folder, &Order::Partition(groups), false, output)
        }
        Command::Heal { place } => tell(&place.folder, &Order::Heal, false, output),
        Command::Down { place } => tell(&place.folder, &Order::Down, false, output),
    }
}

/// A scenario and the same as text, everything resolved.
fn scenario(what: &What, registry: &Registry, judged: bool) -> Result<(Scenario, String), Failure> {
    let document = input::document(&what.file, &what.set, registry)?;
    let scenario = document.resolve(what.seed, registry)?;
    network::honours(Runtime::Processes, &scenario, judged)?;
    let text = explain(&document, &scenario, registry);
    Ok((scenario, text))
}

fn once(what: &What, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    let (scenario, text) = scenario(what, lab.registry(), true)?;
    catch_interrupts();
    let view = View::new(scenario.n);
    let run = run(lab, &scenario, &text, None, &mut |_, _, shown| {
        view.show(shown);
        Ok(goes_on())
    });
    view.clear();
    print(what, &scenario, run?.as_ref(), output)
}

fn up(what: &What, folder: &Path, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    let (scenario, text) = scenario(what, lab.registry(), false)?;
    let refused = |error: std::io::Error| Failure::Io(folder.display().to_string(), error);
    let made = !folder.exists();
    fs::create_dir_all(folder).map_err(refused)?;
    let control = Control::listen(folder, scenario.sync).map_err(refused)?;
    if fs::read_dir(folder).map_err(refused)?.count() > 1 {
        let folder = folder.display();
        let why =
            format!("{folder}: not empty; an empty folder is expected, or one that is not there");
        return Err(Failure::Usage(why));
    }
    catch_interrupts();
    let mut told = false;
    let run = run(lab, &scenario, &text, Some(folder), &mut |crew, _, _| {
        if !told {
            let states = crew.states();
            told = states.iter().all(|state| state.http.is_some());
            if told {
                let note = if scenario.journal { "" } else { UNJUDGED };
                let text = table(&states) + note;
                let _ = output.text(&text).and_then(|()| output.flush());
            }
        }
        Ok(control.serve(crew) && goes_on())
    });
    drop(control);
    if made && run.is_err() {
        // Only if nothing is in it.
        let _ = fs::remove_dir(folder);
    }
    print(what, &scenario, run?.as_ref(), output)
}

/// Said of a network that keeps no journals.
const UNJUDGED: &str = "runtime.journal = false: nobody judges, there is no verdict\n";

type Watch<'a> = &'a mut dyn FnMut(
    &mut dyn Crew,
    byzlab_protocols::Time,
    &[Option<Shown>],
) -> Result<bool, FleetError>;

fn run(
    lab: &Lab,
    scenario: &Scenario,
    text: &str,
    up: Option<&Path>,
    look: Watch<'_>,
) -> Result<Option<Run>, Failure> {
    let entry = lab.live(scenario);
    let options = Options { trace: up.is_none(), ..Options::default() };
    let ask = Ask { scenario, text, options, place: Place::Processes, up, go_on: &goes_on };
    entry.run(&ask, look).map_err(|error| network::failure(&scenario.file, &error))
}

fn print(
    what: &What,
    scenario: &Scenario,
    run: Option<&Run>,
    output: &mut Output,
) -> Result<Status, Failure> {
    let Some(run) = run else {
        match what.json {
            true => output.line(r#"{"outcome":null,"why":"runtime.journal = false"}"#)?,
            false => output.text(UNJUDGED)?,
        }
        return Ok(Status::Expected);
    };
    let file = quoted(&what.file.display().to_string());
    let mut repeat = format!("byzlab testnet {file} --seed {}", scenario.seed);
    what.set.iter().for_each(|set| repeat.push_str(&format!(" --set {}", quoted(set))));
    let report = Report { scenario, run, repeat, timing: false, memory: None };
    if what.json {
        output.line(&json(&report))?;
    } else {
        let paint = output.paint();
        output.text(&text(&report, paint))?;
    }
    Ok(Status::of(run.verdict.outcome))
}

fn tell(
    folder: &Path,
    order: &Order,
    as_json: bool,
    output: &mut Output,
) -> Result<Status, Failure> {
    let answer = ask(folder, order).map_err(|error| {
        let folder = folder.display();
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return Failure::Environment(format!("{folder}: {error}"));
        }
        let hint = format!("byzlab testnet up FILE --folder {folder}");
        Failure::Usage(format!("no network is up in {folder} ({error}); start one: {hint}"))
    })?;
    match answer {
        Answer::Refused(why) => return Err(Failure::Usage(why)),
        Answer::Parties(states) if as_json => {
            for state in &states {
                output.line(&serde_json::to_string(state).unwrap_or_default())?;
            }
        }
        Answer::Parties(states) => output.text(&table(&states))?,
    }
    Ok(Status::Expected)
}

fn table(states: &[SeatState]) -> String {
    let mut out = format!(
        "{:<6} {:<6} {:>7} {:>6} {:>8} {:>9}   {:<21} http\n",
        "party", "state", "process", "view", "decided", "executed", "clients"
    );
    for state in states {
        let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let Shown { view, decided, executed, .. } = state.status;
        out += &format!(
            "{:<6} {:<6} {:>7} {:>6} {:>8} {:>9}   {:<21} {}\n",
            state.party.0,
            match &state.failed {
                _ if state.up => "up",
                None => "down",
                Some(_) => "failed",
            },
            or(state.pid.map(|pid| pid.to_string())),
            view.0,
            decided,
            executed,
            or(state.clients.map(|address| address.to_string())),
            or(state.http.map(|address| format!("http://{address}"))),
        );
    }
    for state in states {
        let failed = state.failed.iter();
        failed.for_each(|why| out += &format!("party {} failed: {why}\n", state.party));
    }
    out
}

/// A line for each party, while a run goes on: on a terminal only.
struct View {
    bars: Vec<ProgressBar>,
    all: MultiProgress,
}

impl View {
    fn new(n: usize) -> View {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template("{msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = |_| all.add(ProgressBar::new_spinner().with_style(style.clone()));
        View { bars: (0..n).map(bar).collect(), all }
    }

    fn show(&self, shown: &[Option<Shown>]) {
        for (party, (bar, shown)) in self.bars.iter().zip(shown).enumerate() {
            let line = match shown {
                None => "down".to_owned(),
                Some(Shown { view, decided, executed, sent, .. }) => format!(
                    "view {:>5}   decided {decided:>6}   executed {executed:>6}   sent {sent:>7}",
                    view.0
                ),
            };
            bar.set_message(format!("party {party:<3} {line}"));
            bar.tick();
        }
    }

    fn clear(&self) {
        let _ = self.all.clear();
    }
}
