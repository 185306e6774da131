//! What a lockfile pins.

use crate::{Purl, Sha256};
use serde::{Deserialize, Serialize};

/// One pinned dependency of a lockfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The release.
    pub purl: Purl,
    /// The SHA-256 digests that the lockfile accepts; empty if it names none.
    pub hashes: Vec<Sha256>,
    /// Where it stands: file and line.
    pub origin: String,
}

/// What reading a lockfile gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The pins that apply here, in file order, each release once.
    pub pins: Vec<Pin>,
    /// Entries that are not for this machine or not from a registry, each with the reason. Never silent.
    pub skipped: Vec<Skipped>,
}

/// An entry that is not secured, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The entry as written.
    pub entry: String,
    /// File and line.
    pub origin: String,
    /// Why.
    pub why: String,
}

/// Why a lockfile cannot be used: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct LockfileError {
    /// Stable code, `TM0200` to `TM0299`.
    pub code: &'static str,
    /// File, with line where there is one.
    pub origin: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub help: String,
}

impl crate::port::Coded for LockfileError {
    fn code(&self) -> &'static str {
        self.code
    }

    fn help(&self) -> String {
        self.help.clone()
    }
}
