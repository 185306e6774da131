//! What holds for every input: readers of foreign bytes never panic, and no bit can be flipped.

use crate::support::*;
use proptest::prelude::*;
use std::sync::LazyLock;
use trustmill_core::Verdict;
use trustmill_trust::attest::dsse::Envelope;
use trustmill_trust::attest::json;
use trustmill_trust::attest::statement::{Head, Statement};
use trustmill_trust::keys::{PublicKey, SigningKey, TrustedKeys};
use trustmill_trust::verify::{Subject, VerifyError, verify};

static BUNDLE: LazyLock<String> = LazyLock::new(|| bundle(Verdict::Replayed));

fn evidence(bundle: &[u8]) -> Result<(Verdict, String), VerifyError> {
    verify(bundle, &Subject::of(WHEEL, PUBLISHED), &trusted(), Verdict::NotAttempted)
        .map(|evidence| (evidence.verdict, format!("{evidence:?}")))
}

/// Envelopes and statements that are nearly right, so that the readers are reached behind the first brace.
fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<u32>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
        Just("https://in-toto.io/Statement/v1".into()),
    ];
    let names = prop::sample::select(vec![
        "payload",
        "payloadType",
        "signatures",
        "sig",
        "keyid",
        "_type",
        "subject",
        "predicateType",
        "predicate",
        "name",
        "digest",
        "sha256",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
    .prop_map(|value| value.to_string())
}

proptest! {
    #[test]
    fn readers_never_panic_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = Envelope::parse(&bytes);
        let _ = Head::parse(&bytes);
        prop_assert!(evidence(&bytes).is_err());
    }

    #[test]
    fn readers_never_panic_on_json(text in nearly_json()) {
        let _ = Envelope::parse(text.as_bytes());
        let _ = Statement::<serde_json::Value>::parse(text.as_bytes());
        prop_assert!(evidence(text.as_bytes()).is_err());
        prop_assert!(evidence(signed(IN_TOTO, &text).as_bytes()).is_err());
    }

    #[test]
    fn keys_never_panic_on_text(text in "(-----(BEGIN|END) (PUBLIC|PRIVATE) KEY-----\n?|[A-Za-z0-9+/=\n]{0,64}|.){0,6}") {
        let _ = PublicKey::from_pem(&text, "t");
        let _ = SigningKey::from_pem(&text, "t");
        let _ = TrustedKeys::from_pem(&text, "t");
    }

    /// A changed bundle proves nothing, or exactly what it proved: white space and hints are not signed.
    #[test]
    fn no_bit_of_a_bundle_can_be_flipped(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let bundle = BUNDLE.as_str();
        let mut bytes = bundle.as_bytes().to_vec();
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        if let Ok(changed) = evidence(&bytes) {
            prop_assert_eq!(changed, evidence(bundle.as_bytes()).unwrap());
        }
    }

    #[test]
    fn a_flipped_bit_of_payload_type_or_signature_fails(at in any::<prop::sample::Index>(), bit in 0..8_u8, part in 0..3_u8) {
        let key = key();
        let (mut ty, mut payload) = (IN_TOTO.as_bytes().to_vec(), b"payload of some length".to_vec());
        let envelope = Envelope::sign(IN_TOTO, payload.clone(), &key);
        let mut sig = envelope.signatures()[0].sig.clone();
        let target = match part { 0 => &mut ty, 1 => &mut payload, _ => &mut sig };
        let index = at.index(target.len());
        target[index] ^= 1 << bit;
        let ty = String::from_utf8_lossy(&ty).into_owned();
        let message = trustmill_trust::attest::dsse::pae(&ty, &payload);
        prop_assert!(!key.public().verifies(&message, &sig));
    }

    #[test]
    fn an_envelope_comes_back_as_it_went(ty in ".{0,40}", payload in prop::collection::vec(any::<u8>(), 0..256)) {
        let envelope = Envelope::sign(&ty, payload.clone(), &key());
        let back = Envelope::parse(envelope.to_json().as_bytes()).unwrap();
        prop_assert_eq!(&back, &envelope);
        let (signer, back_ty, back_payload) = back.authenticate(trusted().iter()).unwrap();
        prop_assert_eq!((signer, back_ty, back_payload), (key().public().id(), ty, payload));
    }

    #[test]
    fn canonical_json_says_the_same_and_is_canonical(text in nearly_json()) {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytes = json::canonical(&value).unwrap();
        let back: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&back, &value);
        prop_assert_eq!(json::canonical(&back).unwrap(), bytes);
    }
}
