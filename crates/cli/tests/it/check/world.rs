//! A mill that holds a handful of crafted advisories, and lockfiles that they hit.

use crate::support::{Mill, Run};
use std::path::Path;

/// Records in the OSV schema: a compatible and a breaking fix, none, malware, one that only informs, one that was
/// withdrawn, one about another version, and one that no version can be compared with.
const RECORDS: &[(&str, &str)] = &[
    (
        "PYSEC-2018-28",
        r#"{"id":"PYSEC-2018-28","modified":"2024-01-01T00:00:00Z","aliases":["CVE-2018-18074"],
        "summary":"Credentials are sent to another host","affected":[{"package":{"ecosystem":"PyPI","name":"requests"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.20.0"}]}]}],
        "references":[{"type":"WEB","url":"https://example.org/18074?a=b"}]}"#,
    ),
    (
        "GHSA-9wx4-h78v-vm56",
        r#"{"id":"GHSA-9wx4-h78v-vm56","modified":"2024-06-01T00:00:00Z","aliases":["CVE-2024-35195"],
        "summary":"A session goes on without verification","severity":[{"type":"CVSS_V3",
        "score":"CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:H/I:H/A:N"}],"database_specific":{"severity":"MODERATE"},
        "affected":[{"package":{"ecosystem":"PyPI","name":"requests"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.32.0"}]}]}]}"#,
    ),
    (
        "GHSA-1111-2222-3333",
        r#"{"id":"GHSA-1111-2222-3333","modified":"2024-06-01T00:00:00Z","summary":"Nobody mends it",
        "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected":[{"package":{"ecosystem":"npm","name":"deep"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}"#,
    ),
    (
        "GHSA-4444-5555-6666",
        r#"{"id":"GHSA-4444-5555-6666","modified":"2024-06-01T00:00:00Z","summary":"Only the next major version mends it",
        "database_specific":{"severity":"HIGH"},"affected":[{"package":{"ecosystem":"npm","name":"top"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]}]}"#,
    ),
    (
        "MAL-2024-1",
        r#"{"id":"MAL-2024-1","modified":"2024-06-01T00:00:00Z","summary":"Malicious code in evil",
        "affected":[{"package":{"ecosystem":"npm","name":"evil"},"versions":["1.0.0"]}]}"#,
    ),
    (
        "RUSTSEC-2024-0001",
        r#"{"id":"RUSTSEC-2024-0001","modified":"2024-06-01T00:00:00Z","summary":"old is unmaintained",
        "affected":[{"package":{"ecosystem":"crates.io","name":"old"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0.0.0-0"}]}],
        "database_specific":{"informational":"unmaintained"}}]}"#,
    ),
    (
        "GHSA-7777-8888-9999",
        r#"{"id":"GHSA-7777-8888-9999","modified":"2024-06-01T00:00:00Z","withdrawn":"2024-06-02T00:00:00Z",
        "summary":"Was none","affected":[{"package":{"ecosystem":"npm","name":"top"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}"#,
    ),
    (
        "PYSEC-2014-1",
        r#"{"id":"PYSEC-2014-1","modified":"2024-01-01T00:00:00Z","summary":"Mended long ago",
        "affected":[{"package":{"ecosystem":"PyPI","name":"requests"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.3.0"}]}]}]}"#,
    ),
    (
        "PYSEC-2030-1",
        r#"{"id":"PYSEC-2030-1","modified":"2024-01-01T00:00:00Z","summary":"Came with 2.30",
        "affected":[{"package":{"ecosystem":"PyPI","name":"requests"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.30.0"},{"fixed":"2.31.0"}]}]}]}"#,
    ),
    (
        "PYSEC-2031-1",
        r#"{"id":"PYSEC-2031-1","modified":"2024-01-01T00:00:00Z","summary":"Commits alone",
        "affected":[{"package":{"ecosystem":"PyPI","name":"requests"},
        "ranges":[{"type":"GIT","repo":"https://example.org/x","events":[{"introduced":"0"},
        {"fixed":"0123456789012345678901234567890123456789"}]}]}]}"#,
    ),
];

/// A requirements file with two problems of one release, and an entry that is none of a registry.
pub(crate) const REQUIREMENTS: &str = "\
# pinned by hand
idna==3.11
requests==2.19.0
./local
";

/// An npm lock: `evil` comes through `deep`, which comes through `top`.
pub(crate) const PACKAGE_LOCK: &str = r#"{
  "name": "shop",
  "lockfileVersion": 3,
  "packages": {
    "": { "name": "shop", "dependencies": { "top": "^1.0.0" } },
    "node_modules/top": { "version": "1.0.0", "license": "MIT OR Apache-2.0", "dependencies": { "deep": "*" } },
    "node_modules/deep": { "version": "1.2.3", "license": "as\u0001is, ask Ada", "optionalDependencies": { "evil": "1" } },
    "node_modules/evil": { "version": "1.0.0", "optional": true, "os": ["win32"],
      "integrity": "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==" }
  }
}
"#;

/// A mill with the crafted advisories.
pub(crate) fn advised() -> Mill {
    let mill = Mill::new();
    feed(&mill, RECORDS);
    mill
}

/// Reads records into a mill.
pub(crate) fn feed(mill: &Mill, records: &[(&str, &str)]) {
    let folder = mill.path().join("feed");
    std::fs::create_dir_all(&folder).unwrap();
    for (id, text) in records {
        std::fs::write(folder.join(format!("{id}.json")), text).unwrap();
    }
    let run = mill.run(&["advisories", "update", "--from", folder.to_str().unwrap()]);
    assert_eq!(run.code(), 0, "{}{}", run.stdout(), run.stderr());
}

/// Runs a verb in the mill's own folder, so that files have short names, with an instant that is always the same.
pub(crate) fn run_in(mill: &Mill, args: &[&str]) -> Run {
    let mut command = mill.command();
    command.current_dir(mill.path()).env("SOURCE_DATE_EPOCH", "1700000000").args(args);
    Run::of(&mut command)
}

/// Writes both lockfiles, and a `Cargo.lock` with the crate that is not kept.
pub(crate) fn lockfiles(mill: &Mill) -> [&'static str; 3] {
    mill.file("requirements.txt", REQUIREMENTS);
    mill.file("package-lock.json", PACKAGE_LOCK);
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let source = std::fs::read_to_string(crates).unwrap();
    let source = source.lines().find_map(|line| line.strip_prefix("source = ")).unwrap().to_owned();
    let sum = "a".repeat(64);
    let lock = format!(
        "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"old\"]\n\n[[package]]\n\
         name = \"old\"\nversion = \"1.0.0\"\nsource = {source}\nchecksum = \"{sum}\"\n"
    );
    mill.file("Cargo.lock", &lock);
    ["requirements.txt", "package-lock.json", "Cargo.lock"]
}

/// What differs from run to run, taken out.
pub(crate) fn settled(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(", read ") {
        Some((before, _)) => format!("{before}, read … ago"),
        None => line.to_owned(),
    });
    lines.map(|line| format!("{}\n", line.trim_end())).collect()
}
