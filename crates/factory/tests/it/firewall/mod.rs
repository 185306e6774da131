//! What the firewall decides, for whom, and until when.

mod incidents;
mod overriding;
mod repaired;
mod ruling;
mod scanned;
pub(crate) mod world;
