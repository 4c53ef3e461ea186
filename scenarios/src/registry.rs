//! The registry: the protocols that can be run. A value; other crates put theirs in.

use std::marker::PhantomData;

use byzlab_protocols::{About, Attack, Field, Time, attack::Can};
use byzlab_sim::STRATEGIES;

use crate::{Explored, Names, Options, Run, Scenario, run, setup};

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
}

struct Of<P> {
    about: &'static About,
    protocol: PhantomData<fn() -> P>,
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
        });
        let strategies = STRATEGIES.iter().map(|info| AttackInfo {
            id: info.id,
            title: info.title,
            cast: &[],
            protocol: None,
        });
        scripts.chain(strategies).collect()
    }

    fn deadline(&self, scenario: &Scenario) -> Option<Time> {
        setup::make::<P>(scenario, Vec::new(), &setup::KeySource::of(scenario)).plan.deadline
    }

    fn run(&self, scenario: &Scenario, options: &Options) -> Run {
        run::run::<P>(scenario, options)
    }

    fn explore(&self, scenario: &Scenario) -> Explored {
        run::explore::<P>(scenario)
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
    pub fn with<P: Attack>(mut self) -> Registry {
        let about: &'static About = const { &P::ABOUT };
        self.entries.retain(|entry| entry.about().name != about.name);
        self.entries.push(Box::new(Of::<P> { about, protocol: PhantomData }));
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
