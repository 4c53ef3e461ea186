//! A network over several machines, all of them this one: each party has a key of its own, and is
//! told nothing but the genesis.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use super::{byzlab, common, done, objects, path};

const N: usize = 4;

/// Nodes that run. Dropped, they are killed.
struct Nodes(Vec<Child>);

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &mut self.0 {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// Free ports of loopback, below those that the system gives to whoever asks for any.
fn ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 1000) as u16 * 10;
    let candidates = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    let free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.take(count).collect()
}

fn folder(name: &str) -> PathBuf {
    let folder = common::root().join(format!("target/machines-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Keys, genesis and the files of all nodes.
fn prepare(folder: &Path) -> Vec<PathBuf> {
    let scenario = folder.join("scenario.toml");
    let text = "protocol = \"hotstuff\"\nworkload.commands = 2\nruntime.scale = 3\n";
    fs::write(&scenario, text).expect("it is written");
    let (peers, clients) = (ports(N), ports(N));
    let mut arguments = vec!["genesis".to_owned(), path(&scenario).to_owned()];
    let mut nodes = Vec::new();
    for party in 0..N {
        let key = folder.join(format!("key-{party}"));
        let (status, public, err) = done(byzlab(&["keygen", "--out", path(&key)]));
        assert_eq!(status, Some(0), "{err}");
        let (peer, client) = (peers[party], clients[party]);
        let public = public.trim();
        let seat = format!("--party={public}@/ip4/127.0.0.1/tcp/{peer}@127.0.0.1:{client}");
        arguments.push(seat);
        let node = folder.join(format!("node-{party}.toml"));
        let text = format!(
            "genesis = \"genesis.json\"\nkey = \"key-{party}\"\nfolder = \"party-{party}\"\n\
             http = \"127.0.0.1:0\"\n"
        );
        fs::write(&node, text).expect("it is written");
        nodes.push(node);
    }
    let (genesis, network) = (folder.join("genesis.json"), folder.join("network.json"));
    arguments.extend(["--out", path(&genesis), "--network", path(&network)].map(str::to_owned));
    arguments.extend(["--start-in", "5s"].map(str::to_owned));
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (status, _, err) = done(byzlab(&arguments));
    assert_eq!(status, Some(0), "{err}");
    nodes
}

/// Starts a node; gives what it says of where it is.
fn start(node: &Path) -> (Child, String) {
    let mut command = byzlab(&["node", "--config", path(node)]);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("it starts");
    let mut line = String::new();
    let out = child.stdout.as_mut().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("text");
    assert!(line.starts_with("party ") && line.contains("http://127.0.0.1:"), "{line}");
    (child, line)
}

/// Asks as a client.
fn ask(folder: &Path, words: &[&str]) -> String {
    let network = folder.join("network.json");
    let mut arguments = vec!["client", "--network", path(&network), "--timeout", "40s"];
    arguments.extend(words);
    let (status, out, err) = done(byzlab(&arguments));
    assert_eq!(status, Some(0), "{err}");
    out
}

/// Interrupts all nodes: they end in order.
fn end(mut nodes: Nodes) {
    for node in &nodes.0 {
        let told = Command::new("kill").args(["-INT", &node.id().to_string()]).status();
        assert!(told.expect("it runs").success());
    }
    for node in &mut nodes.0 {
        assert_eq!(node.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn parties_with_keys_of_their_own_serve_clients_and_are_judged() {
    let folder = folder("judged");
    let files = prepare(&folder);
    let nodes = Nodes(files.iter().map(|node| start(node).0).collect());
    ask(&folder, &["put", "colour", "green"]);
    assert_eq!(ask(&folder, &["get", "colour"]), "green\n");
    end(nodes);
    let mut arguments = vec!["judge", "--json"];
    arguments.extend(files.iter().map(|node| path(node)));
    let (status, out, err) = done(byzlab(&arguments));
    let verdict = &objects(&out)[0];
    // On a busy machine a party may have started late.
    let late = verdict["label"] == "out-of-model";
    assert_eq!(status, Some(if late { 3 } else { 0 }), "{out}{err}");
    for property in ["agreement", "validity", "integrity", "certificates", "accountability"] {
        assert_eq!(verdict["properties"][property]["verdict"], "holds", "{property}: {out}");
    }
    assert!(verdict["decisions"].as_u64() >= Some(4), "{out}");
    let (status, out, _) = done(byzlab(&arguments[..arguments.len() - 1]));
    assert_eq!(status, Some(2));
    assert!(out.contains("the node of party 3 is missing"), "{out}");
    fs::remove_dir_all(&folder).expect("it was made here");
}

/// What it signed is gone with its folder: it must not sign again.
#[test]
fn a_node_that_lost_its_folder_stays_mute() {
    let folder = folder("lost");
    let files = prepare(&folder);
    let mut nodes = Nodes(files.iter().map(|node| start(node).0).collect());
    ask(&folder, &["put", "colour", "green"]);
    nodes.0[3].kill().expect("it runs");
    nodes.0[3].wait().expect("it ends");
    fs::remove_dir_all(folder.join("party-3")).expect("it was there");
    let (node, line) = start(&files[3]);
    nodes.0[3] = node;
    ask(&folder, &["put", "colour", "blue"]);
    assert_eq!(ask(&folder, &["get", "colour"]), "blue\n");
    let http = line.trim().rsplit("http://").next().expect("an address");
    let metrics = super::get(http, "/metrics");
    assert!(metrics.contains("byzlab_sent_messages_total 0\n"), "{metrics}");
    end(nodes);
    let mut arguments = vec!["judge"];
    arguments.extend(files.iter().map(|node| path(node)));
    let (status, _, err) = done(byzlab(&arguments));
    assert_eq!(status, Some(5), "{err}");
    assert!(err.contains("party 3 kept no journal of all that it sent"), "{err}");
    fs::remove_dir_all(&folder).expect("it was made here");
}

#[test]
fn wrong_keys_and_files_are_refused() {
    let folder = folder("refused");
    let files = prepare(&folder);
    let refused = |arguments: &[&str], why: &str| {
        let (status, out, err) = done(byzlab(arguments));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(why), "{err}");
    };
    let start = ["node", "--config", path(&files[0])];
    let key = folder.join("key-0");
    refused(&["keygen", "--out", path(&key)], "exists");
    fs::remove_file(&key).expect("it is there");
    let (status, _, err) = done(byzlab(&["keygen", "--out", path(&key)]));
    assert_eq!(status, Some(0), "{err}");
    refused(&start, "is none of the genesis");
    fs::write(&key, "secret").expect("it is written");
    refused(&start, "64 hexadecimal digits");
    let genesis = folder.join("genesis.json");
    let text = fs::read_to_string(&genesis).expect("it is there");
    fs::write(&genesis, text.replace("\"schema\": 1", "\"schema\": 2")).expect("it is written");
    refused(&start, "schema 2; this byzlab knows 1");
    fs::write(&genesis, "{}").expect("it is written");
    refused(&start, "no genesis");
    fs::write(&files[0], "genesis = \"genesis.json\"\nport = 3\n").expect("it is written");
    refused(&start, "unknown field");
    refused(&["node"], "--config");
    let scenario = folder.join("scenario.toml");
    let party = format!("--party={}@/ip4/127.0.0.1/tcp/4000", "0".repeat(64));
    let out = folder.join("other.json");
    refused(
        &["genesis", path(&scenario), &party, "--out", path(&out)],
        "1 parties in the genesis, 4",
    );
    fs::remove_dir_all(&folder).expect("it was made here");
}
