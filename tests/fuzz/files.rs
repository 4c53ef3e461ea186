//! Scenario files, and values that are set over them.

use byzlab::{
    Lab,
    protocols::Stream,
    scenarios::{Document, MAX_FILE_BYTES, Problems, explain},
};

use crate::{INPUTS, alone, bytes, in_use, measured};

/// Files that are right, and between them use every key there is.
const FILES: [&str; 4] = [
    include_str!("files/everything.toml"),
    include_str!("files/behaviours.toml"),
    include_str!("files/attack.toml"),
    include_str!("files/broadcast.toml"),
];

/// What else stands in files.
const TOKENS: [&str; 40] = [
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "#",
    "\n",
    "\r\n",
    "\0",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "-0.0",
    "9223372036854775807",
    "0x10",
    "true",
    "1979-05-27",
    "\"leader\"",
    "\"leader(0)\"",
    "\"random(9)\"",
    "\"0s\"",
    "\"5 parsecs\"",
    "\"1..0\"",
    "\"0..18446744073709551615\"",
    "[[event]]",
    "[network]",
    "n = 1024",
    "f = 0",
    "[]",
    "\u{1b}[31m",
    "\u{feff}",
];

/// Lines for `--set`.
const SET: [&str; 8] = [
    "n = 7",
    "network.gst = \"2s\"",
    "byzantine = []",
    "protocol = \"hotstuff\"",
    "workload.commands = 3",
    "expect.accused = [0]",
    "event = 3",
    "network.delay.uniform = [\"1ms\", \"2ms\"]",
];

/// Decodes and resolves: a scenario, or problems that can be shown.
fn take(lab: &Lab, bytes: &[u8], set: &[String], shown: bool) -> Result<(), Problems> {
    let registry = lab.registry();
    let document = Document::decode("fuzz.toml", bytes, set, registry)?;
    let scenario = document.resolve(None, registry)?;
    if shown {
        let text = explain(&document, &scenario, registry);
        let again = Document::decode("fuzz.toml", text.as_bytes(), &[], registry);
        let again = again.and_then(|document| document.resolve(None, registry));
        again.unwrap_or_else(|problems| panic!("explained, but not right: {problems}\n{text}"));
    }
    Ok(())
}

/// A third of the inputs: there are three ways to make them.
fn fuzz(name: &str, mut draw: impl FnMut(&mut Stream) -> (Vec<u8>, Vec<String>)) {
    let _alone = alone();
    let lab = Lab::new();
    let mut random = Stream::named(1, name);
    let _ = take(&lab, FILES[0].as_bytes(), &[], true);
    let before = in_use();
    let (mut right, mut wrong) = (0u64, 0u64);
    for number in 0..INPUTS.div_ceil(3) {
        let (bytes, set) = draw(&mut random);
        let length = bytes.len() + set.iter().map(String::len).sum::<usize>();
        let (taken, peak) = measured(|| take(&lab, &bytes, &set, number % 16 == 0));
        assert!(peak < 4 << 20, "{peak} bytes for a file of {length}");
        match taken {
            Ok(()) => right += 1,
            Err(problems) => {
                wrong += 1;
                assert!(!problems.list.is_empty(), "refused without a reason");
                if number % 16 == 0 {
                    assert!(problems.render(number % 32 == 0).contains("nothing was run"));
                    assert!(problems.json().lines().count() == problems.list.len());
                }
            }
        }
    }
    let grown = in_use().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes are kept for files that are gone");
    assert!(wrong > INPUTS / 60, "only {wrong} files were refused");
    assert!(right > 100, "no file was taken");
}

#[test]
fn any_bytes_are_a_scenario_or_not() {
    let corpus: Vec<_> = FILES.iter().map(|file| file.as_bytes().to_vec()).collect();
    fuzz("bytes", |random| (bytes::draw(random, &corpus), Vec::new()));
}

#[test]
fn any_words_are_a_scenario_or_not() {
    let files = FILES.map(words);
    let others = files.concat();
    fuzz("words", |random| {
        let mut words = random.pick(&files).expect("files").clone();
        for _ in 0..=random.below(3) {
            change(random, &mut words, &others);
        }
        (words.concat().into_bytes(), Vec::new())
    });
}

#[test]
fn any_value_can_be_tried_with_set() {
    let lines: Vec<_> = SET.iter().map(|line| line.as_bytes().to_vec()).collect();
    fuzz("set", |random| {
        let set = (0..=random.below(2)).map(|_| {
            let line = match random.below(4) {
                0 => random.pick(&lines).expect("lines").clone(),
                _ => bytes::draw(random, &lines),
            };
            String::from_utf8_lossy(&line).into_owned()
        });
        let set = set.collect();
        (random.pick(&FILES).expect("files").as_bytes().to_vec(), set)
    });
}

#[test]
fn a_file_costs_no_more_than_it_is_long() {
    let _alone = alone();
    let lab = Lab::new();
    let hundred = 100 << 20;
    let (taken, peak) = measured(|| take(&lab, &vec![b'#'; hundred], &[], false));
    assert!(taken.is_err());
    assert!(peak < hundred + (1 << 20), "{peak} bytes");
    for line in ["[", "{a=", "a.", "[[a]]\n", "x = [[[[[[[[\n", "\"", "n = 4\n", "party = 1,"] {
        let text = line.repeat((MAX_FILE_BYTES - 1) / line.len());
        let (taken, peak) = measured(|| take(&lab, text.as_bytes(), &[], false));
        let problems = taken.expect_err("nothing of this is a scenario");
        assert!(peak < 512 << 20, "{line:?}: {peak} bytes");
        assert!(problems.render(false).len() < 4 << 20, "{line:?}: a report without end");
    }
}

/// A text as words, numbers, spaces and signs.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let class = |char: char| (char.is_alphanumeric() || char == '_', char == ' ');
    for char in text.chars() {
        match words.last_mut() {
            Some(word) if word.chars().all(|last| class(last) == class(char) && class(char).0) => {
                word.push(char);
            }
            _ => words.push(char.to_string()),
        }
    }
    words
}

fn change(random: &mut Stream, words: &mut Vec<String>, others: &[String]) {
    let at = random.below(words.len() as u64) as usize;
    let end = at + random.below((words.len() - at).min(12) as u64 + 1) as usize;
    match random.below(6) {
        0 => drop(words.drain(at..end)),
        1 => {
            let piece = words[at..end].to_vec();
            words.splice(at..at, piece);
        }
        2 => words[at] = random.pick(others).expect("words").clone(),
        3 => words.insert(at, random.pick(others).expect("words").clone()),
        _ => words[at] = (*random.pick(&TOKENS).expect("tokens")).to_owned(),
    }
    if words.is_empty() {
        words.push(String::new());
    }
}
