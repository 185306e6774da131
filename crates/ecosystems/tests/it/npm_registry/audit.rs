//! What clients are told who ask whether what they have is known to be bad.

use super::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_core::advisory::{
    Advisory, Affected, Finding, Matched, RangeEvent, RangeKind, Severity, VersionRange,
};
use trustmill_core::port::registry::{Answer, Method, Registry, Request, Takes};
use trustmill_core::{Purl, Timestamp};

const BULK: &str = "-/npm/v1/security/advisories/bulk";
const QUICK: &str = "-/npm/v1/security/audits/quick";

fn finding(name: &str, version: &str, id: &str, matched: Matched) -> Finding {
    let events = vec![RangeEvent::Introduced("1.0.0".into()), RangeEvent::Fixed("1.2.0".into())];
    let range = VersionRange { kind: RangeKind::Semver, events };
    let affected = Affected {
        project: Purl::project("npm", name),
        ranges: if matched == Matched::Range { vec![range] } else { Vec::new() },
        versions: Vec::new(),
    };
    let advisory = Advisory {
        id: id.into(),
        modified: Timestamp::UNIX_EPOCH,
        published: None,
        withdrawn: None,
        aliases: Vec::new(),
        summary: format!("{id} is\nbad"),
        severity: Severity::High,
        score: Some(75),
        malicious: id.starts_with("MAL-"),
        informational: false,
        affected: vec![affected],
        references: Vec::new(),
    };
    Finding {
        release: Purl::release("npm", name, version),
        advisory: Arc::new(advisory),
        ids: vec![id.into(), "CVE-2024-1".into()],
        severity: Severity::High,
        malicious: id.starts_with("MAL-"),
        fixed: vec!["1.2.0".into()],
        matched,
    }
}

async fn post(world: &World, path: &str, body: &str) -> (u16, Value) {
    let request = Request {
        method: Method::Post,
        path: path.into(),
        body: body.to_owned().into(),
        mount: "/npm".into(),
        ..Request::default()
    };
    match world.registry.answer(&request).await {
        Answer::Status(answer) => (answer.status, serde_json::from_slice(&answer.body).unwrap()),
        Answer::Unavailable { why, .. } => (503, why.into()),
        other => panic!("{other:?}"),
    }
}

fn knowing() -> World {
    let world = World::new();
    world.gate.know(vec![
        finding("a", "1.0.0", "GHSA-x", Matched::Range),
        finding("a", "1.1.0", "GHSA-x", Matched::Range),
        finding("@s/b", "2.0.0", "MAL-y", Matched::Version),
    ]);
    world
}

#[tokio::test]
async fn without_advisories_there_are_no_audits() {
    let world = World::new();
    for path in [BULK, QUICK] {
        assert_eq!(world.registry.takes(Method::Post, path), Takes::Head);
        assert_eq!(post(&world, path, "{}").await.0, 404);
    }
}

#[tokio::test]
async fn the_bulk_question_is_answered_by_package() {
    let world = knowing();
    assert!(matches!(world.registry.takes(Method::Post, BULK), Takes::Body(_)));
    assert_eq!(world.registry.takes(Method::Put, BULK), Takes::Head);
    let asked = json!({"a": ["1.0.0", "1.1.0", "3.0.0"], "@s/b": ["2.0.0"], "c": ["1.0.0"], "../x": ["1"], "d": ["file:.."]});
    let (status, told) = post(&world, BULK, &asked.to_string()).await;
    assert_eq!(status, 200);
    let id = &told["a"][0]["id"];
    assert!(id.is_u64() && id.as_u64() < Some(1 << 53), "a number that JavaScript holds: {id}");
    let a = json!([{
        "id": id, "url": "https://github.com/advisories/GHSA-x", "title": "GHSA-x is bad", "severity": "high",
        "vulnerable_versions": ">=1.0.0 <1.2.0", "cwe": [], "cvss": {"score": 7.5, "vectorString": null},
    }]);
    assert_eq!(told["a"], a);
    assert_eq!(told["@s/b"][0]["vulnerable_versions"], "2.0.0");
    assert_eq!(told["@s/b"][0]["severity"], "critical");
    assert_eq!(told["@s/b"][0]["url"], "https://osv.dev/vulnerability/MAL-y");
    assert_eq!(told.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_whole_tree_is_answered_with_the_paths_to_what_is_bad() {
    let world = knowing();
    let tree = json!({"name": "demo", "requires": {}, "dependencies": {
        ".": {"dependencies": {"a": {"version": "1.0.0"}, "c": {"version": "1.0.0", "dependencies": {
            "a": {"version": "1.1.0"}, "@s/b": {"version": "2.0.0"}}}}},
        "a": {"version": "3.0.0"},
    }});
    for path in [QUICK, "-/npm/v1/security/audits"] {
        let (status, told) = post(&world, path, &tree.to_string()).await;
        assert_eq!(status, 200);
        let advisories = told["advisories"].as_object().unwrap();
        let a = advisories.values().find(|advisory| advisory["module_name"] == "a").unwrap();
        let findings = json!([
            {"version": "1.0.0", "paths": [".>a"]}, {"version": "1.1.0", "paths": [".>c>a"]},
        ]);
        assert_eq!((&a["findings"], &a["patched_versions"]), (&findings, &json!(">=1.2.0")));
        assert_eq!(a["cves"], json!(["CVE-2024-1"]));
        let counts = json!({"info": 0, "low": 0, "moderate": 0, "high": 2, "critical": 1});
        assert_eq!(told["metadata"]["vulnerabilities"], counts);
        assert_eq!(told["metadata"]["totalDependencies"], 5);
        let actions = told["actions"].as_array().unwrap();
        assert!(
            actions.iter().all(|action| advisories.contains_key(&action["resolves"][0]["id"].to_string()))
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_answered_is_an_error() {
    let world = knowing();
    let deep = format!("{}1{}", "{\"dependencies\":{\"a\":".repeat(5000), "}}".repeat(5000));
    let many: Vec<String> = (0..=50_000).map(|n| format!("1.0.{n}")).collect();
    let many = json!({"a": many}).to_string();
    for (path, body) in
        [(BULK, "[]"), (BULK, "{\"a\":1}"), (BULK, ""), (BULK, &many), (QUICK, "7"), (QUICK, &deep)]
    {
        assert_eq!(post(&world, path, body).await.0, 400, "{path} {body:.40}");
    }
    assert_eq!(post(&world, BULK, "{}").await, (200, json!({})));
}
