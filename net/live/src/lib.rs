//! Byzantine consensus between real processes: the machines that run in the simulator, over
//! libp2p, with their votes on disk.
//!
//! [`Transport`](transport) carries bytes between numbered parties and knows nothing of
//! protocols.

pub mod clients;
pub mod transport;
