//! The deterministic simulator: virtual time, network models, faults, the adversary and its
//! referee.
//!
//! A [`World`] is a value: parties, packets in flight, disks, the adversary and the observers.
//! It runs to a verdict or forks; the same setup gives the same events, whatever the machine.

mod adversary;
mod delay;
mod disk;
mod environment;
mod hexagon;
mod mind;
mod network;
mod queue;
mod real;
mod rules;
mod schedulers;
mod seat;
mod setup;
mod world;

pub use adversary::{Adversary, Apart, Behaving, Flight, Move, Moves, Sight};
pub use delay::{Delay, Regions};
pub use disk::{Disk, DiskAfter};
pub use environment::{Crash, Cut, Environment};
pub use hexagon::Hexagon;
pub use mind::{Mind, Plot, minds};
pub use network::{Bound, Network};
pub use real::Real;
pub use rules::{Action, Matcher, MessageRule};
pub use schedulers::{STRATEGIES, Scheduler, Strategy, StrategyInfo, strategy};
pub use setup::{Arrival, Setup, Stop};
pub use world::{Outcome, World};
