//! Lockfiles that lie, or that no tool wrote: a typed error with the line, never a panic, never silence.

use super::of;
use proptest::prelude::*;
use trustmill_ecosystems::npm::lockfile::{Target, read_bytes};

#[track_caller]
fn refused(name: &str, text: &str, code: &str, line: usize) {
    let error = of(name, text).unwrap_err();
    assert_eq!((error.code, error.origin), (code, format!("{name}:{line}")), "{}\n{text}", error.what);
    assert!(!error.help.is_empty());
}

fn npm(entries: &str) -> String {
    format!("{{\n\"lockfileVersion\": 3,\n\"packages\": {{\n{entries}\n}}\n}}")
}

const ONE: &str =
    "\"node_modules/a\": {\"version\": \"1.0.0\", \"integrity\": \"sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\"}";

#[test]
fn npms_lock_is_read_strictly() {
    let file = "package-lock.json";
    refused(file, "{\"lockfileVersion\": 1, \"dependencies\": {}}", "TM0207", 1);
    refused(file, "{\n\"lockfileVersion\": 4, \"packages\": {}}", "TM0207", 2);
    refused(file, "{\"lockfileVersion\": 3}", "TM0209", 1);
    refused(file, &npm(&format!("{ONE},\n{ONE}")), "TM0202", 5);
    refused(file, &npm("<<<<<<< HEAD"), "TM0230", 4);
    refused(file, &npm("\"node_modules/__proto__\": {\"version\": \"1.0.0\"}"), "TM0202", 4);
    refused(file, &npm("\"node_modules/../../x\": {\"version\": \"1.0.0\"}"), "TM0202", 4);
    refused(file, &npm("\"node_modules/a\": {\"version\": \"latest\"}"), "TM0202", 4);
    refused(file, &npm("\"node_modules/a\": {}"), "TM0209", 4);
    refused(file, &npm("\"node_modules/a\": {\"link\": true, \"resolved\": \"b\"}"), "TM0209", 4);
    let circle = "\"a\": {\"link\": true, \"resolved\": \"b\"},\n\"node_modules/b\": {\"link\": true, \"resolved\": \"a\"}";
    refused(file, &npm(circle), "TM0209", 5);
    refused(
        file,
        &npm("\"node_modules/a\": {\"version\": \"1.0.0\", \"integrity\": \"sha512-AA==\"}"),
        "TM0205",
        4,
    );
    let other = "\"node_modules/a\": {\"version\": \"1.0.0\", \"resolved\": \"https://r.example/evil/-/evil-1.0.0.tgz\"}";
    refused(file, &npm(other), "TM0204", 4);
    let twice = format!("{ONE},\n\"node_modules/b/{}", ONE.replace("qZk+", "AZk+").trim_start_matches('"'));
    refused(file, &npm(&twice), "TM0204", 5);
}

#[test]
fn a_link_to_itself_and_workspaces_in_a_circle_end() {
    let own = "\"node_modules/a\": {\"link\": true, \"resolved\": \"node_modules/a\"}";
    refused("package-lock.json", &npm(own), "TM0209", 4);
    let lock = "lockfileVersion: '9.0'\nimporters:\n  a:\n    dependencies:\n      b:\n        specifier: workspace:*\n        version: link:../b\n  \
        b:\n    dependencies:\n      a:\n        specifier: workspace:*\n        version: link:../a\nsnapshots:\n  x@1.0.0:\n    dependencies:\n      x: 1.0.0\n";
    assert_eq!(of("pnpm-lock.yaml", lock).unwrap().skipped.len(), 2);
}

#[test]
fn pnpms_lock_is_read_strictly() {
    let file = "pnpm-lock.yaml";
    let with = |rest: &str| format!("lockfileVersion: '9.0'\n{rest}");
    refused(file, "lockfileVersion: 5.4\n", "TM0207", 1);
    refused(file, "{}\n", "TM0207", 1);
    refused(file, "- a\n", "TM0202", 1);
    refused(file, &with("packages:\n  a@1.0.0: &x\n    resolution: {}\n"), "TM0202", 3);
    refused(file, &with("packages:\n  a@1.0.0: *x\n"), "TM0202", 3);
    refused(file, &with("packages:\n  a@1.0.0: !!str x\n"), "TM0202", 3);
    refused(file, &with("packages:\n  a@1.0.0:\n    resolution: {integrity: x}\n"), "TM0205", 3);
    refused(file, &with("packages:\n  a@1.0.0: {}\n"), "TM0209", 3);
    refused(file, &with("packages:\n  __proto__@1.0.0:\n    resolution: {}\n"), "TM0202", 3);
    let a = "  a@1.0.0:\n    resolution: {}\n";
    refused(file, &with(&format!("packages:\n{a}{a}")), "TM0202", 5);
    refused(
        file,
        &with("importers:\n  .:\n    dependencies:\n      a:\n        version: 1.0.0\nsnapshots: {}\n"),
        "TM0209",
        5,
    );
    refused(file, &with(&format!("packages: {}", "[".repeat(40))), "TM0231", 2);
    refused(file, &with("=======\n"), "TM0230", 2);
}

#[test]
fn yarns_locks_are_read_strictly() {
    let file = "yarn.lock";
    let classic = |rest: &str| format!("# yarn lockfile v1\n\n{rest}");
    refused(file, "a@1:\n  version \"1.0.0\"\n", "TM0207", 1);
    refused(file, &classic("a@1:\n  resolved \"x\"\n"), "TM0209", 3);
    refused(file, &classic("a@1, b@1:\n  version \"1.0.0\"\n"), "TM0204", 3);
    refused(file, &classic("a@1\n  version \"1.0.0\"\n"), "TM0202", 3);
    refused(file, &classic("\"a@1:\n  version \"1.0.0\"\n"), "TM0202", 3);
    refused(file, &classic("a@1:\n  version \"1.0.0\"\n  version \"2.0.0\"\n"), "TM0202", 5);
    refused(file, &classic("a@1:\n  version \"1.0.0\"\na@1:\n  version \"1.0.1\"\n"), "TM0202", 5);
    refused(file, &classic("a@1:\n   version \"1.0.0\"\n"), "TM0202", 4);
    let berry = |rest: &str| format!("__metadata:\n  version: 8\n{rest}");
    refused(file, "__metadata:\n  version: 99\n", "TM0207", 1);
    refused(file, &berry("\"a@npm:1\":\n  version: 1.0.0\n"), "TM0209", 3);
    refused(file, &berry("\"a@npm:1\":\n  version: 1.0.0\n  resolution: \"a@npm:2.0.0\"\n"), "TM0204", 3);
    refused(file, &berry("\"a@npm:1\":\n  resolution: nothing\n"), "TM0202", 3);
}

#[test]
fn what_is_no_text_or_too_large_is_named() {
    let bytes = |bytes: &[u8]| read_bytes("yarn.lock", bytes, &Target::default()).unwrap().unwrap_err().code;
    assert_eq!(bytes(&[0xFF, 0xFE, 0]), "TM0201");
    assert_eq!(bytes(&vec![b' '; (64 << 20) + 1]), "TM0231");
    let deep = format!("{{\"lockfileVersion\": 3, \"packages\": {}", "{\"a\":".repeat(100_000));
    assert_eq!(of("package-lock.json", &deep).unwrap_err().code, "TM0202");
    assert!(read_bytes("package.json", b"{}", &Target::default()).is_none());
}

/// Pieces of real lockfiles in any order: nearer to the readers' branches than random bytes.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("# yarn lockfile v1\n"),
        Just("__metadata:\n  version: 8\n"),
        Just("lockfileVersion: '9.0'\n"),
        Just("packages:\n"),
        Just("  a@1.0.0:\n"),
        Just("    resolution: {integrity: sha1-qZk=}\n"),
        Just("snapshots:\n"),
        Just("\"a@npm:1\":\n"),
        Just("  resolution: \"a@npm:1.0.0\"\n"),
        Just("  version \"1.0.0\"\n"),
        Just("a@1, \"b@2\":\n"),
        Just("importers:\n"),
        Just("  .:\n"),
        Just("? "),
        Just("|-\n"),
        Just("'"),
        Just("\""),
        Just("("),
        Just("@"),
        Just(":"),
        Just(" "),
        Just("{\"lockfileVersion\":3,\"packages\":{"),
        Just("\"node_modules/a\":"),
        Just("{\"version\":\"1.0.0\"}"),
        Just("}"),
        Just(","),
        Just("\u{e9}"),
        Just("\n"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in prop_oneof![pieces(), "\\PC{0,200}"]) {
        for name in ["package-lock.json", "pnpm-lock.yaml", "yarn.lock"] {
            if let Ok(pins) = of(name, &text) {
                for pin in pins.pins {
                    prop_assert!(pin.purl.version().is_some());
                    prop_assert!(pin.origin.starts_with(name));
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for name in ["package-lock.json", "pnpm-lock.yaml", "yarn.lock"] {
            let _ = read_bytes(name, &bytes, &Target::default());
        }
    }
}
