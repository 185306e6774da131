//! What is made of packuments that nobody would write on purpose.

use super::object::Object;
use super::{Form, Packument, Rendering, Shown, parse};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

fn read(body: &str) -> Option<Packument> {
    let registry = Url::parse("https://registry.invalid/npm/").unwrap();
    parse("a", &registry, Bytes::from(body.to_owned())).ok()
}

/// Both forms of what was read, as a client reads them.
fn rendered(packument: &Packument, body: &str) -> [Value; 2] {
    [Form::Full, Form::Short].map(|form| {
        let rendering = Rendering { packument, body, base: "http://mill.test/npm", form };
        let shown: Vec<Shown<'_>> =
            packument.versions.iter().map(|listed| Shown { listed, warning: Some("why") }).collect();
        let page = rendering.page(&shown, &BTreeMap::new(), false).expect("what was read can be rendered");
        serde_json::from_str(&page).expect("a page is JSON")
    })
}

/// Fields that decide something, and values of every shape.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        "[0-9]\\.[0-9]\\.[0-9](-[a-z])?".prop_map(Value::from),
        "sha(1|512)-[A-Za-z0-9+/=]{0,12}".prop_map(Value::from),
        "https?://(registry|other)\\.invalid/[a-z/.-]{0,12}".prop_map(Value::from),
        "2024-0[1-9]-01T00:00:00.000Z".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let key = prop_oneof![
            "(name|version|versions|time|dist|dist-tags|tarball|integrity|shasum|deprecated|scripts|latest|__proto__)",
            "[0-9]\\.[0-9]\\.[0-9]",
            "\\PC{0,6}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in "\\PC{0,200}") {
        let _ = read(&body);
        let _ = Object::read(&body);
    }

    #[test]
    fn what_is_read_is_rendered_as_json_that_leads_here(
        versions in prop::collection::btree_map("[0-9]\\.[0-9]\\.[0-9]", value(), 0..4),
        rest in value(),
    ) {
        let mut page = if rest.is_object() { rest } else { json!({}) };
        page["versions"] = json!(versions);
        page.as_object_mut().unwrap().remove("name");
        let body = page.to_string();
        let packument = read(&body).expect("it has versions");
        for page in rendered(&packument, &body) {
            let shown = page["versions"].as_object().unwrap();
            prop_assert_eq!(shown.len(), packument.versions.len());
            for (version, manifest) in shown {
                let expected = format!("http://mill.test/npm/a/-/a-{version}.tgz");
                prop_assert_eq!(manifest["dist"]["tarball"].as_str(), Some(expected.as_str()));
                prop_assert_eq!(manifest["deprecated"].as_str(), Some("why"));
                prop_assert!(packument.find(version).is_some());
            }
        }
    }
}

#[test]
fn the_strongest_digest_counts() {
    let digest = |integrity: &str, shasum: &str| {
        let dist = json!({"integrity": integrity, "shasum": shasum});
        let body = json!({"versions": {"1.0.0": {"dist": dist}}}).to_string();
        read(&body).unwrap().versions[0].promised.as_ref().map(|promised| promised.algorithm())
    };
    use base64::Engine as _;
    let sri = |algorithm: &str, length| {
        format!("{algorithm}-{}", base64::prelude::BASE64_STANDARD.encode(vec![7; length]))
    };
    let (one, two) = (sri("sha1", 20), sri("sha512", 64));
    assert_eq!(digest(&format!("{one} {two}?opt"), ""), Some("sha512"));
    assert_eq!(digest(&format!("{two} sha999-AAAA"), ""), Some("sha512"));
    assert_eq!(digest(&one, ""), Some("sha1"));
    assert_eq!(digest("nonsense sha512-short", &"0a".repeat(20)), Some("sha1"));
    assert_eq!(digest("", "0a"), None);
}

#[test]
fn a_body_that_was_exchanged_is_not_rendered_from() {
    let body = json!({"versions": {"1.0.0": {"description": "x".repeat(100)}}}).to_string();
    let packument = read(&body).unwrap();
    let other = "\u{e9}".repeat(40);
    let rendering = Rendering { packument: &packument, body: &other, base: "", form: Form::Full };
    let shown = [Shown { listed: &packument.versions[0], warning: None }];
    assert!(rendering.page(&shown, &BTreeMap::new(), false).is_none());
}
