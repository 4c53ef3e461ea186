//! Every decoder against its seeds, and against what becomes of them by a few changes. The same
//! functions are the fuzz targets under `fuzz/`.

#[path = "../../fuzz/decoders.rs"]
mod shared;

use std::{collections::BTreeMap, fs, path::PathBuf};

use byzlab::{
    Lab,
    crypto::PartyId,
    protocols::{
        Protocol, Stream, dolev_strong::DolevStrong, hotstuff::HotStuff,
        hotstuff_chained::ChainedHotStuff, pbft::Pbft, pbft_classic::PbftClassic,
    },
    scenarios::EvidenceFile,
};
use byzlab_live::{
    Owner, fuzzing,
    journal::{Entry, Happened, Writer},
};

use crate::{alone, bytes, common, context::context, in_use, measured, wire::Talk};
use shared::DECODERS;

/// Inputs of each decoder; those of messages and scenarios get more beside this file.
const INPUTS: u64 = 10_000;

/// By decoder and name.
type Seeds = BTreeMap<(String, String), Vec<u8>>;

fn folder() -> PathBuf {
    common::root().join("fuzz/seeds")
}

/// What the decoders take of what this code writes.
fn written() -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |decoder: &str, name: &str, bytes: Vec<u8>| {
        seeds.insert((decoder.to_owned(), name.to_owned()), bytes);
    };
    let (.., client) = context::<Pbft>();
    for (decoder, name, bytes) in fuzzing::seeds(&client) {
        add(decoder, name, bytes);
    }
    protocol::<DolevStrong>(0, "dolev_strong", &mut add);
    protocol::<Pbft>(1, "pbft", &mut add);
    protocol::<PbftClassic>(2, "pbft_classic", &mut add);
    protocol::<HotStuff>(3, "hotstuff", &mut add);
    protocol::<ChainedHotStuff>(4, "hotstuff_chained", &mut add);
    journal(&mut add);
    let commands = [&b"put k v"[..], b"get k", b"get other", b"drop k"];
    add("payload", "one", commands[0].to_vec());
    add("payload", "list", byzlab::protocols::smr::list::list(commands));
    add("evidence", "equivocation", evidence());
    seeds
}

/// A message of each kind, and what stands on a disk.
fn protocol<P: Protocol>(which: u8, name: &str, add: &mut impl FnMut(&str, &str, Vec<u8>)) {
    let talk = Talk::<P>::after_all();
    for (kind, bytes) in talk.kinds {
        add(name, kind, bytes);
    }
    for (what, (kept, bytes)) in
        (0..).zip(["record", "block", "snapshot"].into_iter().zip(talk.disk))
    {
        if let Some(bytes) = bytes {
            add("disk", &format!("{name}-{kept}"), [&[which + 5 * what], &bytes[..]].concat());
        }
    }
}

fn journal(add: &mut impl FnMut(&str, &str, Vec<u8>)) {
    let (context, .., client) = context::<Pbft>();
    let command = byzlab::protocols::Command { seq: 1, payload: b"get k".to_vec() };
    let command = client.sign(command).into_signed();
    let packet = Happened::Packet { from: 1, incarnation: 0, number: 7, bytes: vec![1, 2, 3] };
    let started = Happened::Started { record: None, blocks: vec![vec![4]], snapshot: None };
    let all = [started, Happened::Command(command), packet, Happened::Fired(3), Happened::Stopped];
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz-journal");
    let _ = fs::remove_dir_all(&folder);
    let owner = Owner::of::<Pbft>(&context, PartyId(0));
    let (mut writer, life) = Writer::create(&folder, &owner).expect("an empty folder");
    for (at, happened) in (0..).zip(all) {
        let entry = Entry { at, happened, effects: None };
        add("journal", &format!("entry-{at}"), borsh::to_vec(&entry).expect("bytes"));
        writer.add(&entry);
    }
    writer.flush().expect("there is room");
    let file = folder.join(format!("journal-{life}"));
    add("journal", "whole", fs::read(file).expect("it was written"));
}

fn evidence() -> Vec<u8> {
    let toml = "protocol = \"pbft\"\nworkload.commands = 2\n\
                byzantine = [{ party = \"leader\", behaviour = \"equivocate\" }]\n";
    let (scenario, run) = common::run_text(&Lab::new(), toml, None);
    let file = EvidenceFile::of(&scenario, &run).expect("somebody is accused");
    file.sealed().text().into_bytes()
}

/// The seeds of a decoder as they stand in the repository; scenarios have a folder of their own.
fn seeds(decoder: &str) -> Vec<Vec<u8>> {
    let folder = match decoder {
        "scenario" => common::root().join("tests/fuzz/files"),
        other => folder().join(other),
    };
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).expect("it can be read")).collect()
}

/// Refreshed by `BYZLAB_BLESS=1 cargo test --test fuzz the_seeds`.
#[test]
fn the_seeds_are_what_this_code_writes() {
    let _alone = alone();
    let written = written();
    if std::env::var_os("BYZLAB_BLESS").is_some() {
        let _ = fs::remove_dir_all(folder());
        for ((decoder, name), bytes) in &written {
            let folder = folder().join(decoder);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join(name), bytes).expect("a file");
        }
    }
    for ((decoder, name), bytes) in &written {
        let file = folder().join(decoder).join(name);
        let stands = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(&stands, bytes, "{decoder}/{name} is not what is written today");
    }
    let files: usize = DECODERS
        .iter()
        .filter(|(decoder, _)| *decoder != "scenario")
        .map(|(decoder, _)| seeds(decoder).len())
        .sum();
    assert_eq!(files, written.len(), "a seed that nothing writes any more");
}

#[test]
fn every_decoder_takes_its_seeds() {
    let _alone = alone();
    for (decoder, take) in DECODERS {
        let taken = seeds(decoder).iter().filter(|bytes| take(bytes)).count();
        // An entry of a journal is none by itself: what it decodes to is compared all the same.
        let refused = if decoder == "journal" { 5 } else { 0 };
        assert_eq!(taken + refused, seeds(decoder).len(), "{decoder}");
    }
}

#[test]
fn no_bytes_break_a_decoder() {
    let _alone = alone();
    for (decoder, take) in DECODERS.into_iter().filter(|(decoder, _)| *decoder != "scenario") {
        let seeds = seeds(decoder);
        let mut random = Stream::named(1, decoder);
        take(&seeds[0]);
        let before = in_use();
        for _ in 0..INPUTS {
            let raw = bytes::draw(&mut random, &seeds);
            let (_, peak) = measured(|| take(&raw));
            // One mebibyte is taken on trust for a string of bytes, before its first is read.
            let most = (1 << 20) + (128 << 10) + 32 * raw.len();
            assert!(peak <= most, "{decoder}: {peak} bytes for {}: {raw:?}", raw.len());
        }
        let grown = in_use().saturating_sub(before);
        assert!(grown < 1 << 20, "{decoder}: {grown} bytes are kept for inputs that are gone");
    }
}
