//! The one place of assembly: which protocols there are.

use byzlab_protocols::{
    Attack, dolev_strong::DolevStrong, hotstuff::HotStuff, hotstuff_chained::ChainedHotStuff,
    pbft::Pbft, pbft_classic::PbftClassic,
};
use byzlab_scenarios::Registry;

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

    /// The protocols.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs the command line of the process and gives its exit status.
    pub fn main(self) -> i32 {
        cli::main(&self.registry)
    }
}
