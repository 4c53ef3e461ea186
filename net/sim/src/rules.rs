//! Rules on single messages, as files write them.

use byzlab_crypto::{PartyId, PartySet};
use byzlab_protocols::{Span, Tag, Time, View};
use byzlab_trace::FaultId;

/// Which messages a rule is about. Everything that is set must fit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Matcher {
    /// The sender.
    pub from: Option<PartySet>,
    /// The receiver.
    pub to: Option<PartySet>,
    /// The kind.
    pub kind: Option<String>,
    /// The views, the end excluded.
    pub views: Option<(u64, u64)>,
    /// Only the k-th message that fits otherwise, counted from 1 for each sender and receiver.
    pub occurrence: Option<u32>,
}

/// What a rule does to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It does not arrive.
    Drop,
    /// It arrives so many times.
    Duplicate(u32),
    /// It takes so much longer than the network would take.
    Delay(Span),
    /// It arrives at this moment, or when the network would bring it if that is later.
    HoldUntil(Time),
    /// Its fields are changed by the corrupted sender; done before it reaches the network.
    Set,
}

/// A rule on single messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageRule {
    /// Which messages.
    pub on: Matcher,
    /// What happens to them.
    pub action: Action,
    /// Its number among the faults of the scenario.
    pub fault: FaultId,
}

impl Matcher {
    /// Whether a message fits, its occurrence aside.
    pub fn fits(&self, from: PartyId, to: PartyId, tag: &Tag) -> bool {
        let View(view) = tag.view;
        self.from.as_ref().is_none_or(|set| set.contains(from))
            && self.to.as_ref().is_none_or(|set| set.contains(to))
            && self.kind.as_ref().is_none_or(|kind| kind == tag.kind)
            && self.views.is_none_or(|(first, end)| first <= view && view < end)
    }
}
