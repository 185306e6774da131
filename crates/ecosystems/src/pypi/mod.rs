//! PyPI and every index that speaks its protocols.

mod blob_reader;
pub mod build;
pub mod claim;
pub mod default_index;
pub mod definition;
mod ecosystem;
pub mod environment;
mod from_git;
pub mod hooks;
pub mod index;
pub mod infer;
pub mod interpreter;
pub mod join;
pub mod lockfile;
pub mod names;
pub mod page;
pub mod plan;
pub mod platform;
pub mod registry;
pub mod upstream;
pub mod uv;
pub mod version;
mod workshop;

pub use ecosystem::{Pypi, PypiParts};
