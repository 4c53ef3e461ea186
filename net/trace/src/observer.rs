//! Who watches a run.

use std::{any::Any, fmt};

use byzlab_crypto::Evidence;
use byzlab_protocols::{Decision, Installed, Reply};

use crate::Event;

/// What belongs to an event and is too large to be copied.
#[derive(Clone, Copy)]
pub enum Detail<'a> {
    /// Nothing.
    None,
    /// The message that was sent.
    Message(&'a dyn fmt::Debug),
    /// What was decided.
    Decision(&'a Decision),
    /// What was taken over.
    Installed(&'a Installed),
    /// What a client is told.
    Reply(&'a Reply),
    /// The proof of an accusation.
    Evidence(&'a Evidence),
    /// What the party shows of its state.
    State(&'a [(&'static str, String)]),
    /// Words for people.
    Text(&'a str),
}

/// Watches the events of a run, in order.
pub trait Observer: Any + Send + Sync {
    /// Sees an event.
    fn see(&mut self, event: &Event, detail: Detail<'_>);

    /// A copy, for a world that is forked.
    fn boxed(&self) -> Box<dyn Observer>;

    /// Itself, to be taken back after the run.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl Clone for Box<dyn Observer> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}
