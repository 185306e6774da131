//! What the mill's own facts change.

use super::world::{SHORT, World, file_url, integrity, packument, version};
use serde_json::{Value, json};
use trustmill_core::Sha256;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::registry::Answer;
use trustmill_core::shelf::{OwnFile, Shelf};

fn three(world: &World) {
    let versions = ["1.0.0", "2.0.0", "1.0.1", "3.0.0-rc.1"];
    let versions: Vec<_> = versions.iter().map(|text| version(text, text.as_bytes())).collect();
    world.say(packument("a", &versions, json!({"latest": "2.0.0", "next": "3.0.0-rc.1"})).to_string());
}

#[tokio::test]
async fn a_refused_version_stays_with_a_warning_and_its_file_says_why() {
    let world = World::new();
    three(&world);
    world.fetch.file(&file_url("2.0.0"), "2.0.0");
    world.file("a/-/a-2.0.0.tgz").await;
    world.refuse("2.0.0", "held: two\nfindings ✗").await;
    for accept in [SHORT, "application/json"] {
        let page = world.json("a", Some(accept), None).await;
        let refused = &page["versions"]["2.0.0"];
        assert_eq!(refused["deprecated"], "TM0703: held: two findings");
        assert_eq!(refused["dist"]["integrity"], integrity(b"2.0.0"), "lockfiles stay right");
        assert!(page["versions"]["1.0.0"].get("deprecated").is_none());
    }
    let refusal = world.refused("a/-/a-2.0.0.tgz").await;
    assert_eq!((refusal.status, refusal.reason.as_str()), (403, "TM0703: held: two findings"));
    let body: Value = serde_json::from_slice(&refusal.body).unwrap();
    assert_eq!(body["error"], "TM0703: held: two findings");
    let past = world.ask("a/-/a-2.0.0.tgz", None, Some("2025-01-01T00:00:00Z")).await;
    assert!(matches!(past, Answer::Refused(_)), "the past is no way around: {past:?}");
}

#[tokio::test]
async fn latest_moves_to_the_newest_by_time_that_is_not_refused() {
    let world = World::new();
    three(&world);
    let latest = async || world.json("-/package/a/dist-tags", None, None).await["latest"].clone();
    assert_eq!(latest().await, "2.0.0", "the publisher's word stands");
    world.refuse("2.0.0", "held").await;
    assert_eq!(latest().await, "1.0.1", "by time, and no prerelease");
    world.refuse("1.0.1", "held").await;
    assert_eq!(latest().await, "1.0.0");
    world.refuse("1.0.0", "held").await;
    assert_eq!(latest().await, "3.0.0-rc.1", "nothing else is left");
    world.refuse("3.0.0-rc.1", "held").await;
    assert_eq!(latest().await, "1.0.1", "all are refused: whoever asks reads why");
    assert_eq!(world.json("a", None, None).await["dist-tags"]["next"], "3.0.0-rc.1");
}

#[tokio::test]
async fn a_version_that_its_publisher_deprecated_is_not_recommended() {
    let world = World::new();
    let mut deprecated = version("1.0.1", b"x");
    deprecated["deprecated"] = json!("use 1.0.0");
    world.list(&[version("1.0.0", b"one"), deprecated, version("2.0.0", b"two")], "2.0.0");
    world.refuse("2.0.0", "held").await;
    let page = world.json("a", Some(SHORT), None).await;
    assert_eq!(page["dist-tags"]["latest"], "1.0.0");
    assert_eq!(page["versions"]["1.0.1"]["deprecated"], "use 1.0.0", "the publisher's words stay");
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_or_served_refuses() {
    let world = World::new();
    three(&world);
    let own = OwnFile {
        sha256: Sha256::of(b"other"),
        size: 5,
        upload_time: super::world::instant("2024-01-01T00:00:00Z"),
        requires_python: None,
        metadata_sha256: None,
    };
    let own = serde_json::to_value(Shelf { own: Some(own), ..Shelf::new() }).unwrap();
    for body in [json!({"format": 99}), json!({"format": 1, "own": "?"}), own] {
        world.fact("1.0.0", body).await;
        assert_eq!(world.refused("a/-/a-1.0.0.tgz").await.code, "TM0705");
    }
}

#[tokio::test]
async fn statements_are_offered_for_the_bytes_they_speak_of() {
    let world = World::new();
    three(&world);
    world.fetch.file(&file_url("1.0.0"), "1.0.0");
    let digest = world.file("a/-/a-1.0.0.tgz").await.digest;
    let bundle = world.blobs.put("{}\n".into()).await.unwrap();
    let path = "a/-/a-1.0.0.tgz.provenance";
    let about = |digest| Shelf { provenance: Some(bundle), upstream_sha256: Some(digest), ..Shelf::new() };
    world.shelve("1.0.0", about(Sha256::of(b"other"))).await;
    assert_eq!(world.status(path).await, 404);
    world.shelve("1.0.0", about(digest)).await;
    let file = world.file(path).await;
    assert_eq!((file.digest, file.immutable), (bundle, false));
    assert_eq!(file.content_type, "application/vnd.in-toto.bundle");
}
