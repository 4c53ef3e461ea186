//! Byzantine consensus between real processes: the machines that run in the simulator, over
//! libp2p, with their votes on disk.
//!
//! [`Transport`](transport) carries bytes between numbered parties and knows nothing of
//! protocols. A [`Node`] moves one party: inputs in, effects out in their order, nothing before
//! what precedes it is durable. What it took in stands in its [`journal`]; a run is judged by
//! replaying the journals.

mod actor;
mod clock;
mod frame;
pub mod journal;
mod node;
mod store;
mod timers;
pub mod transport;

pub use actor::{Panicked, Parts};
pub use clock::{Clock, unix_ns};
pub use frame::SendId;
pub use node::{Inbox, Intake, Link, Node, NodeConfig, NodeError, Outgoing, Status};
pub use store::{Change, FORMAT, Kept, Owner, Store, StoreError};
