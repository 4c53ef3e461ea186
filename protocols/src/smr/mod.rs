//! State machine replication: what protocols that order requests in blocks have in common.
//!
//! A block protocol decides which block follows which; everything else is here, once:
//!
//! - [`Command`], [`Request`]: what a client signs. External validity is its signature and that
//!   it is not on the chain yet (corrections D1, D3).
//! - [`Header`], [`Block`]: the hash covers instance, height, parent, view, proposer, the view
//!   and digest of the justification and the requests, so that one hash means one justification
//!   (corrections C1). The proposer signs the header, which makes two blocks of one view proof
//!   against it.
//! - [`Chain`]: the blocks that a party holds, the log that it decided, what extends what.
//! - [`Pool`]: requests that wait, a share for each client; [`Pace`]: when they are proposed.
//! - [`KeyValue`]: the application; [`list`]: many commands in one request.
//! - [`Ledger`], [`Snapshot`]: what protocols whose log consists of slots hold of it instead of a
//!   chain, and hand on to whoever is behind.
//! - [`Replica`]: all of these for one party, and the fetching of bodies that it lacks.

mod application;
mod block;
mod chain;
mod commits;
mod fetch;
mod ledger;
pub mod list;
mod pace;
mod pool;
mod replica;
mod request;

pub use application::KeyValue;
pub(crate) use block::OVERHEAD;
pub use block::{Batch, Block, Header, MAX_BATCH, MAX_BLOCK_BYTES, WireBlock};
pub use chain::Chain;
pub use commits::{Commit, Commitment, Commits, Taken, conflict};
pub use fetch::{Fetcher, MAX_WANTED, WINDOW};
pub use ledger::{Ledger, Snapshot, log_digest};
pub use pace::Pace;
pub use pool::{MAX_SHARE, MAX_WAITING, Pool, share, weight};
pub use replica::{MAX_BODIES_BYTES, Ordered, Replica, Sync, bodies, check_sync, sync_tag};
pub use request::{Command, MAX_PAYLOAD, Request, RequestId, check_request, take_request};
