//! Overrides: what is signed, and what does not count.

use trustmill_core::overrides::{Override, Revocation, Versions};
use trustmill_core::{Purl, Timestamp};
use trustmill_trust::attest::dsse::{Envelope, IN_TOTO_PAYLOAD};
use trustmill_trust::attest::overrides::{sign, sign_revocation};
use trustmill_trust::keys::{SigningKey, TrustedKeys};
use trustmill_trust::verify::VerifyError;
use trustmill_trust::verify::overrides::{Said, open};

fn key() -> SigningKey {
    SigningKey::from_secret([3; 32])
}

fn trusted() -> TrustedKeys {
    TrustedKeys::new([key().public()])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn said() -> Override {
    Override {
        project: Purl::project("npm", "@acme/demo"),
        versions: Versions::one("1.2.3"),
        team: Some("payments".into()),
        by: "ada".into(),
        why: "audited".into(),
        since: at(0),
        until: at(1000),
        even_malicious: true,
    }
}

/// The payload of an envelope, as text.
fn payload(envelope: &Envelope) -> String {
    let (_, _, payload) = envelope.clone().authenticate([key().public()].iter()).unwrap();
    String::from_utf8(payload).unwrap()
}

fn opened(envelope: Envelope) -> Result<Said, VerifyError> {
    open(envelope.to_json().as_bytes(), &trusted()).map(|said| said.into_inner())
}

#[test]
fn an_override_comes_back_with_its_id() {
    let (id, envelope) = sign(&said(), &key()).unwrap();
    insta::assert_snapshot!("override", payload(&envelope));
    assert_eq!(opened(envelope).unwrap(), Said::Override(id, Box::new(said())));
}

#[test]
fn a_revocation_comes_back() {
    let revocation =
        Revocation { id: "0123456789abcdef".into(), by: "bob".into(), why: "no".into(), at: at(5) };
    let envelope = sign_revocation(&revocation, &key()).unwrap();
    insta::assert_snapshot!("override_revocation", payload(&envelope));
    assert_eq!(opened(envelope).unwrap(), Said::Revocation(revocation));
}

#[test]
fn only_a_trusted_key_counts() {
    let (_, envelope) = sign(&said(), &SigningKey::from_secret([4; 32])).unwrap();
    assert!(matches!(opened(envelope), Err(VerifyError::UnknownKey { .. })));
}

#[test]
fn what_is_signed_and_says_something_else_does_not_count() {
    let (_, envelope) = sign(&said(), &key()).unwrap();
    let text = payload(&envelope);
    for (from, to) in [
        ("predicate:override:v1", "predicate:override:v2"),
        ("\"why\":\"audited\"", "\"why\":\"audited\",\"forever\":true"),
        ("\"versions\":\"=1.2.3\"", "\"versions\":\"1.2.3\""),
        ("\"project\":\"pkg:npm/%40acme/demo\"", "\"project\":\"pkg:npm/other\""),
        ("\"until\":", "\"end\":"),
    ] {
        assert!(text.contains(from), "{text}");
        let changed = Envelope::sign(IN_TOTO_PAYLOAD, text.replace(from, to).into_bytes(), &key());
        assert!(opened(changed).is_err(), "{to}");
    }
    let other_type = Envelope::sign("application/json", text.into_bytes(), &key());
    assert!(matches!(opened(other_type), Err(VerifyError::PayloadType { .. })));
}
