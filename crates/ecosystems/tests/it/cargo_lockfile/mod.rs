//! What is read out of `Cargo.lock`.

use proptest::prelude::*;
use trustmill_core::lockfile::{LockfileError, Pins};
use trustmill_ecosystems::cargo::default_index::LOCKED_AS;
use trustmill_ecosystems::cargo::lockfile::{read, read_bytes};

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn lock(text: &str) -> Result<Pins, LockfileError> {
    read_bytes(text.replace("{SUM}", SUM).replace("{IO}", LOCKED_AS[0]).as_bytes())
}

fn shown(pins: &Pins) -> Vec<String> {
    let pinned = pins.pins.iter().map(|pin| format!("{} {} {}", pin.origin, pin.purl, pin.hashes.len()));
    let skipped = pins.skipped.iter().map(|one| format!("{} {}: {}", one.origin, one.entry, one.why));
    pinned.chain(skipped).collect()
}

#[test]
fn this_repository_s_own_lock_is_read_whole() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let text = std::fs::read_to_string(&path).unwrap();
    let pins = read(&path).unwrap().unwrap();
    assert_eq!(pins.pins.len() + pins.skipped.len(), text.matches("[[package]]").count());
    assert_eq!(pins.pins.len(), text.matches("\nchecksum = ").count());
    assert!(pins.pins.iter().all(|pin| pin.hashes.len() == 1));
    assert!(
        pins.skipped.iter().all(|one| one.entry.starts_with("trustmill") || one.entry.starts_with("xtask"))
    );
}

#[test]
fn every_source_has_its_verdict() {
    let text = r#"version = 4

[[package]]
name = "me"
version = "0.1.0"
dependencies = ["a", "g", "o"]

[[package]]
name = "a"
version = "1.0.0"
source = "{IO}"
checksum = "{SUM}"

[[package]]
name = "g"
version = "1.0.0"
source = "git+https://user:secret@example.invalid/g?rev=1#0123456789"

[[package]]
name = "o"
version = "1.0.0"
source = "sparse+https://user:secret@crates.example.invalid/index/"
checksum = "{SUM}"

[[package]]
name = "n"
version = "1.0.0"
source = "{IO}"

[[patch.unused]]
name = "p"
version = "2.0.0"
"#;
    let shown = shown(&lock(text).unwrap());
    assert_eq!(
        shown,
        [
            "Cargo.lock:9 pkg:cargo/a@1.0.0 1",
            "Cargo.lock:26 pkg:cargo/n@1.0.0 0",
            "Cargo.lock:4 me 0.1.0: a package of this workspace or of a local folder, not of the registry",
            "Cargo.lock:15 g 1.0.0: comes from a git repository, not from the registry",
            "Cargo.lock:20 o 1.0.0: comes from another registry: sparse+https://***@crates.example.invalid/index/",
            "Cargo.lock:31 p 2.0.0: a patch that nothing uses",
        ]
    );
}

#[test]
fn the_old_versions_are_read() {
    let first = r#"
[root]
name = "me"
version = "0.1.0"
dependencies = ["a 1.0.0 ({IO})"]

[[package]]
name = "a"
version = "1.0.0"
source = "{IO}"

[metadata]
"checksum a 1.0.0 ({IO})" = "{SUM}"
"checksum b 1.0.0 ({IO})" = "<none>"
"#;
    let pins = lock(first).unwrap();
    assert_eq!(pins.pins[0].hashes.len(), 1);
    assert_eq!(pins.skipped.len(), 1);
    let second = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{IO}\"\nchecksum = \"{SUM}\"\n";
    assert_eq!(lock(second).unwrap().pins[0].hashes.len(), 1);
    assert!(lock("").unwrap().pins.is_empty());
}

#[test]
fn what_cannot_be_right_is_refused_with_its_line() {
    let package = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"{IO}\"\n";
    for (text, code, line) in [
        ("version = 5\n".to_owned(), "TM0207", 1),
        ("version = 0\n".to_owned(), "TM0207", 1),
        (format!("{package}<<<<<<< HEAD\n"), "TM0202", 5),
        (format!("{package}\n=======\n"), "TM0202", 6),
        (format!("{package}checksum = \"abc\"\n"), "TM0205", 5),
        (format!("{package}\n{package}"), "TM0209", 7),
        (format!("{package}dependencies = [\"b\"]\n"), "TM0209", 5),
        (package.replace("1.0.0", "1.0"), "TM0202", 2),
        (package.replace("\"a\"", "\"../a\""), "TM0202", 2),
        ("[[package]]\nname = \"a\"\n".to_owned(), "TM0202", 1),
        (format!("{package}version = "), "TM0202", 5),
    ] {
        let error = lock(&text).unwrap_err();
        assert_eq!(
            (error.code, error.origin.as_str()),
            (code, format!("Cargo.lock:{line}").as_str()),
            "{text}\n{error}"
        );
    }
    assert!(read(std::path::Path::new("cargo.toml")).is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_bytes(&bytes);
    }

    #[test]
    fn no_edit_of_a_lock_makes_it_panic(at in 0usize..400, with in "[\\[\\]\"=\n a-z<>0-9.]{0,6}") {
        let text = "version = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://r.invalid\"\nchecksum = \"e3b0\"\n[metadata]\n\"checksum a\" = \"x\"\n";
        let mut text = text.to_owned();
        text.insert_str(at.min(text.len()), &with);
        let _ = read_bytes(text.as_bytes());
    }
}
