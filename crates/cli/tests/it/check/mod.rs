//! `check`, `sbom` and `vex`: what they print, how they exit, and what other people's validators say of it.

mod bills;
mod formats;
mod gates;
mod hostile;
pub(crate) mod validate;
pub(crate) mod world;
