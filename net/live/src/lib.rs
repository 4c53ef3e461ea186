//! Byzantine consensus between real processes: the machines that run in the simulator, over
//! libp2p, with their votes on disk.
//!
//! [`transport`] carries bytes between numbered parties and knows nothing of protocols;
//! [`Shaper`] and [`Line`] make of its network the one that the scenario describes. A [`Node`]
//! moves one party: inputs in, effects out in their order, nothing before what precedes it is
//! durable. What it took in stands in its [`journal`], and a run is judged by a [`replay()`] of the
//! journals.

mod actor;
mod alone;
pub mod clients;
mod clock;
mod commits;
mod fleet;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
mod intake;
pub mod journal;
mod line;
mod link;
mod losses;
mod node;
mod party;
mod process;
mod processes;
mod replay;
mod shaper;
mod store;
mod threads;
mod timers;
pub mod transport;

pub use actor::{Panicked, Parts};
pub use alone::{Alone, Found, fresh_secret};
pub use clock::{Clock, unix_ns};
pub use commits::Commits;
pub use fleet::{Crew, FleetError, Look, Plan, SeatState, conduct};
pub use frame::SendId;
pub use intake::{Inbox, Intake};
/// The address of a transport.
pub use libp2p::Multiaddr;
pub use line::Line;
pub use link::{Faults, Link, Outgoing, Shaped};
pub use losses::Losses;
pub use node::{Keeps, Node, NodeConfig, NodeError, Status};
pub use party::{Common, Home, Joined, Party, PartyError};
pub use process::Member;
pub use processes::{Launch, Processes, abandon};
pub use replay::{Replay, ReplayError, Replayed, replay};
pub use shaper::{Fate, Shaper};
pub use store::{Change, FORMAT, Kept, Loaded, Owner, Store, StoreError};
pub use threads::{PATIENCE, Threads, loopback, runtime};
