//! The committee, and the one home of quorum arithmetic.

use crate::{Digest, KeyRing, PartyId, Reject, Signed, Statement, Verified};

/// The largest committee.
pub const MAX_PARTIES: usize = 1024;

/// Why there can be no such committee.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommitteeError {
    /// Everybody faulty, or more than everybody.
    #[error("f = {f} of n = {n} parties: at least one party has to be honest")]
    Faults {
        /// The parties.
        n: usize,
        /// The faults to tolerate.
        f: usize,
    },
}

/// `n` parties of which at most `f` are faulty, and their keys.
///
/// Sources of the arithmetic: a quorum is `n - f` (Decentralized Thoughts, PBFT, section
/// "Certificates"), the largest that is live. A literal `2f + 1` equals it only for
/// `n = 3f + 1`: at `n = 6`, `f = 1` two quorums of 3 can be disjoint.
#[derive(Debug)]
pub struct Committee {
    ring: KeyRing,
    f: usize,
}

impl Committee {
    /// A committee with the keys of the ring.
    ///
    /// # Errors
    /// If `f >= n`.
    pub fn new(ring: KeyRing, f: usize) -> Result<Committee, CommitteeError> {
        if f >= ring.len() {
            return Err(CommitteeError::Faults { n: ring.len(), f });
        }
        Ok(Committee { ring, f })
    }

    /// The same committee with nothing remembered of what was checked.
    pub fn fresh(&self) -> Committee {
        Committee { ring: self.ring.fresh(), f: self.f }
    }

    /// The number of parties.
    pub fn n(&self) -> usize {
        self.ring.len()
    }

    /// The number of faulty parties that are tolerated.
    pub fn f(&self) -> usize {
        self.f
    }

    /// Signatures that make a certificate: `n - f`.
    pub fn quorum(&self) -> usize {
        quorum(self.n(), self.f)
    }

    /// The least overlap of two quorums, `2q - n`, or 0. Two conflicting certificates of one
    /// view name at least so many culprits; agreement is promised while fewer are Byzantine.
    pub fn meet(&self) -> usize {
        meet(self.n(), self.f)
    }

    /// Parties among whom at least one is honest: `f + 1`.
    pub fn one_honest(&self) -> usize {
        self.f + 1
    }

    /// All parties in order.
    pub fn parties(&self) -> impl DoubleEndedIterator<Item = PartyId> + ExactSizeIterator + use<> {
        PartyId::all(self.n())
    }

    /// The instance that every signature is bound to.
    pub fn instance(&self) -> Digest {
        self.ring.instance()
    }

    /// The keys.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Checks a signed statement; see [`KeyRing::check`].
    ///
    /// # Errors
    /// As [`KeyRing::check`].
    pub fn check<T: Statement>(&self, signed: &Signed<T>) -> Result<Verified<T>, Reject> {
        self.ring.check(signed)
    }
}

fn quorum(n: usize, f: usize) -> usize {
    n - f
}

fn meet(n: usize, f: usize) -> usize {
    (2 * quorum(n, f)).saturating_sub(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protocols.md 1.3: two quorums share an honest party exactly when `n >= 3f + 1`.
    #[test]
    fn quorums_meet_in_an_honest_party_up_to_the_bound_and_not_beyond() {
        for n in 1..=100 {
            for f in 0..n {
                let safe = meet(n, f) > f;
                assert_eq!(safe, n > 3 * f, "n={n} f={f}");
                assert!(
                    quorum(n, f) + f <= n,
                    "n={n} f={f}: a quorum must not wait for the faulty"
                );
            }
        }
    }

    #[test]
    fn at_three_f_plus_one_the_textbook_numbers_come_out() {
        for f in 0..=33 {
            let n = 3 * f + 1;
            assert_eq!((quorum(n, f), meet(n, f)), (2 * f + 1, f + 1));
        }
    }
}
