//! The museum: protocols with one rule replaced.
//!
//! Each piece is the published rules with one function replaced, under the id of
//! the catalogue of seeded bugs where it has one. Chosen by `protocol.NAME = { broken = "ID" }`, said in every
//! output. They prove that the checkers bite: each has a scenario in which a property falls.

pub mod pbft;
