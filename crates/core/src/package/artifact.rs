//! One published file of a release, as its registry describes it.

use crate::Sha256;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a published file is, as far as the mill's work depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// Source as published: an sdist, a `.crate`.
    Source,
    /// Built, and the same on every platform: a `none-any` wheel.
    Portable,
    /// Built for one platform.
    Native,
    /// Anything else that registries still carry: eggs, installers.
    Other,
}

/// One published file: what the registry says of it, nothing checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The file name, a single path component; the adapter MUST have refused anything else.
    pub filename: String,
    /// What it is.
    pub kind: ArtifactKind,
    /// The version it belongs to, as its file name spells it (normalised by the ecosystem).
    pub version: String,
    /// The SHA-256 that the registry states; `None` where an old mirror states none.
    pub sha256: Option<Sha256>,
    /// Bytes, where the registry says.
    pub size: Option<u64>,
    /// When it was uploaded, where the registry says.
    pub upload_time: Option<Timestamp>,
    /// Where the bytes are, absolute.
    pub url: String,
    /// `Some(reason)` if the publisher withdrew it (PEP 592); the reason may be empty.
    pub yanked: Option<String>,
    /// The language versions it accepts, verbatim (`Requires-Python`).
    pub requires_runtime: Option<String>,
    /// The digest of its metadata file where the registry offers one apart (PEP 658/714).
    pub metadata_sha256: Option<Sha256>,
}
