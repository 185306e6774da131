//! What the firewall decides, for whom, and until when.

mod incidents;
mod overriding;
mod ruling;
pub(crate) mod world;
