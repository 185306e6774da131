//! Overrides and their revocations as signed statements: two predicates of our own, described in
//! `docs/attestations.md`.
//!
//! Who can write to the state of a mill cannot make one: it takes the mill's key.

use super::dsse::Envelope;
use super::statement::{Resource, Statement};
use super::{AttestError, json};
use crate::keys::SigningKey;
use std::fmt;
use trustmill_core::Sha256;
use trustmill_core::overrides::{Override, Revocation};

/// The type of an override; another meaning is another URI.
pub const OVERRIDE_TYPE: &str = "urn:x-trustmill:predicate:override:v1";

/// The type of a revocation.
pub const REVOCATION_TYPE: &str = "urn:x-trustmill:predicate:override-revocation:v1";

/// The name of an override: the beginning of the SHA-256 of what was signed, so that nobody can make another of the
/// same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct OverrideId(String);

impl OverrideId {
    /// The id of the statement with this payload.
    pub fn of(payload: &[u8]) -> Self {
        let mut id = Sha256::of(payload).to_hex();
        id.truncate(16);
        Self(id)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OverrideId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Signs an override; its id comes with it.
///
/// # Errors
/// [`AttestError::Encode`], which it has no reason for.
pub fn sign(said: &Override, key: &SigningKey) -> Result<(OverrideId, Envelope), AttestError> {
    let uri = said.project.to_string();
    signed(&Statement::about(subject(uri), OVERRIDE_TYPE, said), key)
}

/// Signs a revocation.
///
/// # Errors
/// [`AttestError::Encode`], which it has no reason for.
pub fn sign_revocation(said: &Revocation, key: &SigningKey) -> Result<Envelope, AttestError> {
    let uri = format!("urn:x-trustmill:override:{}", said.id);
    Ok(signed(&Statement::about(subject(uri), REVOCATION_TYPE, said), key)?.1)
}

/// A subject that is no file: its address, and the digest of that text, since in-toto wants one.
pub(crate) fn subject(uri: String) -> Resource {
    let digest = Sha256::of(uri.as_bytes()).to_hex();
    Resource { name: None, digest: [("sha256".to_owned(), digest)].into(), uri: Some(uri) }
}

fn signed<P: serde::Serialize>(
    statement: &Statement<P>,
    key: &SigningKey,
) -> Result<(OverrideId, Envelope), AttestError> {
    let payload = json::canonical(statement)?;
    let id = OverrideId::of(&payload);
    Ok((id, Envelope::sign(super::dsse::IN_TOTO_PAYLOAD, payload, key)))
}
