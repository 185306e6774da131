//! What a mill says about the models that it used: a predicate of our own, described in `docs/attestations.md`.

use super::dsse::Envelope;
use super::overrides::subject;
use super::statement::Statement;
use super::{AttestError, sign};
use crate::keys::SigningKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trustmill_core::{Sha256, Timestamp};

/// The type of the statement; another meaning is another URI.
pub const ABSENCE_TYPE: &str = "urn:x-trustmill:predicate:model-absence:v1";

/// A family of models was asked for nothing in a span of time, as far as the log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The family.
    pub family: String,
    /// The beginning of the span.
    pub from: Timestamp,
    /// Its end; the span does not hold it.
    pub until: Timestamp,
    /// How many entries the log had.
    pub log_entries: u64,
    /// The digest of its newest entry, which commits to all of them; `None` of an empty log.
    pub log_head: Option<Sha256>,
    /// Requests within the span, by the families that were asked.
    pub asked: BTreeMap<String, u64>,
    /// When it was said.
    pub at: Timestamp,
}

/// Signs the statement.
///
/// # Errors
/// [`AttestError::Encode`], which it has no reason for.
pub fn sign_absence(said: &Absence, key: &SigningKey) -> Result<Envelope, AttestError> {
    let uri = format!("urn:x-trustmill:model-family:{}", said.family);
    sign(&Statement::about(subject(uri), ABSENCE_TYPE, said), key)
}
