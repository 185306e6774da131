//! What the gate decides: held, blocked and warned of, for whom, and until when.

use super::refusal;
use super::world::{World, file_url, line};
use serde_json::Value;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::registry::{Answer, FileAnswer, Registry, Request};
use trustmill_core::ruling::{Decision, Effect, Principal};
use trustmill_testkit::gate::decision;

const FILE: &str = "files/a/a-1.1.0.crate";
const LINE: &str = "TM0902: published 2 hours ago";

fn two() -> World {
    let world = World::new();
    world.list(&[line("1.0.0", b"one", "2024-01-01"), line("1.1.0", b"two", "2024-02-01")]);
    world.fetch.file(&file_url("1.0.0"), &b"one"[..]);
    world.fetch.file(&file_url("1.1.0"), &b"two"[..]);
    world
}

fn release(version: &str) -> Purl {
    Purl::release("cargo", "a", version)
}

fn held() -> Decision {
    decision(Effect::Hold, "TM0902", "published 2 hours ago")
}

fn yanked(index: &str) -> Vec<bool> {
    let rows = index.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| row["yanked"] == true).collect()
}

async fn file(world: &World, path: &str) -> FileAnswer {
    match world.ask(path, None).await {
        Answer::File(file) => file,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_held_release_is_yanked_and_its_file_says_why() {
    let world = two();
    file(&world, FILE).await;
    assert_eq!(yanked(&world.index(None).await), [false, false]);
    world.gate.decide(release("1.1.0"), held());
    assert_eq!(yanked(&world.index(None).await), [false, true]);
    assert_eq!(yanked(&world.index(Some("2025-01-01T00:00:00Z")).await), [false, true]);
    let refused = world.refused(FILE).await;
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(
        (refused.status, &*refused.code, &body["errors"][0]["detail"]),
        (403, "TM0902", &Value::from(LINE))
    );
    let past = world.ask(FILE, Some("2025-01-01T00:00:00Z")).await;
    assert!(matches!(past, Answer::Refused(_)), "the past is no way around: {past:?}");
    for path in [
        "files/A/A-1.1.0.crate",
        "files/a/A-1.1.0.crate",
        "files/a/a-1.1.0+x.crate",
        "files/a/a-v1.1.0.crate",
    ] {
        let answer = world.ask(path, None).await;
        assert!(matches!(answer, Answer::NotFound(_)), "{path}: {answer:?}");
    }
    let allowed = file(&world, "files/a/a-1.0.0.crate").await;
    assert_eq!(allowed.of.as_deref(), Some(&(release("1.0.0"), "a-1.0.0.crate".to_owned())));
    world.gate.decide(release("1.1.0"), decision(Effect::Warn, "TM0903", "fixed in 2.0"));
    assert_eq!(yanked(&world.index(None).await), [false, false]);
    for _ in 0..2 {
        assert_eq!(file(&world, FILE).await.warning.as_deref(), Some("TM0903: fixed in 2.0"));
    }
}

#[tokio::test]
async fn while_the_gate_fails_nothing_is_handed_out() {
    let world = two();
    world.index(None).await;
    file(&world, FILE).await;
    world.gate.break_down(true);
    for path in ["1/a", FILE, "files/a/a-1.1.0.crate.provenance"] {
        for as_of in [None, Some("2025-01-01T00:00:00Z")] {
            let answer = world.ask(path, as_of).await;
            let is_out = matches!(&answer, Answer::Unavailable { why, .. } if why.starts_with("TM0909"));
            assert!(is_out, "{path}: {answer:?}");
        }
    }
    world.gate.break_down(false);
    world.index(None).await;
    file(&world, FILE).await;
}

#[tokio::test]
async fn a_ruling_is_asked_for_once_per_team_and_again_when_its_time_has_come() {
    let world = two();
    let until = "2026-01-01T00:00:10Z".parse().unwrap();
    world.gate.decide(release("1.1.0"), Decision { until: Some(until), ..held() });
    let page_for = async |team: &str| {
        let principal = Arc::new(Principal { team: Some(team.to_owned()), ..Principal::default() });
        match world.registry.answer(&Request { principal, ..World::request("1/a") }).await {
            Answer::Page(page) => page,
            other => panic!("{other:?}"),
        }
    };
    for _ in 0..3 {
        world.page("1/a").await;
        world.refused(FILE).await;
        assert!(Arc::ptr_eq(&page_for("one").await, &page_for("two").await));
    }
    assert_eq!(world.gate.asked(), 3);
    assert_ne!(page_for("one").await.etag, world.page("1/a").await.etag);
    world.advance(10);
    world.refused(FILE).await;
    assert_eq!(world.gate.asked(), 4);
}

#[tokio::test]
async fn what_the_mill_refuses_by_itself_no_gate_permits() {
    let world = two();
    world.shelve("a-1.1.0.crate", refusal()).await;
    world.gate.decide(release("1.1.0"), held());
    assert_eq!(world.refused(FILE).await.code, "TM0703", "of two reasons, the one that no waiting ends");
}
