//! Repairs as keys: what is due, what is done about it, and what is left alone.

use crate::world::{Demo, Scripted, Stage, WHEEL, artifact, at, purl, wheel};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use trustmill_core::advisory::osv;
use trustmill_core::attempt::FailureClass;
use trustmill_core::package::ArtifactKind;
use trustmill_core::port::queue::{Enqueue, KeyState, Release};
use trustmill_core::recipe::Origin;
use trustmill_core::repair::{Judgement, Proposer, Ruling};
use trustmill_core::{Key, Sha256, Verdict};
use trustmill_factory::facts::{self, Kind as _};
use trustmill_factory::pipeline::{self, Searched};
use trustmill_factory::progress::Event;
use trustmill_factory::reconcile::{Dispatcher, Settings};
use trustmill_factory::repair::{Mending, Miss, Repaired, Repairs};
use trustmill_factory::{repair, report};
use trustmill_testkit::{Dotted, ScriptedAdvisories};

pub(crate) fn stage() -> Stage {
    let published = wheel("x = 1");
    let fails = || Scripted::Fails(FailureClass::BackendError);
    Stage::new(&published, &[fails()]).widened_by(&[fails(), Scripted::Wheel(published.clone())])
}

pub(crate) fn mending(stage: &Stage) -> (Mending, Arc<ScriptedAdvisories>) {
    let advisories = Arc::new(ScriptedAdvisories::new());
    let repairs = Repairs {
        world: stage.world.clone(),
        advisories: advisories.clone(),
        schemes: vec![&Dotted("pypi")],
    };
    (Mending { repairs, backports: true, recipes: true, builds: 9, models: None }, advisories)
}

/// An advisory that hits every release below 2.0.
pub(crate) fn advise(advisories: &ScriptedAdvisories, modified: &str) {
    let range = json!({ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "2.0" }] });
    let record = json!({ "schema_version": "1.6.0", "id": "PYSEC-1", "modified": modified,
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "demo" }, "ranges": [range] }] });
    advisories.know([osv::parse(record.to_string().as_bytes()).unwrap().advisory]);
}

pub(crate) async fn due(mending: &Mending) -> Vec<String> {
    mending.due(false).await.unwrap().iter().map(Key::to_string).collect()
}

pub(crate) fn concluded(stage: &Stage) -> Vec<String> {
    let seen = stage.seen.0.lock().unwrap();
    let lines = seen.iter().filter_map(|event| match event {
        Event::Concluded { key, what } => Some(format!("{key} {what}")),
        _ => None,
    });
    lines.collect()
}

/// Runs a dispatcher that repairs until the queue is empty or holds what is set aside alone.
pub(crate) async fn work(stage: &Stage, mending: &Mending, keys: &[Key]) {
    let requests: Vec<_> = keys.iter().map(|key| Enqueue::now(key.to_string(), 0)).collect();
    stage.world.queue.enqueue(&requests).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let settings = Settings { max_attempts: 2, patience: 2, ..Settings::default() };
    let dispatcher = Dispatcher::new(stage.world.clone(), settings).mending(mending.clone());
    let dispatcher = tokio::spawn(dispatcher.run(stopped));
    loop {
        let keys = stage.world.queue.enumerate().await.unwrap();
        if keys.iter().all(|key| key.state == KeyState::Parked) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        // What waits falls due without anybody waiting; what is worked on keeps its lease.
        if !keys.iter().any(|key| key.owner.as_ref().is_some_and(|owner| owner.starts_with("pid-"))) {
            stage.clock.advance(Duration::from_secs(60));
        }
    }
    stop.send(true).unwrap();
    dispatcher.await.unwrap().unwrap();
}

pub(crate) async fn watched(stage: &Stage) {
    stage.world.records.watch(&purl(), at(0)).await.unwrap();
}

pub(crate) const BACKPORT: &str = "backport:pkg:pypi/demo@1.0";
const RECIPE: &str = "recipe:pkg:pypi/demo@1.0";

#[tokio::test]
async fn what_an_advisory_hits_is_due_until_something_came_of_it_and_again_when_that_may_change() {
    let stage = stage();
    let (mending, advisories) = mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    assert!(due(&mending).await.is_empty(), "nobody watches it");
    watched(&stage).await;
    assert_eq!(due(&mending).await, [BACKPORT]);

    work(&stage, &mending, &[Key::Backport(purl())]).await;
    let misses = stage.facts(Miss::NAME).await;
    assert_eq!((misses.len(), misses[0]["class"].as_str()), (1, Some("no-workshop")));
    assert!(concluded(&stage)[0].starts_with("backport:pkg:pypi/demo@1.0 PYSEC-1 no-workshop: "));
    assert!(due(&mending).await.is_empty(), "a miss stands");
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    assert_eq!(stage.facts(Miss::NAME).await.len(), 1, "and is not made again by whoever asks the queue");

    advise(&advisories, "2026-02-02T00:00:00Z");
    assert_eq!(due(&mending).await, [BACKPORT], "until the advisory says something else");
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    assert!(due(&mending).await.is_empty());
    stage.clock.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(due(&mending).await, [BACKPORT], "or a month has passed");

    advisories.know([]);
    assert!(due(&mending).await.is_empty(), "what is not hit is not repaired");
}

#[tokio::test]
async fn of_a_watched_project_the_newest_release_that_was_judged_is_looked_after() {
    let stage = stage();
    let (mending, advisories) = mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    let project = purl().without_version();
    stage.world.records.watch(&project, at(0)).await.unwrap();
    for version in ["1.0", "1.10", "1.9", "1.11-rc"] {
        let release = project.at(version);
        let judged = json!({ "pipeline": 1, "decided_at": at(0), "verdict": "identical", "detail": "",
            "serves": "upstream", "published": null, "rebuilt": null, "attempts": 1, "bundle": null,
            "environment_usage": { "cpu_ms": 0, "wall_ms": 0, "max_rss_kib": 0 },
            "build_usage": { "cpu_ms": 0, "wall_ms": 0, "max_rss_kib": 0 } });
        let judged: facts::Judgement = serde_json::from_value(judged).unwrap();
        let fact = facts::fact(&release, Some("x.whl"), at(0), &judged).unwrap();
        stage.world.records.append(&[fact]).await.unwrap();
    }
    assert_eq!(due(&mending).await, ["backport:pkg:pypi/demo@1.10"]);
    watched(&stage).await;
    assert_eq!(due(&mending).await, [BACKPORT, "backport:pkg:pypi/demo@1.10"]);
}

fn repaired() -> Repaired {
    Repaired {
        version: repair::VERSION,
        release: purl(),
        repaired: purl().at("1.0-tm.1"),
        advisories: vec!["PYSEC-1".into()],
        proposer: Proposer::Strategy { name: "exact".into(), version: 1 },
        derived_from: Vec::new(),
        judgement: Judgement::default(),
        ruling: Ruling::Proven,
        layers: Vec::new(),
        changes: Vec::new(),
        patch: Sha256::of(b""),
        difference: Sha256::of(b""),
        files: Vec::new(),
        bundle: Sha256::of(b""),
        millis: 7,
        at: at(500),
        withdrawn: None,
    }
}

async fn remember(stage: &Stage, one: &Repaired) {
    let fact = facts::fact(&one.release, one.repaired.version(), one.at, one).unwrap();
    stage.world.records.append(&[fact]).await.unwrap();
}

fn publish(demo: &Demo, version: &str, seconds: i64) {
    let mut project = demo.project.lock().unwrap();
    let name = format!("demo-{version}.tar.gz");
    project.files.push(artifact(&name, ArtifactKind::Source, version, &wheel("x"), seconds));
    project.versions.push(version.to_owned());
}

#[tokio::test]
async fn what_upstream_made_needless_is_taken_back_and_not_made_again() {
    let stage = stage();
    let (mending, advisories) = mending(&stage);
    let hit = json!({ "schema_version": "1.6.0", "id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "demo" }, "versions": ["1.0"] }] });
    advisories.know([osv::parse(hit.to_string().as_bytes()).unwrap().advisory]);
    watched(&stage).await;
    remember(&stage, &repaired()).await;
    work(&stage, &mending, &mending.due(false).await.unwrap()).await;
    assert!(concluded(&stage).is_empty() && stage.facts(Miss::NAME).await.is_empty(), "the repair counts");

    publish(&stage.demo, "1.0.1", 600);
    assert_eq!(due(&mending).await, [BACKPORT], "whether it still does is looked at each time");
    work(&stage, &mending, &mending.due(false).await.unwrap()).await;
    let said = concluded(&stage);
    assert_eq!(
        said,
        [
            "backport:pkg:pypi/demo@1.0 pkg:pypi/demo@1.0-tm.1 is withdrawn: 1.0.1, of the same line, has the fix"
        ]
    );
    assert!(due(&mending).await.is_empty() && stage.facts(Miss::NAME).await.is_empty());
}

#[tokio::test]
async fn bytes_that_did_not_come_out_are_searched_for_and_the_next_rebuild_proves_what_was_found() {
    let stage = stage();
    let (mending, _) = mending(&stage);
    watched(&stage).await;
    assert!(due(&mending).await.is_empty(), "nothing is known yet");
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert_eq!(due(&mending).await, [RECIPE]);
    work(&stage, &mending, &[Key::Recipe(purl())]).await;

    let searches: Vec<Searched> = stage
        .facts(Searched::NAME)
        .await
        .into_iter()
        .map(|body| serde_json::from_value(body).unwrap())
        .collect();
    let [search] = &searches[..] else { panic!("{searches:?}") };
    assert_eq!((search.most, search.found.builds, search.found.after), (9, 2, Verdict::Identical));
    assert!(search.found.definition.is_some());
    let report = report::release(&stage.world, &purl()).await.unwrap();
    assert_eq!(report.verdict, Some(Verdict::Identical), "it was rebuilt at once");
    let built = stage.demo.built.lock().unwrap().clone();
    assert_eq!(built, ["rung 0", "wide 0", "wide 1", "wide 1"], "and really built");
    let recipe = &report.files[0].attempts.last().unwrap().recipe;
    assert_eq!(recipe.origin, Origin::Inferred);
    assert!(
        recipe.reasons.last().unwrap().starts_with("Found by a search over recipes: identical instead of")
    );
    assert_eq!(
        concluded(&stage),
        [format!("{RECIPE} {WHEEL}: identical instead of build-failed, after 2 more builds")]
    );
    assert!(due(&mending).await.is_empty());
    pipeline::reconcile(&stage.world, &purl()).await.unwrap();
    assert_eq!(stage.demo.built.lock().unwrap().len(), 4, "once");
}

#[tokio::test]
async fn a_search_that_found_nothing_is_made_again_with_more_builds_or_after_a_month() {
    let fails = || Scripted::Fails(FailureClass::BackendError);
    let stage = Stage::new(&wheel("x = 1"), &[fails()]).widened_by(&[fails(), fails(), fails()]);
    let (mut mending, _) = mending(&stage);
    mending.builds = 2;
    watched(&stage).await;
    work(&stage, &mending, &[purl().into(), Key::Recipe(purl())]).await;
    work(&stage, &mending, &[Key::Recipe(purl())]).await;
    assert_eq!(stage.facts(Searched::NAME).await.len(), 1);
    assert!(
        concluded(&stage)[0].contains("still build-failed, after 2 more builds; in the way: backend-error")
    );
    assert!(due(&mending).await.is_empty());
    mending.builds = 3;
    assert_eq!(due(&mending).await, [RECIPE]);
    mending.builds = 1;
    assert!(due(&mending).await.is_empty());
    stage.clock.advance(SignedDuration::from_hours(31 * 24).unsigned_abs());
    assert_eq!(due(&mending).await, [RECIPE]);
    (mending.backports, mending.recipes) = (true, false);
    assert!(due(&mending).await.is_empty());
}

#[tokio::test]
async fn what_is_off_is_set_aside_and_what_was_set_aside_is_not_asked_for_over_and_over() {
    let stage = stage();
    let (mut mending, advisories) = mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    watched(&stage).await;
    let off = Mending { backports: false, recipes: false, ..mending.clone() };
    work(&stage, &off, &[Key::Backport(purl()), Key::Recipe(purl())]).await;
    let keys = stage.world.queue.enumerate().await.unwrap();
    let whys: BTreeMap<_, _> = keys.iter().map(|key| (key.key.as_str(), key.why.clone().unwrap())).collect();
    assert!(whys[BACKPORT].contains("[repair] backports") && whys[RECIPE].contains("[repair] recipes"));
    assert!(off.due(true).await.unwrap().is_empty());

    // The search is due no more and ends when it is asked for; the repair is due, and waits for the next start.
    assert_eq!(due(&mending).await, [RECIPE]);
    assert_eq!(mending.due(true).await.unwrap(), [Key::Backport(purl())]);
    mending.recipes = false;
    assert!(due(&mending).await.is_empty());
}

#[tokio::test]
async fn a_repair_whose_world_fails_backs_off_and_goes_on_when_it_is_back() {
    let stage = stage();
    let (mending, advisories) = mending(&stage);
    advise(&advisories, "2026-01-01T00:00:00Z");
    watched(&stage).await;
    advisories.break_down(true);
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    let [key] = &stage.world.queue.enumerate().await.unwrap()[..] else { panic!() };
    assert_eq!((key.state, key.attempts), (KeyState::Parked, 0));
    assert!(key.why.as_ref().unwrap().contains("[TM0630]"), "{key:?}");
    advisories.break_down(false);
    work(&stage, &mending, &[Key::Backport(purl())]).await;
    assert_eq!(stage.facts(Miss::NAME).await.len(), 1);

    // Of a process that was killed the lease ends, and the next one has the key.
    let now = trustmill_core::port::clock::Clock::now(stage.clock.as_ref());
    advise(&advisories, "2026-03-03T00:00:00Z");
    stage.world.queue.enqueue(&[Enqueue::now(BACKPORT, 0)]).await.unwrap();
    let lease = stage.world.queue.lease("killed", 1, now, Duration::from_secs(60)).await.unwrap();
    work(&stage, &mending, &[]).await;
    assert_eq!(stage.facts(Miss::NAME).await.len(), 2);
    let late = stage.world.queue.release(&lease[0], Release::Complete, &[], now).await;
    assert!(late.is_err(), "who was killed has nothing to say any more");
}
