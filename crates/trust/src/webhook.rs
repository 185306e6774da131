//! Signed messages, as Standard Webhooks (<https://www.standardwebhooks.com/>) has them: `v1a`, which is Ed25519 over
//! `ID.TIMESTAMP.BODY`.
//!
//! The sender's own key signs, so that there is no secret to share. What it signs here is never what it signs elsewhere:
//! an envelope's text begins with `DSSEv1`, a message's with an id that begins with `alert-` or `question-`.

use crate::keys::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use trustmill_core::Timestamp;
use trustmill_core::port::webhook::Message;

/// Names the kind of signature.
const KIND: &str = "v1a,";

/// A message of a kind, signed.
pub fn message(
    key: &SigningKey,
    id: &str,
    kind: &str,
    at: Timestamp,
    data: &serde_json::Value,
    now: Timestamp,
) -> Message {
    let body = serde_json::json!({ "type": kind, "timestamp": at, "data": data }).to_string().into_bytes();
    let timestamp = now.as_second();
    let signature = sign(key, id, timestamp, &body);
    Message { id: id.to_owned(), timestamp, signature, body: body.into() }
}

/// The value of `webhook-signature`.
pub fn sign(key: &SigningKey, id: &str, timestamp: i64, body: &[u8]) -> String {
    format!("{KIND}{}", BASE64_STANDARD.encode(key.sign(&signed(id, timestamp, body))))
}

/// Whether one of the signatures in `webhook-signature`, which stand apart by spaces, is the key's.
pub fn verifies(key: &PublicKey, signatures: &str, id: &str, timestamp: i64, body: &[u8]) -> bool {
    let signed = signed(id, timestamp, body);
    let ours = |text: &str| BASE64_STANDARD.decode(text.strip_prefix(KIND)?).ok();
    signatures.split(' ').filter_map(ours).any(|signature| key.verifies(&signed, &signature))
}

fn signed(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_verifies_as_a_whole_or_not_at_all() {
        let key = SigningKey::from_secret([7; 32]);
        let public = key.public();
        let signature = sign(&key, "alert-1", 1_700_000_000, b"{}");
        let both = format!("v1,bm8= {signature}");
        assert!(verifies(&public, &both, "alert-1", 1_700_000_000, b"{}"));
        for (id, timestamp, body) in [
            ("alert-2", 1_700_000_000, "{}"),
            ("alert-1", 1_700_000_001, "{}"),
            ("alert-1", 1_700_000_000, "[]"),
        ] {
            assert!(
                !verifies(&public, &signature, id, timestamp, body.as_bytes()),
                "{id} {timestamp} {body}"
            );
        }
        for bad in ["", "v1a,", "v1a,!", signature.trim_start_matches("v1a,")] {
            assert!(!verifies(&public, bad, "alert-1", 1_700_000_000, b"{}"), "{bad}");
        }
        let other = SigningKey::from_secret([8; 32]).public();
        assert!(!verifies(&other, &signature, "alert-1", 1_700_000_000, b"{}"));
    }
}
