//! How an artefact was, or is to be, built: data that anybody can replay.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who wrote a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Rules read the published artefact and its source.
    Inferred,
    /// A person, in `definitions/`.
    Human,
    /// A model, accepted by the oracle.
    Agent,
}

/// What was built from. An attestation says no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// The source archive that the publisher uploaded beside the artefact.
    Sdist,
    /// A commit of the project's repository.
    Git,
}

impl SourceKind {
    /// The word in attestations and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sdist => "sdist",
            Self::Git => "git",
        }
    }
}

/// One command: an argument list, never shell text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What this step is for, in a word or two: `build-requires`, `build-wheel`.
    pub name: String,
    /// Program and arguments. Paths are those inside the sandbox.
    pub argv: Vec<String>,
}

/// A recipe: everything that decides what comes out, but the source itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Version of this record's shape; readers refuse a greater one.
    pub format: u32,
    /// Who wrote it.
    pub origin: Origin,
    /// What it builds from.
    pub source: SourceKind,
    /// Tools by name and the version wanted: `{"python": "3.11"}`.
    pub tools: BTreeMap<String, String>,
    /// Build dependencies, as the ecosystem writes requirements.
    pub requirements: Vec<String>,
    /// Further bounds on what may be resolved, each with its cause in `reasons`.
    pub constraints: Vec<String>,
    /// Build dependencies are resolved as if it were this instant.
    pub as_of: Timestamp,
    /// Environment variables, beside the fixed ones of the ecosystem's builder.
    pub env: BTreeMap<String, String>,
    /// File mode creation mask: `0o022`, `0o002`.
    pub umask: u32,
    /// Instant that the build sees as "now" where its tools allow it (seconds since 1970), and that
    /// source files carry as modification time; `None` leaves the archive's own times.
    pub source_date_epoch: Option<i64>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// Why it looks like this, one sentence per decision.
    pub reasons: Vec<String>,
}

impl Recipe {
    /// The version of the shape that this code writes.
    pub const FORMAT: u32 = 1;
}
