//! Requests of clients.

use std::{fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use byzlab_crypto::{PartyId, Reject, Signed, Statement, Verified};
use serde::{Deserialize, Serialize};

use crate::Context;

/// The longest payload of a request, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// What a client asks for, under its signature.
#[derive(
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct Command {
    /// The client's own number for it: a client uses each number once.
    pub seq: u64,
    /// What the application makes of it.
    pub payload: Vec<u8>,
}

impl Statement for Command {
    const DOMAIN: &'static str = "byzlab/smr/request/1";
}

/// A request whose client's signature was checked.
pub type Request = Arc<Verified<Command>>;

/// Checks a request: its length and the signature of its client.
///
/// # Errors
/// What is wrong with it.
pub fn check_request(context: &Context, request: &Signed<Command>) -> Result<Request, Reject> {
    if request.body.payload.len() > MAX_PAYLOAD {
        return Err(Reject::Oversize);
    }
    context.clients.check(request).map(Arc::new)
}

/// The same without a copy, for a request that is given away: a block that has the very same in it while
/// somebody holds this one is checked without another digest of it.
///
/// # Errors
/// As [`check_request`].
pub fn take_request(context: &Context, request: Signed<Command>) -> Result<Request, Reject> {
    if request.body.payload.len() > MAX_PAYLOAD {
        return Err(Reject::Oversize);
    }
    context.clients.hold(request)
}

/// The name of a request.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
)]
pub struct RequestId {
    /// Whose it is.
    pub client: PartyId,
    /// The client's number for it.
    pub seq: u64,
}

impl RequestId {
    /// The name of a request.
    pub fn of(request: &Verified<Command>) -> RequestId {
        RequestId { client: request.by(), seq: request.body().seq }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}#{}", self.client, self.seq)
    }
}
