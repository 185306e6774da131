//! The package as it was.

use super::world::{SHORT, World, packument, version};
use serde_json::json;
use trustmill_core::port::registry::Answer;

const SPRING: &str = "2024-03-15T00:00:00Z";

fn several(world: &World) {
    let versions = ["1.0.0", "1.1.0-rc.1", "1.1.0", "2.0.0", "1.1.1"];
    let versions: Vec<_> = versions.iter().map(|text| version(text, text.as_bytes())).collect();
    let tags = json!({"latest": "2.0.0", "old": "1.1.1", "next": "1.1.0-rc.1"});
    world.say(packument("a", &versions, tags).to_string());
}

#[tokio::test]
async fn a_view_shows_what_was_there_before_its_instant() {
    let world = World::new();
    several(&world);
    let page = world.json("a", Some(SHORT), Some(SPRING)).await;
    let versions: Vec<&String> = page["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0", "1.1.0-rc.1", "1.1.0"], "in the registry's order");
    assert_eq!(page["dist-tags"], json!({"latest": "1.1.0", "next": "1.1.0-rc.1"}));
    assert_eq!(page["modified"], "2024-03-01T12:00:00.000Z", "nothing later is said");
    let tarball = page["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap();
    assert_eq!(tarball, format!("http://mill.test/npm/@{SPRING}/a/-/a-1.0.0.tgz"), "it stays in the past");
    let full = world.json("a", None, Some(SPRING)).await;
    assert!(full["time"].get("2.0.0").is_none());
}

#[tokio::test]
async fn the_instant_itself_is_not_before_it() {
    let world = World::new();
    several(&world);
    let page = world.json("a", Some(SHORT), Some("2024-03-01T12:00:00Z")).await;
    assert_eq!(page["dist-tags"]["latest"], "1.0.0", "and a prerelease is not the latest");
    let page = world.json("a", Some(SHORT), Some("2023-01-01T00:00:00Z")).await;
    assert_eq!((&page["versions"], &page["dist-tags"]), (&json!({}), &json!({})));
}

#[tokio::test]
async fn a_file_of_the_future_is_not_there() {
    let world = World::new();
    several(&world);
    let path = "a/-/a-2.0.0.tgz";
    let answer = world.ask(path, None, Some(SPRING)).await;
    assert!(matches!(answer, Answer::Status(ref answer) if answer.status == 404), "{answer:?}");
    world.fetch.file(&super::world::file_url("2.0.0"), "2.0.0");
    world.file(path).await;
}

#[tokio::test]
async fn without_a_time_nobody_can_say_that_it_was_there() {
    let world = World::new();
    let mut page = packument("a", &[version("1.0.0", b"one")], json!({"latest": "1.0.0"}));
    page.as_object_mut().unwrap().remove("time");
    world.say(page.to_string());
    assert_eq!(world.json("a", None, Some(SPRING)).await["versions"], json!({}));
    assert_eq!(world.json("a", None, None).await["dist-tags"]["latest"], "1.0.0");
}
