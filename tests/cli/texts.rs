//! What people and shells read: reports, lists, the schema, completions.

use std::process::Command;

use byzlab::{
    Lab,
    protocols::{Field, FieldKind},
    scenarios::FILE,
};
use serde_json::Value;

use crate::{GOOD, TRAITOR, byzlab, command, done, given};

#[test]
fn a_report_has_no_colours_unless_they_are_wanted() {
    for arguments in [&["run", "-"][..], &["explain", "-"]] {
        assert!(!given(GOOD, arguments).out.contains('\u{1b}'));
    }
    assert!(given(GOOD, &["run", "-", "--color", "always"]).out.contains("\u{1b}[1;32mPASS"));
    assert!(!given(GOOD, &["run", "-", "--color", "never"]).out.contains('\u{1b}'));
    let wrong = given("n = 0", &["run", "-"]);
    assert!(!wrong.err.contains('\u{1b}'), "{}", wrong.err);
    let shown = given("n = 0", &["run", "-", "--color", "always"]);
    assert!(shown.err.contains('\u{1b}'));
    let mut plain = command(&["--help"]);
    plain.env("NO_COLOR", "1");
    assert!(!done(plain).out.contains('\u{1b}'));
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_colours_but_not_against_no_color() {
    let on_terminal = |variable: &str| {
        let line = format!("{variable} {} list protocols --help", env!("CARGO_BIN_EXE_byzlab"));
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
        done(script).out
    };
    // Not every machine has `script`; where there is none, the pipe above is what can be tested.
    if Command::new("script").arg("--version").output().is_ok() {
        assert!(on_terminal("").contains('\u{1b}'));
        assert!(!on_terminal("NO_COLOR=1").contains('\u{1b}'));
    }
}

#[test]
fn a_report_names_the_traitor_the_proof_the_costs_and_how_to_repeat_it() {
    let report = given(TRAITOR, &["run", "-"]).out;
    let lines: Vec<_> = report.lines().collect();
    assert_eq!(
        lines[0],
        "seed 1   pbft n=4 f=1   ed25519   partial-synchrony delta=100ms   byzantine: 1 equivocate"
    );
    assert_eq!(lines[1], "PASS  stdin");
    assert!(lines[2].trim().starts_with("2 decisions in "), "{report}");
    assert!(lines[2].ends_with(" of virtual time, in-model"), "{report}");
    assert!(
        report.contains("  accused     party 1: equivocation\n    signed    block "),
        "{report}"
    );
    assert!(report.contains("\n  costs       messages "), "{report}");
    assert_eq!(lines.last(), Some(&"  repeat      byzlab run - --seed 1"));
    assert!(!report.contains("{ ") && !report.contains("View("), "nobody reads Rust: {report}");
}

#[test]
fn a_relay_of_dolev_strong_is_shown_in_words() {
    let text = TRAITOR.replace("pbft", "dolev-strong");
    let report = given(&text, &["run", "-"]).out;
    assert!(report.contains(" in broadcast 1 of party 0 "), "{report}");
    assert!(!report.contains("PartyId("), "{report}");
}

#[test]
fn everything_can_be_listed() {
    let list = |what: &str| {
        let done = byzlab(&["list", what]);
        assert_eq!((done.status, done.err.as_str()), (Some(0), ""), "{what}");
        done.out
    };
    let lab = Lab::new();
    let protocols = list("protocols");
    assert_eq!(protocols.lines().count(), lab.registry().names().len());
    assert!(lab.registry().names().iter().all(|name| protocols.contains(name)));
    let behaviours = list("behaviours");
    let known = byzlab::protocols::byzantine::BEHAVIOURS;
    assert!(known.iter().all(|info| behaviours.contains(info.name)));
    let attacks = list("attacks");
    let all = lab.registry().attacks();
    assert!(all.iter().all(|attack| attacks.lines().any(|line| line.starts_with(attack.id))));
    let broken = list("broken");
    for about in lab.registry().entries().map(|entry| entry.about()) {
        assert!(about.broken.iter().all(|(id, _)| broken.contains(id)), "{}", about.name);
    }
    assert_eq!(byzlab(&["list", "nothing"]).status, Some(2));
}

#[test]
fn what_is_explained_can_be_run_and_gives_the_same_run() {
    let parameters = |name: &str| match name {
        "attack" | "compare" => String::new(),
        name => format!("byzantine = [{{ party = \"random\", behaviour = \"{name}\" }}]\n"),
    };
    for behaviour in byzlab::protocols::byzantine::BEHAVIOURS {
        let text = format!("{GOOD}expect.fired = false\n{}", parameters(behaviour.name));
        let explained = given(&text, &["explain", "-", "--seed", "7"]);
        assert_eq!(explained.status, Some(0), "{}: {}", behaviour.name, explained.err);
        assert!(explained.out.contains("# expected: agreement       holds"), "{}", explained.out);
        let digest = |text: &str, arguments: &[&str]| {
            let run: Value = serde_json::from_str(&given(text, arguments).out).expect("an object");
            run["digest"].as_str().expect("a digest").to_owned()
        };
        let first = digest(&text, &["run", "-", "--json", "--seed", "7"]);
        assert_eq!(first, digest(&explained.out, &["run", "-", "--json"]), "{}", behaviour.name);
    }
}

#[test]
fn the_schema_is_json_and_knows_every_key() {
    let done = byzlab(&["schema"]);
    let schema: Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], serde_json::json!(["protocol"]));
    let mut keys = 0;
    known(FILE, &schema, &mut keys);
    assert!(keys > 80, "only {keys} keys");
}

/// Every field of a table has a property with a line of documentation.
fn known(fields: &[Field], schema: &Value, keys: &mut usize) {
    for field in fields {
        let property = &schema["properties"][field.name];
        assert!(property["description"].is_string(), "{}: {property}", field.name);
        *keys += 1;
        match &field.kind {
            FieldKind::Table(fields) => known(fields, property, keys),
            FieldKind::Tables(fields) => known(fields, &property["items"], keys),
            _ => {}
        }
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for (shell, word) in
        [("bash", "complete -F"), ("zsh", "#compdef byzlab"), ("fish", "complete -c byzlab")]
    {
        let done = byzlab(&["completions", shell]);
        assert_eq!((done.status, done.err.as_str()), (Some(0), ""), "{shell}");
        assert!(done.out.contains(word) && done.out.contains("explain"), "{shell}");
    }
}

#[test]
fn help_names_the_commands_and_the_exit_statuses() {
    let done = byzlab(&["--help"]);
    assert_eq!(done.status, Some(0));
    for word in ["run", "explain", "list", "compare", "trace", "schema", "completions"] {
        assert!(done.out.contains(&format!("\n  {word} ")), "{word}: {}", done.out);
    }
    assert!(done.out.contains("2 wrong usage or file (nothing was run)"), "{}", done.out);
    assert_eq!(byzlab(&[]).status, Some(2), "nothing to do is wrong usage");
}
