//! `byzlab keygen`, `byzlab genesis`, `byzlab node` and `byzlab judge`: a network over several
//! machines, each with a key of its own.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use byzlab_live::{Multiaddr, ReplayError, clients::Network, fresh_secret, unix_ns};
use byzlab_protocols::Span;
use byzlab_scenarios::{
    explain, parse_span,
    report::{Report, json, text},
};
use clap::Args;
use serde::Deserialize;

use super::{
    Failure, Status, input, network,
    output::Output,
    run::{INTERRUPTED, Runtime, catch_interrupts, parse_seed, write},
};
use crate::{
    Lab,
    live::{Genesis, Key, LiveError, MAX_GENESIS, Own, Party as Seat, Read, public, secret},
};

/// Options of `byzlab keygen`.
#[derive(Args)]
pub(crate) struct KeygenArgs {
    /// The file for the secret key; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Makes a key: the secret goes into a file that its owner alone can read, the public one is
/// printed.
pub(crate) fn keygen(args: &KeygenArgs, output: &mut Output) -> Result<Status, Failure> {
    let failed = |error| Failure::Io(args.out.display().to_string(), error);
    let secret = fresh_secret();
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&args.out).map_err(failed)?;
    writeln!(file, "{:#}", byzlab_crypto::Digest(secret)).map_err(failed)?;
    output.line(&format!("{:#}", public(&secret)))?;
    Ok(Status::Expected)
}

/// Options of `byzlab genesis`.
#[derive(Args)]
pub(crate) struct GenesisArgs {
    /// The scenario.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The seed, in place of the file's.
    #[arg(long, value_parser = parse_seed)]
    seed: Option<u64>,
    /// Set a value, as it would stand in the file.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A party, in order: its public key, where the others find it, and where clients do, such as
    /// 3f..@/ip4/10.0.0.1/tcp/4000@10.0.0.1:5000. Once for each party.
    #[arg(long = "party", required = true, value_name = "KEY@ADDRESS[@CLIENTS]", value_parser = parse_party)]
    parties: Vec<Seat>,
    /// How long from now on all start.
    #[arg(long, default_value = "30s", value_parser = parse_span, value_name = "TIME")]
    start_in: Span,
    /// The file for the genesis.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A file for clients, if all parties take them.
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

fn parse_party(text: &str) -> Result<Seat, String> {
    let mut parts = text.split('@');
    let expected = "expected KEY@ADDRESS or KEY@ADDRESS@CLIENTS";
    let (Some(key), Some(address)) = (parts.next(), parts.next()) else {
        return Err(expected.to_owned());
    };
    let key: Key = key.parse().map_err(|why| format!("{why}; {expected}"))?;
    let address: Multiaddr = address
        .parse()
        .map_err(|why| format!("{address}: {why}; such as /ip4/10.0.0.1/tcp/4000"))?;
    let clients: Option<SocketAddr> = parts
        .next()
        .map(|clients| clients.parse().map_err(|why| format!("{clients}: {why}")))
        .transpose()?;
    if parts.next().is_some() {
        return Err(expected.to_owned());
    }
    Ok(Seat { key, address, clients })
}

/// Makes the genesis of a network.
pub(crate) fn genesis(
    args: &GenesisArgs,
    lab: &Lab,
    output: &mut Output,
) -> Result<Status, Failure> {
    let document = input::document(&args.file, &args.set, lab.registry())?;
    let scenario = document.resolve(args.seed, lab.registry())?;
    network::honours(Runtime::Processes, &scenario, false)?;
    let genesis = Genesis {
        schema: 1,
        start_ns: unix_ns(Duration::from_nanos(args.start_in.0)),
        parties: args.parties.clone(),
        scenario: explain(&document, &scenario, lab.registry()),
    };
    let text = genesis.text();
    let read = Genesis::read(&text, lab.registry()).map_err(Failure::Usage)?;
    let exists = |path: &Path| {
        let why = format!("{}: exists; a genesis is never replaced", path.display());
        if path.exists() { Err(Failure::Usage(why)) } else { Ok(()) }
    };
    exists(&args.out)?;
    args.network.iter().try_for_each(|path| exists(path))?;
    if args.network.as_ref() == Some(&args.out) {
        return Err(Failure::Usage("--out and --network name the same file".to_owned()));
    }
    if let Some(path) = &args.network {
        let why = "--network: not every party says where clients find it";
        let network = read.network().ok_or_else(|| Failure::Usage(why.to_owned()))?;
        write(path, network.text().as_bytes())?;
    }
    write(&args.out, text.as_bytes())?;
    output.line(&format!("{:#}", read.digest))?;
    Ok(Status::Expected)
}

/// What stands in the file of a node; paths are seen from its folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The genesis.
    genesis: PathBuf,
    /// The file with the secret key.
    key: PathBuf,
    /// Where disk and journals are kept.
    folder: PathBuf,
    /// Where to listen, if not where the genesis says that it is.
    listen: Option<Multiaddr>,
    /// Where to listen to clients, if not where the genesis says.
    clients: Option<SocketAddr>,
    /// Where to serve HTTP, on loopback.
    http: Option<SocketAddr>,
}

/// The longest file of a node, in bytes.
const MAX_CONFIG: usize = 64 << 10;

fn config(path: &Path) -> Result<Config, Failure> {
    let (name, bytes) = input::bytes(path, MAX_CONFIG)?;
    let wrong = |why: String| Failure::Usage(format!("{name}: {why}"));
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8 text".to_owned()))?;
    let mut config: Config = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let beside = path.parent().unwrap_or(Path::new("."));
    for path in [&mut config.genesis, &mut config.key, &mut config.folder] {
        *path = beside.join(&path);
    }
    Ok(config)
}

fn read(path: &Path, lab: &Lab) -> Result<Read, Failure> {
    let (name, bytes) = input::bytes(path, MAX_GENESIS)?;
    let wrong = |why: String| Failure::Usage(format!("{name}: {why}"));
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8 text".to_owned()))?;
    Genesis::read(&text, lab.registry()).map_err(wrong)
}

/// Is one party of a network over several machines, until it is interrupted.
pub(crate) fn alone(path: &Path, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    let config = config(path)?;
    let mut read = read(&config.genesis, lab)?;
    let secret = secret(&config.key).map_err(Failure::Usage)?;
    let party = read.learn(&secret).map_err(Failure::Usage)?;
    let seat = &read.genesis.parties[party.index()];
    let client_network = |http: SocketAddr| -> Result<(SocketAddr, Network), Failure> {
        let why = "http: not every party of the genesis says where clients find it";
        let network = read.network().ok_or_else(|| Failure::Usage(why.to_owned()))?;
        Ok((http, network))
    };
    let own = Own {
        party,
        folder: config.folder,
        listen: config.listen.unwrap_or(seat.address.clone()),
        clients: config.clients.or(seat.clients),
        http: config.http.map(client_network).transpose()?,
    };
    let entry = lab.live(&read.scenario);
    catch_interrupts();
    let mut found = |line: &str| {
        let _ = output.line(line).and_then(|()| output.flush());
    };
    let go_on = || !INTERRUPTED.load(Ordering::SeqCst);
    let served = entry.alone(&read, own, &mut found, &go_on);
    served.map_err(|error| network::failure(&path.display().to_string(), &error))?;
    Ok(Status::Expected)
}

/// Options of `byzlab judge`.
#[derive(Args)]
pub(crate) struct JudgeArgs {
    /// The file of each node, its key and its folder beside it.
    #[arg(required = true, value_name = "NODE.toml")]
    nodes: Vec<PathBuf>,
    /// Print the verdict as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Judges what a network over several machines did, from what its nodes kept.
pub(crate) fn judge(args: &JudgeArgs, lab: &Lab, output: &mut Output) -> Result<Status, Failure> {
    let configs = args.nodes.iter().map(|path| config(path)).collect::<Result<Vec<_>, _>>()?;
    let mut read = read(&configs[0].genesis, lab)?;
    let mut folders = std::collections::BTreeMap::new();
    for (path, config) in args.nodes.iter().zip(&configs) {
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let other = self::read(&config.genesis, lab)?;
        if other.digest != read.digest {
            return Err(wrong("another genesis than that of the first node".to_owned()));
        }
        let party = read.learn(&secret(&config.key).map_err(wrong)?).map_err(wrong)?;
        if !config.folder.is_dir() {
            let folder = config.folder.display();
            return Err(wrong(format!(
                "{folder}: no such folder; party {party} kept nothing there"
            )));
        }
        if folders.insert(party, config.folder.clone()).is_some() {
            return Err(wrong(format!("party {party} is there twice")));
        }
    }
    if let Some(missing) =
        byzlab_crypto::PartyId::all(read.scenario.n).find(|party| !folders.contains_key(party))
    {
        let why =
            format!("the node of party {missing} is missing: a run is judged from all of them");
        return Err(Failure::Usage(why));
    }
    network::honours(Runtime::Processes, &read.scenario, true)?;
    let entry = lab.live(&read.scenario);
    let run = entry.judge(&read, &folders);
    let run = run.map_err(|error| match error {
        LiveError::Replay(ReplayError::NeverSent { from, .. }) => Failure::Environment(format!(
            "party {from} kept no journal of all that it sent: its folder was lost, or is another's"
        )),
        other => network::failure(&read.scenario.name, &other),
    })?;
    let mut repeat = "byzlab judge".to_owned();
    args.nodes.iter().for_each(|path| repeat.push_str(&format!(" {}", path.display())));
    let report =
        Report { scenario: &read.scenario, run: &run, repeat, timing: false, memory: None };
    if args.json {
        output.line(&json(&report))?;
    } else {
        let paint = output.paint();
        output.text(&text(&report, paint))?;
    }
    Ok(Status::of(run.verdict.outcome))
}
