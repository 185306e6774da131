//! crates.io and every registry that speaks its sparse protocol.

pub mod default_index;
pub mod index;
pub mod lockfile;
pub mod names;
pub mod registry;
pub mod upstream;
