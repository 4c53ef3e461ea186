//! Which bodies a party lacks, and whom it asks next (corrections A1, AV4).
//!
//! A body is looked for only if at least one honest party holds it: because a certificate names
//! it, or f + 1 parties voted for it, or such a block extends it. A single vote is no reason: it
//! may be for an invention, and every block that is ever certified has f + 1 honest voters, whose
//! votes are multicast.

use std::collections::BTreeMap;

use byzlab_crypto::{Digest, PartyId, PartySet};

use crate::View;

/// The most blocks in one answer.
pub const WINDOW: usize = 64;

/// The most bodies that a party looks for at once.
pub const MAX_WANTED: usize = 64;

/// The bodies that a party looks for. It asks f + 1 parties at once, so that one honest party is
/// among them whatever the others do, and the next f + 1 when no answer came in time.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fetcher {
    wanted: BTreeMap<Digest, Want>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Want {
    /// The view of what spoke of the body: once a later view is decided, it is of no use.
    view: View,
    sources: Vec<PartyId>,
    /// How many were asked so far.
    asked: usize,
}

impl Fetcher {
    /// A body is lacking, and `sources` hold it or say so. Gives whom to ask now, if it was not
    /// looked for before.
    pub fn want(
        &mut self,
        hash: Digest,
        view: View,
        sources: impl IntoIterator<Item = PartyId>,
        at_once: usize,
    ) -> Vec<PartyId> {
        if let Some(want) = self.wanted.get_mut(&hash) {
            want.view = want.view.max(view);
            return Vec::new();
        }
        if self.is_full() && !self.make_room(view) {
            return Vec::new();
        }
        let mut seen = PartySet::EMPTY;
        let sources: Vec<_> =
            sources.into_iter().filter(|source| seen.insert(*source)).take(WINDOW).collect();
        let first: Vec<_> = sources.iter().copied().take(at_once).collect();
        self.wanted.insert(hash, Want { view, sources, asked: first.len() });
        first
    }

    /// Whether no more bodies are looked for at once, unless others are given up.
    pub fn is_full(&self) -> bool {
        self.wanted.len() >= MAX_WANTED
    }

    /// Gives up the oldest want, if it is older than the view.
    fn make_room(&mut self, view: View) -> bool {
        let oldest = self.wanted.iter().min_by_key(|(_, want)| want.view);
        let oldest = oldest.filter(|(_, want)| want.view < view).map(|(hash, _)| *hash);
        oldest.is_some_and(|hash| self.wanted.remove(&hash).is_some())
    }

    /// Whom to ask next for a body that did not come, among those who spoke of it and then all
    /// others in turn; nobody if it is no longer looked for.
    pub fn next(&mut self, hash: &Digest, me: PartyId, n: usize, at_once: usize) -> Vec<PartyId> {
        let Some(want) = self.wanted.get_mut(hash) else { return Vec::new() };
        let others: Vec<_> = PartyId::all(n).filter(|party| *party != me).collect();
        let next = (want.asked..want.asked + at_once).filter_map(|turn| {
            let source = want.sources.get(turn).copied();
            source.or_else(|| others.get(turn % others.len().max(1)).copied())
        });
        let next = next.collect();
        want.asked += at_once;
        next
    }

    /// A body came. Says whether it was looked for.
    pub fn came(&mut self, hash: &Digest) -> bool {
        self.wanted.remove(hash).is_some()
    }

    /// The view for which a body is looked for, if it is.
    pub fn wants(&self, hash: &Digest) -> Option<View> {
        self.wanted.get(hash).map(|want| want.view)
    }

    /// A block of this view is decided: what older views spoke of is in the log or lost. Gives
    /// what is no longer looked for.
    pub fn decided(&mut self, view: View) -> Vec<Digest> {
        let old: Vec<_> = self
            .wanted
            .iter()
            .filter(|(_, want)| want.view <= view)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in &old {
            self.wanted.remove(hash);
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Digest = Digest([7; 32]);

    #[test]
    fn a_body_is_asked_for_until_it_comes() {
        let mut fetcher = Fetcher::default();
        assert_eq!(fetcher.want(HASH, View(1), [2, 3].map(PartyId), 2), [2, 3].map(PartyId));
        assert!(fetcher.want(HASH, View(2), [PartyId(1)], 2).is_empty(), "one open fetch a hash");
        let asked: Vec<_> = (0..5).flat_map(|_| fetcher.next(&HASH, PartyId(0), 4, 2)).collect();
        assert!((1..4).all(|party| asked.contains(&PartyId(party))), "{asked:?}");
        assert!(fetcher.came(&HASH));
        assert!(fetcher.next(&HASH, PartyId(0), 4, 2).is_empty());
    }

    #[test]
    fn what_a_later_decision_covers_is_given_up() {
        let mut fetcher = Fetcher::default();
        fetcher.want(HASH, View(3), [PartyId(1)], 2);
        assert!(fetcher.decided(View(2)).is_empty());
        assert_eq!(fetcher.decided(View(3)), [HASH]);
        assert_eq!(fetcher.wants(&HASH), None);
    }

    #[test]
    fn a_full_list_makes_room_for_what_is_newer() {
        let mut fetcher = Fetcher::default();
        for view in 1..=200 {
            let hash = Digest::of("test", &[view]);
            let asked = fetcher.want(hash, View(u64::from(view)), [PartyId(1)], 1);
            assert_eq!(asked.len(), 1);
        }
        assert_eq!(fetcher.wanted.len(), MAX_WANTED);
        assert!(fetcher.want(HASH, View(1), [PartyId(1)], 1).is_empty(), "older than all");
    }
}
