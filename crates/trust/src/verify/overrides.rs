//! Whether an override counts: signed by a key that this mill trusts, of a type that is known, about what it says.

use super::{VerifyError, authenticated, error, statement};
use crate::attest::dsse::Envelope;
use crate::attest::overrides::{OVERRIDE_TYPE, OverrideId, REVOCATION_TYPE, subject};
use crate::attest::statement::Head;
use crate::keys::TrustedKeys;
use trustmill_core::overrides::{Override, Revocation};
use trustmill_core::trusted::{Unverified, Verified};

/// What a signed record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// An override, with its id.
    Override(OverrideId, Box<Override>),
    /// An override is taken back.
    Revocation(Revocation),
}

/// Reads and checks a signed record: the JSON of one envelope.
///
/// # Errors
/// Each check has its own variant of [`VerifyError`]; all name line 1.
pub fn open(envelope: &[u8], keys: &TrustedKeys) -> Result<Verified<Said>, VerifyError> {
    let malformed = |source| VerifyError::Malformed { line: 1, source: Box::new(source) };
    Unverified::new(Envelope::parse(envelope).map_err(malformed)?).verify(|envelope| {
        let (_, payload) = authenticated(envelope, 1, keys)?;
        let head = Head::parse(&payload).map_err(|error| super::unreadable(1, error))?;
        let (said, uri) = match head.predicate_type() {
            OVERRIDE_TYPE => {
                let said: Override = statement(&payload, 1)?.into_predicate();
                let uri = said.project.to_string();
                (Said::Override(OverrideId::of(&payload), Box::new(said)), uri)
            }
            REVOCATION_TYPE => {
                let said: Revocation = statement(&payload, 1)?.into_predicate();
                let uri = format!("urn:x-trustmill:override:{}", said.id);
                (Said::Revocation(said), uri)
            }
            other => {
                return Err(VerifyError::PredicateUnknown { line: 1, found: error::printable(other) });
            }
        };
        if head.subjects() != [subject(uri)] {
            return Err(VerifyError::OtherSubject { line: 1 });
        }
        Ok(said)
    })
}
