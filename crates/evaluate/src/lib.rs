//! How often the scanner is right, and what it costs.
//!
//! A *set* is a folder or a bare git repository of packages that somebody labelled ([`set`]). [`measure`] scans them on
//! every core; [`summary`] counts, with an interval for every rate. Nothing of a package is run, and nothing is written:
//! a git repository of malware is read blob by blob, in memory.

pub mod interval;
pub mod label;
pub mod measure;
pub mod render;
pub mod set;
pub mod summary;
