//! A party that comes back to a run whose port somebody took meanwhile: it listens elsewhere, and the
//! others find it there.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use byzlab::{
    Lab,
    crypto::{Digest, PartyId},
    protocols::hotstuff::HotStuff,
    scenarios::{Document, KeySource, Options, Scenario, explain, prepare},
    sim::DiskAfter,
};
use byzlab_live::{Common, Crew, Keeps, Launch, Multiaddr, Processes, Threads};

use super::common;

const LAST: PartyId = PartyId(3);
const LONG: Duration = Duration::from_secs(60);

/// A run that goes on for longer than anybody looks at it, its scenario in a folder of its own.
fn run(name: &str) -> (Scenario, PathBuf) {
    let lab = Lab::new();
    let toml = "protocol = \"hotstuff\"\nworkload.commands = 600\n";
    let document =
        Document::decode(name, toml.as_bytes(), &[], lab.registry()).expect("it is right");
    let scenario = document.resolve(None, lab.registry()).expect("it is right");
    let folder = common::root().join(format!("target/ports-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = explain(&document, &scenario, lab.registry());
    std::fs::write(folder.join("scenario.toml"), text).expect("it is written");
    (scenario, folder)
}

fn decides(crew: &mut dyn Crew, more_than: u64) -> u64 {
    let begun = Instant::now();
    loop {
        let decided = crew.status(LAST).expect("it runs").map_or(0, |status| status.decided);
        if decided > more_than {
            return decided;
        }
        assert!(begun.elapsed() < LONG, "{decided} decided");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn address(crew: &dyn Crew) -> Multiaddr {
    crew.states()[LAST.index()].address.clone().expect("it listens")
}

fn port(address: &Multiaddr) -> u16 {
    let text = address.to_string();
    text.rsplit('/').next().and_then(|port| port.parse().ok()).expect("the port is the last part")
}

fn comes_back_elsewhere(crew: &mut dyn Crew) {
    let (decided, before) = (decides(crew, 0), address(crew));
    crew.kill(LAST).expect("it can be killed");
    let begun = Instant::now();
    let _other = loop {
        match TcpListener::bind(("127.0.0.1", port(&before))) {
            Ok(other) => break other,
            Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    crew.restart(LAST, DiskAfter::Kept).expect("it comes back");
    let back = decides(crew, decided);
    decides(crew, back + 1);
    assert_ne!(address(crew), before);
    crew.stop().expect("it ends in order");
}

#[test]
fn a_thread_whose_port_was_taken_comes_back_elsewhere() {
    let (scenario, folder) = run("threads");
    let setup = prepare::<HotStuff>(&scenario, &Options::default(), &KeySource::live(&scenario));
    let common = Common::of(&setup, Digest::ZERO, Keeps::ALL);
    let crew = Threads::start(common, folder, scenario.scale, &|| true);
    comes_back_elsewhere(&mut crew.expect("it starts"));
}

#[test]
fn a_process_whose_port_was_taken_comes_back_elsewhere() {
    let (scenario, folder) = run("processes");
    let within = folder.clone();
    let launch: Launch = Box::new(move |party, listen, _| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_byzlab"));
        let (party, listen) = (party.to_string(), listen.to_string());
        command.args(["node", "--member", &party, "--listen", &listen, "--folder"]);
        command.arg(&within);
        command
    });
    let crew = Processes::start(scenario.n, launch, folder, scenario.scale, None, &|| true);
    comes_back_elsewhere(&mut crew.expect("it starts"));
}
