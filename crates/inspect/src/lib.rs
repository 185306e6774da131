//! Bytes in, findings out: archives, replay, normalisation, comparison, advisories.
//!
//! Pure: no clock, no file, no socket. Every parser takes explicit limits and refuses what two readers
//! could read in two ways.

pub mod archive;
pub mod compare;
pub mod elf;
pub mod manifest;
pub mod normalise;
pub mod remedy;
pub mod replay;
pub mod source;
pub mod vulns;
pub mod wheel;
