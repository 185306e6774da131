//! Files: downloaded once, checked, locked; metadata from upstream or out of the wheel.

use super::world::{World, entry, file_url, wheel};
use serde_json::json;
use trustmill_core::Sha256;
use trustmill_core::port::fetch::FetchError;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::Answer;

const WHEEL: &str = "a-1.0-py3-none-any.whl";
const PATH: &str = "files/a/a-1.0-py3-none-any.whl";
const METADATA: &str = "files/a/a-1.0-py3-none-any.whl.metadata";

#[tokio::test]
async fn a_file_is_downloaded_once_and_locked() {
    let world = World::new();
    let bytes = wheel("Name: a\n");
    world.list(&[entry(WHEEL, &bytes, "01-02")]);
    world.fetch.file(&file_url(WHEEL), bytes.clone());
    for _ in 0..3 {
        let file = world.file(PATH).await;
        assert_eq!((file.digest, file.size, file.immutable), (Sha256::of(&bytes), bytes.len() as u64, true));
    }
    assert_eq!(world.asked(&file_url(WHEEL)), 1);
    assert_eq!(world.records.locked("pypi", WHEEL).await.unwrap(), Some(Sha256::of(&bytes)));
}

#[tokio::test]
async fn a_file_without_a_stated_digest_is_locked_by_its_first_bytes() {
    let world = World::new();
    let mut listed = entry("a-1.0.tar.gz", b"first", "01-02");
    listed["hashes"] = json!({});
    world.list(&[listed]);
    world.fetch.file(&file_url("a-1.0.tar.gz"), "first");
    assert_eq!(world.file("files/a/a-1.0.tar.gz").await.digest, Sha256::of(b"first"));
    let restarted = World::over(world.fetch.clone(), Default::default(), world.records.clone());
    restarted.fetch.clear(&file_url("a-1.0.tar.gz")).file(&file_url("a-1.0.tar.gz"), "second");
    assert_eq!(restarted.refused("files/a/a-1.0.tar.gz").await.code, "TM0704");
}

#[tokio::test]
async fn metadata_comes_from_upstream_where_it_offers_it() {
    let world = World::new();
    let mut listed = entry(WHEEL, b"wheel", "01-02");
    listed["core-metadata"] = json!({"sha256": Sha256::of(b"Name: a\n")});
    world.list(&[listed]);
    let url = format!("{}.metadata", file_url(WHEEL));
    world.fetch.file(&url, "Name: a\n");
    assert_eq!(world.file(METADATA).await.digest, Sha256::of(b"Name: a\n"));
    world.file(METADATA).await;
    assert_eq!(world.fetch.asked().iter().filter(|asked| asked.contains("files.invalid")).count(), 1);
}

#[tokio::test]
async fn metadata_with_other_bytes_than_promised_is_refused() {
    let world = World::new();
    let mut listed = entry(WHEEL, b"wheel", "01-02");
    listed["core-metadata"] = json!({"sha256": Sha256::of(b"promised")});
    world.list(&[listed]);
    world.fetch.file(&format!("{}.metadata", file_url(WHEEL)), "sent");
    assert_eq!(world.refused(METADATA).await.code, "TM0104");
}

#[tokio::test]
async fn metadata_is_taken_out_of_the_wheel_where_upstream_offers_none() {
    let world = World::new();
    let bytes = wheel("Name: a\nVersion: 1.0\n");
    world.list(&[entry(WHEEL, &bytes, "01-02")]);
    world.fetch.file(&file_url(WHEEL), bytes);
    assert_eq!(world.json(None).await["files"][0]["core-metadata"], json!(false), "not promised unseen");
    let digest = Sha256::of(b"Name: a\nVersion: 1.0\n");
    assert_eq!(world.file(METADATA).await.digest, digest);
    assert_eq!(world.json(None).await["files"][0]["core-metadata"], json!({"sha256": digest}));
    let sdist = world.ask("files/a/a-1.0.tar.gz.metadata", None, None).await;
    assert!(matches!(sdist, Answer::NotFound(_)));
}

#[tokio::test]
async fn a_wheel_that_is_none_has_no_metadata() {
    let world = World::new();
    world.list(&[entry(WHEEL, b"no zip at all", "01-02")]);
    world.fetch.file(&file_url(WHEEL), "no zip at all");
    assert!(matches!(world.ask(METADATA, None, None).await, Answer::NotFound(_)));
}

#[tokio::test]
async fn a_download_that_fails_says_why_and_is_tried_again() {
    let world = World::new();
    world.list(&[entry(WHEEL, b"wheel", "01-02")]);
    let url = file_url(WHEEL);
    let down = FetchError::Unavailable { url: url.clone(), why: "503".into(), retry_after: None };
    world.fetch.fail(&url, down).fail(&url, FetchError::NotFound { url: url.clone() }).file(&url, "wheel");
    assert!(matches!(world.ask(PATH, None, None).await, Answer::Unavailable { .. }));
    assert!(matches!(world.ask(PATH, None, None).await, Answer::NotFound(_)));
    assert_eq!(world.file(PATH).await.digest, Sha256::of(b"wheel"));
}
