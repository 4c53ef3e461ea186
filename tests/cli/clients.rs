//! Clients of running networks, when there is none: what is wrong is said, and by which status.
#![cfg(all(unix, feature = "live"))]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
};

use ::byzlab::crypto::Digest;
use byzlab_live::clients::Network;
use serde_json::Value;

use crate::{byzlab, command, done, folder, path};

/// The description of a network whose nodes are gone.
fn network(test: &str) -> String {
    let gone = |_| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.local_addr().expect("it has an address")
    };
    let network = Network {
        schema: 1,
        instance: Digest([1; 32]),
        protocol: "pbft".to_owned(),
        f: 1,
        scheme: "ed25519".to_owned(),
        clients: 2,
        insecure_seed: Digest([2; 32]),
        nodes: (0..4).map(gone).collect(),
    };
    let file = folder(test, &[]).join("network.json");
    fs::write(&file, network.text()).expect("a file");
    path(&file).to_owned()
}

#[test]
fn what_is_no_network_or_no_request_is_wrong_usage() {
    let file = network("client-usage");
    let wrong = folder("client-wrong", &[("network.json", "{\"schema\": 1}")]).join("network.json");
    let with = |file: &str, rest: &[&str]| {
        let arguments = [&["client", "--network", file][..], rest].concat();
        let done = byzlab(&arguments);
        assert_eq!((done.status, &*done.out), (Some(2), ""), "{}", done.err);
        done.err
    };
    assert!(with("nowhere.json", &["get", "k"]).contains("nowhere.json"));
    assert!(with(path(&wrong), &["get", "k"]).contains("no description of a network"));
    assert!(with(&file, &["get", "a b"]).contains("a key is a word without spaces"));
    assert!(with(&file, &["put", "", "v"]).contains("a key is a word without spaces"));
    let said = with(&file, &["--client", "2", "get", "k"]);
    assert!(said.contains("client 2: only clients 0 to 1 have a key"), "{said}");
    let said = with(&file, &["serve", "--http", "0.0.0.0:0"]);
    assert!(said.contains("--http 0.0.0.0:0: loopback is expected"), "{said}");
}

#[test]
fn nodes_that_are_gone_are_the_environments_fault() {
    let file = network("client-gone");
    let load = ["load", "--network", &file, "--duration", "100ms", "--timeout", "200ms"];
    let get = ["client", "--network", &file, "--timeout", "200ms", "get", "k"];
    for arguments in [&load[..], &get[..]] {
        let done = byzlab(arguments);
        assert_eq!((done.status, &*done.out), (Some(5), ""), "{}", done.err);
        let begin = "error: only 0 of 4 nodes can be reached, 2 are needed: node 0: ";
        assert!(done.err.starts_with(begin), "{}", done.err);
    }
}

/// Serves all the same: nodes may come. Ends when it is interrupted.
#[test]
fn the_store_is_served_until_an_interrupt_and_the_log_says_where() {
    let file = network("client-serve");
    for form in ["json", "text"] {
        let serve = ["client", "--network", &file, "serve", "--http", "127.0.0.1:0"];
        let mut serving = command(&[&serve[..], &["--log", form]].concat());
        serving.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = serving.spawn().expect("the binary runs");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        out.read_line(&mut line).expect("a line");
        let address =
            line.trim_end().strip_prefix("http://").and_then(|url| url.strip_suffix("/kv/KEY"));
        let address = address.unwrap_or_else(|| panic!("no address: {line:?}"));
        let mut stream = TcpStream::connect(address).expect("it listens");
        let head = "GET /kv/k HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
        let mut log = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
        let first = log.lines().next().unwrap_or_else(|| panic!("nothing was logged"));
        let address: SocketAddr = address.parse().expect("an address");
        if form == "json" {
            let first: Value = serde_json::from_str(first).expect("JSON");
            assert_eq!(first["level"], "INFO", "{first}");
            assert_eq!(first["fields"]["address"], address.to_string(), "{first}");
        } else {
            assert!(first.contains("INFO") && first.contains(&address.to_string()), "{first}");
        }
    }
}

#[test]
fn what_is_to_be_logged_is_said_in_words_that_are_known() {
    let mut command = command(&["client", "--network", "x", "get", "k", "--log", "json"]);
    command.env("RUST_LOG", "byzlab=loud");
    let done = done(command);
    assert_eq!(done.status, Some(2));
    assert!(done.err.contains("RUST_LOG=\"byzlab=loud\""), "{}", done.err);
    assert!(done.err.contains("expected such as byzlab_live=debug"), "{}", done.err);
    assert_eq!(byzlab(&["list", "protocols", "--log", "xml"]).status, Some(2));
}
