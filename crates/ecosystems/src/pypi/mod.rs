//! PyPI and every index that speaks its protocols.

pub mod lockfile;
pub mod names;
pub mod page;
pub mod version;
