//! npm and every registry that speaks its protocol.

mod build;
pub mod default_registry;
pub mod discover;
mod ecosystem;
pub mod infer;
pub mod join;
pub mod lockfile;
pub mod names;
pub mod packument;
pub mod plan;
pub mod registry;
pub mod toolchain;
pub mod upstream;
pub mod version;
mod workshop;
pub use ecosystem::{Npm, NpmParts};
