//! Packuments as installers read them.

use super::world::{REGISTRY, SHORT, World, file_url, integrity, packument, request, version};
use serde_json::{Value, json};
use trustmill_core::port::registry::{Answer, Method, Registry, Request};

/// The members' names, sorted: their order means nothing.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn the_whole_document_says_what_upstream_says_and_leads_here() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one"), version("2.0.0", b"two")], "2.0.0");
    let page = world.json("a", None, None).await;
    assert_eq!(page["dist-tags"], json!({"latest": "2.0.0"}));
    assert_eq!((&page["description"], &page["readme"]), (&json!("words"), &json!("# a")));
    assert_eq!(page["time"]["2.0.0"], "2024-02-01T12:00:00.000Z");
    let mut expected = version("1.0.0", b"one");
    expected["dist"]["tarball"] = json!("http://mill.test/npm/a/-/a-1.0.0.tgz");
    assert_eq!(page["versions"]["1.0.0"], expected, "but for the address, nothing is touched");
    assert!(page.get("_rev").is_none());
}

#[tokio::test]
async fn the_short_document_has_what_an_installer_needs() {
    let world = World::new();
    let mut scripted = version("1.0.0", b"one");
    scripted["scripts"] = json!({"postinstall": "node x.js"});
    scripted["engines"] = json!({"node": ">=18"});
    world.list(&[scripted, version("2.0.0", b"two")], "2.0.0");
    let page = world.page("a", SHORT).await;
    assert_eq!(page.content_type, "application/vnd.npm.install-v1+json");
    let full = world.page("a", "application/json").await;
    assert_ne!(page.etag, full.etag);
    assert!(page.gzip.as_ref().is_some_and(|gzip| gzip.len() < page.body.len()));
    let page: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(keys(&page), ["dist-tags", "modified", "name", "time", "versions"]);
    let one = &page["versions"]["1.0.0"];
    assert_eq!(keys(one), ["dependencies", "dist", "engines", "hasInstallScript", "name", "version"]);
    assert_eq!(one["hasInstallScript"], true);
    assert_eq!(one["dist"]["integrity"], integrity(b"one"));
    assert_eq!(one["dist"]["signatures"][0]["keyid"], "k");
    assert!(page["versions"]["2.0.0"].get("hasInstallScript").is_none());
    assert_eq!(page["modified"], "2025-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_page_is_rendered_once_and_told_apart_by_the_clients_address() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    let first = world.page("a", SHORT).await;
    assert!(std::sync::Arc::ptr_eq(&first, &world.page("a", SHORT).await));
    let elsewhere = Request { origin: Some("https://other.test".into()), ..request("a", Some(SHORT), None) };
    let Answer::Page(other) = world.registry.answer(&elsewhere).await else { panic!() };
    let other: Value = serde_json::from_slice(&other.body).unwrap();
    assert_eq!(other["versions"]["1.0.0"]["dist"]["tarball"], "https://other.test/npm/a/-/a-1.0.0.tgz");
    assert_eq!(world.asked(&format!("{REGISTRY}a")), 1);
}

#[tokio::test]
async fn upstream_is_asked_again_with_what_is_known() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one")], "1.0.0");
    let first = world.page("a", SHORT).await;
    world.advance(601);
    assert!(std::sync::Arc::ptr_eq(&first, &world.page("a", SHORT).await), "304: nothing is rendered anew");
    assert_eq!(world.asked(&format!("{REGISTRY}a")), 2);
    world.list(&[version("1.0.0", b"one"), version("1.1.0", b"more")], "1.1.0");
    world.advance(601);
    assert_eq!(world.json("a", Some(SHORT), None).await["dist-tags"]["latest"], "1.1.0");
}

#[tokio::test]
async fn scoped_packages_are_asked_for_as_npm_does() {
    let world = World::new();
    let url = format!("{REGISTRY}@s%2Fa");
    let manifest = json!({"name": "@s/a", "version": "1.0.0", "dist": {
        "integrity": integrity(b"one"), "tarball": format!("{REGISTRY}@s/a/-/a-1.0.0.tgz")}});
    let body = packument("@s/a", &[manifest], json!({"latest": "1.0.0"})).to_string();
    world.fetch.page(&url, "application/json", body);
    let page = world.json("@s/a", Some(SHORT), None).await;
    let tarball = &page["versions"]["1.0.0"]["dist"]["tarball"];
    assert_eq!(tarball, "http://mill.test/npm/@s/a/-/a-1.0.0.tgz");
    world.fetch.file(&format!("{REGISTRY}@s/a/-/a-1.0.0.tgz"), "one");
    let file = world.file("@s/a/-/a-1.0.0.tgz").await;
    assert_eq!(world.file("@s/a/-/@s/a-1.0.0.tgz").await, file, "as old lockfiles write it");
}

#[tokio::test]
async fn versions_and_tags_have_documents() {
    let world = World::new();
    world.list(&[version("1.0.0", b"one"), version("2.0.0", b"two")], "2.0.0");
    assert_eq!(world.json("a/latest", None, None).await["version"], "2.0.0");
    let one = world.json("a/1.0.0", None, None).await;
    assert_eq!(one["dist"]["tarball"], "http://mill.test/npm/a/-/a-1.0.0.tgz");
    assert_eq!(world.status("a/3.0.0").await, 404);
    assert_eq!(world.status("a/^1").await, 404);
    assert_eq!(world.json("-/package/a/dist-tags", None, None).await, json!({"latest": "2.0.0"}));
}

#[tokio::test]
async fn what_is_not_there_is_a_404_in_the_protocols_words() {
    let world = World::new();
    for path in ["unknown", "a/-/a-1.0.0.tgz", "-/all", "-/npm/v1/keys", "-/v1/search", "../x"] {
        let Answer::Status(answer) = world.ask(path, None, None).await else { panic!("{path}") };
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, &body), (404, &json!({"error": "Not found"})), "{path}");
    }
    assert_eq!(world.json("-/ping", None, None).await, json!({}));
    assert_eq!(world.status("-/whoami").await, 401);
}

#[tokio::test]
async fn search_and_keys_are_handed_on() {
    let world = World::new();
    let found = json!({"objects": [{"package": {"name": "a"}}], "total": 1});
    world.fetch.page(&format!("{REGISTRY}-/v1/search?text=a&size=20"), "application/json", found.to_string());
    let search = Request { query: Some("text=a&size=20".into()), ..request("-/v1/search", None, None) };
    let Answer::Status(answer) = world.registry.answer(&search).await else { panic!() };
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), found);
    world.fetch.page(&format!("{REGISTRY}-/npm/v1/keys"), "application/json", "{\"keys\":[]}");
    assert_eq!(world.json("-/npm/v1/keys", None, None).await, json!({"keys": []}));
    let past = world.ask("-/npm/v1/keys", None, Some("2024-05-01T00:00:00Z")).await;
    assert!(matches!(past, Answer::Status(answer) if answer.status == 404));
}

#[tokio::test]
async fn writes_are_refused_and_audits_are_not_there() {
    let world = World::new();
    for (method, path, status) in [
        (Method::Put, "a", 403),
        (Method::Put, "-/package/a/dist-tags/latest", 403),
        (Method::Delete, "a/-rev/1", 403),
        (Method::Put, "-/user/org.couchdb.user:x", 403),
        (Method::Post, "-/npm/v1/security/advisories/bulk", 404),
        (Method::Post, "-/npm/v1/security/audits/quick", 404),
    ] {
        let asked = Request { method, ..request(path, None, None) };
        let (said, body) = match world.registry.answer(&asked).await {
            Answer::Status(answer) => (answer.status, answer.body),
            Answer::Refused(refusal) => (refusal.status, refusal.body),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(said, status, "{path}");
        assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string());
    }
    assert!(world.fetch.asked().is_empty());
}

#[tokio::test]
async fn what_mirrors_strip_is_not_needed() {
    let world = World::new();
    let bare = json!({"version": "1.0.0", "dist": {"tarball": file_url("1.0.0")}});
    world.say(json!({"versions": {"1.0.0": bare}}).to_string());
    world.fetch.file(&file_url("1.0.0"), "one");
    let page = world.json("a", Some(SHORT), None).await;
    assert_eq!(page["dist-tags"], json!({"latest": "1.0.0"}), "who states no tags has a newest version");
    assert_eq!(world.file("a/-/a-1.0.0.tgz").await.size, 3);
}

#[tokio::test]
async fn the_building_side_sees_the_same_package() {
    let world = World::new();
    let mut one = version("1.0.0", b"one");
    one["gitHead"] = json!("c0ffee");
    one["engines"] = json!({"node": ">=18"});
    world.list(&[version("2.0.0", b"two"), one], "2.0.0");
    let project = world.upstream.project("a").await.unwrap();
    assert_eq!(project.versions, ["1.0.0", "2.0.0"]);
    let file = project.files_of("1.0.0").next().unwrap();
    assert_eq!((file.filename.as_str(), file.url.as_str()), ("a-1.0.0.tgz", file_url("1.0.0").as_str()));
    assert_eq!(file.promised(), Some(super::world::checksum("sha512", b"one")));
    assert_eq!(file.hints["gitHead"], "c0ffee");
    assert_eq!(file.requires_runtime.as_deref(), Some(">=18"));
    assert!(file.upload_time.is_some());
}
