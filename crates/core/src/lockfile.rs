//! What a lockfile pins.

use crate::digest::Checksum;
use crate::{Purl, Sha256};
use serde::{Deserialize, Serialize};

/// One pinned dependency of a lockfile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The release.
    pub purl: Purl,
    /// The SHA-256 digests that the lockfile accepts; empty if it names none.
    pub hashes: Vec<Sha256>,
    /// The digests in other algorithms that the lockfile accepts (npm); empty if it names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
    /// What the project needs it for, where the lockfile says.
    #[serde(default)]
    pub scope: Scope,
    /// Where it stands: file and line.
    pub origin: String,
}

/// What a project needs a pinned dependency for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// To run; or the lockfile does not say.
    #[default]
    Runtime,
    /// It may fail to install, and the project goes on without it.
    Optional,
    /// Only to be worked on.
    Development,
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
