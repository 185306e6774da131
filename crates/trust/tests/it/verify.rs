//! The verifier: every way in which a file can fail, and that each has its own answer.

use crate::support::*;
use trustmill_core::attempt::AttemptResult;
use trustmill_core::port::Coded as _;
use trustmill_core::{Sha256, Verdict};
use trustmill_trust::attest::{self, comparison};
use trustmill_trust::keys::{SigningKey, TrustedKeys};
use trustmill_trust::verify::{Subject, VerifyError, verify};

const RUNGS: [Verdict; 5] =
    [Verdict::Identical, Verdict::Replayed, Verdict::Normalised, Verdict::Explained, Verdict::Unexplained];

fn file() -> Subject<'static> {
    Subject::of(WHEEL, PUBLISHED)
}

fn check(bundle: &str) -> Result<Verdict, VerifyError> {
    verify(bundle.as_bytes(), &file(), &trusted(), Verdict::NotAttempted).map(|evidence| evidence.verdict)
}

/// The code of the failure, or the verdict: what a user sees first.
fn outcome(bundle: &str, subject: &Subject<'_>) -> String {
    match verify(bundle.as_bytes(), subject, &trusted(), Verdict::NotAttempted) {
        Ok(evidence) => evidence.verdict.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

fn line(bundle: &str, index: usize) -> String {
    bundle.lines().nth(index).unwrap().to_owned() + "\n"
}

#[test]
fn a_good_bundle_proves_its_verdict() {
    for verdict in RUNGS {
        let evidence = verify(bundle(verdict).as_bytes(), &file(), &trusted(), verdict).unwrap();
        assert_eq!((evidence.verdict, &evidence.purl), (verdict, &purl()));
        assert_eq!(evidence.signed_by, key().public().id());
        assert!(evidence.provenance.is_some() && evidence.comparison.is_some());
    }
}

#[test]
fn a_file_that_nothing_was_built_for_keeps_its_weak_verdict() {
    let statement = comparison::of_attempts(&published(), &[failed()]).unwrap();
    let bundle = lines(&[attest::sign(&statement, &key()).unwrap()]);
    assert_eq!(outcome(&bundle, &file()), "build-failed");
}

#[test]
fn a_build_with_nothing_published_is_built() {
    let result = AttemptResult::Built { filename: WHEEL.to_owned(), sha256: Sha256::of(REBUILT) };
    let bundle = lines(&[attest::sign(&provenance_of(&attempt(result), None), &key()).unwrap()]);
    assert_eq!(outcome(&bundle, &Subject::of(WHEEL, REBUILT)), "built");
}

#[test]
fn a_floor_is_a_floor() {
    for (index, verdict) in RUNGS.iter().enumerate() {
        for (other, floor) in RUNGS.iter().enumerate() {
            let result = verify(bundle(*verdict).as_bytes(), &file(), &trusted(), *floor);
            assert_eq!(result.is_ok(), index <= other, "{verdict} against {floor}");
        }
    }
    let result = verify(bundle(Verdict::Explained).as_bytes(), &file(), &trusted(), Verdict::Replayed);
    assert_eq!(result.unwrap_err().to_string(), "the verdict is explained, at least replayed was asked for");
}

#[test]
fn a_tampered_file_is_not_the_one_attested() {
    for index in 0..PUBLISHED.len() {
        let mut bytes = PUBLISHED.to_vec();
        bytes[index] ^= 1;
        assert_eq!(outcome(&bundle(Verdict::Identical), &Subject::of(WHEEL, &bytes)), "TM0506");
    }
}

#[test]
fn a_renamed_file_is_not_the_one_attested() {
    let renamed = Subject::of("demo-2.0-py3-none-any.whl", PUBLISHED);
    assert_eq!(outcome(&bundle(Verdict::Identical), &renamed), "TM0507");
}

#[test]
fn a_file_that_nobody_spoke_of_has_no_attestation() {
    assert_eq!(outcome(&bundle(Verdict::Identical), &Subject::of("other.whl", b"other")), "TM0501");
    for empty in ["", "\n \n"] {
        assert_eq!(outcome(empty, &file()), "TM0501");
    }
}

#[test]
fn a_stranger_is_not_trusted_and_a_rotated_key_is() {
    let bundle = bundle(Verdict::Identical);
    let stranger = TrustedKeys::new([SigningKey::from_secret([1; 32]).public()]);
    let error = verify(bundle.as_bytes(), &file(), &stranger, Verdict::NotAttempted).unwrap_err();
    assert_eq!(error.code(), "TM0503");
    assert!(error.to_string().contains(&key().public().id().to_string()), "{error}");

    let rotated = TrustedKeys::new([SigningKey::from_secret([1; 32]).public(), key().public()]);
    assert!(verify(bundle.as_bytes(), &file(), &rotated, Verdict::Identical).is_ok());

    let nobody = TrustedKeys::default();
    let error = verify(bundle.as_bytes(), &file(), &nobody, Verdict::NotAttempted).unwrap_err();
    assert_eq!(error.code(), "TM0515");
}

#[test]
fn a_stripped_envelope_is_not_signed() {
    let mut json: serde_json::Value = serde_json::from_str(&line(&bundle(Verdict::Identical), 1)).unwrap();
    json["signatures"] = serde_json::json!([]);
    assert_eq!(outcome(&format!("{json}\n"), &file()), "TM0510");
}

#[test]
fn a_stolen_key_id_does_not_help() {
    // Somebody else signs and writes the mill's key id beside it; and somebody leaves the hint out.
    let bundle = bundle(Verdict::Identical);
    let liar = SigningKey::from_secret([9; 32]);
    for hint in [Some(key().public().id().to_string()), None] {
        let forged: String = bundle
            .lines()
            .map(|line| {
                let (_, ty, payload) = attest::dsse::Envelope::parse(line.as_bytes())
                    .unwrap()
                    .authenticate(trusted().iter())
                    .unwrap();
                let mut json: serde_json::Value =
                    serde_json::from_str(&attest::dsse::Envelope::sign(&ty, payload, &liar).to_json())
                        .unwrap();
                json["signatures"][0]["keyid"] = hint.clone().into();
                format!("{json}\n")
            })
            .collect();
        assert_eq!(outcome(&forged, &file()), "TM0502", "{hint:?}");
    }
}

#[test]
fn a_signature_without_a_hint_is_found() {
    let bare: String = bundle(Verdict::Identical)
        .lines()
        .map(|line| {
            let mut json: serde_json::Value = serde_json::from_str(line).unwrap();
            json["signatures"][0].as_object_mut().unwrap().remove("keyid");
            format!("{json}\n")
        })
        .collect();
    assert_eq!(outcome(&bare, &file()), "identical");
}

#[test]
fn what_is_well_signed_must_also_be_a_statement_we_know() {
    let bundle = bundle(Verdict::Identical);
    assert_eq!(outcome(&signed("text/plain", "{}"), &file()), "TM0504");
    assert_eq!(
        outcome(&forge(&bundle, |payload| payload.replace("Statement/v1", "Statement/v0.1")), &file()),
        "TM0505"
    );
    assert_eq!(
        outcome(&forge(&bundle, |payload| payload.replace("comparison:v2", "comparison:v3")), &file()),
        "TM0508"
    );
    assert_eq!(
        outcome(&forge(&bundle, |payload| payload.replace("rebuild:v1", "rebuild:v2")), &file()),
        "TM0508"
    );
    for junk in ["", "{", "[]", "null", r#"{"_type":1}"#] {
        assert_eq!(outcome(&signed(IN_TOTO, junk), &file()), "TM0511", "{junk:?}");
    }
    for junk in ["{", "[]", "\u{0}", r#"{"payload":"!","payloadType":"","signatures":[]}"#] {
        assert_eq!(outcome(junk, &file()), "TM0511", "{junk:?}");
    }
}

#[test]
fn a_comparison_of_version_1_counts_with_the_words_of_version_1() {
    let old = |bundle: &str| forge(bundle, |payload| payload.replace("comparison:v2", "comparison:v1"));
    let bundle = bundle(Verdict::Explained);
    assert_eq!(outcome(&old(&bundle), &file()), "explained");
    let later = forge(&bundle, |payload| payload.replace("line-endings", "native-compiler"));
    assert_eq!(outcome(&later, &file()), "explained");
    assert_eq!(outcome(&old(&later), &file()), "TM0511");
    let alarming = forge(&bundle, |payload| payload.replace("line-endings", "native-interface"));
    assert_eq!(outcome(&alarming, &file()), "TM0512", "its own class does not explain it");
}

#[test]
fn one_bad_line_spoils_the_bundle_and_is_named() {
    let error = check(&(bundle(Verdict::Identical) + "\n{}\n")).unwrap_err();
    assert_eq!(error.to_string(), "line 4: it cannot be read");
}

#[test]
fn the_verdict_is_derived_again_and_a_lie_is_found() {
    for verdict in RUNGS {
        for claim in Verdict::LADDER.into_iter().filter(|claim| *claim != verdict) {
            let boast = |payload: &str| {
                payload.replace(&format!("\"verdict\":\"{verdict}\""), &format!("\"verdict\":\"{claim}\""))
            };
            let error = check(&forge(&bundle(verdict), boast)).unwrap_err();
            assert!(
                matches!(error, VerifyError::Contradiction { claimed, derived, .. } if claimed == claim && derived == verdict),
                "{claim} for {verdict}: {error}"
            );
        }
    }
}

#[test]
fn the_subject_must_be_the_file_that_was_compared() {
    // The subject is one file and the comparison is another's: neither is proven.
    let (mine, other) = (Sha256::of(PUBLISHED).to_hex(), Sha256::of(b"other").to_hex());
    let bundle = forge(&bundle(Verdict::Explained), |payload| {
        let (head, subject) = payload.rsplit_once("\"subject\"").unwrap();
        format!("{head}\"subject\"{}", subject.replace(&mine, &other))
    });
    assert!(matches!(check(&bundle), Err(VerifyError::OtherSubject { .. })));
}

#[test]
fn a_part_of_a_bundle_is_not_the_bundle() {
    let whole = bundle(Verdict::Explained);
    assert_eq!(outcome(&line(&whole, 1), &file()), "TM0513", "the comparison without the provenance");
    let rebuilt = Subject::of(WHEEL, REBUILT);
    assert_eq!(outcome(&line(&whole, 0), &rebuilt), "TM0514", "the provenance without the comparison");
}

#[test]
fn the_provenance_must_be_of_that_rebuild_and_that_release() {
    let whole = bundle(Verdict::Explained);
    let provenance = |from: &str, to: &str| forge(&line(&whole, 0), |payload| payload.replace(from, to));
    let other_release = provenance("\"purl\":\"pkg:pypi/demo@1.0\"", "\"purl\":\"pkg:pypi/other@1.0\"");
    assert_eq!(outcome(&(other_release + &line(&whole, 1)), &file()), "TM0513");
    let other_file = provenance(&Sha256::of(REBUILT).to_hex(), &Sha256::of(b"other").to_hex());
    assert_eq!(outcome(&(other_file + &line(&whole, 1)), &file()), "TM0513");
}

#[test]
fn a_rebuild_is_not_passed_off_as_the_published_file() {
    assert_eq!(outcome(&bundle(Verdict::Normalised), &Subject::of(WHEEL, REBUILT)), "TM0514");
}

#[test]
fn of_several_comparisons_the_strongest_counts() {
    let both = bundle(Verdict::Unexplained) + &bundle(Verdict::Replayed);
    assert_eq!(outcome(&both, &file()), "replayed");
}

#[test]
fn a_flood_is_refused_before_it_is_read() {
    assert!(matches!(check(&"{}\n".repeat(2000)), Err(VerifyError::Malformed { line: 1, .. })));
    let envelope = line(&bundle(Verdict::Identical), 0);
    assert!(matches!(check(&envelope.repeat(1025)), Err(VerifyError::TooLarge)));
    assert!(matches!(check(&" ".repeat((64 << 20) + 1)), Err(VerifyError::TooLarge)));
}

#[test]
fn foreign_text_does_not_reach_the_terminal_as_it_is() {
    let error = check(&signed("text/\u{1b}[2Jplain\n", "{}")).unwrap_err();
    assert!(!error.to_string().chars().any(char::is_control), "{error}");
}
