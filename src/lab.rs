//! The one place of assembly: which protocols there are.

#[cfg(feature = "live")]
use std::{collections::BTreeMap, marker::PhantomData};

use byzlab_protocols::{
    Attack, dolev_strong::DolevStrong, hotstuff::HotStuff, hotstuff_chained::ChainedHotStuff,
    pbft::Pbft, pbft_classic::PbftClassic,
};
use byzlab_scenarios::Registry;
#[cfg(feature = "live")]
use byzlab_scenarios::Scenario;
use byzlab_sim::Mind;

use crate::cli;
#[cfg(feature = "live")]
use crate::live;

/// A laboratory: protocols, and the command line over them.
pub struct Lab {
    registry: Registry,
    #[cfg(feature = "live")]
    live: BTreeMap<&'static str, Box<dyn live::Entry>>,
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}

impl Lab {
    /// With the protocols of byzlab.
    pub fn new() -> Lab {
        let lab = Lab::empty().with::<DolevStrong>().with::<Pbft>().with::<PbftClassic>();
        lab.with::<HotStuff>().with::<ChainedHotStuff>()
    }

    fn empty() -> Lab {
        Lab {
            registry: Registry::new(),
            #[cfg(feature = "live")]
            live: BTreeMap::new(),
        }
    }

    /// With one protocol more.
    #[must_use]
    pub fn with<P: Attack>(self) -> Lab {
        self.with_attacks::<P>(Vec::new())
    }

    /// With one protocol more, and attacks on it that need a mind of their own.
    #[must_use]
    pub fn with_attacks<P: Attack>(mut self, own: Vec<Mind<P>>) -> Lab {
        self.registry = self.registry.with_attacks::<P>(own);
        #[cfg(feature = "live")]
        self.live.insert(const { P::ABOUT }.name, Box::new(live::Of::<P>(PhantomData)));
        self
    }

    /// The protocol of a scenario, for runs over a network.
    #[cfg(feature = "live")]
    pub(crate) fn live(&self, scenario: &Scenario) -> &dyn live::Entry {
        let entry = self.live.get(scenario.protocol.about.name);
        entry.expect("whoever puts a protocol in puts it in twice").as_ref()
    }

    /// The protocols.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs the command line of the process and gives its exit status.
    pub fn main(self) -> i32 {
        cli::main(&self)
    }
}
