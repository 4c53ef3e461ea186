//! Byzantine consensus between real processes: the machines that run in the simulator, over
//! libp2p, with their votes on disk.
//!
//! [`transport`] carries bytes between numbered parties and knows nothing of protocols;
//! [`Shaper`] and [`Line`] make of its network the one that the scenario describes.

mod line;
mod shaper;
pub mod transport;

pub use line::Line;
pub use shaper::{Fate, Shaper};
