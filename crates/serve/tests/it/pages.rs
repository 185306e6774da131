//! The pages of the server itself: for people, for supervisors, for tools.

use crate::client::get;
use crate::fake::{start, start_with};
use serde_json::json;
use std::sync::Arc;
use trustmill_core::fact::Fact;
use trustmill_core::port::records::Records;
use trustmill_core::shelf::{Shelf, ShelfRefusal};
use trustmill_core::{Purl, Timestamp, Verdict};
use trustmill_serve::{Options, PublicKey, ServerLimits};
use trustmill_testkit::MemRecords;

async fn records() -> Arc<MemRecords> {
    let records = Arc::new(MemRecords::new());
    let purl = Purl::release("pypi", "a", "1.0+local");
    let fact = |subject: &str, shelf: Shelf, at: &str| Fact {
        format: Fact::FORMAT,
        about: purl.clone(),
        kind: Shelf::KIND.into(),
        subject: Some(subject.into()),
        at: at.parse().unwrap(),
        body: serde_json::to_value(shelf).unwrap(),
    };
    let verdict = |verdict| Shelf { verdict: Some(verdict), ..Shelf::new() };
    let refuse = ShelfRefusal { code: "TM0703".into(), reason: "held <b>now</b>".into() };
    let facts = [
        fact("a-1.0-py3-none-any.whl", verdict(Verdict::Explained), "2026-01-01T00:00:00Z"),
        fact("a-1.0-py3-none-any.whl", verdict(Verdict::Identical), "2026-01-02T00:00:00Z"),
        fact("a-1.0.tar.gz", Shelf { refuse: Some(refuse), ..Shelf::new() }, "2026-01-03T00:00:00Z"),
    ];
    records.append(&facts).await.unwrap();
    records.watch(&purl, Timestamp::UNIX_EPOCH).await.unwrap();
    records
}

#[tokio::test]
async fn the_front_page_says_how_to_use_it_and_how_it_goes() {
    let options = Options { records: Some(records().await), ..Options::default() };
    let server = start_with(options, ServerLimits::default()).await;
    let page = get(server.addr, "/", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let text = page.text();
    assert!(text.contains("get http://mill.test/pypi/simple/ PACKAGE"), "{text}");
    assert!(text.contains("1 packages are watched; 1 files are refused."), "{text}");
    assert!(text.contains("<td>identical</td><td class=\"n\">1</td>"), "{text}");
    assert!(!text.contains("explained"), "the newest entry counts: {text}");
    assert!(text.contains("held &lt;b&gt;now&lt;/b&gt;"), "foreign words are escaped: {text}");
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let host = get(server.addr, "/", &[("Host", "x\"><script>")]).await;
    assert!(!host.text().contains("<script>"));
}

#[tokio::test]
async fn what_is_known_about_a_package_is_json() {
    let options = Options { records: Some(records().await), ..Options::default() };
    let server = start_with(options, ServerLimits::default()).await;
    for path in [
        "/api/v1/packages/pkg:pypi/a",
        "/api/v1/packages/pkg:pypi/a@1.0%2Blocal",
        "/api/v1/packages/pkg%3Apypi%2Fa%401.0%252Blocal",
    ] {
        let known = get(server.addr, path, &[]).await;
        assert_eq!((known.status, known.header("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!(known.json()["facts"].as_array().unwrap().len(), 3, "{path}");
    }
    assert_eq!(get(server.addr, "/api/v1/packages/pkg:pypi/b", &[]).await.status, 404);
    assert_eq!(get(server.addr, "/api/v1/packages/a", &[]).await.status, 400);
}

#[tokio::test]
async fn keys_and_health_are_there() {
    let key = PublicKey {
        id: "k1".into(),
        algorithm: "ed25519".into(),
        pem: "-----BEGIN PUBLIC KEY-----\n".into(),
    };
    let options = Options { keys: vec![key], ..Options::default() };
    let server = start_with(options, ServerLimits::default()).await;
    let keys = get(server.addr, "/keys", &[]).await.json();
    assert_eq!(
        keys,
        json!({"keys": [{"keyid": "k1", "algorithm": "ed25519", "pem": "-----BEGIN PUBLIC KEY-----\n"}]})
    );
    assert!(get(server.addr, "/keys.pem", &[]).await.text().starts_with("-----BEGIN"));
    assert_eq!(get(server.addr, "/healthz", &[]).await.text(), "ok\n");
    assert_eq!(get(server.addr, "/readyz", &[]).await.text(), "ready\n");
    assert_eq!(get(start().await.addr, "/api/v1/packages/pkg:pypi/a", &[]).await.status, 404);
}
