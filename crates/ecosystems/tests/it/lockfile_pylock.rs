//! `pylock.toml`: real exports against uv's own answer, and what is refused.

use super::lockfile_requirements::{answer, fixture, releases, windows};
use proptest::prelude::*;
use std::collections::BTreeSet;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_ecosystems::pypi::lockfile::pylock::read_bytes;
use trustmill_ecosystems::pypi::lockfile::{Groups, Selection, Target, read};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn text(text: &str) -> Result<Pins, LockfileError> {
    read_bytes(text.as_bytes(), &Target::default())
}

/// A lock with `head` and one package of `body`.
fn lock(head: &str, body: &str) -> String {
    format!("lock-version = \"1.0\"\ncreated-by = \"x\"\n{head}\n[[packages]]\nname = \"a\"\n{body}\n")
}

fn wheel() -> String {
    format!(
        "version = \"1\"\nwheels = [{{ url = \"https://files.example/a.whl\", hashes = {{ sha256 = \"{A}\" }} }}]"
    )
}

#[track_caller]
fn refused(lock: &str, code: &str, line: usize) {
    let error = text(lock).unwrap_err();
    assert_eq!((error.code, error.origin), (code, format!("pylock.toml:{line}")), "{}\n{lock}", error.what);
    assert!(!error.help.is_empty());
}

#[test]
fn an_export_pins_what_uv_installs_from_it() {
    let at = |file: &str, target: &Target| releases(&read(&fixture(file), target).unwrap().unwrap());
    assert_eq!(at("project/pylock.toml", &Target::default()), answer("project/default.linux.txt"));
    assert_eq!(at("project/pylock.toml", &windows()), answer("project/default.windows.txt"));
    assert_eq!(at("project/pylock.all.toml", &Target::default()), answer("project/all.linux.txt"));
    let pins = read(&fixture("project/pylock.toml"), &Target::default()).unwrap().unwrap();
    assert!(pins.pins.iter().all(|pin| pin.hashes.len() == 2), "a wheel and an sdist each");
    assert!(
        pins.skipped
            .iter()
            .any(|one| one.entry.starts_with("small-project") && one.why.contains("directory"))
    );
}

#[test]
fn extras_and_groups_are_selected() {
    let head = "extras = [\"fancy\"]\ndependency-groups = [\"dev\", \"docs\"]\ndefault-groups = [\"dev\"]";
    let with = |marker: &str, selection: Selection| {
        let target = Target { selection, ..Target::default() };
        let text = lock(head, &format!("marker = \"{marker}\"\n{}", wheel()));
        read_bytes(text.as_bytes(), &target).map(|pins| pins.pins.len())
    };
    let only = |extra: &[&str], group: &[&str]| Selection {
        extras: extra.iter().map(|name| (*name).to_owned()).collect(),
        groups: Groups::Only(group.iter().map(|name| (*name).to_owned()).collect()),
    };
    assert_eq!(with("'fancy' in extras", Selection::default()), Ok(0));
    assert_eq!(with("'fancy' in extras", only(&["Fancy"], &[])), Ok(1));
    assert_eq!(with("'dev' in dependency_groups", Selection::default()), Ok(1));
    assert_eq!(with("'dev' in dependency_groups", only(&[], &["docs"])), Ok(0));
    assert_eq!(with("'docs' in dependency_groups", only(&[], &["docs"])), Ok(1));
    assert_eq!(with("os_name == 'posix'", only(&["none"], &[])).unwrap_err().code, "TM0210");
    assert_eq!(with("os_name == 'posix'", only(&[], &["none"])).unwrap_err().code, "TM0210");
}

#[test]
fn a_lock_for_elsewhere_or_later_is_refused() {
    refused(&lock("", &wheel()).replace("\"1.0\"", "\"2.0\""), "TM0207", 1);
    refused(&lock("", &wheel()).replace("\"1.0\"", "\"x\""), "TM0207", 1);
    assert!(text(&lock("", &wheel()).replace("\"1.0\"", "\"1.7\"")).is_ok());
    refused(&lock("requires-python = \">=3.12\"", &wheel()), "TM0208", 3);
    refused(&lock("environments = [\"os_name == 'nt'\"]", &wheel()), "TM0208", 3);
    assert!(text(&lock("environments = [\"os_name == 'nt'\", \"os_name == 'posix'\"]", &wheel())).is_ok());
    refused(&lock("", &format!("requires-python = \"<3\"\n{}", wheel())), "TM0208", 5);
}

#[test]
fn what_is_not_from_a_registry_is_skipped_and_digests_are_not_weakened() {
    for other in ["vcs = { type = \"git\" }", "directory = { path = \".\" }", "archive = { url = \"x\" }"] {
        let pins = text(&lock("", other)).unwrap();
        assert_eq!((pins.pins.len(), pins.skipped.len()), (0, 1));
        refused(&lock("", &format!("{other}\n{}", wheel())), "TM0209", 5);
    }
    refused(&lock("", &wheel().replace("sha256", "sha512")), "TM0205", 5);
    refused(&lock("", &wheel().replace(&format!("sha256 = \"{A}\""), "")), "TM0205", 5);
    refused(&lock("", &wheel().replace(A, "00")), "TM0205", 5);
    refused(&lock("", "version = \"1\""), "TM0209", 5);
    refused(&lock("", &wheel().replace("version = \"1\"", "")), "TM0209", 5);
    let twice =
        format!("{}\n[[packages]]\nname = \"A\"\n{}", lock("", &wheel()), wheel().replace("\"1\"", "\"2\""));
    refused(&twice, "TM0204", 10);
    assert!(text("lock-version = \"1.0\"\npackages = 3").unwrap_err().origin.ends_with(":2"));
    refused("lock-version = \"1.0\"\n\n= 3", "TM0202", 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_mutated_real_lock_never_panics(edits in proptest::collection::vec((0usize..40_000, any::<u8>()), 1..4), cut in 0usize..40_000) {
        let mut bytes = std::fs::read(fixture("project/pylock.toml")).unwrap();
        bytes.truncate(cut.max(1));
        let length = bytes.len();
        edits.iter().for_each(|(at, byte)| bytes[at % length] = *byte);
        if let Ok(pins) = read_bytes(&bytes, &Target::default()) {
            let names: BTreeSet<String> = pins.pins.iter().map(|pin| pin.purl.name()).collect();
            prop_assert_eq!(names.len(), pins.pins.len());
            prop_assert!(pins.pins.iter().all(|pin| !pin.hashes.is_empty()));
        }
    }
}
