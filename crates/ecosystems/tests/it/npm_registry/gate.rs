//! What the gate decides: held, blocked and warned of, for whom, and until when.

use super::world::{SHORT, World, file_url, instant, packument, request, version};
use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::registry::{Answer, FileAnswer, Registry, RenderedPage, Request};
use trustmill_core::ruling::{Decision, Effect, Principal};
use trustmill_testkit::gate::decision;

const FILE: &str = "a/-/a-2.0.0.tgz";

/// A mill over three versions; `next` is the newest by number and `latest` is 2.0.0.
fn three() -> World {
    let world = World::new();
    let versions = ["1.0.0", "2.0.0", "1.0.1", "3.0.0"];
    let versions: Vec<_> = versions.iter().map(|text| version(text, text.as_bytes())).collect();
    let tags = json!({"latest": "2.0.0", "next": "3.0.0", "old": "2.0.0"});
    world.say(packument("a", &versions, tags).to_string());
    for version in ["1.0.0", "2.0.0", "1.0.1", "3.0.0"] {
        world.fetch.file(&file_url(version), version);
    }
    world
}

fn release(version: &str) -> Purl {
    Purl::release("npm", "a", version)
}

fn held() -> Decision {
    decision(Effect::Hold, "TM0902", "published 2 hours ago; held until 2026-01-02")
}

const LINE: &str = "TM0902: published 2 hours ago; held until 2026-01-02";

#[tokio::test]
async fn a_held_version_says_why_wherever_it_is_met() {
    let world = three();
    world.file(FILE).await;
    world.gate.decide(release("2.0.0"), held());
    for accept in [SHORT, "application/json"] {
        let page = world.json("a", Some(accept), None).await;
        assert_eq!(page["versions"]["2.0.0"]["deprecated"], LINE);
        assert!(page["versions"]["1.0.1"].get("deprecated").is_none());
    }
    for document in ["a/2.0.0", "a/old"] {
        assert_eq!(world.json(document, None, None).await["deprecated"], LINE, "{document}");
    }
    for path in [FILE, "a/-/a-2.0.0.tgz"] {
        let refusal = world.refused(path).await;
        assert_eq!((refusal.status, &*refusal.code, refusal.reason.as_str()), (403, "TM0902", LINE));
        let past = world.ask(path, None, Some("2025-06-01T00:00:00Z")).await;
        assert!(matches!(past, Answer::Refused(_)), "the past is no way around: {past:?}");
    }
    for path in
        ["A/-/a-2.0.0.tgz", "a/-/A-2.0.0.tgz", "a/-/a-v2.0.0.tgz", "a/-/a-2.0.0.TGZ", "@a/a/-/a-2.0.0.tgz"]
    {
        let answer = world.ask(path, None, None).await;
        assert!(!matches!(answer, Answer::File(_)), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn latest_leads_to_what_is_allowed_and_other_tags_stay() {
    let world = three();
    let tags = async || world.json("-/package/a/dist-tags", None, None).await;
    world.gate.decide(release("2.0.0"), held());
    let expected = json!({"latest": "3.0.0", "next": "3.0.0", "old": "2.0.0"});
    assert_eq!(tags().await, expected, "the newest by time");
    world.gate.decide(release("3.0.0"), decision(Effect::Block, "TM0901", "malware MAL-1"));
    let expected = json!({"latest": "1.0.1", "next": "3.0.0", "old": "2.0.0"});
    assert_eq!(tags().await, expected);
    assert_eq!(world.json("a/latest", None, None).await["version"], "1.0.1");
    world.gate.decide(release("1.0.1"), decision(Effect::Warn, "TM0903", "GHSA-1 is fixed in 3.0.0"));
    assert_eq!(tags().await["latest"], "1.0.1", "what is warned of can be installed");
}

#[tokio::test]
async fn a_warning_goes_with_the_file_alone() {
    let world = three();
    let before = world.page("a", SHORT).await;
    world.gate.decide(release("2.0.0"), decision(Effect::Warn, "TM0903", "GHSA-1 is fixed in 3.0.0"));
    assert!(Arc::ptr_eq(&before, &world.page("a", SHORT).await));
    for _ in 0..2 {
        assert_eq!(world.file(FILE).await.warning.as_deref(), Some("TM0903: GHSA-1 is fixed in 3.0.0"));
    }
    let FileAnswer { of, warning, .. } = world.file("a/-/a-1.0.0.tgz").await;
    assert_eq!((of.as_deref(), warning), (Some(&(release("1.0.0"), "a-1.0.0.tgz".to_owned())), None));
}

#[tokio::test]
async fn while_the_gate_fails_nothing_is_handed_out() {
    let world = three();
    world.page("a", SHORT).await;
    world.file(FILE).await;
    world.gate.break_down(true);
    for path in ["a", "a/2.0.0", "a/latest", FILE, "a/-/a-2.0.0.tgz.provenance", "-/package/a/dist-tags"] {
        for as_of in [None, Some("2025-06-01T00:00:00Z")] {
            let answer = world.ask(path, Some(SHORT), as_of).await;
            let is_out = matches!(&answer, Answer::Unavailable { why, .. } if why.starts_with("TM0909"));
            assert!(is_out, "{path}: {answer:?}");
        }
    }
    world.gate.break_down(false);
    world.page("a", SHORT).await;
    world.file(FILE).await;
}

#[tokio::test]
async fn a_hold_ends_when_its_time_has_come() {
    let world = three();
    let until = instant("2026-01-01T00:00:10Z");
    world.gate.decide(release("2.0.0"), Decision { until: Some(until), ..held() });
    for _ in 0..3 {
        world.page("a", SHORT).await;
        world.refused(FILE).await;
    }
    assert_eq!(world.gate.asked(), 1);
    world.advance(10);
    world.refused(FILE).await;
    assert_eq!(world.gate.asked(), 2, "time may have changed it");
}

async fn page_for(world: &World, team: &str) -> Arc<RenderedPage> {
    let principal = Arc::new(Principal { team: Some(team.to_owned()), ..Principal::default() });
    match world.registry.answer(&Request { principal, ..request("a", Some(SHORT), None) }).await {
        Answer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn teams_with_equal_rulings_share_their_pages_and_others_do_not_see_them() {
    let world = three();
    for team in ["one", "two"] {
        world.gate.decide_for(Some(team), release("2.0.0"), held());
    }
    let (one, two, other) =
        (page_for(&world, "one").await, page_for(&world, "two").await, page_for(&world, "other").await);
    assert!(Arc::ptr_eq(&one, &two));
    assert!(Arc::ptr_eq(&other, &world.page("a", SHORT).await));
    assert_ne!(one.etag, other.etag);
    assert_eq!(world.gate.asked(), 4);
}

#[tokio::test]
async fn what_the_mill_refuses_by_itself_no_gate_permits() {
    let world = three();
    world.refuse("2.0.0", "the archive is hostile").await;
    world.gate.decide(release("2.0.0"), held());
    assert_eq!(world.refused(FILE).await.code, "TM0703", "of two reasons, the one that no waiting ends");
}

#[tokio::test]
async fn the_gate_is_asked_with_what_the_packument_says() {
    let world = World::new();
    let with = |text: &str, fields: Value| {
        let mut version = version(text, text.as_bytes());
        version.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        version
    };
    let versions = [
        with("1.0.0", json!({"license": "MIT", "scripts": {"postinstall": "node x"}})),
        with("1.0.1", json!({"license": {"type": "ISC"}, "gypfile": true, "deprecated": "old"})),
        with("1.0.2", json!({"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}], "hasInstallScript": true})),
        with("1.0.3", json!({"license": ["x", 7], "hasInstallScript": "yes", "scripts": {"install": " "}})),
        with(
            "1.0.4",
            json!({"license": "x".repeat(5000), "hasInstallScript": false, "scripts": {"preinstall": "x"}}),
        ),
    ];
    world.list(&versions, "1.0.0");
    world.page("a", SHORT).await;
    let releases = world.gate.last().releases;
    let said: Vec<_> = releases
        .iter()
        .map(|listed| (&*listed.version, listed.licence.as_deref(), listed.install_script, listed.yanked))
        .collect();
    assert_eq!(
        said,
        [
            ("1.0.0", Some("MIT"), Some(true), false),
            ("1.0.1", Some("ISC"), Some(true), true),
            ("1.0.2", Some("MIT OR GPL-2.0"), Some(true), false),
            ("1.0.3", None, Some(false), false),
            ("1.0.4", None, Some(true), false),
        ]
    );
    assert_eq!(releases[1].published, Some(instant("2024-02-01T12:00:00Z")));
}
