//! Every decoder of what somebody else wrote: it takes the bytes or refuses them, and never panics.
//! What it takes is the one encoding of what it says.
//!
//! The fuzz targets beside this file and the ordinary test `fuzz` run the same functions.

use std::sync::OnceLock;

use byzlab::{
    Lab,
    crypto::{Digest, PartyId},
    protocols::{
        Block, Context, Durable, Packet, Protocol, decode,
        dolev_strong::DolevStrong,
        hotstuff::HotStuff,
        hotstuff_chained::ChainedHotStuff,
        pbft::Pbft,
        pbft_classic::PbftClassic,
        smr::{KeyValue, MAX_PAYLOAD, Snapshot, list},
    },
    scenarios::{Document, EvidenceFile},
};
use byzlab_live::{
    Owner,
    clients::Network,
    fuzzing,
    journal::{self, Entry},
};

use crate::context::context;

/// Takes bytes; says whether it took them for what they should be.
type Decoder = fn(&[u8]) -> bool;

/// All of them, by the name of their fuzz target.
pub(crate) const DECODERS: [(&str, Decoder); 13] = [
    ("frames", frames),
    ("hello", hello),
    ("dolev_strong", wire::<DolevStrong>),
    ("pbft", wire::<Pbft>),
    ("pbft_classic", wire::<PbftClassic>),
    ("hotstuff", wire::<HotStuff>),
    ("hotstuff_chained", wire::<ChainedHotStuff>),
    ("disk", disk),
    ("journal", journal),
    ("client", client),
    ("payload", payload),
    ("scenario", scenario),
    ("evidence", evidence),
];

/// Frames of the transport, and what nodes put around a message.
pub(crate) fn frames(bytes: &[u8]) -> bool {
    fuzzing::frames(bytes)
}

/// The first words on a stream.
pub(crate) fn hello(bytes: &[u8]) -> bool {
    fuzzing::greeting(bytes)
}

/// What clients say to a node, and a node to clients; the description of a network.
pub(crate) fn client(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok();
    let network = text.and_then(|text| Network::parse(text).ok());
    if let Some(network) = &network {
        assert_eq!(Network::parse(&network.text()).as_ref(), Ok(network), "it is written anew");
    }
    network.is_some() | fuzzing::client_frames(bytes)
}

/// The payload of a request, as the store executes it: a list is answered by a list of as many, and no
/// answer is longer than what was stored.
pub(crate) fn payload(bytes: &[u8]) -> bool {
    let mut store = KeyValue::default();
    let answer = store.apply(bytes).into_owned();
    let Some(items) = list::items(bytes) else { return answer != b"error" };
    assert_eq!(list::list(&items), bytes, "two encodings");
    let answers = list::items(&answer).expect("a list is answered by a list");
    assert_eq!(answers.len(), items.len(), "an answer for each command");
    assert!(answer.len() <= MAX_PAYLOAD + 10 * items.len(), "{} bytes", answer.len());
    true
}

/// A message of a protocol, as a node decodes and checks it.
pub(crate) fn wire<P: Protocol>(bytes: &[u8]) -> bool {
    if let Ok(wire) = decode::<P>(bytes) {
        assert_eq!(borsh::to_vec(&wire).expect("a message has bytes"), bytes, "two encodings");
    }
    let (context, ..) = context::<P>();
    Packet::<P>::raw(bytes.to_vec()).verdict(&context).is_ok()
}

/// What stands on a disk: the first byte says of which protocol, and what it is.
pub(crate) fn disk(bytes: &[u8]) -> bool {
    let Some((which, body)) = bytes.split_first() else { return false };
    match which % 5 {
        0 => kept::<DolevStrong>(which / 5, body),
        1 => kept::<Pbft>(which / 5, body),
        2 => kept::<PbftClassic>(which / 5, body),
        3 => kept::<HotStuff>(which / 5, body),
        _ => kept::<ChainedHotStuff>(which / 5, body),
    }
}

fn kept<P: Protocol>(what: u8, body: &[u8]) -> bool {
    let (context, ..) = context::<P>();
    match what {
        0 => loaded::<P::Record>(&context, body),
        1 => loaded::<Block>(&context, body),
        _ => {
            let snapshot = Digest::of("byzlab/smr/snapshot/1", body);
            Snapshot::check(&std::sync::Arc::new(body.to_vec()), snapshot).is_ok()
        }
    }
}

fn loaded<T: Durable>(context: &Context, body: &[u8]) -> bool {
    let mut rest = body;
    let Ok(value) = T::load(context, &mut rest) else { return false };
    let mut again = Vec::new();
    value.save(&mut again);
    assert_eq!(again, body[..body.len() - rest.len()], "two encodings");
    rest.is_empty()
}

/// The journal of a party, and one entry of it, behind the digests that hold them together.
pub(crate) fn journal(bytes: &[u8]) -> bool {
    if let Ok(entry) = borsh::from_slice::<Entry>(bytes) {
        assert_eq!(borsh::to_vec(&entry).expect("an entry has bytes"), bytes, "two encodings");
    }
    let (context, ..) = context::<Pbft>();
    let owner = Owner::of::<Pbft>(&context, PartyId(0));
    journal::parse(bytes, &owner).is_ok_and(|life| !life.entries.is_empty())
}

/// A scenario, decoded and resolved; what is wrong with it can be shown.
pub(crate) fn scenario(bytes: &[u8]) -> bool {
    let registry = lab().registry();
    let resolved = Document::decode("fuzz.toml", bytes, &[], registry)
        .and_then(|document| document.resolve(None, registry));
    match resolved {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.to_string().is_empty() && !problems.json().is_empty());
            false
        }
    }
}

/// A file of evidence: what it proves, also if its author seals whatever was written.
pub(crate) fn evidence(bytes: &[u8]) -> bool {
    let Ok(file) = EvidenceFile::read(bytes) else { return false };
    let proves = file.check(bytes, lab().registry()).is_ok();
    let sealed = file.sealed();
    let resealed = sealed.check(sealed.text().as_bytes(), lab().registry()).is_ok();
    assert!(resealed || !proves, "what is sealed again proves the same");
    proves
}

fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(Lab::new)
}
