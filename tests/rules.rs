//! Rules that set fields: for every protocol and kind of message, by the path in its serde form,
//! signed again; and what is said where that cannot be.

mod common;

use byzlab::{
    Lab,
    scenarios::{Finding, Options, Property, Run},
};
use common::{resolve, run};

fn toml(protocol: &str, kind: &str, set: &str) -> String {
    format!(
        "protocol = \"{protocol}\"\nn = 4\nf = 1\ncrypto = \"ideal\"\nworkload.commands = 6\n\
         stop.time = \"20s\"\n\
         [[byzantine]]\nparty = \"leader\"\nbehaviour.delay = {{ by = \"1ms\" }}\n\
         [[rule]]\non = {{ from = \"leader\", kind = \"{kind}\" }}\ndo.set = {{ {set} }}\n\
         [expect]\nfired = false\n"
    )
}

/// What is wrong with the file.
fn problem(lab: &Lab, protocol: &str, kind: &str, set: &str) -> Option<String> {
    let resolved = resolve(lab, &toml(protocol, kind, set), None);
    resolved.err().map(|problems| problems.to_string().replace("\n  |", " "))
}

/// The fields that a kind of message has, as the error about another one lists them; none if no
/// such message is sent in the run.
fn fields(lab: &Lab, protocol: &str, kind: &str) -> Vec<String> {
    let Some(text) = problem(lab, protocol, kind, "\"no.such\" = 1") else { return Vec::new() };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&format!("no `{kind}` message has a field `no.such`")), "{text}");
    let (_, listed) = text.split_once("one of ").unwrap_or_else(|| panic!("{text}"));
    let words = listed.split(", ").map(|word| word.split_whitespace().next().unwrap_or_default());
    words
        .take_while(|word| word.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)))
        .map(str::to_owned)
        .collect()
}

fn played(lab: &Lab, protocol: &str, kind: &str, set: &str) -> Run {
    let scenario = resolve(lab, &toml(protocol, kind, set), None);
    let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
    run(lab, &scenario, &Options { trace: true, ..Options::default() })
}

/// Every protocol: the fields of each kind that its leader sends can be set, what is sent is signed
/// again, and whatever it is, nobody who is honest suffers for it.
#[test]
fn fields_of_every_kind_are_set_and_signed_again() {
    let lab = Lab::new();
    for (protocol, kinds) in [
        ("dolev-strong", &["send", "relay"][..]),
        ("pbft", &["status", "propose", "vote", "vote2"]),
        ("pbft-classic", &["pre-prepare", "commit"]),
        ("hotstuff", &["new-view", "prepare", "prepare-vote", "commit-vote"]),
        ("hotstuff-chained", &["propose", "vote"]),
    ] {
        for kind in kinds {
            let fields = fields(&lab, protocol, kind);
            assert!(!fields.is_empty(), "{protocol} sends no {kind}");
            let mut fired = 0;
            for field in fields.iter().filter(|field| !field.contains("requests")) {
                let set = format!("\"{field}\" = 7");
                if problem(&lab, protocol, kind, &set).is_some() {
                    continue;
                }
                let run = played(&lab, protocol, kind, &set);
                let place = format!("{protocol} {kind} {field}");
                let rule = run.verdict.fired.iter().find(|fired| fired.name.starts_with("rule"));
                fired += rule.map_or(0, |rule| rule.count);
                for property in [Property::Agreement, Property::Accountability] {
                    let found = run.verdict.properties[property as usize].finding;
                    assert_ne!(found, Finding::Violated, "{place}: {}", property.name());
                }
                // A relay holds a signature of somebody else, which nobody can make anew.
                let own =
                    field.ends_with("body.view") || (*kind == "send" && *field == "broadcast");
                let unsigned = run.trace.iter().filter(|record| record.what == "rejected");
                let unsigned =
                    unsigned.filter(|record| record.text.contains("does not verify")).count();
                assert!(!own || unsigned == 0, "{place}: {unsigned} signatures do not verify");
            }
            assert!(fired > 0, "{protocol}: nothing of a {kind} was changed");
        }
    }
}

#[test]
fn a_wrong_path_or_value_is_said_before_anything_runs() {
    let lab = Lab::new();
    let said = |set: &str| problem(&lab, "pbft", "vote", set).unwrap_or_default();
    let near = said("\"Vote.body.vieww\" = 1");
    assert!(near.contains("no `vote` message has a field `Vote.body.vieww`"), "{near}");
    assert!(near.contains("Vote.body.view"), "the nearest name: {near}");
    let value = said("\"Vote.body.view\" = \"soon\"");
    assert!(value.contains("no `vote` message can hold this as `Vote.body.view`"), "{value}");
    assert!(problem(&lab, "pbft", "vote", "\"Vote.body.view\" = 3").is_none());
}

/// Several fields at once, and in the cast of an attack too; an honest sender cannot.
#[test]
fn only_the_corrupted_can_sign_what_is_changed() {
    let lab = Lab::new();
    let rule = |from: u16| {
        format!(
            "protocol = \"pbft\"\nattack.name = \"PB9\"\n[[rule]]\non = {{ from = {from}, \
             kind = \"vote\" }}\ndo.set = {{ \"Vote.body.view\" = 1, \
             \"Vote.body.justify_view\" = 0 }}\n"
        )
    };
    let attack = lab.registry().attacks().into_iter().find(|attack| attack.id == "PB9");
    let cast = attack.expect("it is there").cast[0];
    assert!(resolve(&lab, &rule(cast), None).is_ok());
    let refused = resolve(&lab, &rule((cast + 1) % 4), None).err().map(|text| text.to_string());
    assert!(refused.as_ref().is_some_and(|text| text.contains("is honest")), "{refused:?}");
}
