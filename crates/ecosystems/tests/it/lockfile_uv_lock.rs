//! `uv.lock`: what uv itself exports from real locks, and what is refused.

use super::lockfile_requirements::{answer, fixture, releases, windows};
use proptest::prelude::*;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_ecosystems::pypi::lockfile::uv_lock::read_bytes;
use trustmill_ecosystems::pypi::lockfile::{Groups, Selection, Target, read};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn selecting(extras: &[&str], groups: Option<&[&str]>) -> Target {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let groups = groups.map_or(Groups::Default, |groups| Groups::Only(owned(groups)));
    Target { selection: Selection { extras: owned(extras), groups }, ..Target::default() }
}

fn at(file: &str, target: &Target) -> Pins {
    read(&fixture(file), target).unwrap().unwrap()
}

fn text(text: &str) -> Result<Pins, LockfileError> {
    read_bytes(text.as_bytes(), &Target::default())
}

/// A project that depends on `a`, and the package table of `a`.
fn lock(dependency: &str, a: &str) -> String {
    format!(
        "version = 1\nrequires-python = \">=3.9\"\n[[package]]\nname = \"me\"\nsource = {{ virtual = \".\" }}\n\
         dependencies = [{{ name = \"a\"{dependency} }}]\n[[package]]\nname = \"a\"\n{a}\n"
    )
}

const REGISTRY: &str = "version = \"1\"\nsource = { registry = \"https://files.example/simple\" }\n";

#[track_caller]
fn refused(lock: &str, code: &str, line: usize) {
    let error = text(lock).unwrap_err();
    assert_eq!((error.code, error.origin), (code, format!("uv.lock:{line}")), "{}\n{lock}", error.what);
    assert!(!error.help.is_empty());
}

#[test]
fn a_project_pins_what_uv_exports() {
    let lock = "project/uv.lock";
    assert_eq!(releases(&at(lock, &Target::default())), answer("project/default.linux.txt"));
    assert_eq!(releases(&at(lock, &windows())), answer("project/default.windows.txt"));
    assert_eq!(
        releases(&at(lock, &selecting(&["fancy"], Some(&["dev", "docs"])))),
        answer("project/all.linux.txt")
    );
    assert_eq!(releases(&at(lock, &selecting(&["Fancy"], Some(&[])))), answer("project/fancy.linux.txt"));
    let pins = at(lock, &Target::default());
    assert!(pins.pins.iter().all(|pin| pin.hashes.len() == 2), "a wheel and an sdist each");
    let why = |name: &str| pins.skipped.iter().find(|one| one.entry.starts_with(name)).unwrap().why.clone();
    assert!(why("small-project").contains("project itself"));
    assert!(why("colorama").contains("nothing"));
    let all = std::fs::read_to_string(fixture(lock)).unwrap().matches("[[package]]").count();
    assert_eq!(pins.pins.len() + pins.skipped.len(), all, "nothing is dropped silently");
}

#[test]
fn a_workspace_is_walked_from_every_member() {
    assert_eq!(releases(&at("workspace/uv.lock", &Target::default())), answer("workspace/all.txt"));
    let with_extra = releases(&at("workspace/uv.lock", &selecting(&["x"], None)));
    assert!(with_extra.iter().any(|release| release.starts_with("attrs==")), "{with_extra:?}");
}

#[test]
fn conflicting_extras_choose_their_fork() {
    let lock = "conflicts/uv.lock";
    assert_eq!(releases(&at(lock, &selecting(&["old"], None))), answer("conflicts/old.txt"));
    assert_eq!(releases(&at(lock, &selecting(&["new"], None))), answer("conflicts/new.txt"));
    assert_eq!(releases(&at(lock, &Target::default())), answer("conflicts/neither.txt"));
    assert_eq!(read(&fixture(lock), &selecting(&["old", "new"], None)).unwrap().unwrap_err().code, "TM0204");
}

#[test]
fn a_script_is_walked_from_its_requirements() {
    assert_eq!(releases(&at("script/tool.py.lock", &Target::default())), answer("script/linux.txt"));
}

#[test]
fn a_lock_for_elsewhere_or_later_is_refused() {
    let good = lock("", REGISTRY);
    assert_eq!(text(&good).unwrap().pins.len(), 1);
    assert_eq!(
        text(&good.replace("version = 1\n", "version = 1\nrevision = 99\nnew-key = 3\n")).unwrap().pins.len(),
        1
    );
    refused(&good.replace("version = 1\n", "version = 2\n"), "TM0207", 1);
    refused(&good.replace(">=3.9", ">=3.12"), "TM0208", 2);
    refused(
        &good.replace(
            "[[package]]\nname = \"me\"",
            "supported-markers = [\"os_name == 'nt'\"]\n[[package]]\nname = \"me\"",
        ),
        "TM0208",
        3,
    );
    assert_eq!(read_bytes(good.as_bytes(), &selecting(&["no"], None)).unwrap_err().code, "TM0210");
    assert_eq!(read_bytes(good.as_bytes(), &selecting(&[], Some(&["no"]))).unwrap_err().code, "TM0210");
}

#[test]
fn what_is_not_from_a_registry_is_skipped() {
    for source in [
        "git = \"https://files.example/a\"",
        "url = \"https://files.example/a.whl\", subdirectory = \"s\"",
        "path = \"a.whl\"",
        "directory = \"a\"",
        "editable = \"a\"",
        "virtual = \"a\"",
        "registry = \"../wheels\"",
    ] {
        let pins = text(&lock("", &format!("version = \"1\"\nsource = {{ {source} }}"))).unwrap();
        assert_eq!((pins.pins.len(), pins.skipped.len()), (0, 2), "{source}");
    }
    refused(&lock("", "source = { elsewhere = \"x\" }"), "TM0202", 9);
}

#[test]
fn a_lock_that_does_not_hold_together_is_refused() {
    refused(&lock("", REGISTRY).replace("name = \"a\"\nversion", "name = \"b\"\nversion"), "TM0209", 6);
    refused(
        &format!("{}[[package]]\nname = \"a\"\n{}", lock("", REGISTRY), REGISTRY.replace("\"1\"", "\"2\"")),
        "TM0209",
        6,
    );
    let chosen = format!(
        "{}[[package]]\nname = \"a\"\n{}",
        lock(", version = \"2\"", REGISTRY),
        REGISTRY.replace("\"1\"", "\"2\"")
    );
    assert_eq!(releases(&text(&chosen).unwrap()), ["a==2"]);
    refused(&lock(", marker = \"os_name\"", REGISTRY), "TM0202", 6);
    refused(&lock("", &REGISTRY.replace("version = \"1\"\n", "")), "TM0209", 8);
    for (hash, code) in [(format!("sha512:{A}"), "TM0205"), ("sha256:00".to_owned(), "TM0205")] {
        refused(&lock("", &format!("{REGISTRY}wheels = [{{ url = \"x\", hash = \"{hash}\" }}]")), code, 8);
    }
}

#[test]
fn a_cycle_of_dependencies_ends() {
    let cycle = format!(
        "{}dependencies = [{{ name = \"a\", extra = [\"x\"] }}, {{ name = \"me\" }}]\n[package.optional-dependencies]\nx = [{{ name = \"a\", extra = [\"x\"] }}]",
        lock("", REGISTRY)
    );
    assert_eq!(releases(&text(&cycle).unwrap()), ["a==1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_mutated_real_lock_never_panics(edits in proptest::collection::vec((0usize..40_000, any::<u8>()), 1..4), cut in 0usize..60_000) {
        let mut bytes = std::fs::read(fixture("project/uv.lock")).unwrap();
        bytes.truncate(cut.max(1));
        let length = bytes.len();
        edits.iter().for_each(|(at, byte)| bytes[at % length] = *byte);
        let _ = read_bytes(&bytes, &Target::default());
    }
}
