//! The contract of [`Advisories`].

use async_trait::async_trait;
use serde_json::{Value, json};
use trustmill_core::Purl;
use trustmill_core::port::advisories::Advisories;

/// A store, and the way in which a test fills it.
#[async_trait]
pub trait Holding: Send + Sync {
    /// The store.
    fn advisories(&self) -> &dyn Advisories;

    /// Makes these records, in the OSV schema, all that the one source says, at once.
    async fn hold(&self, records: &[Value]);
}

/// Checks every clause.
pub async fn advisories<H: Holding>(open: impl Fn() -> H) {
    nothing_is_known_at_first(&open()).await;
    what_is_about_a_project_comes_by_id(&open()).await;
    what_was_withdrawn_is_not_said(&open()).await;
    many_are_answered_as_one(&open()).await;
    the_revision_tells_of_every_change(&open()).await;
    no_record_goes_back(&open()).await;
    a_reader_sees_one_batch(&open()).await;
}

/// A record about all versions of a project, changed on a day of January 2026.
fn record(id: &str, ecosystem: &str, name: &str, day: u32) -> Value {
    let range = json!({ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }] });
    json!({
        "id": id, "modified": format!("2026-01-{day:02}T00:00:00Z"), "summary": format!("as of {day}"),
        "affected": [{ "package": { "ecosystem": ecosystem, "name": name }, "ranges": [range] }],
    })
}

async fn about(holding: &impl Holding, purl: &str) -> Vec<String> {
    let records = holding.advisories().about(&purl.parse::<Purl>().unwrap()).await.unwrap();
    records.iter().map(|record| record.id.clone()).collect()
}

async fn nothing_is_known_at_first(holding: &impl Holding) {
    let store = holding.advisories();
    assert_eq!(about(holding, "pkg:npm/a").await, Vec::<String>::new());
    assert!(store.record("X-1").await.unwrap().is_none());
    assert!(store.about_many(&[]).await.unwrap().is_empty());
    assert!(store.sources().await.unwrap().iter().all(|source| source.records == 0));
}

async fn what_is_about_a_project_comes_by_id(holding: &impl Holding) {
    let records = [
        record("X-2", "npm", "a", 3),
        record("MAL-1", "npm", "a", 2),
        record("X-3", "PyPI", "A_b", 1),
        record("X-4", "crates.io", "a_b", 1),
    ];
    holding.hold(&records).await;
    assert_eq!(about(holding, "pkg:npm/a").await, ["MAL-1", "X-2"]);
    assert_eq!(about(holding, "pkg:npm/a@1.0.0").await, ["MAL-1", "X-2"], "a release is of its project");
    assert_eq!(about(holding, "pkg:npm/A").await, Vec::<String>::new(), "npm's names are exact");
    assert_eq!(about(holding, "pkg:pypi/a-b").await, ["X-3"]);
    assert_eq!(about(holding, "pkg:cargo/A-b").await, ["X-4"], "two spellings are one crate");
    assert_eq!(about(holding, "pkg:cargo/a").await, Vec::<String>::new());

    let sources = holding.advisories().sources().await.unwrap();
    assert_eq!(sources.len(), 1, "{sources:?}");
    let source = &sources[0];
    assert_eq!((source.records, source.malicious), (4, 1));
    assert_eq!(source.types, ["cargo", "npm", "pypi"]);
    assert_eq!(source.newest.unwrap().to_string(), "2026-01-03T00:00:00Z");
}

async fn what_was_withdrawn_is_not_said(holding: &impl Holding) {
    holding.hold(&[record("X-1", "npm", "a", 1), record("X-2", "npm", "a", 1)]).await;
    assert_eq!(about(holding, "pkg:npm/a").await, ["X-1", "X-2"]);
    let mut withdrawn = record("X-1", "npm", "a", 2);
    withdrawn["withdrawn"] = "2026-01-02T00:00:00Z".into();
    holding.hold(&[withdrawn, record("X-2", "npm", "a", 1)]).await;
    assert_eq!(about(holding, "pkg:npm/a").await, ["X-2"]);
    let by_id = holding.advisories().record("X-1").await.unwrap();
    assert!(by_id.unwrap().withdrawn.is_some(), "who asks for it by name is told");
}

async fn many_are_answered_as_one(holding: &impl Holding) {
    let records: Vec<Value> =
        (0..40).map(|n| record(&format!("X-{n:02}"), "npm", &format!("p{}", n / 2), 1)).collect();
    holding.hold(&records).await;
    // In no order, one unknown, one twice, one as a release.
    let names = ["p7", "p3", "none", "p7", "p19@1.0.0", "p0"];
    let purls: Vec<Purl> = names.iter().map(|name| format!("pkg:npm/{name}").parse().unwrap()).collect();
    let many = holding.advisories().about_many(&purls).await.unwrap();
    assert_eq!(many.len(), purls.len());
    for (purl, records) in purls.iter().zip(many) {
        assert_eq!(records, holding.advisories().about(purl).await.unwrap(), "{purl}");
    }
}

async fn the_revision_tells_of_every_change(holding: &impl Holding) {
    let store = holding.advisories();
    let mut before = store.revision();
    assert_eq!(store.revision(), before, "without a change it stays");
    let mut withdrawn = record("X-1", "npm", "a", 3);
    withdrawn["withdrawn"] = "2026-01-03T00:00:00Z".into();
    for records in [
        vec![record("X-1", "npm", "a", 1)],
        vec![record("X-1", "npm", "a", 2)],
        vec![withdrawn.clone()],
        vec![withdrawn, record("X-2", "npm", "b", 3)],
    ] {
        holding.hold(&records).await;
        let after = store.revision();
        assert_ne!(after, before, "{records:?}");
        before = after;
    }
}

async fn no_record_goes_back(holding: &impl Holding) {
    holding.hold(&[record("X-1", "npm", "a", 5)]).await;
    holding.hold(&[record("X-1", "npm", "a", 4), record("X-2", "npm", "a", 9)]).await;
    let records = holding.advisories().about(&Purl::project("npm", "a")).await.unwrap();
    let summaries: Vec<_> = records.iter().map(|record| record.summary.as_str()).collect();
    assert_eq!(
        summaries,
        ["as of 5", "as of 9"],
        "what was changed earlier does not replace what came later"
    );
}

async fn a_reader_sees_one_batch(holding: &impl Holding) {
    let batch =
        |day: u32| -> Vec<Value> { (0..10).map(|n| record(&format!("X-{n}"), "npm", "a", day)).collect() };
    holding.hold(&batch(1)).await;
    let writing = async {
        for day in 2..12 {
            holding.hold(&batch(day)).await;
        }
    };
    let reading = async {
        loop {
            let records = holding.advisories().about(&Purl::project("npm", "a")).await.unwrap();
            let first = records.first().unwrap().modified;
            assert!(
                records.len() == 10 && records.iter().all(|record| record.modified == first),
                "{records:?}"
            );
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = writing => {}
        () = reading => {}
    }
}
