//! When `check` holds and when it does not.

use super::world::{PACKAGE_LOCK, advised, feed, lockfiles, run_in};
use crate::support::Mill;

#[test]
fn the_level_decides() {
    let mill = advised();
    lockfiles(&mill);
    for (file, level, code) in [
        // One record names no severity, and counts as high.
        ("requirements.txt", "low", 1),
        ("requirements.txt", "high", 1),
        ("requirements.txt", "critical", 0),
        ("package-lock.json", "critical", 1),
        ("package-lock.json", "malicious", 1),
        ("package-lock.json", "none", 0),
        // What only informs never breaks a gate.
        ("Cargo.lock", "low", 0),
    ] {
        let run = run_in(&mill, &["check", "--offline", "--fail-on", level, file]);
        assert_eq!(run.code(), code, "{file} {level}: {}{}", run.stdout(), run.stderr());
    }
    assert_eq!(run_in(&mill, &["check", "--fail-on", "medium", "requirements.txt"]).code(), 1);
}

#[test]
fn a_lockfile_without_problems_passes_and_says_what_was_not_checked() {
    let mill = advised();
    mill.file("requirements.txt", "idna==3.11\n-e ./x\n");
    let run = run_in(&mill, &["check", "requirements.txt"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(run.stdout().contains("not checked: -e ./x (requirements.txt:2)"), "{}", run.stdout());
    assert!(run.stdout().contains("0 problems in 0 of 1 release, 1 not checked."), "{}", run.stdout());
}

#[test]
fn without_advisories_nothing_is_clean() {
    let mill = Mill::new();
    lockfiles(&mill);
    let run = run_in(&mill, &["check", "requirements.txt"]);
    assert_eq!(run.code(), 2);
    assert!(
        run.stderr().contains("error[TM0930]") && run.stderr().contains("advisories update"),
        "{}",
        run.stderr()
    );
    assert!(!mill.data().exists(), "looking makes no data folder");
    let record = r#"{"id":"GHSA-1111-2222-3333","modified":"2024-06-01T00:00:00Z",
        "affected":[{"package":{"ecosystem":"npm","name":"deep"},"versions":["9.9.9"]}]}"#;
    feed(&mill, &[("GHSA-1111-2222-3333", record)]);
    let run = run_in(&mill, &["check", "package-lock.json", "requirements.txt"]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("error[TM0931]") && run.stderr().contains("pypi"), "{}", run.stderr());
    assert_eq!(run_in(&mill, &["check", "package-lock.json"]).code(), 0);
    assert_eq!(run_in(&mill, &["vex", "pkg:pypi/idna@3.11"]).code(), 2);
}

#[test]
fn advisories_that_are_too_old_break_the_gate() {
    let mill = advised();
    mill.file("requirements.txt", "idna==3.11\n");
    assert_eq!(run_in(&mill, &["check", "--max-age", "7d", "requirements.txt"]).code(), 0);
    let db = rusqlite::Connection::open(mill.data().join("advisories.db")).unwrap();
    let old = db.execute("UPDATE feed SET state = json_set(state, '$.read_at', '2024-01-01T00:00:00Z')", []);
    assert_eq!(old.unwrap(), 1);
    let run = run_in(&mill, &["check", "--max-age", "7d", "requirements.txt"]);
    assert_eq!(run.code(), 1);
    assert!(run.stderr().contains("error[TM0932]") && run.stderr().contains("days ago"), "{}", run.stderr());
    assert_eq!(run_in(&mill, &["check", "requirements.txt"]).code(), 0, "only who asks is refused");
    let log = run_in(&mill, &["check", "--max-age", "7d", "--json", "requirements.txt"]).json(1);
    assert_eq!(log["passed"], false);
}

/// Accepted is not hidden: the gate holds, and the report says why and until when.
#[test]
fn what_was_accepted_does_not_count_until_its_day() {
    let mill = advised();
    lockfiles(&mill);
    let entry =
        |id: &str, more: &str| format!("[[ignore]]\nid = \"{id}\"\nreason = \"we pin the host\"\n{more}\n");
    let run = |file: &str, ignores: String| {
        mill.file("ignores.toml", &ignores);
        run_in(&mill, &["check", "--ignores", "ignores.toml", file])
    };
    let later =
        entry("cve-2018-18074", "until = 2030-01-01") + &entry("CVE-2024-35195", "until = 2030-01-01");
    let accepted = run("requirements.txt", later.clone());
    assert_eq!(accepted.code(), 0, "{}{}", accepted.stdout(), accepted.stderr());
    for words in
        ["ignored until 2030-01-01T00:00:00Z: we pin the host", "2 problems, 2 ignored in 1 of 2 releases"]
    {
        assert!(accepted.stdout().contains(words), "{}", accepted.stdout());
    }
    let sarif =
        run_in(&mill, &["check", "--ignores", "ignores.toml", "--format", "sarif", "requirements.txt"])
            .json(0);
    super::validate::valid("sarif", &sarif);
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"][0]["status"], "accepted");

    // A day of the past.
    let past = run("requirements.txt", later.replace("2030", "2023"));
    assert_eq!(past.code(), 1);
    assert!(past.stdout().contains("no longer ignored: CVE-2024-35195"), "{}", past.stdout());
    let other =
        run("requirements.txt", later.replace("reason", "release = \"pkg:pypi/requests@2.0\"\nreason"));
    assert_eq!(other.code(), 1);
    assert!(other.stdout().contains("ignored for nothing: CVE-2024-35195"), "{}", other.stdout());

    // Malware is not waved through by its id alone.
    let rest = ["--ignore", "GHSA-1111-2222-3333", "--ignore", "GHSA-4444-5555-6666", "package-lock.json"];
    let evil = run_in(&mill, &[&["check", "--ignore", "MAL-2024-1"], rest.as_slice()].concat());
    assert_eq!(evil.code(), 1, "{}", evil.stdout());
    mill.file("ignores.toml", &entry("MAL-2024-1", "release = \"pkg:npm/evil@1.0.0\"\nuntil = 2030-01-01"));
    let named = run_in(&mill, &[&["check", "--ignores", "ignores.toml"], rest.as_slice()].concat());
    assert_eq!(named.code(), 0, "{}", named.stdout());

    let wrong = run("requirements.txt", entry("X", "until = \"soon\""));
    assert_eq!(wrong.code(), 2);
    assert!(wrong.stderr().contains("error[TM0936]: ignores.toml:4:"), "{}", wrong.stderr());
}

#[test]
fn wrong_usage_is_named() {
    let mill = advised();
    mill.file("package-lock.json", &PACKAGE_LOCK.replace("    \"node_modules/top\"", "<<<<<<< HEAD\n\"x\""));
    mill.file("Pipfile", "");
    for (args, code) in [
        (["check", "package-lock.json"].as_slice(), "TM0230"),
        (&["check", "Pipfile"], "TM0299"),
        (&["check", "missing.txt"], "TM0201"),
        (&["vex", "pkg:pypi/requests"], "TM0935"),
        (&["vex", "pkg:gem/rails@1.0"], "TM0935"),
        (&["sbom", "Pipfile"], "TM0299"),
    ] {
        let run = run_in(&mill, args);
        assert_eq!(run.code(), 2, "{args:?}: {}", run.stderr());
        assert!(run.stderr().contains(&format!("error[{code}]")), "{args:?}: {}", run.stderr());
    }
    for args in [["check", "--max-age", "soon", "x.txt"], ["check", "--fail-on", "bad", "x.txt"]] {
        assert_eq!(run_in(&mill, &args).code(), 2);
    }
}
