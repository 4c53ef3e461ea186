//! byzlab: a laboratory for Byzantine consensus.
//!
//! You write a scenario in TOML: a protocol, a network, some traitors, what you expect. byzlab
//! runs it, judges it, and shows you why. As a library, it gives a protocol of your own every
//! command:
//!
//! ```no_run
//! # use byzlab::protocols::pbft::Pbft as MyProtocol;
//! std::process::exit(byzlab::Lab::new().with::<MyProtocol>().main());
//! ```

mod cli;
mod lab;
#[cfg(feature = "live")]
mod live;

pub use byzlab_crypto as crypto;
pub use byzlab_protocols as protocols;
pub use byzlab_scenarios as scenarios;
pub use byzlab_sim as sim;
pub use byzlab_trace as trace;
#[doc(hidden)]
pub use cli::command;
pub use lab::Lab;
