//! The protocols of byzlab: pure state machines, their attacks and their broken twins.
//!
//! A protocol is a value that takes inputs and puts effects ([`Protocol`]). It has no clock, no
//! randomness, no input or output: a runtime gives it all of that, and the same code runs in the
//! simulator and over a network. Each protocol's folder is a lecture; start at
//! [`dolev_strong`], [`pbft`], [`pbft_classic`], [`hotstuff`] or [`hotstuff_chained`].

pub mod attack;
pub mod broken;
pub mod byzantine;
mod context;
pub mod dolev_strong;
pub mod durable;
pub mod effects;
mod field;
pub mod hotstuff;
pub mod hotstuff_chained;
mod packet;
pub mod pbft;
pub mod pbft_classic;
pub mod protocol;
mod random;
pub mod smr;
mod step;
mod time;

pub use attack::{Attack, Material};
pub use context::{Context, Leaders};
pub use durable::Durable;
pub use effects::{Decision, Effect, Effects, Installed, Reply, Shown, Target};
pub use field::{Default as FieldDefault, Field, FieldKind, Value, Values};
pub use packet::{Body, MAX_PACKET_BYTES, Packet, Tag, decode};
pub use protocol::{
    About, BeforeGst, Data, Goal, GoodCase, Kind, Model, Protocol, Role, Situation, Task,
    value_digest,
};
pub use random::{Probability, Stream};
pub use smr::{Block, Command, Request, RequestId};
pub use step::{Input, Stored, step};
pub use time::{Span, Time, View};
