//! Dead Simple Signing Envelope, version 1.0.2
//! (<https://github.com/secure-systems-lab/dsse>: `protocol.md`, `envelope.md`).
//!
//! What is signed is `PAE(type, body)`, so neither the type nor the body can be changed or reread as the
//! other. The key id is a hint and is not signed; nothing here decides by it alone.

use crate::keys::{KeyId, PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The payload type of an in-toto statement.
pub const IN_TOTO_PAYLOAD: &str = "application/vnd.in-toto+json";

/// The longest envelope that is read, in bytes.
pub const MAX_ENVELOPE: usize = 16 << 20;

/// The most signatures that an envelope may carry.
pub const MAX_SIGNATURES: usize = 16;

/// A payload with its type and the signatures over both.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature and the hint whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The hint, as written by the signer; `None` if there is none.
    pub keyid: Option<String>,
    /// The raw signature.
    pub sig: Vec<u8>,
}

/// Why bytes are not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE`].
    #[error("an envelope may have {MAX_ENVELOPE} bytes, this one has {0}")]
    TooLarge(usize),
    /// Not the JSON of an envelope.
    #[error("the envelope is not the JSON that DSSE describes")]
    Json(#[from] serde_json::Error),
    /// A field is not base64, in either alphabet, with its padding.
    #[error("{field} is not base64")]
    Base64 {
        /// The field.
        field: &'static str,
        /// What the decoder says.
        source: base64::DecodeError,
    },
    /// More signatures than [`MAX_SIGNATURES`].
    #[error("an envelope may have {MAX_SIGNATURES} signatures, this one has {0}")]
    TooManySignatures(usize),
}

/// Why no signature of an envelope counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It has none.
    Stripped,
    /// It has some, and none names a trusted key.
    UnknownKey,
    /// One names a trusted key, or names none, and does not verify.
    Invalid,
}

/// The envelope as it stands in JSON. Unknown members are ignored, as `envelope.md` asks.
#[derive(Serialize, Deserialize)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

/// Pre-authentication encoding:
/// `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body`, lengths in bytes, decimal, no leading zeros.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Signs `payload` with `key`.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &SigningKey) -> Self {
        let sig = key.sign(&pae(payload_type, &payload)).to_vec();
        let keyid = Some(key.public().id().to_string());
        Self { payload_type: payload_type.to_owned(), payload, signatures: vec![Signature { keyid, sig }] }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`]: too large, not the JSON of an envelope, not base64.
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        if json.len() > MAX_ENVELOPE {
            return Err(EnvelopeError::TooLarge(json.len()));
        }
        let wire: Wire = serde_json::from_slice(json)?;
        if wire.signatures.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::TooManySignatures(wire.signatures.len()));
        }
        let read = |one: WireSignature| {
            let sig = decode("sig", &one.sig)?;
            Ok(Signature { keyid: one.keyid.filter(|id| !id.is_empty()), sig })
        };
        Ok(Self {
            payload: decode("payload", &wire.payload)?,
            payload_type: wire.payload_type,
            signatures: wire.signatures.into_iter().map(read).collect::<Result<_, EnvelopeError>>()?,
        })
    }

    /// The envelope as one line of JSON, without a line break: a line of a bundle.
    pub fn to_json(&self) -> String {
        let signatures = self.signatures.iter().map(|one| {
            let keyid = one.keyid.as_ref().map(|id| serde_json::json!({ "keyid": id }));
            let mut object = keyid.unwrap_or_else(|| serde_json::json!({}));
            if let Some(members) = object.as_object_mut() {
                members.insert("sig".into(), STANDARD.encode(&one.sig).into());
            }
            object
        });
        serde_json::json!({
            "payload": STANDARD.encode(&self.payload),
            "payloadType": self.payload_type,
            "signatures": signatures.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The signatures, not checked.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The payload and its type if a key of `trusted` signed them, with the key that did.
    ///
    /// # Errors
    /// [`Unsigned`] says why no signature counts.
    pub fn authenticate<'k>(
        self,
        trusted: impl Iterator<Item = &'k PublicKey> + Clone,
    ) -> Result<(KeyId, String, Vec<u8>), Unsigned> {
        let message = pae(&self.payload_type, &self.payload);
        let mut why = if self.signatures.is_empty() { Unsigned::Stripped } else { Unsigned::UnknownKey };
        for signature in &self.signatures {
            let hint = signature.keyid.as_deref();
            for key in trusted.clone().filter(|key| hint.is_none_or(|hint| key.id().matches(hint))) {
                if key.verifies(&message, &signature.sig) {
                    return Ok((key.id(), self.payload_type, self.payload));
                }
                why = Unsigned::Invalid;
            }
        }
        Err(why)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("payload_type", &self.payload_type)
            .field("payload_bytes", &self.payload.len())
            .field("signatures", &self.signatures.len())
            .finish()
    }
}

/// Either alphabet, as `envelope.md` asks of readers; padding and unused bits must be canonical.
fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, EnvelopeError> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).map_err(|source| EnvelopeError::Base64 { field, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pae_is_the_one_of_the_specification() {
        // protocol.md, "Test Vectors".
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
        assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
    }

    #[test]
    fn both_alphabets_are_read_and_standard_is_written() {
        let standard = br#"{"payload":"+/8=","payloadType":"t","signatures":[{"sig":"AA=="}]}"#;
        let url = br#"{"payload":"-_8=","payloadType":"t","signatures":[{"keyid":"","sig":"AA=="}]}"#;
        let envelope = Envelope::parse(standard).unwrap();
        assert_eq!(envelope, Envelope::parse(url).unwrap());
        assert_eq!(envelope.to_json().as_bytes(), standard);
    }

    #[test]
    fn sloppy_base64_is_refused() {
        for payload in ["+/8", "+_8=", "+/9=", " +/8=", "+/8=\\n", "===="] {
            let json = format!(r#"{{"payload":"{payload}","payloadType":"t","signatures":[]}}"#);
            assert!(
                matches!(Envelope::parse(json.as_bytes()), Err(EnvelopeError::Base64 { .. })),
                "{payload}"
            );
        }
    }

    #[test]
    fn a_crowd_of_signatures_is_refused() {
        let crowd = vec![r#"{"sig":""}"#; MAX_SIGNATURES + 1].join(",");
        let json = format!(r#"{{"payload":"","payloadType":"t","signatures":[{crowd}]}}"#);
        assert!(matches!(Envelope::parse(json.as_bytes()), Err(EnvelopeError::TooManySignatures(_))));
    }

    #[test]
    fn a_giant_is_refused_before_it_is_read() {
        assert!(matches!(Envelope::parse(&vec![b' '; MAX_ENVELOPE + 1]), Err(EnvelopeError::TooLarge(_))));
    }

    #[test]
    fn a_field_said_twice_is_refused() {
        let json = br#"{"payload":"","payload":"AA==","payloadType":"t","signatures":[]}"#;
        assert!(matches!(Envelope::parse(json), Err(EnvelopeError::Json(_))));
    }

    #[test]
    fn debug_does_not_spill_the_payload() {
        let key = SigningKey::from_secret([7; 32]);
        assert!(!format!("{:?}", Envelope::sign("t", b"payload".to_vec(), &key)).contains("payload\""));
    }
}
