//! A rehearsal: what was decided first, and who spoke to whom.

use std::any::Any;

use byzlab_crypto::{PartyId, Scheme};
use byzlab_protocols::{Attack, Target, Time, View};
use byzlab_sim::{Mind, World};
use byzlab_trace::{Detail, Event, Observer, What};

use crate::{Scenario, setup};

/// The first decision of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct First {
    /// When.
    pub at: Time,
    /// The view in which it was proposed.
    pub view: View,
}

/// What a rehearsal showed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rehearsal {
    /// The first decision, if there was one.
    pub first: Option<First>,
    /// Who sent to whom, in the order of the first message.
    sent: Vec<(PartyId, Target)>,
}

impl Rehearsal {
    /// Who sends something to a party, in the order of the first message.
    pub fn speak_to(&self, party: PartyId) -> Vec<PartyId> {
        let mut speakers = Vec::new();
        for (from, to) in &self.sent {
            let reaches = matches!(to, Target::All) || *to == Target::One(party);
            if reaches && *from != party && !speakers.contains(from) {
                speakers.push(*from);
            }
        }
        speakers
    }
}

impl Observer for Rehearsal {
    fn see(&mut self, event: &Event, _: Detail<'_>) {
        match event.what {
            What::Sent { to, .. } if !self.sent.contains(&(event.party, to)) => {
                self.sent.push((event.party, to));
            }
            What::Decided { view, .. } => {
                self.first.get_or_insert(First { at: event.at, view });
            }
            _ => {}
        }
    }

    fn boxed(&self) -> Box<dyn Observer> {
        Box::new(self.clone())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// So many things happen in a rehearsal at the most.
const MOST: u64 = 50_000;

/// Rehearses a scenario, if so only up to the first decision: with ideal signatures, which change
/// nothing but how long it takes.
pub(crate) fn rehearse<P: Attack>(
    scenario: &Scenario,
    minds: &[Mind<P>],
    first: bool,
) -> Rehearsal {
    let scenario = Scenario { crypto: Scheme::Ideal, ..scenario.clone() };
    let mut setup = setup::make(&scenario, minds, &setup::KeySource::of(&scenario)).setup;
    setup.observers.push(Box::new(Rehearsal::default()));
    let mut world = World::new(setup);
    world.start();
    for _ in 0..MOST {
        let decided = world.decided().iter().any(|slots| *slots > 0);
        if world.advance().is_some() || (first && decided) {
            break;
        }
    }
    let seen = world.into_observers().into_iter().next().map(Observer::into_any);
    let rehearsal = seen.and_then(|seen| seen.downcast::<Rehearsal>().ok());
    *rehearsal.expect("the only observer")
}
