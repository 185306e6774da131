//! One published file of a release, as its registry describes it.

use crate::Sha256;
use crate::digest::Checksum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// The digest that the registry states in another algorithm, where it states no SHA-256 (npm).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<Checksum>,
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
    /// What else the registry says that helps to infer a recipe, in its own words (`gitHead`, `_npmVersion`).
    /// Mirrors strip these: they are used when they are there and never needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hints: BTreeMap<String, String>,
}

impl Artifact {
    /// The hint that names who published it.
    pub const PUBLISHER: &'static str = "publisher";
    /// The hint that is there where the registry has a provenance statement for it.
    pub const PROVENANCE: &'static str = "provenance";

    /// What the registry promises about the bytes, in the strongest words that it has for it.
    pub fn promised(&self) -> Option<Checksum> {
        self.sha256.map(Checksum::Sha256).or_else(|| self.integrity.clone())
    }
}
