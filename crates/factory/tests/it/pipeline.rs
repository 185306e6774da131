//! One release through every step.

use crate::world::{SDIST, Scripted, Stage, WHEEL, artifact, purl, wheel, wheel_with};
use trustmill_core::attempt::FailureClass;
use trustmill_core::outcome::Outcome;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::Coded as _;
use trustmill_core::shelf::Shelf;
use trustmill_core::{Purl, Verdict};
use trustmill_factory::facts::{Judgement, Serves};
use trustmill_factory::{ServePolicy, pipeline, report};
use trustmill_trust::keys::TrustedKeys;
use trustmill_trust::verify::{self, Subject};

async fn judgement(stage: &Stage) -> Judgement {
    let report = report::release(&stage.world, &purl()).await.unwrap();
    report.files[0].judgement.clone()
}

async fn shelf(stage: &Stage) -> Shelf {
    let body = stage.facts(Shelf::KIND).await.pop().unwrap();
    serde_json::from_value(body).unwrap()
}

#[tokio::test]
async fn an_identical_release_is_attested_and_served_as_proven() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    assert_eq!(pipeline::reconcile(&stage.world, &purl()).await.unwrap(), Outcome::Done);
    let judgement = judgement(&stage).await;
    assert_eq!((judgement.verdict, judgement.serves), (Verdict::Identical, Serves::UpstreamProven));
    let shelf = shelf(&stage).await;
    assert_eq!((shelf.provenance, shelf.refuse), (judgement.bundle, None));

    let bundle = stage.world.blobs.get(&judgement.bundle.unwrap()).await.unwrap().unwrap();
    let keys = TrustedKeys::new([stage.world.signer.public()]);
    let subject = Subject::of(WHEEL, &published);
    let evidence = verify::verify(&bundle, &subject, &keys, Verdict::Identical).unwrap();
    assert_eq!(evidence.purl, purl());
    let other = Subject::of(WHEEL, b"tampered");
    assert!(verify::verify(&bundle, &other, &keys, Verdict::NotAttempted).is_err());
}

#[tokio::test]
async fn a_judged_release_is_not_judged_again() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    for _ in 0..3 {
        pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    }
    assert_eq!(stage.demo.built.lock().unwrap().len(), 1);
    assert_eq!(stage.facts("judgement").await.len(), 1);
}

#[tokio::test]
async fn the_ladder_is_climbed_and_its_winner_remembered() {
    let published = wheel("x = 1");
    let rungs = [Scripted::Fails(FailureClass::BackendError), Scripted::Wheel(published.clone())];
    let stage = Stage::new(&published, &rungs);
    let next = artifact("demo-1.1-py3-none-any.whl", ArtifactKind::Portable, "1.1", &published, 50);
    let source = artifact("demo-1.1.tar.gz", ArtifactKind::Source, "1.1", &crate::world::sdist(), 50);
    stage.fetch.file(&next.url, published.clone()).file(&source.url, crate::world::sdist());
    stage.demo.project.lock().unwrap().files.extend([next, source]);

    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert_eq!(judgement(&stage).await.attempts, 2);
    pipeline::reconcile(&stage.world, &purl().at("1.1")).await.unwrap();
    assert_eq!(*stage.demo.built.lock().unwrap(), ["rung 0", "rung 1", "rung 1"], "the winner comes first");
}

#[tokio::test]
async fn every_failed_rung_leaves_its_class() {
    let stage = Stage::new(&wheel("x = 1"), &[Scripted::Fails(FailureClass::TimedOut)]);
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    let judgement = judgement(&stage).await;
    assert_eq!((judgement.verdict, judgement.serves), (Verdict::BuildFailed, Serves::Upstream));
    assert!(judgement.detail.starts_with("timed-out: "), "{}", judgement.detail);
    assert!(judgement.bundle.is_some(), "a failed rebuild is a signed fact too");
}

#[tokio::test]
async fn a_hostile_published_file_is_refused_whatever_the_policy() {
    let hostile = wheel_with("../demo.py", "x = 1");
    let stage = Stage::new(&hostile, &[Scripted::Wheel(hostile.clone())]);
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert_eq!(judgement(&stage).await.serves, Serves::Hostile);
    let refuse = shelf(&stage).await.refuse.unwrap();
    assert!(refuse.code.starts_with("TM03") && refuse.reason.contains("refused"), "{refuse:?}");
    assert!(stage.demo.built.lock().unwrap().is_empty(), "nothing is built from it");
}

#[tokio::test]
async fn a_moved_digest_is_an_alarm_and_never_an_overwrite() {
    let published = wheel("x = 1");
    let mut stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();

    let moved = wheel("import os; os.system('true')");
    let file = artifact(WHEEL, ArtifactKind::Portable, "1.0", &moved, 0);
    stage.fetch.clear(&file.url).file(&file.url, moved);
    stage.demo.project.lock().unwrap().files[0] = file;
    let error = pipeline::reconcile(&stage.world, &purl()).await.unwrap_err();
    assert_eq!(error.code(), "TM0704");
    assert_eq!(stage.facts("alarm").await.len(), 1);
    let locked = stage.world.records.locked("pypi", WHEEL).await.unwrap().unwrap();
    assert_eq!(locked, trustmill_core::Sha256::of(&published));
    stage.world.policy = ServePolicy::default();
    assert_eq!(judgement(&stage).await.verdict, Verdict::Identical, "what was judged stays as it was");
}

#[tokio::test]
async fn a_floor_refuses_with_the_verdict_as_the_reason_and_falls_with_the_policy() {
    let mut stage = Stage::new(&wheel("x = 1"), &[Scripted::Wheel(wheel("x = 2"))]);
    stage.world.policy.require = Some(Verdict::Normalised);
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    let refuse = shelf(&stage).await.refuse.unwrap();
    assert!(refuse.reason.contains("unexplained is weaker than normalised"), "{}", refuse.reason);

    stage.world.policy.require = None;
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert_eq!(shelf(&stage).await.refuse, None);

    stage.clock.advance(std::time::Duration::from_secs(1));
    stage.world.policy.require = Some(Verdict::Normalised);
    for _ in 0..2 {
        pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    }
    assert!(shelf(&stage).await.refuse.is_some(), "a decision may come back");
    assert_eq!(stage.facts("judgement").await.len(), 3);
    assert_eq!(stage.demo.built.lock().unwrap().len(), 1, "the policy changed, the facts did not");
}

#[tokio::test]
async fn source_alone_is_built_and_served_by_the_mill() {
    let stage = Stage::new(&wheel("x = 1"), &[Scripted::Wheel(wheel("x = 1"))]);
    stage.demo.project.lock().unwrap().files.retain(|file| file.filename == SDIST);
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    let judgement = judgement(&stage).await;
    assert_eq!((judgement.verdict, judgement.serves), (Verdict::Built, Serves::Mill));
    let own = shelf(&stage).await.own.unwrap();
    assert_eq!(own.sha256, judgement.rebuilt.unwrap());
    let bundle = stage.world.blobs.get(&judgement.bundle.unwrap()).await.unwrap().unwrap();
    let keys = TrustedKeys::new([stage.world.signer.public()]);
    let subject = Subject::of(WHEEL, &wheel("x = 1"));
    assert_eq!(verify::verify(&bundle, &subject, &keys, Verdict::Built).unwrap().verdict, Verdict::Built);
}

#[tokio::test]
async fn a_release_without_source_and_a_platform_file_are_said_to_be_so() {
    let stage = Stage::new(&wheel("x = 1"), &[]);
    let native =
        artifact("demo-1.0-cp311-cp311-linux_x86_64.whl", ArtifactKind::Native, "1.0", &wheel("y"), 0);
    {
        let mut project = stage.demo.project.lock().unwrap();
        project.files.retain(|file| file.filename == WHEEL);
        project.files.push(native);
    }
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    let report = report::release(&stage.world, &purl()).await.unwrap();
    let verdicts: Vec<_> = report.files.iter().map(|file| file.judgement.verdict).collect();
    assert_eq!(verdicts, [Verdict::NoSource, Verdict::NotAttempted]);
    assert_eq!(report.verdict, Some(Verdict::NoSource), "a platform file does not hide the rest");
    assert_eq!(stage.fetch.asked().len(), 0, "nothing is downloaded for nothing");
}

#[tokio::test]
async fn an_unknown_version_and_an_unknown_ecosystem_are_final() {
    use trustmill_factory::error::Disposition;
    let stage = Stage::new(&wheel("x = 1"), &[]);
    for (purl, code) in [(purl().at("9"), "TM0108"), (Purl::release("gem", "rails", "8"), "TM0109")] {
        let error = pipeline::reconcile(&stage.world, &purl).await.unwrap_err();
        assert_eq!((error.code(), error.disposition()), (code, Disposition::Final));
    }
}
