//! What cargo is answered: index files, files, refusals, views of the past, tokens.

mod gate;
mod world;

use serde_json::Value;
use trustmill_core::Sha256;
use trustmill_core::port::registry::{Answer, Method, Registry, Request, Takes};
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use world::{INDEX, World, file_url, line};

fn refusal() -> Shelf {
    let refuse = ShelfRefusal { code: "TM0703".into(), reason: "known malware".into() };
    Shelf { refuse: Some(refuse), ..Shelf::new() }
}

#[tokio::test]
async fn lines_pass_through_as_upstream_wrote_them() {
    let world = World::new();
    let lines = world.list(&[line("1.0.0", b"one", "2024-01-01"), line("1.1.0", b"two", "2024-02-01")]);
    assert_eq!(world.index(None).await, lines);
    let first = world.page("1/a").await;
    let again = world.page("1/a").await;
    assert!(std::sync::Arc::ptr_eq(&first, &again) && first.etag.starts_with('"'));
    assert_eq!(world.asked(&format!("{INDEX}1/a")), 1);
}

#[tokio::test]
async fn config_leads_back_here_whatever_the_view() {
    let world = World::new();
    for (mount, origin) in [("/cargo", "http://h.invalid"), ("/cargo/@2024-01-15", "http://127.0.0.1:1")] {
        let request =
            Request { mount: mount.into(), origin: Some(origin.into()), ..World::request("config.json") };
        let Answer::Page(page) = world.registry.answer(&request).await else { panic!("no page") };
        let config: Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!(config["dl"], format!("{origin}{mount}/files/{{crate}}/{{crate}}-{{version}}.crate"));
        assert_eq!(config.get("auth-required"), None);
        assert_eq!(page.vary, "Host");
    }
    let homeless = world.registry.answer(&World::request("config.json")).await;
    assert!(matches!(homeless, Answer::NotFound(_)), "{homeless:?}");
}

#[tokio::test]
async fn a_file_is_downloaded_once_checked_and_locked() {
    let world = World::new();
    world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    world.fetch.file(&file_url("1.0.0"), &b"one"[..]);
    let path = "files/a/a-1.0.0.crate";
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let registry = world.registry.clone();
        clients.spawn(async move { registry.answer(&World::request(path)).await });
    }
    for answer in clients.join_all().await {
        let Answer::File(file) = answer else { panic!("{answer:?}") };
        assert_eq!((file.digest, file.size), (Sha256::of(b"one"), 3));
    }
    assert_eq!(world.asked(&file_url("1.0.0")), 1);
    assert_eq!(world.locked("a-1.0.0.crate").await, Some(Sha256::of(b"one")));
    for path in ["files/a/a-2.0.0.crate", "files/A/A-1.0.0.crate", "files/b/b-1.0.0.crate"] {
        assert!(matches!(world.ask(path, None).await, Answer::NotFound(_)), "{path}");
    }
}

#[tokio::test]
async fn other_bytes_are_refused_with_an_alarm() {
    let world = World::new();
    world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    world.fetch.file(&file_url("1.0.0"), &b"evil"[..]);
    assert_eq!(world.refused("files/a/a-1.0.0.crate").await.code, "TM0704");
    assert_eq!(world.alarms().await.len(), 1);
    assert_eq!(world.locked("a-1.0.0.crate").await, None);
}

#[tokio::test]
async fn an_index_that_changes_a_checksum_is_refused_and_the_first_stays() {
    let world = World::new();
    world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    world.fetch.file(&file_url("1.0.0"), &b"one"[..]);
    assert!(matches!(world.ask("files/a/a-1.0.0.crate", None).await, Answer::File(_)));
    world.list(&[line("1.0.0", b"two", "2024-01-01")]);
    world.advance(3600);
    assert_eq!(world.refused("files/a/a-1.0.0.crate").await.code, "TM0704");
    let listed: Value = serde_json::from_str(&world.index(None).await).unwrap();
    assert_eq!(listed["yanked"], true);
    assert_eq!(world.alarms().await.len(), 1);
    world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    world.advance(3600);
    assert!(matches!(world.ask("files/a/a-1.0.0.crate", None).await, Answer::File(_)));
}

#[tokio::test]
async fn a_refused_release_is_yanked_and_says_why() {
    let world = World::new();
    let lines = world.list(&[line("1.0.0", b"one", "2024-01-01"), line("1.1.0", b"two", "2024-02-01")]);
    assert_eq!(world.index(None).await, lines);
    world.shelve("a-1.1.0.crate", refusal()).await;
    let served = world.index(None).await;
    let rows: Vec<Value> = served.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&rows[0]["yanked"], &rows[1]["yanked"]), (&Value::Bool(false), &Value::Bool(true)));
    assert!(lines.starts_with(served.lines().next().unwrap()));
    let refused = world.refused("files/a/a-1.1.0.crate").await;
    let body: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!((refused.status, &body["errors"][0]["detail"]), (403, &Value::from("TM0703: known malware")));
    world.fetch.file(&file_url("1.0.0"), &b"one"[..]);
    assert!(matches!(world.ask("files/a/a-1.0.0.crate", None).await, Answer::File(_)));
    world.fact("a-1.0.0.crate", serde_json::json!({ "format": 99 })).await;
    assert_eq!(world.refused("files/a/a-1.0.0.crate").await.code, "TM0705");
}

#[tokio::test]
async fn a_view_of_the_past_has_what_existed_then() {
    let world = World::new();
    let undated = line("0.9.0", b"old", "2024-01-01").replace(r#","pubtime":"2024-01-01T00:00:00Z""#, "");
    world.list(&[undated, line("1.0.0", b"one", "2024-01-01"), line("1.1.0", b"two", "2024-02-01")]);
    let then = world.index(Some("2024-02-01T00:00:00Z")).await;
    assert_eq!(then, line("1.0.0", b"one", "2024-01-01") + "\n");
    let early = world.ask("1/a", Some("2024-01-01T00:00:00Z")).await;
    assert!(matches!(early, Answer::NotFound(_)), "{early:?}");
    let later = world.ask("files/a/a-1.1.0.crate", Some("2024-02-01T00:00:00Z")).await;
    assert!(matches!(later, Answer::NotFound(_)), "{later:?}");
}

#[tokio::test]
async fn an_outage_is_bridged_and_a_denial_is_not() {
    let world = World::new();
    let lines = world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    assert_eq!(world.index(None).await, lines);
    world.advance(3600);
    world.fail_index(|url| trustmill_core::port::fetch::FetchError::Unavailable {
        url,
        why: "down".into(),
        retry_after: None,
    });
    assert_eq!(world.index(None).await, lines);
    world.advance(2 * 24 * 3600);
    assert!(matches!(world.ask("1/a", None).await, Answer::Unavailable { .. }));
    world.fail_index(|url| trustmill_core::port::fetch::FetchError::NotFound { url });
    world.advance(3600);
    assert!(matches!(world.ask("1/a", None).await, Answer::NotFound(_)));
}

#[tokio::test]
async fn the_mill_s_statements_are_beside_the_crate() {
    let world = World::new();
    world.list(&[line("1.0.0", b"one", "2024-01-01")]);
    let path = "files/a/a-1.0.0.crate.provenance";
    assert!(matches!(world.ask(path, None).await, Answer::NotFound(_)));
    let blob = world.store(b"{}\n").await;
    let speaks_of = |bytes: &[u8]| Shelf {
        provenance: Some(blob),
        upstream_sha256: Some(Sha256::of(bytes)),
        ..Shelf::new()
    };
    world.shelve("a-1.0.0.crate", speaks_of(b"other")).await;
    assert!(matches!(world.ask(path, None).await, Answer::NotFound(_)), "they speak of other bytes");
    world.shelve("a-1.0.0.crate", speaks_of(b"one")).await;
    let Answer::File(file) = world.ask(path, None).await else { panic!("no statements") };
    assert_eq!((file.digest, file.immutable), (blob, false));
}

#[tokio::test]
async fn a_mill_that_wants_tokens_says_so_in_its_config() {
    let world = World::new();
    for auth_required in [true, false] {
        let origin = Some("http://h.invalid".to_owned());
        let request = Request { auth_required, origin, ..World::request("config.json") };
        let Answer::Page(page) = world.registry.answer(&request).await else { panic!("no page") };
        let config: Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!(config.get("auth-required").is_some_and(|said| said == true), auth_required);
    }
    let challenge = world.registry.challenge(Some("http://h.invalid"));
    assert_eq!(challenge, "Cargo login_url=\"http://h.invalid/\"");
}

#[tokio::test]
async fn search_and_publishing_are_refused_in_cargo_s_words() {
    let world = World::new();
    let Answer::Status(answer) = world.ask("api/v1/crates", None).await else { panic!("no status") };
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 403);
    assert!(body["errors"][0]["detail"].as_str().unwrap().contains("publish"));
    assert_eq!(world.registry.takes(Method::Put, "api/v1/crates/new"), Takes::Head);
    assert_eq!(world.registry.takes(Method::Put, "1/a"), Takes::Nothing);
}
