//! When a behaviour applies.

use byzlab_crypto::PartyId;

use crate::{Kind, Probability, Role, Stream, Tag, Time, Value, Values};

/// The condition on which a behaviour applies. Everything that is set must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct When {
    /// In these views, the end excluded.
    pub views: Option<(u64, u64)>,
    /// On messages of these kinds.
    pub kinds: Option<Vec<String>>,
    /// At these times, the end excluded.
    pub times: Option<(Time, Time)>,
    /// The first so many times that all else holds.
    pub first: Option<u64>,
    /// With this probability, drawn each time.
    pub probability: Option<Probability>,
}

impl When {
    /// From the `when` table of a file.
    pub fn from_values(values: &Values) -> When {
        let texts = |items: &[Value]| {
            let texts = items.iter().filter_map(|item| match item {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            });
            texts.collect::<Vec<_>>()
        };
        When {
            views: values.range("views"),
            kinds: values.get("kinds").map(|_| texts(values.list("kinds"))),
            times: values.range("times").map(|(start, end)| (Time(start), Time(end))),
            first: values.get("first").map(|_| values.integer("first")),
            probability: values.get("probability").map(|_| values.probability("probability")),
        }
    }
}

/// A condition with what it needs to be decided: counters and its own randomness.
#[derive(Clone, Debug)]
pub struct Trigger {
    when: When,
    /// Applies to these roles if the file names no kinds; none means all.
    roles: &'static [Role],
    kinds: &'static [Kind],
    hits: u64,
    stream: Stream,
    /// The number of the behaviour among the faults of the scenario.
    pub number: u16,
    /// Whose behaviour it is.
    pub party: PartyId,
}

impl Trigger {
    /// A trigger for one behaviour of one party.
    pub fn new(
        when: When,
        kinds: &'static [Kind],
        number: u16,
        party: PartyId,
        seed: u64,
    ) -> Trigger {
        let stream = Stream::named(seed, &format!("behaviour {number} of party {party}"));
        Trigger { when, roles: &[], kinds, hits: 0, stream, number, party }
    }

    /// Applies to messages of these roles if the file names no kinds.
    #[must_use]
    pub fn by_default(mut self, roles: &'static [Role]) -> Trigger {
        self.roles = roles;
        self
    }

    /// The behaviour's own randomness.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Whether the behaviour applies to a message.
    pub fn hits(&mut self, tag: &Tag, now: Time) -> bool {
        let view = |range: (u64, u64)| range.0 <= tag.view.0 && tag.view.0 < range.1;
        self.when.views.is_none_or(view) && self.fits_kind(tag) && self.hits_at(now)
    }

    /// Whether the behaviour applies at a moment, views and kinds aside.
    pub fn hits_at(&mut self, now: Time) -> bool {
        let fits = self.when.times.is_none_or(|(start, end)| start <= now && now < end)
            && self.when.first.is_none_or(|first| self.hits < first)
            && self.when.probability.is_none_or(|probability| self.stream.chance(probability));
        self.hits += u64::from(fits);
        fits
    }

    fn fits_kind(&self, tag: &Tag) -> bool {
        match &self.when.kinds {
            Some(kinds) => kinds.iter().any(|kind| kind == tag.kind),
            None if self.roles.is_empty() => true,
            None => {
                let role =
                    self.kinds.iter().find(|kind| kind.name == tag.kind).map(|kind| kind.role);
                role.is_some_and(|role| self.roles.contains(&role))
            }
        }
    }
}
