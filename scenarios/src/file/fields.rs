//! The table of fields of a scenario file: the decoder, `explain`, the schema and the docs are
//! made from it.

use byzlab_protocols::{Field, FieldDefault as Default, FieldKind as Kind, Span, byzantine::WHEN};

const fn field(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Field {
    Field { name, kind, default, doc }
}

const DURATION: Kind = Kind::Duration { min: Span::ZERO };
const POSITIVE: Kind = Kind::Duration { min: Span::TICK };
const MANY: u64 = 1_000_000_000;

/// The whole file.
pub static FILE: &[Field] = &[
    field("title", Kind::Text, Default::Unset("the name of the file"), "One line for people"),
    field("post", Kind::Text, Default::Unset("the post of the protocol"), "Where it is told"),
    field("protocol", Kind::Protocol, Default::Required, "Which protocol, with its parameters"),
    field("n", Kind::Integer { min: 1, max: 1024 }, Default::Is("4"), "The number of parties"),
    field(
        "f",
        Kind::Integer { min: 0, max: 1023 },
        Default::Unset("the most that the protocol tolerates at this n"),
        "The number of faulty parties that the protocol is set up to tolerate",
    ),
    field("seed", Kind::Seed, Default::Is("1"), "All randomness comes from it"),
    field(
        "crypto",
        Kind::Choice(&["ed25519", "ideal"]),
        Default::Is("\"ed25519\""),
        "How statements are signed; ideal signatures are fast and unforgeable in one process",
    ),
    field(
        "leaders",
        Kind::Either(&[Kind::Choice(&["round-robin", "stable"]), Kind::Parties]),
        Default::Is("\"round-robin\""),
        "Who leads (or sends); a list names the first views, then it goes round",
    ),
    field(
        "beyond_bound",
        Kind::Bool,
        Default::Is("false"),
        "Allows more traitors, fewer parties or a weaker network than the theorem: to see it fail",
    ),
    field("network", Kind::Table(NETWORK), Default::Is("{}"), "The network"),
    field("byzantine", Kind::Tables(BYZANTINE), Default::Is("[]"), "Corrupted parties"),
    field(
        "attack",
        Kind::Table(ATTACK),
        Default::Unset("no attack by name"),
        "An attack of the catalogue, one mind for all traitors; instead of `byzantine`",
    ),
    field("rule", Kind::Tables(RULE), Default::Is("[]"), "Rules on single messages"),
    field("event", Kind::Tables(EVENT), Default::Is("[]"), "Partitions, cuts and crashes"),
    field("workload", Kind::Table(WORKLOAD), Default::Is("{}"), "What is to be decided"),
    field("stop", Kind::Table(STOP), Default::Is("{}"), "When the run ends"),
    field("runtime", Kind::Table(RUNTIME), Default::Is("{}"), "For runs over a real network"),
    field("expect", Kind::Table(EXPECT), Default::Is("{}"), "What is expected of the run"),
    field(
        "compare",
        Kind::Table(COMPARE),
        Default::Unset("no comparison"),
        "What `byzlab compare` crosses",
    ),
];

static NETWORK: &[Field] = OWN.split_at(1).1;
static OWN: [Field; 9] = network(None);
static COMPARED: [Field; 9] = network(Some(Default::Unset("as under [network]")));

/// The fields of a network, a name before them; one of a comparison says only what is different.
const fn network(otherwise: Option<Default>) -> [Field; 9] {
    const fn or(otherwise: Option<Default>, default: Default) -> Default {
        match otherwise {
            Some(otherwise) => otherwise,
            None => default,
        }
    }
    let model = Default::Unset("the weakest in which the protocol's properties are promised");
    let early = Default::Unset("anything that the model allows, up to GST + Δ");
    [
        field("name", Kind::Name, Default::Required, "What it is called in the comparison"),
        field(
            "model",
            Kind::Choice(&["synchrony", "partial-synchrony", "asynchrony"]),
            or(otherwise, model),
            "What the network promises",
        ),
        field(
            "delta",
            POSITIVE,
            or(otherwise, Default::Is("\"100ms\"")),
            "Δ, the known bound on delays",
        ),
        field(
            "delay",
            Kind::OneOf(DELAY),
            or(otherwise, Default::Is("{ constant = \"10ms\" }")),
            "How long messages take",
        ),
        field(
            "gst",
            DURATION,
            or(otherwise, Default::Is("\"0s\"")),
            "When the network becomes synchronous",
        ),
        field(
            "before_gst",
            Kind::Choice(&["bounded", "unbounded", "lossy"]),
            or(otherwise, Default::Is("\"bounded\"")),
            "What happens to messages sent before: late until GST + Δ, late without bound, or lost",
        ),
        field(
            "delay_before_gst",
            Kind::OneOf(DELAY),
            or(otherwise, early),
            "How long messages take that are sent before GST",
        ),
        field(
            "loss",
            Kind::Probability,
            or(otherwise, Default::Is("0")),
            "The share of messages lost, where the model lets messages be lost",
        ),
        field(
            "duplicate",
            Kind::Probability,
            or(otherwise, Default::Is("0")),
            "The share of messages that come twice",
        ),
    ]
}

static DELAY: &[Field] = &[
    field("constant", POSITIVE, Default::Unset(""), "Always the same"),
    field("uniform", Kind::Pair(&POSITIVE), Default::Unset(""), "From the first to the second"),
    field("normal", Kind::Pair(&DURATION), Default::Unset(""), "Mean and standard deviation"),
    field(
        "regions",
        Kind::List(&Kind::Name),
        Default::Unset(""),
        "Cloud regions in which the parties are, in turn; measured one-way delays between them",
    ),
];

static BYZANTINE: &[Field] = &[
    field("party", Kind::Parties, Default::Unset("see `parties`"), "Who"),
    field("parties", Kind::Parties, Default::Unset("see `party`"), "Who, several"),
    field("behaviour", Kind::Behaviour, Default::Required, "What they do, with its parameters"),
    field("when", Kind::Table(WHEN), Default::Is("{}"), "When they do it; honest otherwise"),
];

static ATTACK: &[Field] = &[
    field("name", Kind::Name, Default::Required, "Id or name: `byzlab list attacks`"),
    field(
        "parties",
        Kind::Parties,
        Default::Unset("as the attack needs them"),
        "Who is corrupted from the start",
    ),
    field(
        "budget",
        Kind::Integer { min: 0, max: 1023 },
        Default::Unset("f for adaptive attacks, else 0"),
        "How many parties may be corrupted during the run",
    ),
];

static RULE: &[Field] = &[
    field("on", Kind::Table(ON), Default::Required, "Which messages: all that is named must fit"),
    field("do", Kind::OneOf(DO), Default::Required, "What happens to them"),
];

static ON: &[Field] = &[
    field("from", Kind::Parties, Default::Unset("anybody"), "The sender"),
    field("to", Kind::Parties, Default::Unset("anybody"), "The receiver"),
    field("kind", Kind::Name, Default::Unset("any kind"), "The kind of message"),
    field(
        "view",
        Kind::Either(&[Kind::Integer { min: 0, max: MANY }, Kind::Range]),
        Default::Unset("any view"),
        "The view, or a range of views",
    ),
    field(
        "occurrence",
        Kind::Integer { min: 1, max: MANY },
        Default::Unset("all of them"),
        "Only the k-th message that fits otherwise, from each sender to each receiver",
    ),
];

static DO: &[Field] = &[
    field("drop", Kind::Unit, Default::Unset(""), "It does not arrive"),
    field(
        "duplicate",
        Kind::Integer { min: 2, max: 1000 },
        Default::Unset(""),
        "It arrives so often",
    ),
    field("delay", POSITIVE, Default::Unset(""), "It takes so much longer"),
    field("hold_until", DURATION, Default::Unset(""), "It arrives then at the earliest"),
    field(
        "set",
        Kind::Free,
        Default::Unset(""),
        "A corrupted sender changes these fields, named by their path, and signs again",
    ),
];

static EVENT: &[Field] = &[
    field("at", DURATION, Default::Is("\"0s\""), "When it begins"),
    field("until", DURATION, Default::Unset("for ever"), "When a partition or cut ends"),
    field(
        "partition",
        Kind::Groups,
        Default::Unset(""),
        "Groups that cannot reach each other; names every party",
    ),
    field("cut", Kind::Table(CUT), Default::Unset(""), "Links that carry nothing, one way"),
    field("crash", Kind::Table(CRASH), Default::Unset(""), "A party goes down"),
];

static CUT: &[Field] = &[
    field("from", Kind::Parties, Default::Required, "The senders"),
    field("to", Kind::Parties, Default::Required, "The receivers"),
];

static CRASH: &[Field] = &[
    field("party", Kind::Parties, Default::Required, "Who"),
    field("restart_after", POSITIVE, Default::Unset("never"), "When it comes back"),
    field(
        "disk",
        Kind::Choice(&["kept", "lost", "stale"]),
        Default::Is("\"kept\""),
        "What it finds then; a party whose disk is lost or stale counts as faulty",
    ),
];

static WORKLOAD: &[Field] = &[
    field(
        "commands",
        Kind::Integer { min: 1, max: 100_000 },
        Default::Is("20"),
        "So many requests of one client, all at time 0 (broadcasts, for Dolev-Strong)",
    ),
    field(
        "inputs",
        Kind::List(&Kind::Text),
        Default::Unset("as many as `commands`"),
        "The values that the senders broadcast, one after the other",
    ),
    field("clients", Kind::Table(CLIENTS), Default::Unset("one client"), "Clients with a rate"),
    field(
        "to",
        Kind::Either(&[Kind::Choice(&["all", "leader"]), Kind::Parties]),
        Default::Is("\"all\""),
        "Whom a request reaches first: a reliable input, not a network message",
    ),
    field(
        "retry",
        POSITIVE,
        Default::Unset("20Δ, if `to` is \"leader\"; else never"),
        "After how long a request that did not go to all goes to all",
    ),
];

static CLIENTS: &[Field] = &[
    field("count", Kind::Integer { min: 1, max: 1024 }, Default::Is("1"), "How many"),
    field(
        "rate",
        Kind::Integer { min: 1, max: 1_000_000 },
        Default::Is("10"),
        "Requests of each client a second",
    ),
    field(
        "requests",
        Kind::Integer { min: 1, max: 1_000_000 },
        Default::Is("20"),
        "Requests of each client in all",
    ),
];

static STOP: &[Field] = &[
    field(
        "decisions",
        Kind::Integer { min: 1, max: MANY },
        Default::Unset("until every request is executed"),
        "Once every honest party that is up has decided so much",
    ),
    field(
        "time",
        POSITIVE,
        Default::Unset("twice the deadline that follows from the theorem"),
        "At this time, whatever has been decided",
    ),
    field(
        "events",
        Kind::Integer { min: 1, max: MANY },
        Default::Is("10000000"),
        "Simulator only: after so many arrivals, timers and the like, in case attacks answer each other without an end",
    ),
];

static RUNTIME: &[Field] = &[
    field(
        "scale",
        Kind::Integer { min: 1, max: 1000 },
        Default::Is("1"),
        "Real runtimes only: every duration of the file times this",
    ),
    field(
        "clients",
        Kind::Integer { min: 1, max: 1024 },
        Default::Is("16"),
        "Real runtimes only: so many clients have keys, those of the workload among them",
    ),
    field(
        "sync",
        Kind::Bool,
        Default::Is("true"),
        "Real runtimes only: votes are on the disk before they leave; false measures what that costs, and \
         nobody may crash then",
    ),
    field(
        "journal",
        Kind::Bool,
        Default::Is("true"),
        "Real runtimes only: all that reaches a party is written down, for a judge; false is for a network \
         that is kept up and that nobody judges",
    ),
    field(
        "unsigned",
        Kind::Bool,
        Default::Is("false"),
        "Real runtimes only: requests of clients carry a keyed digest, which every party could make, and no \
         signature; true measures what signatures cost, needs journal = false, and nobody judges",
    ),
];

const VERDICT: Kind = Kind::Choice(&["holds", "violated", "undecided"]);
const PROMISED: Default = Default::Unset("what the covering theorem promises");

static EXPECT: &[Field] = &[
    field("agreement", VERDICT, PROMISED, "Honest logs agree"),
    field("validity", VERDICT, PROMISED, "What is decided was asked for"),
    field("integrity", VERDICT, PROMISED, "Decided once, executed once"),
    field("termination", VERDICT, PROMISED, "Everything is decided by the deadline"),
    field("certificates", VERDICT, PROMISED, "Every decision's certificate verifies"),
    field("accountability", VERDICT, PROMISED, "Only the guilty are accused, and enough of them"),
    field(
        "accused",
        Kind::Parties,
        Default::Unset("anybody who is guilty"),
        "Exactly these are accused",
    ),
    field(
        "fired",
        Kind::Bool,
        Default::Is("true"),
        "Every attack changed what honest parties received",
    ),
    field(
        "label",
        Kind::Choice(&["in-model", "beyond-bound", "out-of-model"]),
        Default::Unset("as it is, but a run that breaks its model is inconclusive"),
        "Whether the run kept to bound and model",
    ),
    field("costs", Kind::Table(COSTS), Default::Is("{}"), "Exact costs"),
];

static COSTS: &[Field] = &[
    field(
        "hops",
        Kind::Integer { min: 0, max: MANY },
        Default::Unset(""),
        "The most message delays from proposal to decision",
    ),
    field(
        "messages",
        Kind::Integer { min: 0, max: MANY },
        Default::Unset(""),
        "Messages of each complete view that decided",
    ),
    field(
        "lost_views",
        Kind::Integer { min: 0, max: MANY },
        Default::Unset(""),
        "Views without a decision",
    ),
];

const NAMES: Kind = Kind::Either(&[Kind::Choice(&["all"]), Kind::List(&Kind::Name)]);

static COMPARE: &[Field] = &[
    field("protocols", NAMES, Default::Is("\"all\""), "Which protocols"),
    field("behaviours", NAMES, Default::Is("[]"), "Which behaviours"),
    field("attacks", NAMES, Default::Is("[]"), "Which attacks of the catalogue"),
    field(
        "n",
        Kind::List(&Kind::Integer { min: 1, max: 1024 }),
        Default::Unset("`n` of the file"),
        "Which numbers of parties",
    ),
    field(
        "f",
        Kind::List(&Kind::Integer { min: 0, max: 1023 }),
        Default::Unset("`f` of the file, or the most that all protocols tolerate at an n"),
        "Which numbers of faults, the same for all protocols",
    ),
    field(
        "network",
        Kind::Tables(&COMPARED),
        Default::Is("[]"),
        "Which networks, by what is different from `network`; none: that one alone",
    ),
    field("seeds", Kind::Range, Default::Is("\"0..10\""), "Which seeds"),
];
