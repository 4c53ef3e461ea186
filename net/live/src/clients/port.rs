//! What a node offers to those outside of the protocol.

use std::sync::Arc;

use byzlab_crypto::PartyId;
use byzlab_protocols::{Context, Request, View};

use crate::{Commits, clients::Replies, transport::Counters};

/// What a node offers to those outside of the protocol.
pub trait Port: Send + Sync + 'static {
    /// What everybody knows.
    fn context(&self) -> &Arc<Context>;

    /// Hands a request to the party, without waiting. False if there is no room for it.
    fn submit(&self, request: Request) -> bool;

    /// Where its replies appear.
    fn replies(&self) -> &Arc<Replies>;

    /// What it wrote down so far.
    fn commits(&self) -> &Arc<Commits>;

    /// How it is.
    fn report(&self) -> Report;
}

/// How a node is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Its party.
    pub party: PartyId,
    /// What it runs.
    pub protocol: String,
    /// The view that it is in.
    pub view: View,
    /// How many slots it has decided.
    pub decided: u64,
    /// How many requests it has executed.
    pub executed: u64,
    /// How many messages it has sent.
    pub sent: u64,
    /// With how many other parties it has a connection.
    pub peers: u64,
    /// What its party dropped since it could not take it in time.
    pub dropped: u64,
    /// How many frames to or from others its runtime lost for lack of room.
    pub lost: u64,
    /// Why it does not go on, if it does not.
    pub failed: Option<String>,
    /// What its transport did.
    pub transport: Counters,
}
