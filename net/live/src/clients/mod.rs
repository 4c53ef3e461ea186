//! Clients: who asks for things, and what a node offers to them.
//!
//! - [`Client`]: a client without I/O. It signs commands, sends each to the parties, believes what
//!   f + 1 of them say alike, asks again, and gives up by a deadline.
//! - [`Port`], [`Replies`]: the two sides of a node that are turned to clients. Requests go in,
//!   replies come out. [`Gate`] is that of a running [`Node`](crate::Node).
//! - [`serve`]: the port over TCP: frames with their length in front, a greeting, bounds on all.
//! - [`Session`]: a client with connections to the ports of all parties.
//! - [`Gateway`]: a session that many share.
//! - [`load`]: an open loop of requests, and what became of them.
//!
//! Replies are not signed: who speaks is known by the address at which it was reached. That is
//! enough on one machine, and on a network that nobody else can write to; elsewhere a tunnel has to
//! lead to each port.

mod client;
#[cfg(test)]
pub(crate) mod double;
mod gate;
mod gateway;
mod link;
pub mod load;
mod network;
mod port;
mod replies;
mod server;
mod session;
pub(crate) mod wire;

pub use client::{Believed, Client, GaveUp, Post, Reach, Settled};
pub use gate::{Gate, Look};
pub use gateway::{CallError, Gateway};
pub use network::{Network, NetworkError};
pub use port::{Port, Report};
pub use replies::Replies;
pub use server::{PortCounters, PortLimits, Server, serve};
pub use session::{Session, SessionError};
pub use wire::{Answer, FRAME, Outcome, ToClient, ToNode, VERSION, Welcome};
