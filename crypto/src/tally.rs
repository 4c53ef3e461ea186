//! Counts votes. Counting is kept apart from deciding: a tally reports, a rule acts.

use crate::{
    Certificate, Committee, Contradicts, Evidence, PartyId, PartySet, Signature, Signed, Statement,
    Verified,
};

/// What became of a vote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// It is the `usize`-th vote for its statement.
    Counted(usize),
    /// The signer is known to have voted for this statement.
    Repeated,
    /// It counts, and it contradicts an earlier vote of its signer.
    Conflicting(usize, Box<Evidence>),
    /// The signer has two contradicting votes here already: nothing new, nothing kept.
    Ignored,
}

/// The votes of one kind and view, by statement: at most two statements of each signer, the
/// second one for the evidence. So a tally holds at most `2n` votes whatever is sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tally<T> {
    groups: Vec<Group<T>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Group<T> {
    statement: T,
    voters: PartySet,
    votes: Vec<(PartyId, Signature)>,
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Tally { groups: Vec::new() }
    }
}

impl<T: Statement + Contradicts<T>> Tally<T> {
    /// Counts a vote, once for each signer and statement.
    pub fn add(&mut self, vote: &Verified<T>) -> Added {
        let by = vote.by();
        let mut index = None;
        let mut other = None;
        let mut others = 0;
        for (at, group) in self.groups.iter().enumerate() {
            let voted = group.voters.contains(by);
            if group.statement == *vote.body() {
                if voted {
                    return Added::Repeated;
                }
                index = Some(at);
            } else if voted {
                others += 1;
                other = Some(at);
            }
        }
        if others > 1 {
            return Added::Ignored;
        }
        let conflict = other.and_then(|at| Evidence::pair(&self.groups[at].vote(by)?, vote));
        let count = self.count(index, vote);
        match conflict {
            Some(evidence) => Added::Conflicting(count, Box::new(evidence)),
            None => Added::Counted(count),
        }
    }

    fn count(&mut self, index: Option<usize>, vote: &Verified<T>) -> usize {
        let index = index.unwrap_or_else(|| {
            let statement = vote.body().clone();
            self.groups.push(Group { statement, voters: PartySet::EMPTY, votes: Vec::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[index];
        group.voters.insert(vote.by());
        group.votes.push((vote.by(), vote.signed().signature));
        group.votes.len()
    }

    /// The certificate for a statement, once a quorum voted for it.
    pub fn certificate(&self, committee: &Committee, statement: &T) -> Option<Certificate<T>> {
        let group = self.groups.iter().find(|group| group.statement == *statement)?;
        group.certificate(committee)
    }

    /// The certificate of the first statement for which a quorum voted.
    pub fn any_certificate(&self, committee: &Committee) -> Option<Certificate<T>> {
        self.groups.iter().find_map(|group| group.certificate(committee))
    }

    /// Who voted for a statement.
    pub fn voters(&self, statement: &T) -> PartySet {
        let group = self.groups.iter().find(|group| group.statement == *statement);
        group.map(|group| group.voters).unwrap_or_default()
    }

    /// The vote of a party, if it is here; of two, the first.
    pub fn vote(&self, by: PartyId) -> Option<Verified<T>> {
        self.groups.iter().find_map(|group| group.vote(by))
    }

    /// The statements that were voted for, in the order of their first votes.
    pub fn statements(&self) -> impl Iterator<Item = &T> {
        self.groups.iter().map(|group| &group.statement)
    }
}

impl<T: Statement> Group<T> {
    fn certificate(&self, committee: &Committee) -> Option<Certificate<T>> {
        (self.votes.len() >= committee.quorum())
            .then(|| Certificate::of_votes(committee, self.statement.clone(), self.votes.clone()))
            .flatten()
    }

    fn vote(&self, by: PartyId) -> Option<Verified<T>> {
        let (_, signature) = self.votes.iter().find(|(voter, _)| *voter == by)?;
        Some(Verified::new(Signed { body: self.statement.clone(), by, signature: *signature }))
    }
}
