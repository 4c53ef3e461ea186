//! Attacks by id that one mind carries out. Some need to know nothing of the protocol; other crates
//! bring their own.

use std::{fmt, sync::Arc};

use byzlab_protocols::{Attack, Context};
use byzlab_trace::FaultId;

use crate::{Adversary, Behaving, Hexagon, STRATEGIES, Scheduler, Strategy};

/// What a mind begins with.
#[derive(Clone, Debug)]
pub struct Plot<P: Attack> {
    /// What everybody knows.
    pub context: Arc<Context>,
    /// The parameters of the protocol.
    pub params: P::Params,
    /// Which fault of the scenario the attack is.
    pub fault: FaultId,
    /// The corrupted parties: honest machines with their keys, until they are made to behave
    /// otherwise.
    pub behaving: Behaving<P>,
}

/// Makes the adversary of a run.
type Make<P> = Arc<dyn Fn(Plot<P>) -> Box<dyn Adversary<P>> + Send + Sync>;

/// An attack that one mind carries out.
#[derive(Clone)]
pub struct Mind<P: Attack> {
    /// The id in files.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Who is corrupted from the start, unless the file says otherwise.
    pub cast: &'static [u16],
    /// Whether it corrupts parties during the run.
    pub adaptive: bool,
    make: Make<P>,
}

impl<P: Attack> Mind<P> {
    /// A mind that owns these parties from the start.
    pub fn of(
        id: &'static str,
        title: &'static str,
        cast: &'static [u16],
        make: impl Fn(Plot<P>) -> Box<dyn Adversary<P>> + Send + Sync + 'static,
    ) -> Mind<P> {
        Mind { id, title, cast, adaptive: false, make: Arc::new(make) }
    }

    /// A mind that corrupts parties during the run, as far as its budget goes.
    pub fn adaptive(
        id: &'static str,
        title: &'static str,
        make: impl Fn(Plot<P>) -> Box<dyn Adversary<P>> + Send + Sync + 'static,
    ) -> Mind<P> {
        Mind { adaptive: true, ..Mind::of(id, title, &[], make) }
    }

    /// The adversary of a run.
    pub fn begin(&self, plot: Plot<P>) -> Box<dyn Adversary<P>> {
        (self.make)(plot)
    }
}

impl<P: Attack> fmt::Debug for Mind<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mind {}", self.id)
    }
}

/// The minds that mean something against every protocol.
pub fn minds<P: Attack>() -> Vec<Mind<P>> {
    let schedulers = STRATEGIES.iter().map(|info| Mind {
        adaptive: info.strategy == Strategy::CorruptLeaders,
        ..Mind::of(info.id, info.title, &[], |plot: Plot<P>| {
            Box::new(Scheduler::new(info.strategy, plot.fault, plot.behaving))
        })
    });
    let title = "a sender imagines everybody else, and shows each half its own world";
    let hexagon = Mind::of("hexagon", title, &[0], |plot| Box::new(Hexagon::new(&plot)));
    schedulers.chain([hexagon]).collect()
}
