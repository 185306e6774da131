//! What is signed, as text: a change of these snapshots is a change of `docs/attestations.md`.

use crate::support::*;
use trustmill_core::attempt::{Attempt, AttemptResult};
use trustmill_core::{Sha256, Timestamp, Verdict};
use trustmill_trust::attest::comparison::{of_attempts, of_none};
use trustmill_trust::attest::provenance::{self, Build, Builder};
use trustmill_trust::attest::{AttestError, json};

#[test]
fn provenance_of_a_compared_rebuild() {
    let attempt = compared(comparison_with(Verdict::Replayed));
    insta::assert_json_snapshot!(provenance_of(&attempt, Some(Sha256::of(PUBLISHED))));
}

#[test]
fn provenance_of_a_build_with_nothing_published() {
    let result = AttemptResult::Built { filename: WHEEL.to_owned(), sha256: Sha256::of(REBUILT) };
    let statement = serde_json::to_value(provenance_of(&attempt(result), None)).unwrap();
    let parameters = &statement["predicate"]["buildDefinition"]["externalParameters"];
    assert!(parameters["published"].is_null());
    assert_eq!(statement["subject"][0]["digest"]["sha256"], Sha256::of(REBUILT).to_hex());
}

#[test]
fn comparisons_on_every_rung() {
    for verdict in
        [Verdict::Identical, Verdict::Replayed, Verdict::Normalised, Verdict::Explained, Verdict::Unexplained]
    {
        let attempts = [failed(), compared(comparison_with(verdict))];
        let statement = of_attempts(&published(), &attempts).unwrap();
        insta::assert_json_snapshot!(format!("comparison-{verdict}"), statement);
    }
}

#[test]
fn statements_about_files_without_a_rebuild() {
    insta::assert_json_snapshot!("comparison-build-failed", of_attempts(&published(), &[failed()]).unwrap());
    let left = of_none(&published(), Verdict::NotAttempted, "a platform wheel").unwrap();
    insta::assert_json_snapshot!("comparison-not-attempted", left);
}

#[test]
fn the_strongest_comparison_is_attested_whatever_the_order() {
    let tries =
        [Verdict::Explained, Verdict::Identical, Verdict::Unexplained].map(|v| compared(comparison_with(v)));
    let statement = of_attempts(&published(), &tries).unwrap();
    assert_eq!(statement.predicate().verdict, Verdict::Identical);
    assert_eq!(statement.predicate().attempts.len(), 3);
}

#[test]
fn of_equal_verdicts_the_one_with_fewer_differences_counts() {
    let few = compared(comparison_with(Verdict::Explained));
    let mut many = comparison_with(Verdict::Explained);
    many.rebuilt = Sha256::of(b"another rebuild");
    many.differences.extend(many.differences.clone());
    let statement = of_attempts(&published(), &[failed(), compared(many), few.clone(), few]).unwrap();
    let result = statement.predicate().result.as_ref().unwrap();
    assert_eq!(result.rebuilt.sha256(), Some(Sha256::of(REBUILT)));
}

#[test]
fn an_alarming_difference_is_explained_by_no_class() {
    let mut loud = comparison_with(Verdict::Explained);
    loud.differences[0].alarming = true;
    assert!(matches!(
        of_attempts(&published(), &[compared(loud.clone())]),
        Err(AttestError::Contradiction { derived: Verdict::Unexplained, .. })
    ));
    loud.verdict = Verdict::Unexplained;
    assert!(of_attempts(&published(), &[compared(loud)]).is_ok());
}

#[test]
fn a_statement_that_says_more_than_was_done_is_not_made() {
    let mut boast = comparison_with(Verdict::Explained);
    boast.verdict = Verdict::Identical;
    assert!(matches!(of_attempts(&published(), &[compared(boast)]), Err(AttestError::Contradiction { .. })));

    let mut other = comparison_with(Verdict::Identical);
    other.published = Sha256::of(b"another file");
    assert!(matches!(of_attempts(&published(), &[compared(other)]), Err(AttestError::OtherFile { .. })));

    assert!(matches!(of_attempts(&published(), &[]), Err(AttestError::NothingTried { .. })));
    assert!(matches!(of_none(&published(), Verdict::Identical, "x"), Err(AttestError::NothingTried { .. })));
}

#[test]
fn a_provenance_is_of_what_was_built_and_of_nothing_else() {
    let builder = Builder::of(key().public().id(), "0.1.0");
    let purl = purl();
    let of = |attempt: &Attempt, published| {
        provenance::statement(&Build {
            purl: &purl,
            filename: WHEEL,
            published,
            attempt,
            builder: &builder,
            invocation: "run-1",
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
        })
    };
    let built =
        |name: &str| attempt(AttemptResult::Built { filename: name.to_owned(), sha256: Sha256::of(REBUILT) });
    let other = |result| matches!(result, Err(AttestError::OtherFile { .. }));
    assert!(of(&built(WHEEL), None).is_ok());
    assert!(other(of(&built("other.whl"), None)));
    assert!(other(of(&built(WHEEL), Some(Sha256::of(PUBLISHED)))));
    assert!(other(of(&compared(comparison_with(Verdict::Identical)), None)));
    assert!(other(of(&compared(comparison_with(Verdict::Identical)), Some(Sha256::of(b"other")))));
    assert!(matches!(of(&failed(), None), Err(AttestError::NothingBuilt { .. })));
}

#[test]
fn a_statement_is_the_same_bytes_every_time() {
    let statement = || of_attempts(&published(), &[compared(comparison_with(Verdict::Replayed))]).unwrap();
    let bytes = json::canonical(&statement()).unwrap();
    assert_eq!(bytes, json::canonical(&statement()).unwrap());
    assert!(bytes.starts_with(br#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"#));
}
