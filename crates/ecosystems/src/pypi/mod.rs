//! PyPI and every index that speaks its protocols.

pub mod definition;
pub mod lockfile;
pub mod names;
pub mod page;
pub mod version;
pub mod default_index;
pub mod upstream;
pub mod index;
pub mod registry;
pub mod interpreter;
pub mod uv;
pub mod environment;
pub mod build;
pub mod hooks;
pub mod infer;
pub mod plan;
mod ecosystem;
pub use ecosystem::{Pypi, PypiParts};
