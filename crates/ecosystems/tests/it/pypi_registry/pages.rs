//! Pages: the protocol's fields, both representations, views of the past.

use super::world::{INDEX, JSON, World, entry};
use serde_json::{Value, json};
use trustmill_core::port::records::Records;
use trustmill_core::port::registry::Answer;
use trustmill_core::{Purl, Sha256};

const WHEEL: &str = "a-1.0-py3-none-any.whl";

fn rich() -> Vec<Value> {
    let mut wheel = entry(WHEEL, b"wheel", "01-02");
    wheel["requires-python"] = json!(">=3.8,<4");
    wheel["core-metadata"] = json!({"sha256": Sha256::of(b"metadata")});
    wheel["hashes"]["md5"] = json!("abc");
    wheel["provenance"] = json!("http://index.invalid/integrity/a");
    let mut sdist = entry("a-1.0.tar.gz", b"sdist", "01-02");
    sdist["yanked"] = json!("uses \"quotes\" & <tags>");
    let mut newer = entry("a-2.0.tar.gz", b"newer", "03-01");
    newer["yanked"] = json!(true);
    vec![wheel, sdist, newer]
}

#[tokio::test]
async fn a_json_page_keeps_what_upstream_says_and_points_here() {
    let world = World::new();
    world.list(&rich());
    let page = world.json(None).await;
    assert_eq!(page["meta"]["api-version"], "1.3");
    assert_eq!(page["name"], "a");
    assert_eq!(page["versions"], json!(["1.0", "2.0"]));
    let [wheel, sdist, newer] = page["files"].as_array().unwrap().as_slice() else { panic!("{page}") };
    assert_eq!(wheel["url"], format!("../../files/a/{WHEEL}"));
    assert_eq!(wheel["hashes"], json!({"sha256": Sha256::of(b"wheel"), "md5": "abc"}));
    assert_eq!(wheel["requires-python"], ">=3.8,<4");
    assert_eq!(wheel["size"], 5);
    assert_eq!(wheel["upload-time"], "2024-01-02T00:00:00.000000Z");
    assert_eq!(wheel["core-metadata"], json!({"sha256": Sha256::of(b"metadata")}));
    assert_eq!(wheel["dist-info-metadata"], wheel["core-metadata"]);
    assert_eq!(wheel["provenance"], "http://index.invalid/integrity/a");
    assert_eq!((&wheel["yanked"], &newer["yanked"]), (&json!(false), &json!(true)));
    assert_eq!(sdist["yanked"], "uses \"quotes\" & <tags>");
    assert_eq!(sdist["core-metadata"], json!(false));
}

#[tokio::test]
async fn an_html_page_says_the_same_and_is_escaped() {
    let world = World::new();
    world.list(&rich());
    let page = world.page("simple/a/", "*/*").await;
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    assert_eq!(page.vary, "Accept");
    let html = world.html().await;
    let anchor = format!(
        "<a href=\"../../files/a/{WHEEL}#sha256={}\" data-requires-python=\"&gt;=3.8,&lt;4\" \
         data-core-metadata=\"sha256={}\" data-dist-info-metadata=\"sha256={}\" \
         data-provenance=\"http://index.invalid/integrity/a\">{WHEEL}</a>",
        Sha256::of(b"wheel"),
        Sha256::of(b"metadata"),
        Sha256::of(b"metadata"),
    );
    assert!(html.contains(&anchor), "{html}");
    assert!(html.contains("data-yanked=\"uses &quot;quotes&quot; &amp; &lt;tags&gt;\""), "{html}");
    assert!(html.contains("data-yanked=\"\""), "{html}");
    assert!(html.contains("<meta name=\"pypi:repository-version\" content=\"1.3\">"), "{html}");
}

#[tokio::test]
async fn representations_differ_in_their_validators() {
    let world = World::new();
    world.list(&rich());
    let mut etags = Vec::new();
    for accept in [JSON, "text/html", "application/vnd.pypi.simple.v1+html"] {
        let page = world.page("simple/a/", accept).await;
        assert!(page.gzip.as_ref().is_some_and(|gzip| gzip.len() < page.body.len()));
        etags.push(page.etag.clone());
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 3);
}

#[tokio::test]
async fn an_html_index_above_is_served_as_json_too() {
    let world = World::new();
    let body = format!(
        "<a href='../../f/a-1.0.tar.gz#sha256={}' data-requires-python='&gt;=3'>x</a>",
        Sha256::of(b"x")
    );
    world.fetch.page(&format!("{INDEX}a/"), "text/html; charset=utf-8", body);
    let page = world.json(None).await;
    assert_eq!(page["meta"]["api-version"], "1.0", "PEP 700 needs sizes, which this index does not give");
    assert_eq!(page["files"][0]["requires-python"], ">=3");
    assert_eq!(page["files"][0]["hashes"]["sha256"], Sha256::of(b"x").to_hex());
}

#[tokio::test]
async fn other_spellings_lead_to_the_one_page() {
    let world = World::new();
    for path in ["simple/A", "simple/a", "simple/A/", "simple/a-", "simple/"] {
        let answer = world.ask(path, None, None).await;
        match path {
            "simple/a-" => assert!(matches!(answer, Answer::NotFound(_)), "{answer:?}"),
            "simple/" => assert!(matches!(answer, Answer::Page(_)), "{answer:?}"),
            _ => assert!(matches!(&answer, Answer::Redirect(to) if to == "/pypi/simple/a/"), "{answer:?}"),
        }
    }
    assert!(world.fetch.asked().is_empty(), "a redirect asks nobody");
}

#[tokio::test]
async fn what_upstream_does_not_have_is_not_here() {
    let world = World::new();
    world.list(&rich());
    for path in [
        "simple/b/",
        "files/a/a-9.tar.gz",
        "files/b/b-1.tar.gz",
        "files/a/a-9-py3-none-any.whl.metadata",
        "x",
    ] {
        assert!(matches!(world.ask(path, None, None).await, Answer::NotFound(_)), "{path}");
    }
    let asked = world.asked(&format!("{INDEX}b/"));
    assert_eq!(asked, 1, "an unknown project is remembered as unknown");
}

#[tokio::test]
async fn the_root_lists_what_is_watched() {
    let world = World::new();
    let at = super::world::instant("2026-01-01T00:00:00Z");
    for purl in [Purl::release("pypi", "B", "1"), Purl::release("pypi", "b", "2"), Purl::project("npm", "c")]
    {
        world.records.watch(&purl, at).await.unwrap();
    }
    let page = world.page("simple/", JSON).await;
    let page: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(page["projects"], json!([{"name": "b"}]));
    let html = world.page("simple/", "text/html").await;
    assert!(String::from_utf8_lossy(&html.body).contains("<a href=\"b/\">b</a>"));
}

#[tokio::test]
async fn a_view_of_the_past_has_only_what_was_there_before() {
    let world = World::new();
    let mut undated = entry("a-1.5.tar.gz", b"undated", "01-01");
    undated.as_object_mut().unwrap().remove("upload-time");
    let mut files = rich();
    files.push(undated);
    world.list(&files);
    let names = |page: &Value| -> Vec<String> {
        page["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["filename"].as_str().unwrap().into())
            .collect()
    };
    let page = world.json(Some("2024-03-01T00:00:00Z")).await;
    assert_eq!(names(&page), [WHEEL, "a-1.0.tar.gz"], "strictly before, and nothing without a date");
    assert_eq!(page["versions"], json!(["1.0"]));
    assert_eq!(names(&world.json(Some("2024-03-01T00:00:01Z")).await).len(), 3);
    assert_eq!(names(&world.json(Some("2020-01-01T00:00:00Z")).await).len(), 0);
    assert_eq!(names(&world.json(None).await).len(), 4);
    let early = world.ask("files/a/a-2.0.tar.gz", None, Some("2024-01-03T00:00:00Z")).await;
    assert!(matches!(early, Answer::NotFound(_)), "{early:?}");
}
