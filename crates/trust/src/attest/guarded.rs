//! What a guard says about its record: a predicate of our own, described in `docs/attestations.md`.

use super::dsse::Envelope;
use super::overrides::subject;
use super::statement::Statement;
use super::{AttestError, sign};
use crate::keys::SigningKey;
use serde::{Deserialize, Serialize};
use trustmill_core::{Sha256, Timestamp};

/// The type of the statement; another meaning is another URI.
pub const GUARDED_TYPE: &str = "urn:x-trustmill:predicate:guard-record:v1";

/// Records of a guard: what agents attempted, what was decided, leased and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// The session that the records are of; `None` for all of them.
    pub session: Option<String>,
    /// How many records the chain had.
    pub chain_length: u64,
    /// The hash of its newest record, which commits to all of them; `None` of an empty one.
    pub chain_head: Option<Sha256>,
    /// The records, as they stand in the chain.
    pub records: Vec<serde_json::Value>,
    /// When it was said.
    pub at: Timestamp,
}

/// Signs the statement.
///
/// # Errors
/// [`AttestError::Encode`], which it has no reason for.
pub fn sign_guarded(said: &Guarded, key: &SigningKey) -> Result<Envelope, AttestError> {
    let uri = format!("urn:x-trustmill:guard-session:{}", said.session.as_deref().unwrap_or("all"));
    sign(&Statement::about(subject(uri), GUARDED_TYPE, said), key)
}
