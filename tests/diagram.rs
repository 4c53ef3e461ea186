//! The picture of a violation in the report of a run.

mod common;

use std::process::Command;

fn report(file: &str) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_byzlab"))
        .args(["run", file])
        .current_dir(common::root())
        .output()
        .expect("byzlab can be run");
    String::from_utf8(run.stdout).expect("output is text")
}

/// The lines of the picture: from the letters to the blank line.
fn picture(report: &str) -> Vec<&str> {
    let lines = report.lines().skip_while(|line| !line.starts_with("    A = "));
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn a_disagreement_is_drawn() {
    let report = report("scenarios/library/beyond/pbft-twins-two-of-four.toml");
    let picture = picture(&report);
    assert!(picture.len() > 5, "{report}");
    let values: Vec<_> = picture[0].trim().split(", ").map(|part| &part[4..]).collect();
    assert_eq!(values.len(), 2);
    let sentence = report.lines().find(|line| line.contains("slot 1: party")).expect("the story");
    assert!(values.iter().all(|value| sentence.contains(value)), "{sentence}");
    let decides = |letter: &str| {
        let row = picture.iter().find(|line| line.contains(&format!("DECIDES {letter}")));
        row.unwrap_or_else(|| panic!("nobody decides {letter}:\n{report}")).find("DECIDES")
    };
    assert_ne!(decides("A"), decides("B"), "in different columns");
    assert!(picture[1].contains(" !"), "traitors are marked: {}", picture[1]);
    assert!(picture.iter().any(|line| line.contains("> A")), "{report}");
    let last = report.lines().last().expect("a last line");
    assert!(last.starts_with("  repeat      byzlab run "), "{last}");
}

/// Two quorums of a bound that is kept share an honest party: here they share traitors only.
#[test]
fn the_quorums_that_disagree_are_named() {
    let report = report("scenarios/library/beyond/pbft-twins-two-of-four.toml");
    let words = |start: &str| {
        let line = picture(&report).into_iter().find_map(|line| line.trim().strip_prefix(start));
        line.unwrap_or_else(|| panic!("no line `{start}`:\n{report}")).to_owned()
    };
    let signers = |letter: &str| -> Vec<String> {
        let line = words(&format!("{letter} is certified by "));
        line.split(' ').map(str::to_owned).collect()
    };
    let (a, b) = (signers("A"), signers("B"));
    assert_eq!((a.len(), b.len()), (3, 3), "quorums of four:\n{report}");
    let both: Vec<_> = a.into_iter().filter(|by| b.contains(by)).collect();
    assert_eq!(words("both by "), format!("{}, honest: nobody", both.join(" ")));
}

/// Whatever falls in the library is drawn within 80 columns, or has no value in it.
#[test]
fn every_picture_fits() {
    let mut drawn = 0;
    for folder in ["beyond", "museum"] {
        for file in common::scenario_files(&format!("scenarios/library/{folder}")) {
            let file = file.strip_prefix(common::root()).expect("below the root");
            let report = report(file.to_str().expect("a plain path"));
            let picture = picture(&report);
            drawn += usize::from(!picture.is_empty());
            assert!(picture.len() < 35, "{report}");
            for line in picture {
                assert!(line.chars().count() <= 80, "{}: {line}", file.display());
            }
        }
    }
    assert!(drawn > 15, "{drawn}");
}
