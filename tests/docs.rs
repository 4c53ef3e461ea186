//! The documentation is true: what the pages show is what the program prints, what they quote is
//! what the code says, and what they link to exists.
//!
//! `BYZLAB_BLESS=1 cargo test --test docs` writes the generated parts anew: outputs of commands,
//! the reference of scenario files, and the pseudo-code and scenario files of the lectures.

#[path = "docs/attacks.rs"]
mod attacks;
mod common;
#[path = "docs/console.rs"]
mod console;
#[path = "docs/library.rs"]
mod library;
#[path = "docs/reference.rs"]
mod reference;
#[path = "docs/stated.rs"]
mod stated;

use std::{
    fs,
    path::{Path, PathBuf},
};

use byzlab::{
    Lab,
    protocols::{
        About, Protocol, dolev_strong::DolevStrong, hotstuff::HotStuff,
        hotstuff_chained::ChainedHotStuff, pbft::Pbft, pbft_classic::PbftClassic,
    },
};

/// The pages for people, sorted.
fn pages() -> Vec<PathBuf> {
    let mut pages = files("md", &common::root().join("docs"));
    pages.extend(
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(|page| common::root().join(page)),
    );
    pages.sort();
    pages
}

/// All files with this ending below a folder.
fn files(ending: &str, folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("its entries too").path();
        if path.is_dir() {
            files.extend(self::files(ending, &path));
        } else if path.extension().is_some_and(|own| own == ending) {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.strip_prefix(common::root()).unwrap_or(path).display().to_string()
}

/// Demands that a page is as it should be; with `BYZLAB_BLESS` set, makes it so.
fn settle(page: &Path, wanted: &str) {
    if std::env::var_os("BYZLAB_BLESS").is_some() {
        fs::write(page, wanted).expect("the page can be written");
        return;
    }
    let present = read(page);
    let differs = present.lines().zip(wanted.lines()).position(|(is, should)| is != should);
    let line = differs.unwrap_or_else(|| present.lines().count().min(wanted.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("nothing").to_owned();
    assert!(
        present == wanted,
        "{}:{} is out of date:\n  is      {}\n  should  {}\nBYZLAB_BLESS=1 cargo test --test docs",
        name(page),
        line + 1,
        at(&present),
        at(wanted)
    );
}

#[test]
fn what_the_pages_print_is_what_the_commands_print() {
    let with_commands =
        pages().into_iter().filter(|page| read(page).contains("```console")).collect::<Vec<_>>();
    assert!(with_commands.contains(&common::root().join("README.md")));
    for page in with_commands {
        settle(&page, &console::refreshed(&page));
    }
}

#[test]
fn the_reference_of_scenario_files_is_the_table_of_fields() {
    let page = common::root().join("docs/scenario-file.md");
    let text = read(&page);
    let (by_hand, _) = text.split_once(reference::MARK).expect("the mark is there");
    settle(&page, &format!("{by_hand}{}\n\n{}", reference::MARK, reference::render(&Lab::new())));
}

#[test]
fn every_attack_of_the_catalogue_has_a_scenario_or_a_reason() {
    let page = common::root().join("docs/attacks.md");
    let text = read(&page);
    let (by_hand, _) = text.split_once(attacks::MARK).expect("the mark is there");
    let table = attacks::render(Lab::new().registry());
    settle(&page, &format!("{by_hand}{}\n{table}", attacks::MARK));
}

#[test]
fn what_the_posts_state_is_what_is_measured() {
    let page = common::root().join("docs/compare.md");
    let text = read(&page);
    let (before, rest) = text.split_once(stated::MARKS[0]).expect("the table begins");
    let (_, after) = rest.split_once(stated::MARKS[1]).expect("the table ends");
    let table = stated::render(&Lab::new(), after);
    settle(&page, &format!("{before}{}\n\n{table}\n{}{after}", stated::MARKS[0], stated::MARKS[1]));
}

/// The page of the ready comparison is of this file, and the runs that it names still are what it
/// says: a small part of them, since all of them take minutes.
#[test]
fn the_kept_comparison_is_of_its_file_and_its_commands_work() {
    let page = read(&common::root().join("docs/compare-all.html"));
    let plain = |text: &str| {
        let pairs =
            [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
        pairs.iter().fold(text.to_owned(), |text, (coded, char)| text.replace(coded, char))
    };
    let commands = page.split("<code>byzlab run ").skip(1);
    let commands: Vec<_> =
        commands.filter_map(|rest| Some(plain(rest.split_once("</code>")?.0))).collect();
    assert!(commands.len() > 300, "{}", commands.len());
    let small = commands.iter().filter(|command| command.contains("'n = 4'"));
    for command in small.step_by(8) {
        let script = format!("\"$0\" run {command}");
        let run = std::process::Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_byzlab")])
            .current_dir(common::root())
            .output()
            .expect("a shell");
        assert_eq!(run.status.code(), Some(0), "{command}");
    }
}

/// Each piece of the museum has its row in the kill matrix, and none is there twice.
#[test]
fn the_kill_matrix_has_a_row_for_each_piece() {
    let page = read(&common::root().join("docs/kill-matrix.md"));
    let lab = Lab::new();
    let mut pieces = 0;
    for about in lab.registry().entries().map(|entry| entry.about()) {
        for (id, _) in about.broken {
            let begin = format!("| {} | [{id}](", about.name);
            let rows = page.lines().filter(|line| line.starts_with(&begin)).count();
            assert_eq!(rows, 1, "{begin}");
            pieces += 1;
        }
    }
    let rows = page.lines().filter(|line| line.contains("](../scenarios/library/museum/"));
    assert_eq!(rows.count(), pieces, "a row of a piece that is no more");
}

/// The first ```text block after a heading: what is before it, its lines, and what follows.
fn split<'a>(text: &'a str, heading: &str) -> (&'a str, &'a str, &'a str) {
    let heading = text.find(heading).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let fence = text[heading..].find("```text\n").expect("a block of pseudo-code");
    let start = heading + fence + "```text\n".len();
    let end = start + text[start..].find("```").expect("it ends");
    (&text[..start], &text[start..end], &text[end..])
}

fn lecture<P: Protocol>(folder: &str) {
    let about: &About = &P::ABOUT;
    let code = common::root().join("protocols/src").join(folder).join("mod.rs");
    let code: String = read(&code)
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    let (_, published, _) = split(&code, "\n# The protocol\n");
    for number in 1..=about.lines.len() {
        let starts = |line: &str| line.split_whitespace().next() == Some(&number.to_string());
        assert!(published.lines().any(starts), "{folder}: line {number} is not in the lecture");
    }

    let page = common::root().join(format!("docs/protocols/{}.md", about.name));
    let text = read(&page);
    let (before, _, after) = split(&text, "\n## The protocol\n");
    let (between, _) = after.split_once(library::MARK).expect("the mark is there");
    let (mark, files) = (library::MARK, library::render(&Lab::new(), about.name));
    settle(&page, &format!("{before}{published}{between}{mark}\n{files}"));
    assert!(text.contains(about.post), "{} does not name its post", name(&page));
}

#[test]
fn the_lectures_have_the_pseudo_code_of_the_code_and_list_the_library() {
    lecture::<DolevStrong>("dolev_strong");
    lecture::<Pbft>("pbft");
    lecture::<HotStuff>("hotstuff");
    lecture::<ChainedHotStuff>("hotstuff_chained");
    lecture::<PbftClassic>("pbft_classic");
}

/// The targets of a page's links, outside fenced blocks.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if !fenced {
            let after = line.split("](").skip(1);
            links.extend(after.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    links
}

/// The anchors of a page, as the forges make them from headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
        kept.map(|char| if char == ' ' { '-' } else { char }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    let mut count = 0;
    for page in pages() {
        for link in links(&read(&page)) {
            if link.starts_with("https://") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a folder").join(file),
            };
            let known = anchor.is_empty()
                || (target.is_file() && anchors(&read(&target)).iter().any(|own| own == anchor));
            if !target.exists() || !known {
                dead.push(format!("{}: {link}", name(&page)));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert!(count > 20, "only {count} links were found: are they read at all?");
}

#[test]
fn the_readme_names_its_two_commands_and_files_that_exist() {
    let text = read(&common::root().join("README.md"));
    let commands: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("$ cargo ")).collect();
    let first = commands.first().expect("a first command");
    assert!(first.starts_with("run --release -- run scenarios/library/"), "{first}");
    assert!(commands.contains(&"test"), "{commands:?}");
    let named = text.lines().filter(|line| line.starts_with("$ ")).flat_map(str::split_whitespace);
    for path in named.filter(|word| word.starts_with("scenarios/")) {
        assert!(common::root().join(path).exists(), "{path} does not exist");
    }
    for entry in Lab::new().registry().entries() {
        let about = entry.about();
        assert!(text.contains(about.post), "the table of protocols lacks {}", about.name);
    }
}
