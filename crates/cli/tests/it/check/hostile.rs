//! Text of strangers: in advisories, in lockfiles, in the names of files.

use super::validate::valid;
use super::world::{feed, run_in};
use crate::support::Mill;

/// An advisory whose words try every reader of the output.
const HOSTILE: &str = r#"{"id":"GHSA-1111-2222-3333","modified":"2024-06-01T00:00:00Z","aliases":["CVE-2024-1"],
    "summary":"a\u001b[2J%0A::error file=x::y\n::add-mask::z ##[error]w [l](javascript:1) {0} \u202edlrow",
    "references":[{"type":"WEB","url":"javascript:alert(1)"},{"type":"WEB","url":"https://example.org/a b"}],
    "affected":[{"package":{"ecosystem":"PyPI","name":"a"},
    "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2"}]}]}]}"#;

fn hostile() -> Mill {
    let mill = Mill::new();
    feed(&mill, &[("GHSA-1111-2222-3333", HOSTILE)]);
    mill
}

#[test]
fn no_format_carries_foreign_commands() {
    let mill = hostile();
    let name = "re,q%0A:uire [x].txt";
    mill.file(name, "a==1\n./x##[error]%0A\n");
    let table = run_in(&mill, &["check", name]).stdout();
    assert!(table.chars().all(|c| c == '\n' || !c.is_control()), "{table:?}");
    assert!(!table.contains('\u{202e}'), "{table:?}");
    let commands = run_in(&mill, &["check", "--format", "github", name]).stdout();
    for line in commands.lines() {
        let ours = [
            "::error file=re%2Cq%250A%3Auire [x].txt,line=1,",
            "::notice file=re%2Cq%250A%3Auire [x].txt,line=2,",
        ];
        assert!(ours.iter().any(|start| line.starts_with(start)) || line.starts_with("1 problem"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
    let log = run_in(&mill, &["check", "--format", "sarif", name]).json(1);
    valid("sarif", &log);
    let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
    assert!(rule.get("helpUri").is_none(), "neither reference is an address: {rule:#}");
    assert!(
        rule["shortDescription"]["text"].as_str().unwrap().contains("\\[l\\](javascript:1) {{0}}"),
        "{rule:#}"
    );
    let uri = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "re%2Cq%250A%3Auire%20%5Bx%5D.txt");
    for (kind, args) in [
        ("openvex", ["vex", name].as_slice()),
        ("cyclonedx", &["sbom", name]),
        ("spdx", &["sbom", "--format", "spdx", name]),
    ] {
        valid(kind, &run_in(&mill, args).json(0));
    }
}

#[test]
fn a_hundred_thousand_entries_are_read() {
    let mill = hostile();
    let lines: String = (0..100_000).map(|n| format!("p{n}==1.{n}\n")).collect();
    mill.file("requirements.txt", &format!("{lines}a==1\n"));
    let checked = run_in(&mill, &["check", "--json", "requirements.txt"]).json(1);
    assert_eq!(checked["releases"], 100_001);
    assert_eq!(checked["findings"][0]["places"][0]["line"], 100_001);
}
