//! What the mill's own facts change.

use super::world::{World, entry, instant, wheel};
use serde_json::json;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::Answer;
use trustmill_core::shelf::{OwnFile, Shelf, ShelfRefusal};
use trustmill_core::{Sha256, Verdict};

const WHEEL: &str = "a-1.0-py3-none-any.whl";
const SDIST: &str = "a-1.0.tar.gz";

fn refuse(reason: &str) -> Shelf {
    let refuse = ShelfRefusal { code: "TM0703".into(), reason: reason.into() };
    Shelf { refuse: Some(refuse), ..Shelf::new() }
}

#[tokio::test]
async fn a_wheel_of_the_mill_stands_beside_upstreams_source() {
    let world = World::new();
    world.list(&[entry(SDIST, b"sdist", "01-02")]);
    let (bytes, metadata) = (wheel("Name: a\n"), b"Name: a\n");
    let sha256 = world.blobs.put(bytes.clone()).await.unwrap();
    let own = OwnFile {
        sha256,
        size: bytes.len() as u64,
        upload_time: instant("2024-01-02T00:00:00Z"),
        requires_python: Some(">=3.9".into()),
        metadata_sha256: None,
    };
    assert_eq!(world.json(None).await["files"].as_array().unwrap().len(), 1);
    world.shelve(WHEEL, Shelf { own: Some(own), verdict: Some(Verdict::NotAttempted), ..Shelf::new() }).await;
    let page = world.json(None).await;
    let ours = &page["files"][1];
    assert_eq!(ours["filename"], WHEEL);
    assert_eq!(ours["hashes"]["sha256"], sha256.to_hex());
    assert_eq!(ours["requires-python"], ">=3.9");
    assert_eq!(world.json(Some("2024-01-02T00:00:00Z")).await["files"], json!([]));
    let file = world.file(&format!("files/a/{WHEEL}")).await;
    assert_eq!((file.digest, file.size), (sha256, bytes.len() as u64));
    let metadata_file = world.file(&format!("files/a/{WHEEL}.metadata")).await;
    assert_eq!(metadata_file.digest, Sha256::of(metadata));
    let advertised = world.json(None).await["files"][1]["core-metadata"].clone();
    assert_eq!(
        advertised,
        json!({"sha256": Sha256::of(metadata)}),
        "extracted, so it is advertised from now on"
    );
}

#[tokio::test]
async fn a_refused_file_is_yanked_and_its_reason_reaches_the_person() {
    let world = World::new();
    world.list(&[entry(SDIST, b"sdist", "01-02")]);
    world.fetch.file(&super::world::file_url(SDIST), "sdist");
    world.file(&format!("files/a/{SDIST}")).await;
    world.shelve(SDIST, refuse("held: two\nfindings ✗")).await;
    assert_eq!(world.json(None).await["files"][0]["yanked"], "TM0703: held: two findings");
    let refusal = world.refused(&format!("files/a/{SDIST}")).await;
    assert_eq!((refusal.status, refusal.reason.as_str()), (403, "TM0703: held: two findings"));
    assert_eq!(refusal.content_type, "application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(&refusal.body).unwrap();
    assert_eq!((&body["detail"], &body["status"]), (&json!("TM0703: held: two findings"), &json!(403)));
    let past = world.ask(&format!("files/a/{SDIST}"), None, Some("2025-01-01T00:00:00Z")).await;
    assert!(matches!(past, Answer::Refused(_)), "the past is no way around: {past:?}");
}

#[tokio::test]
async fn the_newest_entry_counts() {
    let world = World::new();
    world.list(&[entry(SDIST, b"sdist", "01-02")]);
    world.fetch.file(&super::world::file_url(SDIST), "sdist");
    world.shelve(SDIST, refuse("held")).await;
    world.refused(&format!("files/a/{SDIST}")).await;
    let decided = |day: &str| Some(instant(&format!("2026-01-{day}T00:00:00Z")));
    world.shelve(SDIST, Shelf { decided_at: decided("02"), ..Shelf::new() }).await;
    world.file(&format!("files/a/{SDIST}")).await;
    world.shelve(SDIST, Shelf { decided_at: decided("03"), ..refuse("held") }).await;
    world.refused(&format!("files/a/{SDIST}")).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_refuses() {
    let world = World::new();
    world.list(&[entry(SDIST, b"sdist", "01-02")]);
    for body in [json!({"format": 99}), json!({"format": 1, "own": "?"})] {
        world.fact(SDIST, Shelf::KIND, body).await;
        assert_eq!(world.refused(&format!("files/a/{SDIST}")).await.code, "TM0705");
    }
}

#[tokio::test]
async fn statements_are_offered_for_the_bytes_they_speak_of() {
    let world = World::new();
    world.list(&[entry(SDIST, b"sdist", "01-02")]);
    let bundle = world.blobs.put("{}\n".into()).await.unwrap();
    let about = |bytes: &[u8]| Shelf {
        provenance: Some(bundle),
        upstream_sha256: Some(Sha256::of(bytes)),
        ..Shelf::new()
    };
    world.shelve(SDIST, about(b"other bytes")).await;
    assert_eq!(world.json(None).await["files"][0].get("provenance"), None);
    let path = format!("files/a/{SDIST}.provenance");
    assert!(matches!(world.ask(&path, None, None).await, Answer::NotFound(_)));
    world.shelve(SDIST, about(b"sdist")).await;
    assert_eq!(world.json(None).await["files"][0]["provenance"], format!("../../{path}"));
    let file = world.file(&path).await;
    assert_eq!((file.digest, file.immutable), (bundle, false));
}

#[tokio::test]
async fn an_entry_for_what_is_no_file_of_the_project_changes_nothing() {
    let world = World::new();
    world.list(&[]);
    let own = OwnFile {
        sha256: Sha256::of(b"x"),
        size: 1,
        upload_time: instant("2024-01-01T00:00:00Z"),
        requires_python: None,
        metadata_sha256: None,
    };
    for name in ["b-1.0.tar.gz", "../a-1.0.tar.gz", "a-1.0.txt"] {
        world.shelve(name, Shelf { own: Some(own.clone()), ..Shelf::new() }).await;
    }
    assert_eq!(world.json(None).await["files"], json!([]));
}
