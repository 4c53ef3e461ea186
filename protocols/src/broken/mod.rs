//! The museum: protocols with one rule replaced.
//!
//! Each piece is the published rules with one function replaced, under the id of
//! the catalogue of seeded bugs where it has one. Chosen by `protocol.NAME = { broken = "ID" }`, said in every
//! output. They prove that the checkers bite: each has a scenario in which a property falls.

/// Tells sets of rules apart by their names: functions have no equality.
macro_rules! named_rules {
    ($rules:ty) => {
        impl PartialEq for $rules {
            fn eq(&self, other: &Self) -> bool {
                self.name == other.name
            }
        }

        impl Eq for $rules {}

        impl std::hash::Hash for $rules {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.name.hash(state);
            }
        }

        impl std::fmt::Debug for $rules {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "rules {}", self.name)
            }
        }
    };
}

pub(crate) use named_rules;

pub mod dolev_strong;
pub mod hotstuff;
pub mod hotstuff_chained;
pub mod pbft;
pub mod pbft_classic;
