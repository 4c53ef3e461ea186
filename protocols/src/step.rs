//! How a party takes a step: the same few lines in the simulator and over a network.

use std::sync::Arc;

use byzlab_crypto::{PartyId, Reject};

use crate::{Block, Context, Effects, Packet, Protocol, Request, smr::Snapshot};

/// What a party finds on its disk after a crash.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stored<R> {
    /// The last record that it persisted.
    pub record: Arc<R>,
    /// The blocks that it kept, by ascending height.
    pub blocks: Vec<Block>,
    /// The last snapshot that it saved, if it ever did.
    pub snapshot: Option<Snapshot>,
}

/// What can happen to a party.
#[derive(Clone, Debug)]
pub enum Input<P: Protocol> {
    /// The instance starts, or the party comes back.
    Start(Option<Stored<P::Record>>),
    /// A client's request reaches it.
    Command(Request),
    /// A packet arrives.
    Packet {
        /// Over whose link.
        from: PartyId,
        /// What.
        packet: Arc<Packet<P>>,
    },
    /// A timer fires.
    Timer {
        /// Of which copy of the machine; 0 but for twins.
        copy: u8,
        /// Its name.
        timer: P::Timer,
    },
    /// What a behaviour asked to be told; honest machines ignore it.
    Wake(u64),
}

/// The honest party: checks, then steps.
///
/// # Errors
/// Why a packet was refused; the party did nothing then.
pub fn step<P: Protocol>(
    party: &mut P,
    context: &Context,
    input: &Input<P>,
    fx: &mut Effects<P>,
) -> Result<(), Reject> {
    match input {
        Input::Start(stored) => party.start(stored.as_ref(), fx),
        Input::Command(request) => party.command(request, fx),
        Input::Timer { timer, .. } => party.timer(timer.clone(), fx),
        Input::Packet { from, packet } => {
            let message = packet.verdict(context).as_ref().map_err(|reason| *reason)?;
            party.message(*from, message, fx);
        }
        Input::Wake(_) => {}
    }
    Ok(())
}
