//! All behaviours: their names and parameters, against what they mean something, how they are
//! built.

use byzlab_crypto::{PartyId, PartySet};

use super::{
    Behaviour, Honest, Trigger, When,
    crash::Crash,
    equivocate::{DoubleVote, Equivocate},
    filter::{Fate, Filter},
    forge::Forge,
    garbage::{Garbage, Impersonate},
    hasty::Hasty,
    lie::Lie,
    memory::{Amnesia, Replay},
    mutate::Mutate,
    stale::{Part, Stale},
    twins::Twins,
    usurp::Usurp,
};
use crate::{
    Attack, Field, FieldDefault, FieldKind, Role, Span, Time, Value, Values,
    attack::{Can, Forgery},
};

/// What is known of a behaviour.
#[derive(Debug)]
pub struct BehaviourInfo {
    /// The name in files.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Its parameters.
    pub fields: &'static [Field],
    /// Whether it means something against a protocol that can be attacked so.
    pub means: fn(&Can) -> bool,
    /// What a protocol lacks where it means nothing.
    pub lacks: &'static str,
}

impl BehaviourInfo {
    /// Whether it is at work always: `when` means nothing for it.
    pub fn always(&self) -> bool {
        ["twins", "hasty"].contains(&self.name)
    }
}

/// The `when` table.
pub static WHEN: &[Field] = &[
    Field {
        name: "views",
        kind: FieldKind::Range,
        default: FieldDefault::Unset("all views"),
        doc: "Only on messages of these views (broadcasts, for Dolev-Strong)",
    },
    Field {
        name: "kinds",
        kind: FieldKind::List(&FieldKind::Name),
        default: FieldDefault::Unset("the kinds on which the behaviour acts by nature"),
        doc: "Only on messages of these kinds",
    },
    Field {
        name: "times",
        kind: FieldKind::Times,
        default: FieldDefault::Unset("always"),
        doc: "Only at these times",
    },
    Field {
        name: "first",
        kind: FieldKind::Integer { min: 1, max: u32::MAX as u64 },
        default: FieldDefault::Unset("every time"),
        doc: "Only the first so many times that all else holds",
    },
    Field {
        name: "probability",
        kind: FieldKind::Probability,
        default: FieldDefault::Unset("1"),
        doc: "With this probability, drawn each time",
    },
];

const SPLIT: Field = Field {
    name: "split",
    kind: FieldKind::Groups,
    default: FieldDefault::Unset("the honest parties in two halves"),
    doc: "Who is told what: one list of parties for each version; others are told nothing, who is in \
          several lists hears several versions",
};

/// All behaviours.
pub static BEHAVIOURS: &[BehaviourInfo] = &[
    info("silent", "sends nothing", &[], |_| true, ""),
    info(
        "crash",
        "is correct up to a point, then silent for ever",
        &[
            Field {
                name: "sends",
                kind: FieldKind::Integer { min: 0, max: u32::MAX as u64 },
                default: FieldDefault::Unset("any number"),
                doc: "The messages that it still sends in full (a broadcast is one)",
            },
            Field {
                name: "at",
                kind: FieldKind::Duration { min: Span::ZERO },
                default: FieldDefault::Unset("never, if `sends` is set; else 0s"),
                doc: "When it stops, whatever it has sent",
            },
            Field {
                name: "last_to",
                kind: FieldKind::Parties,
                default: FieldDefault::Unset("nobody"),
                doc: "Who still receives the message in which it stops",
            },
        ],
        |_| true,
        "",
    ),
    info(
        "equivocate",
        "proposes one thing to some and another thing to others",
        &[SPLIT],
        |can| can.equivocate,
        "no proposal of it can be replaced by a conflicting one",
    ),
    info(
        "double-vote",
        "votes, and votes for something else as well",
        &[],
        |can| can.double_vote,
        "a party may support several values there",
    ),
    info("withhold", "never votes", &[], |_| true, ""),
    info(
        "selective",
        "sends to some parties only",
        &[Field {
            name: "to",
            kind: FieldKind::Parties,
            default: FieldDefault::Unset("the first half of the honest parties"),
            doc: "To whom it sends",
        }],
        |_| true,
        "",
    ),
    info(
        "delay",
        "sends everything late",
        &[Field {
            name: "by",
            kind: FieldKind::Duration { min: Span::TICK },
            default: FieldDefault::Unset("Δ"),
            doc: "How late",
        }],
        |_| true,
        "",
    ),
    info(
        "replay",
        "sends old messages again, of whoever, to everybody",
        &[Field {
            name: "count",
            kind: FieldKind::Integer { min: 1, max: 1000 },
            default: FieldDefault::Is("1"),
            doc: "How many with each message of its own",
        }],
        |_| true,
        "",
    ),
    info(
        "impersonate",
        "sends its own messages in the name of others as well",
        &[Field {
            name: "victims",
            kind: FieldKind::Parties,
            default: FieldDefault::Unset("the honest parties"),
            doc: "In whose name",
        }],
        |can| can.impersonate,
        "its messages name no author",
    ),
    info("garbage", "sends bytes that are no message", &[], |_| true, ""),
    info(
        "forge",
        "sends certificates forged from signatures that it has seen",
        &[Field {
            name: "forgeries",
            kind: FieldKind::List(&FieldKind::Choice(&["C1", "C2", "C3", "C4", "C6", "C7", "C8"])),
            default: FieldDefault::Unset("all of them"),
            doc: "Which forgeries of the catalogue: C1 padded, C2 two signatures, C3 short, \
                  C4 outsiders, C6 mixed, C7 relabelled, C8 fake genesis",
        }],
        |can| can.forge,
        "it has no certificates",
    ),
    info("twins", "runs twice with one key, each copy in its own half", &[SPLIT], |_| true, ""),
    info(
        "amnesia",
        "forgets its lock and its last vote before every step",
        &[],
        |can| can.forget,
        "nothing that a party remembers binds it",
    ),
    info(
        "stale",
        "says again what was said in an earlier view, as if it were of this one",
        &[
            Field {
                name: "part",
                kind: FieldKind::Choice(&["all", "own", "claim", "load"]),
                default: FieldDefault::Is("\"all\""),
                doc: "What is old: all but view and author; only what the author signs; the same, \
                      but it names the views that the new message names; only the requests of a \
                      block, which stands where the new one would",
            },
            Field {
                name: "bare",
                kind: FieldKind::Bool,
                default: FieldDefault::Is("false"),
                doc: "Leaves out the certificates as well",
            },
        ],
        |can| can.resign && can.double_vote,
        "its messages hold no statement of one party on a view",
    ),
    info(
        "random",
        "changes one field of a message for some receivers and signs it again",
        &[],
        |can| can.resign,
        "its messages cannot be signed again",
    ),
    info(
        "lie",
        "changes one field of its messages, the same one in the same way each time",
        &[Field {
            name: "number",
            kind: FieldKind::Integer { min: 0, max: 999 },
            default: FieldDefault::Is("0"),
            doc: "Which lie: four of them for each field of a message, one after the other",
        }],
        |can| can.resign,
        "its messages cannot be signed again",
    ),
    info(
        "usurp",
        "answers each proposal by one of its own, as if it were its turn",
        &[],
        |can| can.equivocate && can.impersonate,
        "no proposal can be replaced by a conflicting one of another author",
    ),
    info(
        "hasty",
        "has no patience: its clock runs a hundred times too fast, always",
        &[],
        |_| true,
        "",
    ),
];

const fn info(
    name: &'static str,
    doc: &'static str,
    fields: &'static [Field],
    means: fn(&Can) -> bool,
    lacks: &'static str,
) -> BehaviourInfo {
    BehaviourInfo { name, doc, fields, means, lacks }
}

/// What is needed to build a behaviour around another one.
pub struct Build<'a, P: Attack> {
    /// Its name and parameters, as decoded.
    pub name: &'a str,
    /// Its parameters.
    pub values: &'a Values,
    /// When it applies.
    pub when: When,
    /// Its number among the faults of the scenario.
    pub number: u16,
    /// Whose behaviour it is.
    pub party: PartyId,
    /// All honest parties.
    pub honest: &'a [PartyId],
    /// A fresh machine of the party.
    pub machine: P,
    /// Δ.
    pub delta: Span,
    /// The seed of the run.
    pub seed: u64,
}

impl<P: Attack> Build<'_, P> {
    /// Wraps a behaviour around another one.
    ///
    /// # Panics
    /// If there is no behaviour of this name: the decoder checks that.
    pub fn around(self, inner: Box<dyn Behaviour<P>>) -> Box<dyn Behaviour<P>> {
        let Build { name, values, number, party, .. } = self;
        let trigger = Trigger::new(self.when.clone(), P::ABOUT.kinds, number, party, self.seed);
        match name {
            "silent" => Box::new(Filter { inner, trigger, fate: Fate::Dropped }),
            "withhold" => {
                let trigger = trigger.by_default(&[Role::Vote]);
                Box::new(Filter { inner, trigger, fate: Fate::Dropped })
            }
            "selective" => {
                let half = &self.honest[..self.honest.len() / 2];
                let to = set(values.parties("to").unwrap_or(half));
                Box::new(Filter { inner, trigger, fate: Fate::OnlyTo(to) })
            }
            "delay" => {
                let by = values.get("by").map_or(self.delta, |_| values.span("by"));
                Box::new(Filter { inner, trigger, fate: Fate::Held(by) })
            }
            "crash" => Box::new(crash(inner, trigger, values)),
            "equivocate" => {
                let trigger = trigger.by_default(&[Role::Proposal]);
                Box::new(Equivocate { inner, trigger, split: self.split() })
            }
            "double-vote" => {
                let trigger = trigger.by_default(&[Role::Vote]);
                Box::new(DoubleVote { inner, trigger })
            }
            "replay" => Box::new(Replay { inner, trigger, count: values.integer("count") }),
            "impersonate" => {
                let victims = values.parties("victims").unwrap_or(self.honest).to_vec();
                Box::new(Impersonate { inner, trigger, victims })
            }
            "garbage" => Box::new(Garbage { inner, trigger }),
            "forge" => Box::new(Forge { inner, trigger, forgeries: forgeries(values) }),
            "twins" => {
                let mut sides = self.split().into_iter();
                let sides = [(); 2].map(|()| sides.next().unwrap_or_default());
                let copies = [Honest(self.machine.clone()), Honest(self.machine)];
                Box::new(Twins { copies, sides, number })
            }
            "amnesia" => Box::new(Amnesia { inner, shadow: Honest(self.machine), trigger }),
            "stale" => {
                let trigger = trigger.by_default(&[Role::Proposal]);
                let part = match values.text("part") {
                    Some("own") => Part::Own,
                    Some("claim") => Part::Claim,
                    Some("load") => Part::Load,
                    _ => Part::All,
                };
                Box::new(Stale { inner, trigger, part, bare: values.flag("bare") })
            }
            "random" => Box::new(Mutate { inner, trigger }),
            "lie" => {
                let trigger = trigger.by_default(&[Role::Proposal, Role::ViewChange]);
                let number = values.integer("number");
                Box::new(Lie { inner, trigger, number, last: (Time::ZERO, 0) })
            }
            "usurp" => {
                let trigger = trigger.by_default(&[Role::Proposal]);
                Box::new(Usurp { inner, trigger })
            }
            "hasty" => Box::new(Hasty { inner, number }),
            other => panic!("the decoder lets no behaviour `{other}` pass"),
        }
    }

    /// The groups of the file, or the honest parties in two halves.
    fn split(&self) -> Vec<PartySet> {
        match self.values.groups("split") {
            Some(groups) => groups.iter().map(|group| set(group)).collect(),
            None => {
                let (first, second) = self.honest.split_at(self.honest.len() / 2);
                vec![set(first), set(second)]
            }
        }
    }
}

fn set(parties: &[PartyId]) -> PartySet {
    parties.iter().copied().collect()
}

fn crash<P: Attack>(inner: Box<dyn Behaviour<P>>, trigger: Trigger, values: &Values) -> Crash<P> {
    let sends = values.get("sends").map(|_| values.integer("sends"));
    let at = values.get("at").map(|_| Time(values.span("at").0));
    Crash {
        inner,
        trigger,
        sends: sends.unwrap_or(u64::MAX),
        at: at.unwrap_or(if sends.is_some() { Time::NEVER } else { Time::ZERO }),
        last_to: set(values.parties("last_to").unwrap_or_default()),
        sent: 0,
    }
}

fn forgeries(values: &Values) -> Vec<Forgery> {
    let wanted = |name: &str| {
        let listed = values.list("forgeries");
        listed.is_empty() || listed.contains(&Value::Text(name.to_owned()))
    };
    Forgery::ALL.iter().filter(|(name, _)| wanted(name)).map(|(_, forgery)| *forgery).collect()
}
