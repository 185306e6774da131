//! The integration tests of this crate: one binary, modules that mirror `src`.

mod lockfile_marker;
mod lockfile_requirements;
