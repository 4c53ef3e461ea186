//! kill -9 at random moments, of random parties: nobody contradicts itself, nothing that was
//! acknowledged is lost, and whoever was killed comes back. `BYZLAB_KILLS=200` kills 200 times.
//!
//! Beside a traitor, too. A party that comes back with its disk is an honest one that was slow: its
//! safety is promised whatever happens. While it is down it counts among the f, so that the model
//! promises something with one traitor and one party down at a time from f = 2, n = 7, on.

use byzlab::protocols::Stream;

use super::{byzlab, common, done, objects, path};

/// Who is there.
#[derive(Clone, Copy)]
struct Cast {
    n: u64,
    /// What the last party does, if it is a traitor.
    traitor: Option<&'static str>,
}

const HONEST: Cast = Cast { n: 4, traitor: None };

/// A scenario in which one party after the other is killed at a random moment and comes back.
fn scenario(protocol: &str, cast: Cast, seed: u64, kills: u64) -> String {
    let mut stream = Stream::named(seed, protocol);
    let mut at = stream.below(60);
    let Cast { n, traitor } = cast;
    let honest = n - u64::from(traitor.is_some());
    let mut text = format!(
        "title = \"{kills} kills\"\nprotocol = \"{protocol}\"\nseed = {seed}\nn = {n}\n\
         workload.clients = {{ count = 2, rate = 4, requests = {} }}\n\
         stop.time = \"{}s\"\nruntime.scale = 2\nexpect.fired = false\n",
        2 + kills * 3,
        60 + kills * 4,
    );
    if let Some(behaviour) = traitor {
        text += &format!("[[byzantine]]\nparties = [{honest}]\nbehaviour = \"{behaviour}\"\n");
    }
    for _ in 0..kills {
        let (party, down) = (stream.below(honest), stream.between(1, 400));
        text += &format!(
            "[[event]]\nat = \"{at}ms\"\n\
             crash = {{ party = {party}, restart_after = \"{down}ms\", disk = \"kept\" }}\n"
        );
        // The next one only when this one is back for a while: one at a time is not up.
        at += down + stream.between(200, 900);
    }
    text
}

fn survives(protocol: &str, cast: Cast) {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let kills = given("BYZLAB_KILLS").unwrap_or(4);
    let seed = given("BYZLAB_SEED").unwrap_or(u64::from(std::process::id()));
    println!("BYZLAB_SEED={seed} BYZLAB_KILLS={kills}");
    let traitor = cast.traitor.unwrap_or("nobody");
    let file = common::root().join(format!("target/kills-{protocol}-{traitor}-{seed}.toml"));
    std::fs::write(&file, scenario(protocol, cast, seed, kills)).expect("it is written");
    let (status, out, err) =
        done(byzlab(&["run", path(&file), "--runtime", "processes", "--json"]));
    let runs = objects(&out);
    let run = runs.first().unwrap_or_else(|| panic!("no run: {err}"));
    let verdict = |property: &str| run["properties"][property]["verdict"].as_str();
    for property in ["agreement", "validity", "integrity", "certificates", "accountability"] {
        assert_eq!(verdict(property), Some("holds"), "{property}: {out}");
    }
    let accused = run["accused"].as_array().expect("a list").iter();
    let accused: Vec<_> = accused.map(|one| one["party"].as_u64()).collect();
    let guilty = cast.traitor.map(|_| cast.n - 1);
    assert!(accused.iter().all(|one| one.is_some() && *one == guilty), "{accused:?}: {out}");
    assert_eq!(run["stopped_by"], "decisions", "all requests are executed by all: {out}");
    let fired: u64 = run["fired"]
        .as_array()
        .expect("crashes")
        .iter()
        .filter(|fired| fired["behaviour"].as_str() != cast.traitor)
        .map(|crash| crash["count"].as_u64().expect("a number"))
        .sum();
    assert!(fired * 2 >= kills, "only {fired} of {kills} kills: {out}");
    // On a busy machine a message may have come late, which excuses nothing of the above.
    let late = run["label"] == "out-of-model";
    assert_eq!(status, Some(if late { 3 } else { 0 }), "{out}{err}");
    std::fs::remove_file(&file).expect("it was written here");
}

/// All at once: most of it is waiting.
#[test]
fn whoever_is_killed_comes_back_and_contradicts_nobody() {
    std::thread::scope(|scope| {
        for (protocol, behaviour) in [
            ("pbft", "equivocate"),
            ("pbft-classic", "silent"),
            ("hotstuff", "silent"),
            ("hotstuff-chained", "equivocate"),
        ] {
            let traitor = Cast { n: 7, traitor: Some(behaviour) };
            scope.spawn(move || survives(protocol, HONEST));
            scope.spawn(move || survives(protocol, traitor));
        }
    });
}
