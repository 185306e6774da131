//! Files: checked, locked, and refused when they are not what they were.

use super::world::{World, checksum, file_url, version};
use serde_json::json;
use trustmill_core::port::blobs::Blobs;
use trustmill_core::port::records::{FirstSeen, Records};
use trustmill_core::port::registry::Answer;
use trustmill_core::{Sha256, Timestamp};

const PATH: &str = "a/-/a-1.0.0.tgz";

#[tokio::test]
async fn a_file_is_checked_locked_and_served_from_the_store() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "one");
    let file = world.file(PATH).await;
    assert_eq!((file.digest, file.size, file.immutable), (Sha256::of(b"one"), 3, true));
    assert_eq!(world.records.locked("npm", "a-1.0.0.tgz").await.unwrap(), Some(file.digest));
    world.file(PATH).await;
    let again = World::over(world.fetch.clone(), world.blobs.clone(), world.records.clone());
    assert_eq!(again.file(PATH).await, file);
    assert_eq!(world.asked(&file_url("1.0.0")), 1, "a restart asks for nothing that is there");
}

#[tokio::test]
async fn bytes_that_are_not_those_promised_are_refused() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "two");
    assert_eq!(world.refused(PATH).await.code, "TM0104");
    assert_eq!(world.blobs.size(&Sha256::of(b"two")).await.unwrap(), None);
    assert_eq!(world.records.locked("npm", "a-1.0.0.tgz").await.unwrap(), None);
}

#[tokio::test]
async fn the_oldest_files_have_a_sha1() {
    let world = World::new();
    let shasum = checksum("sha1", b"one").to_string().replace("sha1:", "");
    let old = json!({"version": "1.0.0", "dist": {"shasum": shasum, "tarball": file_url("1.0.0")}});
    world.list(&[old], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "two").file(&file_url("1.0.0"), "one");
    assert_eq!(world.refused(PATH).await.code, "TM0104");
    assert_eq!(world.file(PATH).await.digest, Sha256::of(b"one"));
}

#[tokio::test]
async fn a_registry_that_changes_its_word_is_an_alarm() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "one");
    world.file(PATH).await;
    world.list(&[version("1.0.0", b"two")], "1.0.0");
    world.advance(601);
    for _ in 0..2 {
        assert_eq!(world.refused(PATH).await.code, "TM0704");
    }
    assert_eq!(world.alarms().await.len(), 1);
    let page = world.json("a", None, None).await;
    assert!(page["versions"]["1.0.0"]["deprecated"].as_str().unwrap().starts_with("TM0704"));
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.advance(601);
    assert_eq!(world.file(PATH).await.digest, Sha256::of(b"one"), "the first word again");
}

#[tokio::test]
async fn what_the_factory_locked_must_be_what_the_registry_states() {
    let world = World::new();
    let seen = world.blobs.put("other".into()).await.unwrap();
    let lock = world.records.lock("npm", "a-1.0.0.tgz", &seen, Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(lock, FirstSeen::Locked);
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    assert_eq!(world.refused(PATH).await.code, "TM0704");
    assert_eq!(world.alarms().await.len(), 1);
    assert_eq!(world.asked(&file_url("1.0.0")), 0);
}

#[tokio::test]
async fn a_locked_file_that_left_the_store_is_brought_again_and_must_be_the_same() {
    let world = World::new();
    let locked = Sha256::of(b"one");
    world.records.lock("npm", "a-1.0.0.tgz", &locked, Timestamp::UNIX_EPOCH).await.unwrap();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "two").file(&file_url("1.0.0"), "one");
    assert_eq!(world.refused(PATH).await.code, "TM0704");
    assert_eq!(world.file(PATH).await.digest, locked);
}

#[tokio::test]
async fn a_file_of_the_same_name_in_another_scope_is_another_file() {
    let world = World::new();
    let manifest = json!({"version": "1.0.0", "dist": {"integrity": super::world::integrity(b"scoped")}});
    let body = super::world::packument("@s/a", &[manifest], json!({"latest": "1.0.0"})).to_string();
    world.fetch.page("http://registry.invalid/npm/@s%2Fa", "application/json", body);
    world.fetch.file("http://registry.invalid/npm/@s/a/-/a-1.0.0.tgz", "scoped");
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "one");
    assert_eq!(world.file(PATH).await.digest, Sha256::of(b"one"));
    assert_eq!(world.file("@s/a/-/a-1.0.0.tgz").await.digest, Sha256::of(b"scoped"));
    assert!(world.alarms().await.is_empty());
}

#[tokio::test]
async fn an_outage_is_bridged_from_memory() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    world.fetch.file(&file_url("1.0.0"), "one");
    world.file(PATH).await;
    let url = format!("{}a", super::world::REGISTRY);
    let down = trustmill_core::port::fetch::FetchError::Unavailable {
        url: url.clone(),
        why: "down".into(),
        retry_after: None,
    };
    world.fetch.clear(&url).fail(&url, down);
    world.advance(3600);
    assert_eq!(world.json("a", None, None).await["dist-tags"]["latest"], "1.0.0");
    world.file(PATH).await;
    world.advance(25 * 3600);
    assert!(matches!(world.ask("a", None, None).await, Answer::Unavailable { .. }));
}
