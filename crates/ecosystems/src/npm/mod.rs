//! npm and every registry that speaks its protocol.

pub mod default_registry;
pub mod discover;
pub mod lockfile;
pub mod names;
pub mod packument;
pub mod registry;
pub mod upstream;
pub mod version;
