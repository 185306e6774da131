//! PyPI and every index that speaks its protocols.

pub mod lockfile;
pub mod names;
pub mod page;
pub mod version;
pub mod default_index;
pub mod upstream;
pub mod index;
pub mod registry;
