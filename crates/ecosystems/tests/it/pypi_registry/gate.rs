//! What the gate decides: held, blocked and warned of, for whom, and until when.

use super::world::{JSON, World, entry, file_url, instant, wheel};
use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::registry::{Answer, Registry, RenderedPage, Request};
use trustmill_core::ruling::{Action, Decision, Effect, Principal};
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_testkit::gate::decision;

const PATHS: [&str; 3] =
    ["files/a/a-2.0-py3-none-any.whl", "files/a/a-2.0-py3-none-any.whl.metadata", "files/a/a-2.0.tar.gz"];

/// A mill over two releases, the second of two files, one of which has metadata apart.
fn two() -> World {
    let world = World::new();
    let bytes = wheel("Name: a\n");
    let mut second = entry("a-2.0-py3-none-any.whl", &bytes, "02-02");
    second["core-metadata"] = json!({"sha256": trustmill_core::Sha256::of(b"Name: a\n")});
    world.list(&[
        entry("a-1.0-py3-none-any.whl", &bytes, "01-02"),
        second,
        entry("a-2.0.tar.gz", b"source", "02-02"),
    ]);
    for name in ["a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"] {
        world.fetch.file(&file_url(name), bytes.clone());
    }
    world.fetch.file(&file_url("a-2.0.tar.gz"), "source");
    world.fetch.file(&format!("{}.metadata", file_url("a-2.0-py3-none-any.whl")), "Name: a\n");
    world
}

fn release(version: &str) -> Purl {
    Purl::release("pypi", "a", version)
}

fn held() -> Decision {
    decision(Effect::Hold, "TM0902", "published 2 hours ago; held until 2026-01-02 \u{2717}")
}

fn yanked(page: &Value) -> Vec<&Value> {
    page["files"].as_array().unwrap().iter().map(|file| &file["yanked"]).collect()
}

fn is_out(answer: &Answer) -> bool {
    matches!(answer, Answer::Unavailable { why, .. } if why.starts_with("TM0909"))
}

#[tokio::test]
async fn a_held_release_is_yanked_with_the_reason_and_none_of_its_files_is_handed_out() {
    let world = two();
    for path in PATHS {
        world.file(path).await;
    }
    let before = world.page("simple/a/", JSON).await.etag.clone();
    world.gate.decide(release("2.0"), held());
    let line = "TM0902: published 2 hours ago; held until 2026-01-02";
    assert_eq!(yanked(&world.json(None).await), [&json!(false), &json!(line), &json!(line)]);
    assert!(world.html().await.contains("data-yanked=\"TM0902: published"));
    assert_ne!(world.page("simple/a/", JSON).await.etag, before);
    for path in PATHS {
        let refusal = world.refused(path).await;
        assert_eq!((refusal.status, &*refusal.code, refusal.reason.as_str()), (403, "TM0902", line));
        let past = world.ask(path, None, Some("2025-06-01T00:00:00Z")).await;
        assert!(matches!(past, Answer::Refused(_)), "the past is no way around: {past:?}");
    }
    for path in
        ["files/A/a-2.0.tar.gz", "files/a/A-2.0.tar.gz", "files/a/a-2.0.0.tar.gz", "files/a/a-2.0.TAR.GZ"]
    {
        let answer = world.ask(path, None, None).await;
        assert!(!matches!(answer, Answer::File(_)), "{path}: {answer:?}");
    }
    world.file("files/a/a-1.0-py3-none-any.whl").await;
    world.gate.decide(release("2.0"), Decision::allow());
    world.file(PATHS[0]).await;
    assert_eq!(world.page("simple/a/", JSON).await.etag, before);
}

#[tokio::test]
async fn a_warning_goes_with_the_file_and_changes_no_page() {
    let world = two();
    let before = world.page("simple/a/", JSON).await;
    world.gate.decide(release("2.0"), decision(Effect::Warn, "TM0903", "GHSA-1 is fixed in 3.0"));
    assert!(Arc::ptr_eq(&before, &world.page("simple/a/", JSON).await), "it is not even rendered again");
    for path in [PATHS[0], PATHS[2]] {
        // The second time from memory.
        for _ in 0..2 {
            let file = world.file(path).await;
            assert_eq!(file.warning.as_deref(), Some("TM0903: GHSA-1 is fixed in 3.0"));
        }
    }
    assert_eq!(world.file("files/a/a-1.0-py3-none-any.whl").await.warning, None);
}

#[tokio::test]
async fn while_the_gate_fails_nothing_is_handed_out() {
    let world = two();
    world.page("simple/a/", JSON).await;
    world.file(PATHS[0]).await;
    world.gate.break_down(true);
    let paths = [&PATHS[..], &["simple/a/", "files/a/a-2.0.tar.gz.provenance"]].concat();
    for path in &paths {
        for as_of in [None, Some("2025-06-01T00:00:00Z")] {
            let answer = world.ask(path, Some(JSON), as_of).await;
            assert!(is_out(&answer), "{path}: {answer:?}");
        }
    }
    world.gate.break_down(false);
    world.page("simple/a/", JSON).await;
    world.file(PATHS[0]).await;
}

#[tokio::test]
async fn a_ruling_is_asked_for_once_and_again_when_time_or_a_fact_may_change_it() {
    let world = two();
    let until = instant("2026-01-01T00:00:10Z");
    world.gate.decide(release("2.0"), Decision { until: Some(until), ..held() });
    for _ in 0..3 {
        world.page("simple/a/", JSON).await;
        world.page("simple/a/", "text/html").await;
        world.refused(PATHS[0]).await;
    }
    assert_eq!(world.gate.asked(), 1);
    world.advance(9);
    world.refused(PATHS[0]).await;
    assert_eq!(world.gate.asked(), 1);
    world.advance(1);
    world.refused(PATHS[0]).await;
    assert_eq!(world.gate.asked(), 2, "its time has passed");
    world.fact("a-1.0-py3-none-any.whl", "review", json!({})).await;
    world.refused(PATHS[0]).await;
    assert_eq!(world.gate.asked(), 3, "a fact about the project is there");
    world.gate.decide(Purl::release("pypi", "other", "1.0"), Decision::allow());
    world.page("simple/a/", JSON).await;
    assert_eq!(world.gate.asked(), 4, "the gate has changed");
    world.clock.set(instant("2025-01-01T00:00:00Z"));
    world.page("simple/a/", JSON).await;
    assert_eq!(world.gate.asked(), 5, "a clock that goes backwards proves nothing");
}

async fn page_for(world: &World, team: &str, action: Action) -> Arc<RenderedPage> {
    let principal = Arc::new(Principal { team: Some(team.to_owned()), ..Principal::default() });
    let (path, accept, mount) = ("simple/a/".to_owned(), Some(JSON.to_owned()), "/pypi".to_owned());
    let request = Request { path, accept, mount, principal, action, ..Request::default() };
    match world.registry.answer(&request).await {
        Answer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn teams_with_equal_rulings_share_their_pages_and_others_do_not_see_them() {
    let world = two();
    world.gate.decide_for(Some("strict"), release("2.0"), held());
    world.gate.decide_for(Some("careful"), release("2.0"), held());
    world.gate.decide_for(Some("careful"), release("1.0"), decision(Effect::Warn, "TM0903", "old"));
    let strict = page_for(&world, "strict", Action::Install).await;
    let careful = page_for(&world, "careful", Action::Install).await;
    let relaxed = page_for(&world, "relaxed", Action::Install).await;
    assert!(Arc::ptr_eq(&strict, &careful), "a warning is on no page");
    assert!(Arc::ptr_eq(&relaxed, &world.page("simple/a/", JSON).await));
    assert_ne!(strict.etag, relaxed.etag);
    assert_eq!(world.gate.asked(), 4);
    page_for(&world, "strict", Action::Serve).await;
    assert_eq!(world.gate.last().action, Action::Serve, "a build is a question of its own");
    assert_eq!(world.gate.last().principal.team.as_deref(), Some("strict"));
    for team in ["strict", "careful", "relaxed"] {
        page_for(&world, team, Action::Install).await;
    }
    assert_eq!(world.gate.asked(), 5);
}

#[tokio::test]
async fn what_the_mill_refuses_by_itself_no_gate_permits() {
    let world = two();
    let refuse = ShelfRefusal { code: "TM0703".into(), reason: "the archive is hostile".into() };
    world.shelve("a-2.0.tar.gz", Shelf { refuse: Some(refuse), ..Shelf::new() }).await;
    assert_eq!(world.refused(PATHS[2]).await.code, "TM0703");
    world.gate.decide(release("2.0"), held());
    assert_eq!(world.refused(PATHS[2]).await.code, "TM0703", "of two reasons, the one that no waiting ends");
    assert_eq!(world.refused(PATHS[0]).await.code, "TM0902");
}

#[tokio::test]
async fn the_gate_is_asked_about_releases_and_a_file_that_was_added_later_is_as_new_as_it_is() {
    let world = World::new();
    let mut withdrawn = entry("a-2.0.tar.gz", b"x", "02-02");
    withdrawn["yanked"] = json!("broken");
    let mut undated = entry("a-3.0.tar.gz", b"x", "02-02");
    undated.as_object_mut().unwrap().remove("upload-time");
    world.list(&[
        entry("a-1.0.tar.gz", b"x", "01-02"),
        entry("a-1.0.0-py3-none-any.whl", b"x", "01-03"),
        entry("a-1.0-cp313-cp313-linux_x86_64.whl", b"new", "09-09"),
        withdrawn,
        undated,
    ]);
    world.page("simple/a/", JSON).await;
    let releases = world.gate.last().releases;
    let said: Vec<_> = releases
        .iter()
        .map(|listed| (&*listed.version, listed.published.map(|at| at.to_string()), listed.yanked))
        .collect();
    let at = |day: &str| Some(format!("2024-{day}T00:00:00Z"));
    assert_eq!(
        said,
        [
            ("1.0", at("01-02"), false),
            ("1.0", at("09-09"), false),
            ("2.0", at("02-02"), true),
            ("3.0", None, false),
        ]
    );
    assert_eq!(world.gate.last().action, Action::Install);
}

#[tokio::test]
async fn a_file_says_of_which_release_it_is() {
    let world = two();
    let file = world.file(PATHS[0]).await;
    assert_eq!(file.of.as_deref(), Some(&(release("2.0"), "a-2.0-py3-none-any.whl".to_owned())));
    assert_eq!(world.file(PATHS[1]).await.of, None, "metadata is none");
}
