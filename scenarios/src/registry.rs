//! The registry: the protocols that can be run. A value; other crates put theirs in.

use byzlab_protocols::{About, Attack, Field, Time, attack::Can, byzantine::Misfit};
use byzlab_sim::{Mind, minds};

use crate::{
    Explored, Names, Options, Rehearsal, Run, Scenario,
    bounds::{self, BOUNDS},
    run, setup,
};

/// An attack of the catalogue.
#[derive(Clone, Debug)]
pub struct AttackInfo {
    /// Its id.
    pub id: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Who is corrupted from the start, unless the file says otherwise.
    pub cast: &'static [u16],
    /// Against which protocol; none for all.
    pub protocol: Option<&'static str>,
    /// Whether its budget is f unless the file says otherwise, else 0.
    pub adaptive: bool,
    /// Whether one mind carries it out.
    pub mind: bool,
}

/// A protocol, its type forgotten.
pub trait Entry: Send + Sync {
    /// What is known of it.
    fn about(&self) -> &'static About;

    /// Its parameters.
    fn fields(&self) -> &'static [Field];

    /// Which behaviours mean something against it.
    fn can(&self) -> Can;

    /// The attacks that can be run against it.
    fn attacks(&self) -> Vec<AttackInfo>;

    /// By when everything is decided, if a theorem says so.
    fn deadline(&self, scenario: &Scenario) -> Option<Time>;

    /// Runs a scenario in the simulator.
    fn run(&self, scenario: &Scenario, options: &Options) -> Run;

    /// Runs a scenario for a search.
    fn explore(&self, scenario: &Scenario) -> Explored;

    /// The rules that set fields which no message has that they are about, by their places.
    fn misfits(&self, scenario: &Scenario) -> Vec<(usize, Misfit)>;

    /// Runs a scenario, if so only up to its first decision, to plan an attack.
    fn rehearse(&self, scenario: &Scenario, first: bool) -> Rehearsal;
}

struct Of<P: Attack> {
    about: &'static About,
    /// Those that are for this protocol, then those for all.
    minds: Vec<Mind<P>>,
    own: usize,
}

impl<P: Attack> Entry for Of<P> {
    fn about(&self) -> &'static About {
        self.about
    }

    fn fields(&self) -> &'static [Field] {
        P::fields()
    }

    fn can(&self) -> Can {
        P::CAN
    }

    fn attacks(&self) -> Vec<AttackInfo> {
        let scripts = P::scripts().iter().map(|script| AttackInfo {
            id: script.id,
            title: script.title,
            cast: script.cast,
            protocol: Some(P::ABOUT.name),
            adaptive: false,
            mind: false,
        });
        let minds = self.minds.iter().enumerate().map(|(at, mind)| AttackInfo {
            id: mind.id,
            title: mind.title,
            cast: mind.cast,
            protocol: (at < self.own).then_some(P::ABOUT.name),
            adaptive: mind.adaptive,
            mind: true,
        });
        let bounds = BOUNDS.iter().map(|bound| AttackInfo {
            id: bound.id,
            title: bound.title,
            cast: &[],
            protocol: None,
            adaptive: true,
            mind: false,
        });
        scripts.chain(minds).chain(bounds).collect()
    }

    fn deadline(&self, scenario: &Scenario) -> Option<Time> {
        setup::make::<P>(scenario, &self.minds, &setup::KeySource::of(scenario)).plan.deadline
    }

    fn run(&self, scenario: &Scenario, options: &Options) -> Run {
        run::run::<P>(scenario, &self.minds, options)
    }

    fn explore(&self, scenario: &Scenario) -> Explored {
        run::explore::<P>(scenario, &self.minds)
    }

    fn misfits(&self, scenario: &Scenario) -> Vec<(usize, Misfit)> {
        setup::misfits(scenario, &self.minds)
    }

    fn rehearse(&self, scenario: &Scenario, first: bool) -> Rehearsal {
        bounds::rehearse(scenario, &self.minds, first)
    }
}

/// The protocols that can be run.
#[derive(Default)]
pub struct Registry {
    entries: Vec<Box<dyn Entry>>,
}

impl Registry {
    /// No protocols.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// With one protocol more; one of the same name is replaced.
    #[must_use]
    pub fn with<P: Attack>(self) -> Registry {
        self.with_attacks::<P>(Vec::new())
    }

    /// With one protocol more, and attacks on it that need a mind of their own; those that are
    /// scripts it brings itself.
    #[must_use]
    pub fn with_attacks<P: Attack>(mut self, own: Vec<Mind<P>>) -> Registry {
        let about: &'static About = const { &P::ABOUT };
        self.entries.retain(|entry| entry.about().name != about.name);
        let (count, all) = (own.len(), own.into_iter().chain(minds()).collect());
        self.entries.push(Box::new(Of::<P> { about, minds: all, own: count }));
        self
    }

    /// A protocol by name.
    pub fn get(&self, name: &str) -> Option<&dyn Entry> {
        let found = self.entries.iter().find(|entry| entry.about().name == name)?;
        Some(found.as_ref())
    }

    /// All protocols, in the order in which they were put in.
    pub fn entries(&self) -> impl Iterator<Item = &dyn Entry> {
        self.entries.iter().map(AsRef::as_ref)
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.entries().map(|entry| entry.about().name).collect()
    }

    /// All attacks against any of them, each once.
    pub fn attacks(&self) -> Vec<AttackInfo> {
        let mut attacks: Vec<AttackInfo> = Vec::new();
        for attack in self.entries().flat_map(Entry::attacks) {
            if !attacks.iter().any(|known| known.id == attack.id) {
                attacks.push(attack);
            }
        }
        attacks
    }
}

impl Names for Registry {
    fn protocols(&self) -> Vec<&'static str> {
        self.names()
    }

    fn protocol_fields(&self, name: &str) -> Option<&'static [Field]> {
        self.get(name).map(Entry::fields)
    }
}
