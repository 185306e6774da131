//! Where a release comes from: every way to its commit, and every way to none.

use crate::world::{SDIST, Scripted, Stage, at, purl, wheel};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Verdict;
use trustmill_core::source::{FoundBy, ObjectId, SourceClaim, SourceFindingClass, SourceProblem};
use trustmill_factory::facts::{Alarm, Judgement, SourceReport};
use trustmill_factory::progress::Event;
use trustmill_factory::{pipeline, report};
use trustmill_testkit::MemRepositories;

const FORGE: &str = "https://git.example/demo";

/// The sdist's one file, as the test world makes it.
const FILES: &[(&str, &[u8])] = &[("demo.py", b"x = 1"), ("tests.py", b"assert x")];

/// A stage whose metadata names a repository in memory.
fn stage(claim: impl FnOnce(&MemRepositories) -> SourceClaim) -> (Stage, Arc<MemRepositories>) {
    let published = wheel("x = 1");
    let mut stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    let repositories = Arc::new(MemRepositories::new());
    stage.world.repositories = Some(repositories.clone());
    *stage.demo.claim.lock().unwrap() = Some(claim(&repositories));
    (stage, repositories)
}

fn claim() -> SourceClaim {
    SourceClaim { repository: FORGE.to_owned(), stated_by: "the test".to_owned(), ..SourceClaim::default() }
}

async fn reconcile(stage: &Stage) -> SourceReport {
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    let body = stage.facts("source").await.pop().expect("a report");
    serde_json::from_value(body).unwrap()
}

async fn judgement(stage: &Stage) -> Judgement {
    let report = report::release(&stage.world, &purl()).await.unwrap();
    report.files[0].judgement.clone()
}

fn class(report: &SourceReport) -> Option<SourceProblem> {
    report.problem.as_ref().map(|problem| problem.class)
}

#[tokio::test]
async fn a_recorded_commit_counts_where_a_branch_leads_to_it() {
    let mut recorded = None;
    let (stage, _) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-9), FILES);
        let tip = git.commit(FORGE, Some(&commit), at(-8), &[("demo.py", b"later")]);
        git.point(FORGE, "refs/heads/main", &tip);
        recorded = Some(commit.clone());
        SourceClaim { commit: Some(commit), ..claim() }
    });
    let report = reconcile(&stage).await;
    assert_eq!((report.commit, report.found_by, report.problem), (recorded, Some(FoundBy::Recorded), None));
    let (file, check) = report.checked.expect("the sdist was checked");
    assert_eq!((file.as_str(), check.equal, check.holds()), (SDIST, 1, true));
    let seen = stage.seen.0.lock().unwrap();
    let step =
        |name: &str| seen.iter().any(|event| matches!(event, Event::Step { step, .. } if step == name));
    assert!(step("find commit") && step("read commit"));
}

#[tokio::test]
async fn a_recorded_commit_that_only_a_fork_holds_does_not_count() {
    let (stage, git) = stage(|git| {
        let main = git.commit(FORGE, None, at(-9), &[("other.py", b"y")]);
        let fork = git.commit(FORGE, Some(&main), at(-8), FILES);
        git.point(FORGE, "refs/heads/main", &main);
        SourceClaim { commit: Some(fork), ..claim() }
    });
    let report = reconcile(&stage).await;
    assert_eq!((report.commit.as_ref(), class(&report)), (None, Some(SourceProblem::CommitUnreached)));
    assert!(report.checked.is_none());
    assert!(!git.asked().iter().any(|asked| asked.starts_with("read")), "nothing of the fork is read");
    assert_eq!(judgement(&stage).await.verdict, Verdict::Identical, "the sdist still builds the wheel");
}

#[tokio::test]
async fn a_recorded_commit_that_is_not_there_gives_way_to_a_tag_and_stays_a_problem() {
    let missing = ObjectId::blob(b"nowhere");
    let mut tagged = None;
    let (stage, _) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-9), FILES);
        git.point(FORGE, "refs/tags/v1.0", &commit);
        tagged = Some(commit);
        SourceClaim { commit: Some(missing), tags: vec!["1.0".into(), "v1.0".into()], ..claim() }
    });
    let report = reconcile(&stage).await;
    assert_eq!(class(&report), Some(SourceProblem::CommitMissing));
    assert_eq!((report.commit, report.found_by), (tagged, Some(FoundBy::Tag("v1.0".into()))));
}

#[tokio::test]
async fn a_tag_that_moved_is_one_alarm_however_often_it_is_looked_at() {
    let (stage, git) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-9), FILES);
        git.point(FORGE, "refs/tags/v1.0", &commit);
        SourceClaim { tags: vec!["v1.0".into()], ..claim() }
    });
    assert_eq!(class(&reconcile(&stage).await), None);
    let evil = git.commit(FORGE, None, at(-9), &[("demo.py", b"import os")]);
    git.point(FORGE, "refs/tags/v1.0", &evil);
    for _ in 0..3 {
        stage.clock.advance(Duration::from_secs(3_600));
        rejudge(&stage).await;
        let report = reconcile(&stage).await;
        assert_eq!((class(&report), report.commit), (Some(SourceProblem::TagMoved), None));
    }
    let report = report::release(&stage.world, &purl()).await.unwrap();
    let alarms: Vec<&Alarm> = report.alarms.iter().filter(|alarm| alarm.code == "TM0124").collect();
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0].what.contains(&evil.short()), "{}", alarms[0].what);
}

/// Makes the release's judgement provisional, so that it is looked at again.
async fn rejudge(stage: &Stage) {
    use trustmill_factory::facts;
    let judgements = facts::all::<Judgement>(stage.world.records.as_ref(), &purl()).await.unwrap();
    let (fact, judgement) = judgements.into_iter().next_back().unwrap();
    let now = stage.world.clock.now();
    let long_ago = now.checked_sub(jiff::SignedDuration::from_hours(2)).unwrap();
    let again = Judgement { provisional: true, decided_at: long_ago, ..judgement };
    let fact = facts::fact(&purl(), fact.subject.as_deref(), now, &again).unwrap();
    stage.world.records.append(&[fact]).await.unwrap();
}

#[tokio::test]
async fn without_commit_and_tag_the_newest_commit_that_holds_the_files_is_it() {
    let mut wanted = None;
    let (stage, _) = stage(|git| {
        let one = git.commit(FORGE, None, at(-30), &[("pkg/demo.py", b"x = 0")]);
        let two = git.commit(FORGE, Some(&one), at(-20), &[("pkg/demo.py", b"x = 1")]);
        let three = git.commit(FORGE, Some(&two), at(-10), &[("pkg/demo.py", b"x = 2")]);
        let late = git.commit(FORGE, Some(&three), at(50), &[("pkg/demo.py", b"x = 1")]);
        git.point(FORGE, "refs/heads/main", &late);
        wanted = Some(two);
        SourceClaim { tags: vec!["v1.0".into()], ..claim() }
    });
    let report = reconcile(&stage).await;
    assert_eq!(report.commit, wanted, "what came after the upload cannot be what it was made from");
    assert_eq!(report.found_by, Some(FoundBy::Content { held: 1, of: 1 }));
    assert_eq!(report.directory.as_deref(), Some("pkg"));
}

#[tokio::test]
async fn where_no_commit_holds_the_files_that_is_said() {
    let (stage, _) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-30), &[("demo.py", b"something else")]);
        git.point(FORGE, "refs/heads/main", &commit);
        claim()
    });
    assert_eq!(class(&reconcile(&stage).await), Some(SourceProblem::NoCommit));
}

#[tokio::test]
async fn a_folder_that_the_commit_does_not_have_is_said() {
    let (stage, _) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-9), FILES);
        git.point(FORGE, "refs/tags/v1.0", &commit);
        SourceClaim { directory: "packages/demo".into(), tags: vec!["v1.0".into()], ..claim() }
    });
    let report = reconcile(&stage).await;
    assert_eq!(class(&report), Some(SourceProblem::NoDirectory));
    assert!(report.checked.is_none() && report.directory.is_none());
}

#[tokio::test]
async fn a_repository_that_is_gone_and_one_that_nobody_names_are_told_apart() {
    let (stage, _) = stage(|_| claim());
    assert_eq!(class(&reconcile(&stage).await), Some(SourceProblem::RepositoryGone));
    assert!(!judgement(&stage).await.provisional);

    let (stage, git) = self::stage(|_| claim());
    *stage.demo.claim.lock().unwrap() = None;
    assert_eq!(class(&reconcile(&stage).await), Some(SourceProblem::NoRepository));
    assert!(git.asked().is_empty());
}

#[tokio::test]
async fn a_forge_out_of_reach_is_asked_again_and_the_judgement_waits_for_it() {
    for with_sdist in [true, false] {
        let (stage, git) = stage(|git| {
            let commit = git.commit(FORGE, None, at(-9), FILES);
            git.point(FORGE, "refs/tags/v1.0", &commit);
            SourceClaim { tags: vec!["v1.0".into()], ..claim() }
        });
        if !with_sdist {
            stage.demo.project.lock().unwrap().files.retain(|file| file.filename != SDIST);
        }
        git.fail(FORGE, Some(SourceProblem::Unreachable));
        assert_eq!(class(&reconcile(&stage).await), Some(SourceProblem::Unreachable));
        let first = judgement(&stage).await;
        assert!(first.provisional, "with an sdist: {with_sdist}");
        assert_eq!(first.verdict == Verdict::NoSource, !with_sdist);

        let asked = git.asked().len();
        stage.clock.advance(Duration::from_secs(60));
        reconcile(&stage).await;
        assert_eq!(git.asked().len(), asked, "a moment later it is not asked again");
        stage.clock.advance(Duration::from_secs(3_600));
        git.fail(FORGE, None);
        let report = reconcile(&stage).await;
        assert_eq!((class(&report), report.found_by), (None, Some(FoundBy::Tag("v1.0".into()))));
        assert!(!judgement(&stage).await.provisional);
        let asked = git.asked().len();
        reconcile(&stage).await;
        assert_eq!(git.asked().len(), asked, "what is settled is not asked for again");
        assert_eq!(stage.demo.built.lock().unwrap().len(), 1, "nothing is built twice");
    }
}

#[tokio::test]
async fn each_file_of_the_sdist_that_the_commit_does_not_hold_is_listed() {
    let (stage, _) = stage(|git| {
        let commit = git.commit(FORGE, None, at(-9), &[("demo.py", b"x = 2"), ("README", b"hi")]);
        git.point(FORGE, "refs/tags/v1.0", &commit);
        SourceClaim { tags: vec!["v1.0".into()], ..claim() }
    });
    let (_, check) = reconcile(&stage).await.checked.unwrap();
    let findings: Vec<_> = check.findings.iter().map(|one| (one.path.as_str(), one.class)).collect();
    assert_eq!(findings, [("demo.py", SourceFindingClass::Modified)]);
    assert!(!check.holds());
}

#[tokio::test]
async fn without_git_nothing_about_the_source_is_claimed() {
    let published = wheel("x = 1");
    let stage = Stage::new(&published, &[Scripted::Wheel(published.clone())]);
    *stage.demo.claim.lock().unwrap() = Some(claim());
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert!(stage.facts("source").await.is_empty());
}
