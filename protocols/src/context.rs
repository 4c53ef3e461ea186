//! What all parties of an instance know from the start.

use std::hash::{Hash, Hasher};

use byzlab_crypto::{Committee, KeyRing, PartyId};

use crate::{Span, View};

/// Who leads which view (or sends which broadcast).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Leaders {
    /// In turn, beginning with this party in view 1.
    RoundRobin(PartyId),
    /// The same party always.
    Stable(PartyId),
    /// The first views as listed, from view 1 on; then in turn as if the list had been so too.
    Scripted(Vec<PartyId>, PartyId),
}

impl Leaders {
    /// The leader of a view, counted from 1, in a committee of `n`.
    pub fn leader(&self, view: View, n: usize) -> PartyId {
        let turn = |first: PartyId| {
            let at = (view.previous().0 % n as u64 + u64::from(first.0)) % n as u64;
            PartyId(at as u16)
        };
        match self {
            Leaders::RoundRobin(first) => turn(*first),
            Leaders::Stable(party) => *party,
            Leaders::Scripted(list, first) => {
                let listed = usize::try_from(view.previous().0).ok().and_then(|at| list.get(at));
                listed.copied().unwrap_or_else(|| turn(*first))
            }
        }
    }
}

/// What all parties of an instance know from the start: nothing in it ever changes.
#[derive(Debug)]
pub struct Context {
    /// The parties, their keys, the quorums, the instance id.
    pub committee: Committee,
    /// The keys of the clients whose requests are valid.
    pub clients: KeyRing,
    /// Who leads.
    pub leaders: Leaders,
    /// Δ, the known bound on message delay between honest parties.
    pub delta: Span,
}

// Machines are compared within one run, which has one context: its instance id stands for it.

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.committee.instance() == other.committee.instance()
    }
}

impl Eq for Context {}

impl Hash for Context {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.committee.instance().hash(state);
    }
}

impl Context {
    /// The leader of a view.
    pub fn leader(&self, view: View) -> PartyId {
        self.leaders.leader(view, self.committee.n())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(leaders: &Leaders, n: usize) -> Vec<u16> {
        (1..=6).map(|view| leaders.leader(View(view), n).0).collect()
    }

    #[test]
    fn leaders_take_turns_from_the_first_one_on() {
        assert_eq!(first(&Leaders::RoundRobin(PartyId(1)), 4), [1, 2, 3, 0, 1, 2]);
        assert_eq!(first(&Leaders::RoundRobin(PartyId(0)), 4), [0, 1, 2, 3, 0, 1]);
        assert_eq!(first(&Leaders::Stable(PartyId(2)), 4), [2; 6]);
        let script = Leaders::Scripted(vec![PartyId(0), PartyId(0)], PartyId(1));
        assert_eq!(first(&script, 4), [0, 0, 3, 0, 1, 2]);
    }
}
