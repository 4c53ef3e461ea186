//! The events of a run, and the recorder that turns inputs and effects into events.
//!
//! Every runtime speaks through a [`Recorder`]; whoever judges, counts or draws a run is an
//! [`Observer`] of the same events and knows neither the runtime nor the protocol.

mod digest;
mod event;
mod observer;
mod record;
mod recorder;

pub use digest::RunDigest;
pub use event::{Change, Event, EventId, FaultId, What, Why};
pub use observer::{Detail, Observer};
pub use record::{Record, TraceWriter};
pub use recorder::Recorder;
