//! What package managers read of a package: `package.json` and `Cargo.toml` as values.

pub mod json;
pub mod toml;
