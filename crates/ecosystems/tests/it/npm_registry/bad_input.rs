//! Registries that are broken, hostile or merely huge.

use super::world::{SHORT, World, file_url, integrity, packument, version};
use serde_json::{Value, json};
use std::fmt::Write as _;
use trustmill_core::port::registry::Answer;

async fn said(world: &World, body: &str) -> Result<Value, String> {
    world.say(body.to_owned());
    world.advance(700);
    match world.ask("a", Some(SHORT), None).await {
        Answer::Page(page) => Ok(serde_json::from_slice(&page.body).unwrap()),
        Answer::Unavailable { why, .. } => Err(why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_no_packument_is_said_so() {
    let world = World::new();
    for body in [
        "",
        "[]",
        "<html>",
        "{}",
        "{\"versions\":[]}",
        "{\"name\":\"b\",\"versions\":{}}",
        "{\"versions\":{}",
    ] {
        let why = said(&world, body).await.unwrap_err();
        assert!(why.contains("TM0106"), "{body}: {why}");
    }
    assert_eq!(said(&world, "{\"versions\":{}}").await.unwrap()["versions"], json!({}));
}

#[tokio::test]
async fn versions_that_cannot_be_served_are_left_out() {
    let world = World::new();
    let good = version("1.0.0", b"one").to_string();
    let mut body = format!("{{\"name\":\"a\",\"versions\":{{\"1.0.0\":{good}");
    for (key, manifest) in [
        ("../../etc/passwd", "{}"),
        ("1.0.0/../2", "{}"),
        ("2.0.0", "[]"),
        ("3.0.0", "{\"version\":\"3.0.1\"}"),
        ("4.0.0", "{\"name\":\"b\"}"),
        ("", "{}"),
        ("5.0.0 ", "{}"),
    ] {
        write!(body, ",{}:{manifest}", json!(key)).unwrap();
    }
    body.push_str(",\"1.0.0beta\":{}}}");
    let page = said(&world, &body).await.unwrap();
    let versions: Vec<&String> = page["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0", "1.0.0beta"]);
    assert_eq!(page["dist-tags"]["latest"], "1.0.0", "what is not quite a version is never chosen");
}

#[tokio::test]
async fn keys_with_a_meaning_and_keys_that_stand_twice() {
    let world = World::new();
    let (first, second) = (version("1.0.0", b"one"), version("1.0.0", b"two"));
    let body = format!(
        "{{\"versions\":{{\"1.0.0\":{first},\"__proto__\":{first},\"1.0.0\":{second}}},\"__proto__\":{{\"x\":1}},\
         \"dist-tags\":{{\"latest\":\"9.9.9\",\"__proto__\":\"1.0.0\",\"1.0.0\":\"1.0.0\",\"ok\":\"1.0.0\"}}}}"
    );
    let page = said(&world, &body).await.unwrap();
    assert_eq!(page["versions"].as_object().unwrap().len(), 1);
    assert_eq!(page["versions"]["1.0.0"]["dist"]["integrity"], integrity(b"two"), "the last, as everywhere");
    assert_eq!(page["dist-tags"], json!({"latest": "1.0.0", "ok": "1.0.0"}));
    // What the mill checks is what the page says.
    world.fetch.file(&file_url("1.0.0"), "two");
    world.file("a/-/a-1.0.0.tgz").await;
}

#[tokio::test]
async fn files_on_other_hosts_are_not_asked_for() {
    let world = World::new();
    let elsewhere = |version: &str, url: &str| json!({"version": version, "dist": {"integrity": integrity(b"x"), "tarball": url}});
    world.list(
        &[
            elsewhere("1.0.0", "http://169.254.169.254/latest/meta-data"),
            elsewhere("2.0.0", "file:///etc/passwd"),
            elsewhere("3.0.0", "https://other.invalid/a/-/a-3.0.0.tgz"),
            elsewhere("4.0.0", "https://u:p@registry.invalid/npm/download/a/4#x"),
        ],
        "4.0.0",
    );
    for version in ["1.0.0", "2.0.0"] {
        assert_eq!(world.refused(&format!("a/-/a-{version}.tgz")).await.code, "TM0708");
    }
    // The usual path is tried on the registry itself, as npm does with lockfiles from elsewhere.
    world.fetch.file(&file_url("3.0.0"), "x").file("http://registry.invalid/npm/download/a/4", "x");
    world.file("a/-/a-3.0.0.tgz").await;
    world.file("a/-/a-4.0.0.tgz").await;
    assert_eq!(world.fetch.asked().iter().filter(|url| !url.contains("//registry.invalid/")).count(), 0);
    assert_eq!(world.json("a", None, None).await["dist-tags"]["latest"], "4.0.0");
}

#[tokio::test]
async fn a_huge_packument_is_read_and_one_beyond_the_limit_is_not() {
    let world = World::new();
    let filler = "x".repeat(44_000);
    let mut body = String::from("{\"name\":\"a\",\"dist-tags\":{\"latest\":\"1.0.1199\"},\"versions\":{");
    for n in 0..1200 {
        let manifest = json!({"name": "a", "version": format!("1.0.{n}"), "readme": filler});
        write!(body, "{}\"1.0.{n}\":{manifest}", if n == 0 { "" } else { "," }).unwrap();
    }
    body.push_str("}}");
    assert!(body.len() > 48 << 20);
    let page = said(&world, &body).await.unwrap();
    assert_eq!(page["versions"].as_object().unwrap().len(), 1200);
    assert_eq!(page["dist-tags"]["latest"], "1.0.1199");
    let beyond = format!("{{\"versions\":{{}},\"readme\":\"{}\"}}", "x".repeat(101 << 20));
    assert!(said(&world, &beyond).await.unwrap_err().contains("longer than"));
}

#[tokio::test]
async fn a_package_with_very_many_versions_is_served() {
    let world = World::new();
    let versions: Vec<Value> = (0..20_000).map(|n| json!({"version": format!("0.0.{n}")})).collect();
    let mut body = packument("a", &[], json!({"latest": "0.0.19999"}));
    body["versions"] = versions.into_iter().map(|v| (v["version"].as_str().unwrap().to_owned(), v)).collect();
    let page = said(&world, &body.to_string()).await.unwrap();
    assert_eq!(page["versions"].as_object().unwrap().len(), 20_000);
    assert_eq!(world.json("a/0.0.777", None, None).await["version"], "0.0.777");
}
