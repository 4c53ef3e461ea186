//! Commit certificates: the one that is decided, and the one that waits for bodies.

use std::sync::Arc;

use byzlab_crypto::{Certificate, Claim, Committee, Digest, PartySet, Proof, Reject, Statement};

use super::{Block, Chain};
use crate::{Data, Decision, View};

/// A vote of which a quorum decides a block and all blocks below it.
pub trait Commitment: Statement {
    /// The view in which the block is committed, and was proposed.
    fn view(&self) -> View;

    /// The hash of the block.
    fn block(&self) -> Digest;

    /// Whether it is of the phase that decides.
    fn commits(&self) -> bool {
        true
    }
}

/// What shows to anybody that a block and all blocks below it are decided.
pub trait Commit: Data {
    /// The view in which the block was proposed.
    fn view(&self) -> View;

    /// The hash of the block.
    fn block(&self) -> Digest;

    /// Whether it is of the phase that decides.
    fn decides(&self) -> bool {
        true
    }

    /// The view in which a block on its path counts as committed.
    fn committed(&self, _block: &Block) -> View {
        self.view()
    }

    /// The same for those who have the public keys and nothing else.
    fn proof(&self) -> Arc<dyn Proof>;
}

impl<T: Commitment> Commit for Certificate<T> {
    fn view(&self) -> View {
        self.statement().view()
    }

    fn block(&self) -> Digest {
        self.statement().block()
    }

    fn decides(&self) -> bool {
        self.statement().commits()
    }

    fn proof(&self) -> Arc<dyn Proof> {
        Arc::new(CommitProof(self.claim().clone()))
    }
}

/// The commit certificates that a party has to remember, durably.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Commits<C> {
    /// The one by which the end of the log was decided.
    pub decided: Option<C>,
    /// A higher one whose block, or a block below it, is not held yet (corrections C6).
    pub pending: Option<C>,
}

/// What came of a commit certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Nothing new: covered by the log, or by a higher certificate that waits.
    Known,
    /// Its block can be decided now; it is the decided one from now on.
    Decided,
    /// It waits for bodies.
    Pending,
    /// Its block is not on one path with the log: two quorums disagree (corrections B2, C7).
    Conflict,
}

impl<C> Default for Commits<C> {
    fn default() -> Self {
        Commits { decided: None, pending: None }
    }
}

impl<C: Commit> Commits<C> {
    /// The view of the last decision.
    pub fn view(&self) -> View {
        self.decided.as_ref().map_or(View::GENESIS, Commit::view)
    }

    /// The highest certificate known.
    pub fn highest(&self) -> Option<&C> {
        self.pending.as_ref().or(self.decided.as_ref())
    }

    /// Takes in a certificate. One that waits gives way only to a higher one, and the decided one
    /// only to one that extends it.
    pub fn take(&mut self, chain: &Chain, new: &C) -> Taken {
        let (hash, view) = (new.block(), new.view());
        if chain.is_decided(&hash) {
            return Taken::Known;
        }
        if chain.missing(&hash).is_some() {
            // Whatever is below the decided block is in the log, and views grow along a chain.
            if view <= self.view() {
                return Taken::Conflict;
            }
            let waits = self.pending.as_ref();
            if waits.is_some_and(|pending| pending.view() >= view) {
                return Taken::Known;
            }
            self.pending = Some(new.clone());
            return Taken::Pending;
        }
        if chain.extends(&hash, &chain.decided()) {
            self.decided = Some(new.clone());
            Taken::Decided
        } else {
            Taken::Conflict
        }
    }

    /// After a decision or new bodies: what becomes of the certificate that waits, if anything.
    /// A block on its path may turn out to be too low to be in the log: then it conflicts.
    pub fn retry(&mut self, chain: &Chain, came: &[Block]) -> Option<(C, Taken)> {
        let pending = self.pending.take()?;
        let missing = chain.missing(&pending.block());
        let came = came.iter().find(|block| Some(block.hash()) == missing);
        let taken = match came.is_some_and(|block| block.height() <= chain.decided_height()) {
            true => Taken::Conflict,
            false => self.take(chain, &pending),
        };
        (taken != Taken::Pending).then_some((pending, taken))
    }
}

/// What is reported of a certificate that conflicts with the log; its block may not be held.
pub fn conflict(chain: &Chain, certificate: &impl Commit) -> Decision {
    let hash = certificate.block();
    let block = chain.get(&hash);
    Decision {
        slot: block.map_or(0, Block::height),
        view: certificate.view(),
        committed: certificate.view(),
        digest: hash,
        parent: block.map_or(Digest::ZERO, Block::parent),
        requests: [].into(),
        proof: Some(certificate.proof()),
        rounds: None,
    }
}

#[derive(Clone, Debug)]
struct CommitProof<T>(Claim<T>);

impl<T: Commitment> Proof for CommitProof<T> {
    fn check(&self, committee: &Committee) -> Result<(), Reject> {
        if !self.0.statement.commits() {
            return Err(Reject::Malformed("votes of another phase"));
        }
        Certificate::check(committee, &self.0).map(|_| ())
    }

    fn subject(&self) -> Digest {
        self.0.statement.block()
    }

    fn signers(&self) -> PartySet {
        self.0.signers()
    }
}
