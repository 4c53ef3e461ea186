use std::{sync::atomic::AtomicU64, time::Duration};

use byzlab_protocols::View;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    clients::{
        Network, PortLimits, Report,
        double::{Double, Manner, loopback, network},
    },
    transport::{Counters, Refused},
};

/// Long enough for whatever a loaded machine does in between.
const LONG: Duration = Duration::from_secs(60);

struct Reply {
    status: u16,
    head: String,
    body: String,
}

/// One request on a connection of its own.
async fn ask(serving: &Serving, method: &str, path: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
        serving.address()
    );
    say(serving, &[head.as_bytes(), body].concat()).await
}

async fn say(serving: &Serving, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(serving.address()).await.expect("it listens");
    // It may answer, and close, before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    let text = String::from_utf8(text).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no answer: {text:?}"));
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn store(network: &Network, patience: Duration) -> Serving {
    let signer = network.signer(0).expect("two clients");
    let gateway = Gateway::open(network, signer, LONG, patience);
    Endpoint::default().store(gateway).serve(loopback()).await.expect("a free port")
}

/// A store whose nodes are connected.
async fn ready(network: &Network, patience: Duration) -> Serving {
    let serving = store(network, patience).await;
    while ask(&serving, "GET", "/kv/none", b"").await.status == 503 {
        tokio::task::yield_now().await;
    }
    serving
}

#[tokio::test]
async fn what_was_put_can_be_got_as_f_plus_1_nodes_have_it() {
    let manners = [Manner::Lying, Manner::Honest, Manner::Honest, Manner::Honest];
    let (network, _doubles, _servers) = network(&manners, 1, PortLimits::default()).await;
    let serving = ready(&network, LONG).await;
    let put = ask(&serving, "PUT", "/kv/k%C3%A4se", "zwei Wörter".as_bytes()).await;
    assert_eq!((put.status, &*put.body), (204, ""));
    assert!(put.head.contains("byzlab-slot: "), "{}", put.head);
    let get = ask(&serving, "GET", "/kv/k%C3%A4se", b"").await;
    assert_eq!((get.status, &*get.body), (200, "zwei Wörter"));
    for line in ["content-type: text/plain; charset=utf-8", "x-content-type-options: nosniff"] {
        assert!(get.head.contains(line), "{}", get.head);
    }
    let none = ask(&serving, "GET", "/kv/other", b"").await;
    assert_eq!((none.status, &*none.body), (404, "no value under \"other\"\n"));
    // On one connection, one after the other.
    let get = format!("GET /kv/k%C3%A4se HTTP/1.1\r\nhost: {}\r\n\r\n", serving.address());
    let last = get.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let both = say(&serving, (get + &last).as_bytes()).await;
    assert_eq!(both.body.matches("zwei Wörter").count(), 2, "{}", both.body);
}

#[tokio::test]
async fn what_the_store_cannot_take_is_refused_with_the_reason() {
    let (network, _doubles, _servers) = network(&[Manner::Honest], 0, PortLimits::default()).await;
    let serving = ready(&network, LONG).await;
    let refused = async |method: &str, path: &str, body: &[u8]| {
        let reply = ask(&serving, method, path, body).await;
        (reply.status, reply.body.trim_end().to_owned())
    };
    let is = |status: u16, why: &str| (status, why.to_owned());
    let spaces = is(400, "key \"a b\": a key is a word without spaces");
    assert_eq!(refused("GET", "/kv/a%20b", b"").await, spaces);
    assert_eq!(refused("PUT", "/kv/a%20b", b"v").await, spaces);
    let empty = "a value has at least one byte: an empty one could not be told from none";
    assert_eq!(refused("PUT", "/kv/k", b"").await, is(400, empty));
    assert_eq!(refused("PUT", "/kv/k", b"\xff").await, is(400, "a value is UTF-8 text"));
    assert_eq!(refused("GET", "/kv/%ff", b"").await.0, 400);
    assert_eq!(refused("GET", "/kv/", b"").await, is(404, "there is: /kv/KEY"));
    assert_eq!(refused("DELETE", "/kv/k", b"").await.0, 405);
    // Too long for a request by its key, and too long to be read at all.
    let most = byzlab_protocols::smr::MAX_PAYLOAD;
    let long = is(413, "a request of 65542 bytes; at most 65536 are taken");
    assert_eq!(refused("PUT", "/kv/k", &vec![b'v'; most]).await, long);
    assert_eq!(refused("PUT", "/kv/k", &vec![b'v'; most + 1]).await.0, 413);
    assert_eq!(refused("GET", "/kv/k", b"").await.0, 404, "nothing of it was stored");
}

#[tokio::test]
async fn the_status_says_whether_a_request_may_have_been_executed() {
    let manners = [Manner::Lying, Manner::Honest, Manner::Silent, Manner::Busy];
    let (network, _doubles, servers) = network(&manners, 1, PortLimits::default()).await;
    let serving = ready(&network, Duration::from_millis(300)).await;
    let open = ask(&serving, "PUT", "/kv/k", b"v").await;
    assert_eq!(open.status, 504);
    assert!(open.body.ends_with("whether it was executed is not known\n"), "{}", open.body);
    drop(servers);
    let mut gone = ask(&serving, "PUT", "/kv/k", b"v").await;
    while gone.status == 504 {
        gone = ask(&serving, "PUT", "/kv/k", b"v").await;
    }
    assert_eq!(gone.status, 503);
    assert!(gone.body.contains("of 4 nodes can be reached, 2 are needed"), "{}", gone.body);
}

#[tokio::test]
async fn only_this_machine_is_served_and_only_by_its_name() {
    let open = Endpoint::default().serve(SocketAddr::from(([0, 0, 0, 0], 0))).await;
    let words = open.err().expect("refused").to_string();
    assert!(words.starts_with("0.0.0.0:0: loopback is expected"), "{words}");
    let double = Double::new(&crate::clients::double::context(1, 0), 0, Manner::Honest);
    let serving = Endpoint::default().node(double, None).serve(loopback()).await;
    let serving = serving.expect("a free port");
    let as_host = async |host: &str| {
        let head = format!("GET /health HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        say(&serving, head.as_bytes()).await.status
    };
    for name in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.2:80", "[::1]:80"] {
        assert_eq!(as_host(&format!("host: {name}\r\n")).await, 200, "{name}");
    }
    for name in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "8.8.8.8", ""]
    {
        assert_eq!(as_host(&format!("host: {name}\r\n")).await, 421, "{name}");
    }
    assert_eq!(as_host("").await, 421, "none at all");
}

#[tokio::test]
async fn connections_are_bounded_and_room_is_made_by_those_who_leave() {
    let serving = Endpoint::default().serve(loopback()).await.expect("a free port");
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS {
        idle.push(TcpStream::connect(serving.address()).await.expect("it listens"));
    }
    let mut more = TcpStream::connect(serving.address()).await.expect("the system takes it");
    assert_eq!(more.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed");
    drop(idle.pop());
    // Its task ends some time after: until then others are turned away.
    loop {
        let mut stream = TcpStream::connect(serving.address()).await.expect("it listens");
        let head = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        if text.starts_with("HTTP/1.1 404") {
            break;
        }
    }
}

fn node(report: Report, clients: Option<Arc<PortCounters>>) -> (Arc<Double>, Endpoint) {
    let double =
        Double::new(&crate::clients::double::context(4, 1), report.party.0, Manner::Honest);
    double.tell(report);
    (double.clone(), Endpoint::default().node(double, clients))
}

#[tokio::test]
async fn health_says_whether_the_node_goes_on_and_reaches_enough_others() {
    let report = Report { decided: 7, executed: 6, view: View(9), peers: 2, ..Report::default() };
    let (double, endpoint) = node(report.clone(), None);
    let serving = endpoint.serve(loopback()).await.expect("a free port");
    let health = async || {
        let reply = ask(&serving, "GET", "/health", b"").await;
        let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
        (reply.status, body)
    };
    let expected = serde_json::json!({
        "schema": 1, "healthy": true, "why": null, "party": 0, "protocol": "double", "view": 9,
        "decided": 7, "executed": 6, "peers": 2,
    });
    assert_eq!(health().await, (200, expected));
    double.tell(Report { peers: 1, ..report.clone() });
    let (status, body) = health().await;
    assert_eq!(status, 503);
    assert_eq!(body["why"], "it reaches 2 parties with itself, of 3 needed");
    double.tell(Report { failed: Some("its code panicked".to_owned()), ..report });
    let (status, body) = health().await;
    assert_eq!(
        (status, &body["why"], &body["healthy"]),
        (503, &"its code panicked".into(), &false.into())
    );
}

#[tokio::test]
async fn metrics_tell_all_that_is_counted() {
    let refused = Refused::ALL.into_iter().zip(100..).collect();
    let transport = Counters {
        frames_out: 1,
        bytes_out: 2,
        frames_in: 3,
        bytes_in: 4,
        dropped: 5,
        lost: 6,
        opened: 7,
        reopened: 8,
        dials: 9,
        failed_dials: 10,
        refused,
    };
    let report = Report {
        party: byzlab_crypto::PartyId(2),
        view: View(11),
        decided: 12,
        executed: 13,
        sent: 14,
        peers: 15,
        dropped: 16,
        transport,
        ..Report::default()
    };
    let clients = PortCounters { busy: AtomicU64::new(17), ..PortCounters::default() };
    let (double, endpoint) = node(report, Some(Arc::new(clients)));
    let serving = endpoint.serve(loopback()).await.expect("a free port");
    double.commits().add(18, true, Duration::from_millis(5));
    double.commits().add(1, false, Duration::from_micros(50));
    let page = ask(&serving, "GET", "/metrics", b"").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: application/openmetrics-text; version=1.0.0"));
    let mut expected = vec![
        "byzlab_node_info{party=\"2\",protocol=\"double\"} 1".to_owned(),
        "byzlab_commit_seconds_count 2".to_owned(),
        "byzlab_commit_seconds_bucket{le=\"0.0001\"} 1".to_owned(),
        "byzlab_journal_inputs_total 19".to_owned(),
        "byzlab_store_transactions_total 1".to_owned(),
        "byzlab_clients_requests_total{outcome=\"busy\"} 17".to_owned(),
        "byzlab_clients_requests_total{outcome=\"taken\"} 0".to_owned(),
        "# EOF".to_owned(),
    ];
    let plain = [
        ("transport_frames_total{direction=\"out\"}", 1),
        ("transport_bytes_total{direction=\"out\"}", 2),
        ("transport_frames_total{direction=\"in\"}", 3),
        ("transport_bytes_total{direction=\"in\"}", 4),
        ("transport_lost_frames_total{place=\"queue\"}", 5),
        ("transport_lost_frames_total{place=\"stream\"}", 6),
        ("transport_streams_total", 7),
        ("transport_reopened_streams_total", 8),
        ("transport_dials_total", 9),
        ("transport_failed_dials_total", 10),
        ("view", 11),
        ("decided_slots", 12),
        ("executed_requests_total", 13),
        ("sent_messages_total", 14),
        ("peers", 15),
        ("dropped_inputs_total", 16),
        ("failed", 0),
    ];
    expected.extend(plain.map(|(name, value)| format!("byzlab_{name} {value}")));
    expected.extend(Refused::ALL.into_iter().zip(100..).map(|(reason, count)| {
        format!("byzlab_transport_refused_total{{reason=\"{}\"}} {count}", reason.name())
    }));
    let lines: Vec<_> = page.body.lines().collect();
    for line in expected {
        assert!(lines.contains(&&*line), "{line} is not in\n{}", page.body);
    }
}
