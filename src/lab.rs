//! The one place of assembly: which protocols there are.

use byzlab_protocols::{
    Attack, dolev_strong::DolevStrong, hotstuff::HotStuff, hotstuff_chained::ChainedHotStuff,
    pbft::Pbft, pbft_classic::PbftClassic,
};
use byzlab_scenarios::Registry;
use byzlab_sim::Mind;

use crate::cli;

/// A laboratory: protocols, and the command line over them.
pub struct Lab {
    registry: Registry,
}

impl Default for Lab {
    fn default() -> Self {
        Lab::new()
    }
}

impl Lab {
    /// With the protocols of byzlab.
    pub fn new() -> Lab {
        let registry = Registry::new().with::<DolevStrong>().with::<Pbft>().with::<PbftClassic>();
        Lab { registry: registry.with::<HotStuff>().with::<ChainedHotStuff>() }
    }

    /// With one protocol more.
    #[must_use]
    pub fn with<P: Attack>(self) -> Lab {
        Lab { registry: self.registry.with::<P>() }
    }

    /// With one protocol more, and attacks on it that need a mind of their own.
    #[must_use]
    pub fn with_attacks<P: Attack>(self, own: Vec<Mind<P>>) -> Lab {
        Lab { registry: self.registry.with_attacks(own) }
    }

    /// The protocols.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs the command line of the process and gives its exit status.
    pub fn main(self) -> i32 {
        cli::main(&self.registry)
    }
}
