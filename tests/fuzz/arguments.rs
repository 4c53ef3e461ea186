//! The arguments of the command line.

use std::ffi::OsString;

use byzlab::protocols::Stream;

use crate::{INPUTS, alone, in_use, measured};

const WORDS: [&str; 60] = [
    "run",
    "explain",
    "list",
    "compare",
    "trace",
    "schema",
    "completions",
    "help",
    "a.toml",
    "-",
    "--",
    "--seed",
    "--seed=1",
    "--seed=0x10",
    "--seed=abc",
    "--seeds",
    "--seeds=0..10",
    "0..10",
    "3..=1",
    "..",
    "0x",
    "--set",
    "--set=n=4",
    "--set=",
    "--json",
    "--junit",
    "--junit=x",
    "--trace",
    "--timing",
    "--runtime",
    "--runtime=sim",
    "--runtime=moon",
    "--color",
    "--color=always",
    "--color=blue",
    "--party",
    "--party=1,2",
    "--party=99999",
    "--kind=vote",
    "--what=sent",
    "--view=1..3",
    "--why=7",
    "--why=-1",
    "-h",
    "-V",
    "--help",
    "--version",
    "-x",
    "--x",
    "---",
    "=",
    "",
    " ",
    "18446744073709551616",
    "protocols",
    "attacks",
    "bash",
    "fish",
    "zsh",
    "\u{1f980}",
];

/// One argument: a word, a word with a change, or noise that need not be text.
fn argument(random: &mut Stream) -> OsString {
    let word = (*random.pick(&WORDS).expect("words")).to_owned();
    match random.below(8) {
        0 => noise(random),
        1 => format!("{word}{}", random.pick(&WORDS).expect("words")).into(),
        2 => word.chars().rev().collect::<String>().into(),
        3 => word.chars().skip(1).collect::<String>().into(),
        _ => word.into(),
    }
}

#[cfg(unix)]
fn noise(random: &mut Stream) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec((0..random.below(12)).map(|_| random.bits() as u8).collect())
}

#[cfg(not(unix))]
fn noise(random: &mut Stream) -> OsString {
    random.bits().to_string().into()
}

#[test]
fn any_arguments_are_taken_or_refused() {
    let _alone = alone();
    let mut command = byzlab::command();
    let mut random = Stream::named(1, "arguments");
    let _ = command.try_get_matches_from_mut(["byzlab"]);
    let before = in_use();
    let (mut taken, mut refused) = (0u64, 0u64);
    for _ in 0..INPUTS {
        let mut arguments = vec![OsString::from("byzlab")];
        arguments.extend((0..random.below(7)).map(|_| argument(&mut random)));
        let (matches, peak) = measured(|| command.try_get_matches_from_mut(&arguments).map(|_| ()));
        assert!(peak < 1 << 20, "{peak} bytes for {arguments:?}");
        match matches {
            Ok(()) => taken += 1,
            Err(error) => {
                assert!([0, 2].contains(&error.exit_code()), "{arguments:?}");
                refused += 1;
            }
        }
    }
    let grown = in_use().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes are kept for arguments that are gone");
    assert!(taken > INPUTS / 200 && refused > INPUTS / 200, "{taken} taken, {refused} refused");
}
