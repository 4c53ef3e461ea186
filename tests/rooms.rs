//! The rooms: who may see whom, and what the pure ones must not know.

mod common;

use std::{collections::BTreeSet, fs, path::Path};

use common::root;

/// Each room, and the rooms that it may see: `crypto <- protocols <- net/trace <- net/sim <-
/// { net/live, scenarios } <- byzlab`.
const ROOMS: &[(&str, &str, &[&str])] = &[
    ("crypto", "byzlab-crypto", &[]),
    ("protocols", "byzlab-protocols", &["byzlab-crypto"]),
    ("net/trace", "byzlab-trace", &["byzlab-crypto", "byzlab-protocols"]),
    ("net/sim", "byzlab-sim", &["byzlab-crypto", "byzlab-protocols", "byzlab-trace"]),
    (
        "scenarios",
        "byzlab-scenarios",
        &["byzlab-crypto", "byzlab-protocols", "byzlab-trace", "byzlab-sim"],
    ),
    (
        "net/live",
        "byzlab-live",
        &["byzlab-crypto", "byzlab-protocols", "byzlab-trace", "byzlab-sim"],
    ),
];

/// The rooms without clock, randomness, threads and sockets.
const PURE: &[&str] = &["crypto", "protocols", "net/trace", "net/sim"];

/// What a pure room must not depend on: runtimes, networks, clocks, sources of randomness.
const IMPURE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "futures",
    "mio",
    "libp2p",
    "rand",
    "getrandom",
    "fastrand",
    "rayon",
    "crossbeam",
    "chrono",
    "time",
    "hashbrown",
    "indexmap",
    "ahash",
];

/// What the source of a pure room must not name: the iteration order of hash maps differs from
/// run to run, and time and randomness are arguments.
const BANNED: &[&str] = &[
    "HashMap",
    "HashSet",
    "Instant",
    "SystemTime",
    "RandomState",
    "DefaultHasher",
    "OsRng",
    "SysRng",
    "thread_rng",
    "getrandom",
    "std::thread",
    "std::net",
    "std::env",
    "std::fs",
];

/// The bans that clippy holds as well, closer to whoever writes.
const CLIPPY: &[&str] = &[
    "std::collections::HashMap",
    "std::collections::HashSet",
    "std::time::Instant::now",
    "std::time::SystemTime::now",
];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn toml(path: &str) -> toml::Table {
    read(&root().join(path)).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rooms that there are by now.
fn rooms() -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [&'static str])> {
    ROOMS.iter().filter(|(folder, ..)| root().join(folder).is_dir())
}

/// All that a manifest depends on, for tests and for other systems too.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut tables = vec![manifest];
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    tables.extend(targets.iter().flat_map(|all| all.values()).filter_map(toml::Value::as_table));
    let mut names = BTreeSet::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let listed = table.get(kind).and_then(toml::Value::as_table);
            for (name, spec) in listed.into_iter().flatten() {
                let renamed = spec.get("package").and_then(toml::Value::as_str);
                names.insert(renamed.unwrap_or(name).to_owned());
            }
        }
    }
    names
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// The source files below a folder.
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file without their comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn every_room_sees_only_those_before_it() {
    for (folder, name, sees) in rooms() {
        let manifest = toml(&format!("{folder}/Cargo.toml"));
        assert_eq!(manifest["package"]["name"].as_str(), Some(*name));
        for dependency in dependencies(&manifest) {
            let ours = dependency == "byzlab" || dependency.starts_with("byzlab-");
            assert!(!ours || sees.contains(&&*dependency), "{folder} sees {dependency}");
        }
    }
}

#[test]
fn every_member_is_a_room_and_is_tested_by_default() {
    let workspace = &toml("Cargo.toml")["workspace"];
    let members = strings(&workspace["members"]);
    let rooms: BTreeSet<_> = rooms().map(|(folder, ..)| (*folder).to_owned()).collect();
    assert_eq!(members, rooms);
    let default = strings(&workspace["default-members"]);
    let expected = members.into_iter().chain([".".to_owned()]).collect();
    assert_eq!(default, expected);
}

#[test]
fn pure_rooms_depend_on_no_runtime_and_no_clock() {
    for folder in PURE {
        let manifest = toml(&format!("{folder}/Cargo.toml"));
        let Some(used) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            panic!("{folder} depends on nothing at all");
        };
        for name in used.keys() {
            assert!(!IMPURE.contains(&name.as_str()), "{folder} depends on {name}");
        }
    }
}

/// A source of randomness of the system comes by a feature, whoever asks for it.
#[test]
fn no_source_of_randomness_comes_by_a_feature() {
    let workspace = toml("Cargo.toml");
    let shared = workspace["workspace"]["dependencies"].as_table().expect("a table");
    for name in ["rand_core", "rand_xoshiro", "ed25519-dalek"] {
        let features = shared[name].get("features").map(strings).unwrap_or_default();
        for feature in ["getrandom", "os_rng", "sys_rng", "std_rng", "thread_rng"] {
            assert!(!features.contains(feature), "{name} asks for {feature}");
        }
    }
}

#[test]
fn scenarios_know_no_real_network() {
    let used = dependencies(&toml("scenarios/Cargo.toml"));
    let network = |name: &&String| name.contains("libp2p") || *name == "tokio";
    assert_eq!(used.iter().find(network), None);
    let mut files = Vec::new();
    sources(&root().join("scenarios/src"), &mut files);
    assert!(!files.is_empty());
    for file in files {
        let text = read(&file);
        for (line, code) in code(&text) {
            assert!(!code.contains("libp2p::"), "{}:{line}: {code}", file.display());
        }
    }
}

#[test]
fn clippy_holds_the_bans_in_every_pure_room() {
    for folder in PURE {
        let clippy = toml(&format!("{folder}/clippy.toml"));
        let mut banned = BTreeSet::new();
        for key in ["disallowed-types", "disallowed-methods"] {
            let listed = clippy[key].as_array().expect("a list");
            banned.extend(listed.iter().filter_map(|ban| ban.get("path")?.as_str()));
        }
        for path in CLIPPY {
            assert!(banned.contains(path), "{folder}/clippy.toml does not ban {path}");
        }
    }
    let lints = &toml("Cargo.toml")["workspace"]["lints"]["clippy"];
    for lint in ["disallowed_types", "disallowed_methods"] {
        assert!(lints.get(lint).is_some(), "{lint} is off");
    }
    for (folder, ..) in rooms() {
        let manifest = toml(&format!("{folder}/Cargo.toml"));
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        assert_eq!(inherits.and_then(toml::Value::as_bool), Some(true), "{folder}");
    }
}

#[test]
fn pure_rooms_name_no_hash_map_no_clock_and_no_randomness_of_the_system() {
    for folder in PURE {
        let mut files = Vec::new();
        sources(&root().join(folder).join("src"), &mut files);
        assert!(!files.is_empty(), "{folder} has no source");
        for file in files {
            let text = read(&file);
            for (line, code) in code(&text) {
                let named = BANNED.iter().find(|name| code.contains(**name));
                assert_eq!(named, None, "{}:{line}: {code}", file.display());
            }
        }
    }
}

/// Whoever wants the simulator alone builds no network: what real processes need is optional.
#[test]
fn the_root_can_do_without_real_processes() {
    let manifest = toml("Cargo.toml");
    let features = manifest["features"].as_table().expect("a table");
    assert_eq!(strings(&features["default"]), BTreeSet::from(["live".to_owned()]));
    let live = strings(&features["live"]);
    let used = manifest["dependencies"].as_table().expect("a table");
    for (name, spec) in used {
        let network = name == "byzlab-live" || IMPURE.contains(&name.as_str()) && name != "rayon";
        let optional = spec.get("optional").and_then(toml::Value::as_bool) == Some(true);
        assert!(!network || optional, "{name} is always built");
        assert_eq!(optional, live.contains(&format!("dep:{name}")), "{name}");
    }
}
