//! Which bodies a party lacks, and whom it asks next (corrections A1, AV4).

use std::collections::BTreeMap;

use byzlab_crypto::{Digest, PartyId};

/// The most blocks in one answer.
pub const WINDOW: usize = 64;

/// The most bodies that a party looks for at once.
pub const MAX_WANTED: usize = 64;

/// How often a party asks for a body that one vote spoke of and no certificate.
const RUMOUR_ASKS: u64 = 4;

/// The bodies that a party looks for. A certified body exists at an honest party and is asked
/// for until it is there; one that only votes spoke of may be an invention, and is given up
/// after a few attempts.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fetcher {
    wanted: BTreeMap<Digest, Want>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Want {
    certified: bool,
    sources: Vec<PartyId>,
    asked: u64,
}

impl Fetcher {
    /// A body is lacking, and `sources` spoke of it. Says whom to ask now, if it was not looked
    /// for before.
    pub fn want(
        &mut self,
        hash: Digest,
        certified: bool,
        sources: impl IntoIterator<Item = PartyId>,
    ) -> Option<PartyId> {
        let full = self.wanted.len() >= MAX_WANTED;
        if full && !self.wanted.contains_key(&hash) && !(certified && self.drop_rumour()) {
            return None;
        }
        let new = Want { certified, sources: Vec::new(), asked: 0 };
        let want = self.wanted.entry(hash).or_insert(new);
        want.certified |= certified;
        for source in sources {
            if want.sources.len() < WINDOW && !want.sources.contains(&source) {
                want.sources.push(source);
            }
        }
        if want.asked > 0 {
            return None;
        }
        let first = want.sources.first().copied();
        want.asked = u64::from(first.is_some());
        first
    }

    /// Makes room for a certified body.
    fn drop_rumour(&mut self) -> bool {
        let rumour = self.wanted.iter().find(|(_, want)| !want.certified).map(|(hash, _)| *hash);
        rumour.is_some_and(|hash| self.wanted.remove(&hash).is_some())
    }

    /// Whom to ask next for a body that did not come, among those who spoke of it and then all
    /// others; nobody if it is no longer looked for.
    pub fn next(&mut self, hash: &Digest, me: PartyId, n: usize) -> Option<PartyId> {
        let want = self.wanted.get_mut(hash)?;
        if !want.certified && want.asked >= RUMOUR_ASKS {
            self.wanted.remove(hash);
            return None;
        }
        let turn = want.asked as usize;
        want.asked += 1;
        let source = want.sources.get(turn).copied();
        let source = source.unwrap_or_else(|| {
            let others = PartyId::all(n).filter(|party| *party != me).collect::<Vec<_>>();
            others.get(turn % others.len().max(1)).copied().unwrap_or(me)
        });
        (source != me).then_some(source)
    }

    /// A body came. Says whether it was looked for.
    pub fn came(&mut self, hash: &Digest) -> bool {
        self.wanted.remove(hash).is_some()
    }

    /// Whether a body is looked for.
    pub fn wants(&self, hash: &Digest) -> bool {
        self.wanted.contains_key(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: Digest = Digest([7; 32]);

    #[test]
    fn a_certified_body_is_asked_for_until_it_comes() {
        let mut fetcher = Fetcher::default();
        assert_eq!(fetcher.want(HASH, true, [PartyId(2)]), Some(PartyId(2)));
        assert_eq!(fetcher.want(HASH, true, [PartyId(3)]), None, "one open fetch a hash");
        let asked: Vec<_> = (0..9).filter_map(|_| fetcher.next(&HASH, PartyId(0), 4)).collect();
        assert_eq!(asked.len(), 9);
        assert!((1..4).all(|party| asked.contains(&PartyId(party))));
        assert!(fetcher.came(&HASH));
        assert_eq!(fetcher.next(&HASH, PartyId(0), 4), None);
    }

    #[test]
    fn a_rumour_is_given_up_and_makes_room_for_what_is_certified() {
        let mut fetcher = Fetcher::default();
        for byte in 0..=255 {
            fetcher.want(Digest([byte; 32]), false, [PartyId(1)]);
        }
        assert_eq!(fetcher.wanted.len(), MAX_WANTED);
        assert!(fetcher.want(Digest([255; 32]), true, [PartyId(1)]).is_some());
        let rumour = Digest([9; 32]);
        let asked = (0..20).filter_map(|_| fetcher.next(&rumour, PartyId(0), 4)).count();
        assert_eq!(asked as u64, RUMOUR_ASKS - 1);
        assert!(!fetcher.wants(&rumour));
    }
}
