//! Freshness, conditional requests, and what is served while the index is down.

use super::world::{INDEX, JSON, World, entry};
use std::sync::Arc;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::registry::Answer;

fn url() -> String {
    format!("{INDEX}a/")
}

fn down() -> FetchError {
    FetchError::Unavailable { url: url(), why: "connection refused".into(), retry_after: None }
}

#[tokio::test]
async fn a_hot_page_is_one_object_and_asks_nobody() {
    let world = World::new();
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    let first = world.page("simple/a/", JSON).await;
    for _ in 0..10 {
        assert!(Arc::ptr_eq(&first, &world.page("simple/a/", JSON).await));
    }
    assert_eq!(world.asked(&url()), 1);
    world.advance(601);
    let confirmed = world.page("simple/a/", JSON).await;
    assert!(Arc::ptr_eq(&first, &confirmed), "304 from upstream: nothing is rendered again");
    assert_eq!(world.asked(&url()), 2);
}

#[tokio::test]
async fn a_change_upstream_or_a_fact_renews_the_page() {
    let world = World::new();
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    let first = world.page("simple/a/", JSON).await;
    world.fact("a-1.0.tar.gz", "note", serde_json::json!({})).await;
    let same = world.page("simple/a/", JSON).await;
    assert_eq!(first.etag, same.etag, "a fact that changes nothing keeps the validator");
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02"), entry("a-2.0.tar.gz", b"y", "02-02")]);
    world.advance(601);
    assert_ne!(first.etag, world.page("simple/a/", JSON).await.etag);
}

#[tokio::test]
async fn a_clock_that_goes_back_keeps_nothing_fresh() {
    let world = World::new();
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    world.json(None).await;
    world.clock.set(super::world::instant("2025-06-01T00:00:00Z"));
    world.json(None).await;
    assert_eq!(world.asked(&url()), 2);
}

#[tokio::test]
async fn an_outage_is_bridged_for_a_day_and_says_so() {
    let world = World::new();
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    assert_eq!(world.json(None).await["meta"].get("_stale"), None);
    world.fetch.clear(&url()).fail(&url(), down());
    world.advance(601);
    let stale = world.json(None).await;
    assert_eq!(stale["meta"]["_stale"], true);
    assert_eq!(stale["files"].as_array().unwrap().len(), 1);
    assert!(world.html().await.contains("<!-- stale"));
    assert_eq!(world.asked(&url()), 2, "the failure is remembered for a moment");
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    world.advance(10);
    assert_eq!(world.json(None).await["meta"].get("_stale"), None, "and upstream is asked again soon");
    world.fetch.clear(&url()).fail(&url(), down());
    world.advance(25 * 3600);
    assert!(matches!(world.ask("simple/a/", None, None).await, Answer::Unavailable { .. }));
}

#[tokio::test]
async fn a_project_that_upstream_denies_is_gone_at_once() {
    let world = World::new();
    world.list(&[entry("a-1.0.tar.gz", b"x", "01-02")]);
    world.json(None).await;
    world.fetch.clear(&url());
    world.advance(601);
    assert!(matches!(world.ask("simple/a/", None, None).await, Answer::NotFound(_)));
}

#[tokio::test]
async fn a_page_that_is_none_is_an_error_and_not_an_empty_project() {
    let world = World::new();
    world.fetch.page(&url(), "text/plain", "welcome to the hotel's network");
    match world.ask("simple/a/", None, None).await {
        Answer::Unavailable { why, .. } => assert!(why.contains("TM0106"), "{why}"),
        other => panic!("{other:?}"),
    }
}
