//! The table of attacks: every id with the scenarios that play it, or why none does.

use byzlab::scenarios::Registry;

use crate::{common, name, read};

/// What follows it on the page is made from the library.
pub(crate) const MARK: &str = "<!-- Made from scenarios/library. -->";

/// Id, what is done, and where it is played otherwise or why it is not.
type Row = (&'static str, &'static str, &'static str);

const GENERIC: &[Row] = &[
    ("G1", "says nothing", ""),
    ("G2", "crashes at some point", ""),
    ("G3", "crashes in the middle of a broadcast", ""),
    ("G4", "a leader says two things", ""),
    ("G5", "votes for both of two things", ""),
    ("G6", "never votes", ""),
    ("G7", "speaks to some only", ""),
    ("G8", "a leader feeds exactly a quorum, then falls silent", ""),
    ("G9", "runs twice with one key", ""),
    ("G10", "forgets its lock and last vote", ""),
    ("G11", "sends old messages again", ""),
    ("G12", "speaks in the name of others", ""),
    ("G13", "speaks of views far in the future", ""),
    ("G14", "floods", ""),
    ("G15", "sends what is no message", ""),
    ("G16", "gives proof against itself again and again", ""),
    ("G17", "a leader is as slow as it may be", ""),
    ("G18", "a leader leaves out requests", ""),
    ("G19", "the next leader is corrupted as its view begins", ""),
    ("G20", "changes one field of a message at random", ""),
];

const KEYS: &str = "keys come from the seed of a run: [tests](../crypto/tests/keys.rs)";
const CODE: &str = "below what a scenario can say: [tests](../crypto/tests/certificates.rs)";

const CRYPTO: &[Row] = &[
    ("C1", "a certificate of one signer, repeated", ""),
    ("C2", "a certificate of one signer with two signatures", ""),
    ("C3", "a certificate with one signer less than a quorum", ""),
    ("C4", "a certificate of signers without a seat", ""),
    (
        "C5",
        "a certificate of another instance",
        "a run has one instance: [tests](../crypto/tests/certificates.rs)",
    ),
    ("C6", "votes for different things pooled", ""),
    ("C7", "true signatures under another view", ""),
    ("C8", "an empty certificate, as if of genesis", ""),
    ("C9", "votes of one phase shown as votes of another", ""),
    ("C10", "keys and nonces of small order", KEYS),
    ("C11", "keys in another encoding, or twice", KEYS),
    ("C12", "a signature with the group order added", KEYS),
    ("C13", "two messages whose fields concatenate equally", CODE),
    ("C14", "signatures that one check accepts and another refuses", KEYS),
    ("C15", "a key passed to the signer", KEYS),
    ("C16", "empty and huge lists of signers", CODE),
];

const DOLEV_STRONG: &[Row] = &[
    ("DS1", "the sender is silent", ""),
    ("DS2", "the sender tells one party", ""),
    ("DS3", "the sender tells two things", ""),
    ("DS4", "a chain of two in the last round", ""),
    ("DS5", "a second value just in time", ""),
    ("DS6", "one round less than needed", ""),
    ("DS7", "a signer stands in a chain twice", ""),
    ("DS8", "a chain without the sender", ""),
    ("DS9", "a chain with an outsider", ""),
    ("DS10", "a chain comes back to its signer", ""),
    ("DS11", "echoes use up the literal budget", ""),
    ("DS12", "two signatures use up the literal budget", ""),
    ("DS13", "very many values", ""),
    ("DS14", "three values, different pairs", ""),
    ("DS15", "a chain of an earlier broadcast", ""),
    ("DS16", "one message is later than the model allows", ""),
    ("DS17", "messages arrive as the round ends", ""),
    ("DS18", "all but one may be faulty, or nobody", ""),
    (
        "DS19",
        "an observer reads the transcripts later",
        "nothing is promised to who was not there: a decision depends on when a chain arrived, and \
         byzlab hands out no proof of it",
    ),
    ("DS20", "a relay in the very instant", ""),
];

const PBFT: &[Row] = &[
    ("PB1", "the leader is silent", ""),
    ("PB2", "the leader crashes after proposing to some", ""),
    ("PB3", "the leader proposes two blocks and votes for both", ""),
    ("PB4", "a certificate reaches one party only", ""),
    ("PB5", "old statuses justify a block", ""),
    ("PB6", "a status names an invented lock", ""),
    ("PB7", "the leader builds on a lower lock", ""),
    ("PB8", "two quorums of statuses for two halves", ""),
    ("PB9", "view changes for very many views", ""),
    ("PB10", "a partition drives views apart, then heals", ""),
    ("PB11", "equivocation, then a forged lock", ""),
    ("PB12", "the leader is slow", ""),
    (
        "PB13",
        "reads that a client cannot complete",
        "there is no optimisation for reads: a read is a request like others, so nothing can be \
         held up that way",
    ),
    ("PB14", "a request is ordered twice", ""),
    ("PB15", "slots out of the window, and gaps", ""),
    ("PB16", "false checkpoints", ""),
    ("PB17", "delays three times Δ", ""),
    ("PB18", "three parties, one two-faced", ""),
    ("PB19", "votes of one slot for the next", ""),
    ("PB20", "f parties ask for views of their own", ""),
    ("PB21", "certificates shown one a view", ""),
    ("PB22", "the body of a block is withheld", ""),
    ("PB23", "view changes are lost", ""),
    ("PB24", "others than the leader propose", ""),
    ("PB25", "statuses without their certificates", ""),
];

const HOTSTUFF: &[Row] = &[
    ("HS1", "a leader is silent", ""),
    ("HS2", "two blocks to everybody", ""),
    ("HS3", "a stale certificate against locks", ""),
    ("HS4", "a lock that only one party knows of", ""),
    ("HS5", "a certificate kept back and released late", ""),
    ("HS6", "the last certificate is ignored", ""),
    ("HS7", "a fork two blocks deep", ""),
    (
        "HS8",
        "forks and delays mixed for the least chain growth",
        "not reproduced: the published figures are averages over very long runs of another block \
         tree. What each of the two costs here is shown under HS6, HS7 and S10",
    ),
    ("HS9", "the parent is not the certified block", ""),
    ("HS10", "a commit over a gap between views", ""),
    (
        "HS11",
        "a timeout certificate that hides the highest certificate",
        "lawful with three phases: nobody has to build on the highest certificate of a timeout \
         certificate, since the lock refuses what would be dangerous. Played as HS3, HS6 and HS27",
    ),
    ("HS12", "timeouts for very many views", ""),
    ("HS13", "helps only f + 1 honest parties into a view", ""),
    ("HS14", "the body of a block is withheld", ""),
    ("HS15", "a restart right after a vote", ""),
    ("HS16", "a proposal for a view far ahead", ""),
    ("HS17", "new-views with forged certificates", ""),
    ("HS18", "votes go to the wrong leader", ""),
    ("HS19", "a proposal or certificate after the timeout", ""),
    ("HS20", "others than the leader propose", ""),
    ("HS21", "a decision is shown to some", ""),
    ("HS22", "timeouts are lost", ""),
    ("HS23", "a request is ordered again", ""),
    ("HS24", "late votes for a block of an earlier view", ""),
    ("HS25", "an empty block in every view", ""),
    ("HS26", "two blocks, both certified", ""),
    ("HS27", "an old certificate is shown once more", ""),
];

const SCHEDULES: &[Row] = &[
    ("S1", "partitions until GST", ""),
    ("S2", "the leader is cut off", ""),
    ("S3", "in each view the pivot is held back (FLP)", ""),
    ("S4", "every delay is exactly Δ", ""),
    ("S5", "traitors are instant, all others take Δ", ""),
    ("S6", "parties are cut off in one order and come back in another", ""),
    ("S7", "a partition that comes and goes", ""),
    ("S8", "messages arrive in any order", ""),
    ("S9", "everything comes several times", ""),
    ("S10", "one kind of message is late", ""),
    ("S11", "GST at any moment", "drawn: [tests](../tests/properties/main.rs)"),
    ("S12", "one party is slow", ""),
    (
        "S13",
        "clocks differ",
        "clocks of the simulator are exact; what a difference brings early is handed in by \
         [tests](../protocols/tests/dolev_strong_early.rs)",
    ),
    ("S14", "a party is kept behind", ""),
    (
        "S15",
        "a crash at every write",
        "between any two effects: [tests](../protocols/tests/crash_points.rs)",
    ),
    ("S16", "damaged disks", "of real stores: [tests](../net/live/tests/store.rs)"),
    ("S17", "every quorum is one vote short", ""),
];

const CHAPTERS: &[(&str, &[Row])] = &[
    ("Against every protocol", GENERIC),
    ("Certificates and keys", CRYPTO),
    ("Dolev-Strong", DOLEV_STRONG),
    ("PBFT, chained and classic", PBFT),
    ("HotStuff, basic and chained", HOTSTUFF),
    ("The schedule alone", SCHEDULES),
];

/// The ids that a scenario names in its title, its comments or its attack; ranges in full. Those of
/// classic PBFT are numbered like those of PBFT.
fn ids(text: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let words = |line: &str| {
        let words = line.split(|char: char| !char.is_ascii_alphanumeric());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let told = |line: &&str| ["#", "title", "name"].iter().any(|key| line.starts_with(key));
    for line in text.lines().filter(told) {
        let words = words(line);
        ids.extend(words.iter().map(|word| word.replacen("PC", "PB", 1)));
        for range in words.windows(3).filter(|range| range[1] == "to") {
            let number = |word: &str| word.strip_prefix('C')?.parse::<u32>().ok();
            if let (Some(first), Some(last)) = (number(&range[0]), number(&range[2])) {
                // C5 needs a second instance: no forgery of a run is one.
                let played = (first..=last).filter(|number| *number != 5);
                ids.extend(played.map(|number| format!("C{number}")));
            }
        }
    }
    ids
}

/// The table: every row has a scenario or a reason, and every attack of the registry a row.
pub(crate) fn render(registry: &Registry) -> String {
    let files = common::scenario_files("scenarios/library");
    let files: Vec<_> = files.iter().map(|file| (name(file), ids(&read(file)))).collect();
    let museum = |file: &str| file.contains("/museum/");
    let mut out = String::new();
    for (chapter, rows) in CHAPTERS {
        out.push_str(&format!(
            "\n## {chapter}\n\n| id | what is done | played by |\n|---|---|---|\n"
        ));
        for (id, what, otherwise) in *rows {
            let plays = || files.iter().filter(|(_, ids)| ids.iter().any(|own| own == id));
            // What only the museum plays is survived there by the published rules.
            let only = plays().all(|(file, _)| museum(file));
            let plays = plays().filter(|(file, _)| only || !museum(file));
            let plays: Vec<_> = plays
                .map(|(file, _)| {
                    let short = file.trim_start_matches("scenarios/library/");
                    format!("[{}](../{file})", short.trim_end_matches(".toml"))
                })
                .collect();
            assert!(plays.is_empty() != otherwise.is_empty(), "{id}: a scenario or a reason");
            let played = if plays.is_empty() { (*otherwise).to_owned() } else { plays.join(", ") };
            out.push_str(&format!("| {id} | {what} | {played} |\n"));
        }
    }
    for attack in registry.attacks() {
        let id = attack.id.replacen("PC", "PB", 1);
        let bound = read(&common::root().join("docs/lower-bounds.md")).contains(&format!("`{id}`"));
        let mut rows = CHAPTERS.iter().flat_map(|(_, rows)| *rows);
        assert!(bound || rows.any(|(row, ..)| *row == id), "attack {id} is in no table");
    }
    out
}
