//! The digest that was seen first stays: a file that changes is refused and raises an alarm, once.

use super::world::{World, entry, file_url};
use trustmill_core::Sha256;
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::Answer;

const SDIST: &str = "a-1.0.tar.gz";
const PATH: &str = "files/a/a-1.0.tar.gz";

#[tokio::test]
async fn a_page_that_states_another_digest_is_yanked_refused_and_alarming() {
    let world = World::new();
    world.list(&[entry(SDIST, b"first", "01-02")]);
    world.fetch.file(&file_url(SDIST), "first").file(&file_url(SDIST), "second");
    assert_eq!(world.file(PATH).await.digest, Sha256::of(b"first"));
    world.list(&[entry(SDIST, b"second", "01-02")]);
    world.advance(3600);
    let listed = world.json(None).await["files"][0].clone();
    assert!(listed["yanked"].as_str().unwrap().starts_with("TM0704: "), "{listed}");
    assert_eq!(listed["hashes"]["sha256"], Sha256::of(b"first").to_hex(), "the first digest is shown");
    let refusal = world.refused(PATH).await;
    assert_eq!(refusal.code, "TM0704");
    assert!(refusal.reason.contains(&Sha256::of(b"first").short()), "{}", refusal.reason);
    assert_eq!(world.asked(&file_url(SDIST)), 1, "the other bytes are not even asked for");
    for _ in 0..3 {
        world.advance(3600);
        world.json(None).await;
        world.refused(PATH).await;
    }
    let alarms = world.alarms().await;
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0].subject.as_deref(), Some(SDIST));
    assert_eq!(alarms[0].body["code"], "TM0704");
    assert_eq!(world.records.locked("pypi", SDIST).await.unwrap(), Some(Sha256::of(b"first")));
}

#[tokio::test]
async fn a_page_that_returns_to_the_first_digest_is_well_again() {
    let world = World::new();
    world.list(&[entry(SDIST, b"first", "01-02")]);
    world.fetch.file(&file_url(SDIST), "first");
    world.file(PATH).await;
    world.list(&[entry(SDIST, b"second", "01-02")]);
    world.advance(3600);
    world.refused(PATH).await;
    world.list(&[entry(SDIST, b"first", "01-02")]);
    world.advance(3600);
    world.file(PATH).await;
    assert_eq!(world.alarms().await.len(), 1, "what happened stays on record");
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_page_are_refused_and_alarming() {
    let world = World::new();
    world.list(&[entry(SDIST, b"promised", "01-02")]);
    world.fetch.file(&file_url(SDIST), "sent");
    assert_eq!(world.refused(PATH).await.code, "TM0704");
    assert_eq!(world.alarms().await.len(), 1);
    assert_eq!(world.records.locked("pypi", SDIST).await.unwrap(), None, "wrong bytes lock nothing");
    assert_eq!(world.blobs.count(), 0, "and are not kept");
}

#[tokio::test]
async fn a_digest_that_the_factory_locked_holds_here() {
    let world = World::new();
    world.list(&[entry(SDIST, b"second", "01-02")]);
    let page = world.json(None).await;
    assert_eq!(page["files"][0]["yanked"], false);
    // Locked by another part after the page was rendered: the file knows all the same.
    let at = super::world::instant("2026-01-01T00:00:00Z");
    world.records.lock("pypi", SDIST, &Sha256::of(b"first"), at).await.unwrap();
    assert!(matches!(world.ask(PATH, None, None).await, Answer::Refused(_)));
    assert_eq!(world.alarms().await.len(), 1);
    assert!(world.json(None).await["files"][0]["yanked"].is_string(), "the alarm renews the page");
}
