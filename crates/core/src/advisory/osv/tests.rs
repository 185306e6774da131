//! What is taken, what is left out, what is refused.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn minimal() -> Value {
    json!({
        "id": "GHSA-1", "modified": "2026-01-02T03:04:05Z",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "Foo_Bar" },
                       "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "2.0" }] }] }]
    })
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Parsed, RecordError> {
    let mut value = minimal();
    change(&mut value);
    parse(value.to_string().as_bytes())
}

#[test]
fn the_least_that_a_record_has() {
    let parsed = with(|_| ()).unwrap();
    let advisory = parsed.advisory;
    assert_eq!(advisory.affected[0].project.to_string(), "pkg:pypi/foo-bar", "names are normalised");
    assert_eq!(
        advisory.affected[0].ranges[0].events,
        [RangeEvent::Introduced("0".into()), RangeEvent::Fixed("2.0".into())]
    );
    assert_eq!((advisory.severity, advisory.score), (Severity::Unknown, None));
    assert!(!advisory.malicious && !advisory.informational && advisory.withdrawn.is_none());
}

#[test]
fn other_ecosystems_are_left_out_and_counted() {
    let parsed = with(|record| {
        let affected = record["affected"].as_array_mut().unwrap();
        affected.push(json!({ "package": { "ecosystem": "Debian:12", "name": "foo" }, "versions": ["1"] }));
        affected
            .push(json!({ "package": { "ecosystem": "npm", "name": "@scope/foo" }, "versions": ["1.0.0"] }));
        affected.push(json!({ "ranges": [{ "type": "GIT", "events": [{ "introduced": "0" }] }] }));
        affected.push(json!({ "package": { "ecosystem": "crates.io", "name": "foo_bar" } }));
    });
    let parsed = parsed.unwrap();
    assert_eq!(parsed.foreign, 2);
    let projects: Vec<_> = parsed.advisory.affected.iter().map(|a| a.project.to_string()).collect();
    assert_eq!(projects, ["pkg:pypi/foo-bar", "pkg:npm/%40scope/foo", "pkg:cargo/foo_bar"]);
}

#[test]
fn schema_versions_count_by_their_major_number() {
    for version in ["1.0.0", "1.7.5", "1.99.0", "1"] {
        assert!(with(|record| record["schema_version"] = json!(version)).is_ok(), "{version}");
    }
    for version in ["2.0.0", "0.9", "10.0.0", "one"] {
        let error = with(|record| record["schema_version"] = json!(version)).unwrap_err();
        assert_eq!(error, RecordError::Schema(version.into()));
        assert_eq!(error.code(), "TM0915");
    }
}

#[test]
fn null_is_nothing_and_what_is_unknown_is_ignored() {
    let parsed = with(|record| {
        for key in [
            "aliases",
            "severity",
            "references",
            "published",
            "withdrawn",
            "summary",
            "details",
            "schema_version",
        ] {
            record[key] = Value::Null;
        }
        record["upstream"] = json!(["CVE-1"]);
        record["new_field"] = json!({ "deep": [1, 2, 3] });
        record["affected"][0]["versions"] = Value::Null;
        record["affected"][0]["database_specific"] = json!("a text");
    });
    assert!(parsed.is_ok(), "{parsed:?}");
}

#[test]
fn the_worst_severity_wins() {
    let severity = |record: &mut Value, ty: &str, score: &str| {
        record["severity"] = json!([{ "type": ty, "score": score }]);
    };
    let parsed = with(|record| {
        severity(record, "CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N");
        record["database_specific"] = json!({ "severity": "HIGH" });
    });
    let advisory = parsed.unwrap().advisory;
    assert_eq!((advisory.severity, advisory.score), (Severity::High, Some(61)));
    let parsed = with(|record| {
        severity(record, "CVSS_V4", "nonsense");
        record["affected"][0]["severity"] =
            json!([{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }]);
        record["database_specific"] = json!({ "severity": "moderate" });
    });
    let parsed = parsed.unwrap();
    assert_eq!((parsed.advisory.severity, parsed.advisory.score), (Severity::Critical, Some(98)));
    assert_eq!(parsed.unscored, 1);
}

#[test]
fn malware_is_known_by_every_form_that_it_comes_in() {
    let malicious = |change: fn(&mut Value)| {
        let advisory = with(change).unwrap().advisory;
        assert!(!advisory.malicious || advisory.severity == Severity::Critical);
        advisory.malicious
    };
    assert!(malicious(|record| record["id"] = json!("MAL-2026-1")));
    assert!(malicious(|record| {
        record["affected"][0]["database_specific"] = json!({ "categories": ["code-execution", "malicious"] });
    }));
    assert!(malicious(
        |record| record["database_specific"] = json!({ "leitwacht": { "category": "malware" } })
    ));
    assert!(malicious(|record| record["database_specific"] = json!({ "cwe_ids": ["CWE-79", "CWE-506"] })));
    assert!(malicious(|record| {
        record["affected"][0]["database_specific"] = json!({ "cwes": [{ "cweId": "CWE-506" }] });
    }));
    assert!(!malicious(|record| {
        record["affected"][0]["database_specific"] = json!({ "categories": ["code-execution"] });
        record["database_specific"] = json!({ "cwe_ids": ["CWE-79"], "leitwacht": null });
        record["summary"] = json!("malicious input crashes the parser");
        record["aliases"] = json!(["MAL-2026-1"]);
    }));
}

#[test]
fn information_is_information_only_if_all_of_it_is() {
    let informs = json!({ "categories": [], "cvss": null, "informational": "unmaintained" });
    let parsed = with(|record| record["affected"][0]["database_specific"] = informs.clone()).unwrap();
    assert!(parsed.advisory.informational);
    let parsed = with(|record| {
        record["affected"][0]["database_specific"] = informs.clone();
        let more = json!({ "package": { "ecosystem": "npm", "name": "x" }, "database_specific": { "informational": null } });
        record["affected"].as_array_mut().unwrap().push(more);
    });
    assert!(!parsed.unwrap().advisory.informational);
}

#[test]
fn what_a_reader_is_shown_is_short_and_plain() {
    let parsed = with(|record| {
        record["details"] = json!(format!("\n\n  A \u{1b}[31mred{}\nsecond", "x".repeat(500)));
        record["aliases"] = json!(["CVE-2026-1", "GHSA-jf66-3q76-h5p5,", "", "no id"]);
        record["references"] = json!([
            { "type": "WEB", "url": "https://a.example/1" }, { "type": "WEB", "url": "javascript:alert(1)" },
            { "type": "ADVISORY", "url": "https://a.example/2" }, { "url": "https://a.example/ 3" },
        ]);
    });
    let advisory = parsed.unwrap().advisory;
    assert!(advisory.summary.starts_with("A  [31mred") && advisory.summary.chars().count() == SUMMARY_CHARS);
    assert_eq!(advisory.aliases, ["CVE-2026-1"]);
    assert_eq!(advisory.references, ["https://a.example/2", "https://a.example/1"]);
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_reason() {
    use RecordError as E;
    type Change = fn(&mut Value);
    let many =
        |key: &str, limit: usize| E::TooMany { what: Box::leak(key.to_owned().into_boxed_str()), limit };
    let cases: [(Change, RecordError); 12] = [
        (|r| r["id"] = json!("../../etc/passwd"), E::Id("../../etc/passwd".into())),
        (|r| r["id"] = json!("-1"), E::Id("-1".into())),
        (|r| r["modified"] = json!("yesterday"), E::Time { field: "modified" }),
        (|r| r["withdrawn"] = json!(""), E::Time { field: "withdrawn" }),
        (
            |r| r["affected"][0]["package"]["name"] = json!("a b"),
            E::Name { ecosystem: "PyPI".into(), name: "a b".into() },
        ),
        (
            |r| r["affected"][0]["package"] = json!({ "ecosystem": "npm", "name": "@x/../y" }),
            E::Name { ecosystem: "npm".into(), name: "@x/../y".into() },
        ),
        (|r| r["affected"][0]["versions"] = json!([""]), E::Version),
        (|r| r["affected"][0]["versions"] = json!(["1".repeat(513)]), E::Version),
        (|r| r["affected"][0]["ranges"][0]["events"] = json!([{ "begins": "1" }]), E::Event),
        (|r| r["affected"][0]["versions"] = json!(vec!["1"; VERSIONS + 1]), many("versions", VERSIONS)),
        (
            |r| {
                r["affected"][0]["ranges"][0]["events"] =
                    json!(vec![json!({ "introduced": "1" }); EVENTS + 1]);
            },
            many("events in a range", EVENTS),
        ),
        (|r| r["affected"] = json!(vec![json!({}); AFFECTED + 1]), many("affected packages", AFFECTED)),
    ];
    for (change, expected) in cases {
        assert_eq!(with(change).unwrap_err(), expected);
    }
    for text in
        ["", "null", "[]", "{", "{\"id\":\"A-1\",\"id\":\"A-2\",\"modified\":\"2026-01-01T00:00:00Z\"}"]
    {
        assert!(matches!(parse(text.as_bytes()), Err(E::Malformed(_))), "{text}");
    }
    assert!(matches!(with(|r| r["affected"][0]["ranges"][0]["type"] = json!("LUNAR")), Err(E::Malformed(_))));
    assert_eq!(parse(&vec![b' '; RECORD_BYTES + 1]), Err(E::TooLarge));
    let deep = format!("{{\"id\":\"A-1\",\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(parse(deep.as_bytes()), Err(E::Malformed(_))));
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_damaged_record_panics_nobody(at in 0_usize..300, with in any::<u8>()) {
        let mut bytes = minimal().to_string().into_bytes();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        if let Ok(parsed) = parse(&bytes) {
            prop_assert!(is_id(&parsed.advisory.id));
        }
    }

    #[test]
    fn what_was_read_survives_being_kept(name in "[a-z]{1,8}", version in "[0-9a-z.+!-]{1,9}", id in "[A-Z]{1,4}-[0-9a-z-]{1,9}") {
        let parsed = with(|record| {
            record["id"] = json!(id);
            record["affected"][0]["package"]["name"] = json!(name);
            record["affected"][0]["versions"] = json!([version]);
        }).unwrap().advisory;
        let kept = serde_json::to_string(&parsed).unwrap();
        prop_assert_eq!(serde_json::from_str::<Advisory>(&kept).unwrap(), parsed);
    }
}
