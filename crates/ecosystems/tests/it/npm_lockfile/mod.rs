//! The lockfiles of npm, pnpm and both yarns: what the tools themselves wrote for one project, and what is
//! refused.

mod refused;

use trustmill_core::lockfile::{LockfileError, Pins, Scope};
use trustmill_ecosystems::npm::lockfile::{Target, read, read_bytes};

const REAL: [&str; 5] = [
    "npm/package-lock.json",
    "pnpm8/pnpm-lock.yaml",
    "pnpm9/pnpm-lock.yaml",
    "yarn1/yarn.lock",
    "berry/yarn.lock",
];

fn real(file: &str, target: &Target) -> Pins {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/npm_lockfile/real");
    read(&folder.join(file), target).unwrap().unwrap()
}

fn of(name: &str, text: &str) -> Result<Pins, LockfileError> {
    read_bytes(name, text.as_bytes(), &Target::default()).unwrap()
}

fn releases(pins: &Pins) -> Vec<String> {
    let mut out: Vec<String> = pins.pins.iter().map(|pin| pin.purl.to_string()).collect();
    out.sort();
    out
}

fn why<'a>(pins: &'a Pins, entry: &str) -> &'a str {
    let found = pins.skipped.iter().find(|one| one.entry.contains(entry));
    &found.unwrap_or_else(|| panic!("{entry} is in {:?}", pins.skipped)).why
}

#[test]
fn five_tools_pin_the_same_for_one_project() {
    let expected = [
        "pkg:npm/%40esbuild/linux-x64@0.25.0",
        "pkg:npm/%40sindresorhus/is@4.6.0",
        "pkg:npm/debug@4.4.3",
        "pkg:npm/esbuild@0.25.0",
        "pkg:npm/has-flag@4.0.0",
        "pkg:npm/ms@2.0.0",
        "pkg:npm/ms@2.1.3",
    ];
    for file in REAL {
        let mut found = releases(&real(file, &Target::default()));
        if file == "yarn1/yarn.lock" {
            // Classic does not say for which platform a package is.
            found.retain(|one| !one.contains("%40esbuild") || one.contains("/linux-x64@"));
        }
        assert_eq!(found, expected, "{file}");
    }
}

#[test]
fn integrity_is_kept_where_it_is_that_of_the_tarball() {
    for file in REAL {
        let pins = real(file, &Target::default());
        // Berry's own checksum is of another archive.
        let expected = usize::from(file != "berry/yarn.lock");
        for pin in &pins.pins {
            assert_eq!(pin.checksums.len(), expected, "{file} {}", pin.purl);
            assert!(pin.checksums.iter().all(|one| one.algorithm() == "sha512"));
            assert!(pin.hashes.is_empty());
        }
    }
}

#[test]
fn every_place_is_the_line_of_the_entry() {
    for file in REAL {
        let pins = real(file, &Target::default());
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/npm_lockfile/real");
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        for pin in &pins.pins {
            let line: usize = pin.origin.rsplit(':').next().unwrap().parse().unwrap();
            let found = text.lines().nth(line - 1).unwrap();
            let name = pin.purl.name();
            assert!(found.contains(&name) || found.contains("old-ms"), "{} says {found:?}", pin.origin);
        }
    }
}

#[test]
fn folders_and_platforms_are_skipped_with_their_reason() {
    for file in REAL.into_iter().filter(|file| *file != "yarn1/yarn.lock") {
        let pins = real(file, &Target::default());
        assert!(why(&pins, "@esbuild/darwin-arm64").contains("darwin"), "{file}");
        assert!(why(&pins, "two").contains("folder"), "{file}");
    }
    let mac = Target { os: "darwin".into(), cpu: "arm64".into(), libc: String::new(), ..Target::default() };
    for file in ["npm/package-lock.json", "pnpm9/pnpm-lock.yaml", "berry/yarn.lock"] {
        let found = releases(&real(file, &mac));
        assert!(found.contains(&"pkg:npm/%40esbuild/darwin-arm64@0.25.0".to_owned()), "{file}");
        assert!(!found.iter().any(|one| one.contains("linux")), "{file}");
    }
}

#[test]
fn what_only_development_needs_is_known_and_may_be_left() {
    for file in ["npm/package-lock.json", "pnpm8/pnpm-lock.yaml", "pnpm9/pnpm-lock.yaml"] {
        let pins = real(file, &Target::default());
        let scope = |name: &str| pins.pins.iter().find(|pin| pin.purl.name() == name).unwrap().scope;
        assert_eq!(scope("esbuild"), Scope::Development, "{file}");
        assert_eq!(scope("debug"), Scope::Runtime, "{file}");
        assert_eq!(scope("ms"), Scope::Runtime, "{file}");
        let without = real(file, &Target { development: false, ..Target::default() });
        assert!(!releases(&without).iter().any(|one| one.contains("esbuild")), "{file}");
        assert!(why(&without, "has-flag").contains("development"), "{file}");
    }
}

#[test]
fn what_comes_from_elsewhere_is_said_in_npms_lock() {
    let lock = r#"{"lockfileVersion": 3, "packages": {
        "": {"name": "demo"},
        "node_modules/a": {"version": "1.0.0", "resolved": "git+ssh://git@host.example/a.git#0123"},
        "node_modules/b": {"version": "1.0.0", "resolved": "https://host.example/b.tgz", "integrity": "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
        "node_modules/c": {"version": "1.0.0", "resolved": "file:c.tgz"},
        "node_modules/d": {"version": "1.0.0", "inBundle": true},
        "node_modules/e": {"resolved": "packages/e", "link": true},
        "packages/e": {"version": "1.0.0"},
        "packages/e/node_modules/alias": {"name": "@x/real", "version": "2.0.0-rc.1", "optional": true}
    }}"#;
    let pins = of("npm-shrinkwrap.json", lock).unwrap();
    assert_eq!(releases(&pins), ["pkg:npm/%40x/real@2.0.0-rc.1"]);
    assert_eq!(pins.pins[0].scope, Scope::Optional);
    assert_eq!(pins.skipped.len(), 7);
    assert!(why(&pins, "a@1.0.0").contains("version control"));
    assert!(why(&pins, "b@1.0.0").contains("no registry"));
    assert!(why(&pins, "c@1.0.0").contains("local file"));
    assert!(why(&pins, "d@1.0.0").contains("bundles"));
}

#[test]
fn what_comes_from_elsewhere_is_said_in_pnpms_lock() {
    let lock = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      g:\n        specifier: user/g\n        \
        version: https://host.example/user/g/tar.gz/0123\npatchedDependencies:\n  ms@2.1.3:\n    hash: abc\n    path: p.patch\n\
        packages:\n  g@https://host.example/user/g/tar.gz/0123:\n    resolution: {tarball: https://host.example/user/g/tar.gz/0123}\n    \
        version: 1.0.0\n  h@git+https://host.example/h.git#0123:\n    resolution: {commit: '0123', repo: https://host.example/h.git, type: git}\n  \
        f@file:f.tgz:\n    resolution: {integrity: sha512-x, tarball: file:f.tgz}\n  \
        node@runtime:22.0.0:\n    resolution: {type: variations}\n\
        snapshots:\n  g@https://host.example/user/g/tar.gz/0123: {}\n";
    let pins = of("pnpm-lock.yaml", lock).unwrap();
    assert!(pins.pins.is_empty());
    assert_eq!(pins.skipped.len(), 5);
    assert!(why(&pins, "h@git").contains("version control"));
    assert!(why(&pins, "ms@2.1.3").contains("patched"));
    assert!(why(&pins, "f@file").contains("local file"));
    assert!(why(&pins, "node@runtime").contains("runtime"));
}

#[test]
fn what_comes_from_elsewhere_is_said_in_yarns_locks() {
    let classic = "# yarn lockfile v1\n\n\"a@git+https://host.example/a.git\":\n  version \"1.0.0\"\n  \
        resolved \"git+https://host.example/a.git#0123\"\n\nb@user/b:\n  version \"1.0.0\"\n  \
        resolved \"https://host.example/user/b/tar.gz/0123\"\n\n\"alias@npm:@x/real@^2\", \"@x/real@2\":\n  version \"2.0.1\"\n  \
        resolved \"https://registry.example/@x/real/-/real-2.0.1.tgz#a9993e364706816aba3e25717850c26c9cd0d89d\"\n  dependencies:\n    ms \"2\"\n";
    let pins = of("yarn.lock", classic).unwrap();
    assert_eq!(releases(&pins), ["pkg:npm/%40x/real@2.0.1"]);
    assert_eq!(pins.pins[0].checksums[0].to_string(), "sha1:a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(pins.skipped.len(), 2);
    let berry = "__metadata:\n  version: 8\n\n\"a@patch:a@npm%3A1.0.0#./a.patch\":\n  version: 1.0.0\n  \
        resolution: \"a@patch:a@npm%3A1.0.0#./a.patch::version=1.0.0&hash=0123\"\n\n\"a@npm:1.0.0\":\n  version: 1.0.0\n  \
        resolution: \"a@npm:1.0.0\"\n\n\"b@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"b@workspace:.\"\n\n\
        \"c@https://host.example/c.tgz\":\n  version: 1.0.0\n  resolution: \"c@https://host.example/c.tgz\"\n\n\
        \"d@npm:2.0.0\":\n  version: 2.0.0\n  resolution: \"d@npm:2.0.0::__archiveUrl=https%3A%2F%2Fhost.example%2Fd.tgz\"\n";
    let pins = of("yarn.lock", berry).unwrap();
    assert_eq!(releases(&pins), ["pkg:npm/a@1.0.0"]);
    assert_eq!(pins.skipped.len(), 4);
    assert!(why(&pins, "a@patch").contains("patch"));
}
