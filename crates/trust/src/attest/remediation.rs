//! What a repaired release is made of: the published source, a patch, where that came from, who proposed it, and what
//! the oracle found. A predicate of our own, described in `docs/attestations.md`.

use super::AttestError;
use super::dsse::Envelope;
use super::statement::{Resource, Statement};
use crate::keys::SigningKey;
use serde::{Deserialize, Serialize};
use trustmill_core::repair::{Judgement, Layer, Proposer, Ruling};
use trustmill_core::{Purl, Sha256, Timestamp};

/// The type; another meaning is another URI.
pub const PREDICATE_TYPE: &str = "urn:x-trustmill:predicate:remediation:v1";

/// The predicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remediation {
    /// The release that is repaired.
    pub release: Purl,
    /// The repaired release.
    pub repaired: Purl,
    /// What is repaired, by its ids; the first one was worked on, those of the layers below come after.
    pub advisories: Vec<String>,
    /// The repairs that this one was made on top of, the first one first. The patch below is all of them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// The published source archive that was patched.
    pub source: Resource,
    /// The patch.
    pub patch: Patch,
    /// Who proposed it.
    pub proposer: Proposer,
    /// What the oracle found.
    pub judgement: Judgement,
    /// What follows from that and from the layers' judgements: the worst of them. A reader derives it again.
    pub ruling: Ruling,
    /// When it was judged.
    pub finished: Timestamp,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// The name of the change to what users run: over paths and the digests of both sides.
    pub digest: Sha256,
    /// The unified difference that people read, by its digest.
    pub difference: Sha256,
    /// The files that it changes.
    pub paths: Vec<String>,
    /// Where it comes from: a commit, or two releases.
    pub derived_from: Vec<String>,
}

impl Remediation {
    /// The ruling that follows from what the statement says.
    pub fn derive(&self) -> Ruling {
        let layers = self.layers.iter().map(|layer| &layer.judgement);
        trustmill_core::repair::ruling(layers.chain([&self.judgement]))
    }
}

/// Signs what is said of one file.
///
/// # Errors
/// [`AttestError::Encode`], which it has no reason for.
pub fn sign(
    filename: &str,
    sha256: Sha256,
    said: &Remediation,
    key: &SigningKey,
) -> Result<Envelope, AttestError> {
    super::sign(&Statement::about(Resource::file(filename, sha256), PREDICATE_TYPE, said), key)
}
