//! crates.io and every registry that speaks its sparse protocol.

mod build;
pub mod default_index;
mod ecosystem;
pub mod index;
pub mod join;
pub mod lockfile;
pub mod names;
pub mod pack;
mod plan;
pub mod recipe;
pub mod registry;
mod source;
pub mod upstream;
mod workshop;

pub use ecosystem::Cargo;
pub use workshop::Tests;
