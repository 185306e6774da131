//! Names in a foreign tree: what no archive may hold, and what git itself must never meet.

use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::UnicodeNormalization as _;

/// Longest path, in bytes.
const LONGEST: usize = 4_096;

/// A component of a path, if it may be one; else the reason.
pub(super) fn component(name: &[u8]) -> Result<&str, &'static str> {
    let name = std::str::from_utf8(name).map_err(|_| "its name is not UTF-8")?;
    if name.is_empty() || name == "." {
        return Err("a component of its path is empty or `.`");
    }
    if name == ".." {
        return Err("its path climbs with `..`");
    }
    if name.contains('/') {
        return Err("a component of its path has a slash");
    }
    if name.contains('\\') {
        return Err("its path has a backslash");
    }
    if name.chars().any(char::is_control) {
        return Err("its path has a control character");
    }
    if is_git(name) {
        return Err("its path is git's own folder, in some spelling");
    }
    Ok(name)
}

/// `path` with `name` below it, if that is no longer than a path may be.
pub(super) fn join(path: &str, name: &str) -> Result<String, &'static str> {
    let joined = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    let mut letters = joined.bytes();
    if letters.next().is_some_and(|b| b.is_ascii_alphabetic()) && letters.next() == Some(b':') {
        return Err("its path names a drive");
    }
    if joined.len() > LONGEST { Err("its path is longer than any should be") } else { Ok(joined) }
}

/// Whether a file system of Windows or macOS would take the name for `.git`: as git's own `verify_path` has it.
fn is_git(name: &str) -> bool {
    // HFS+ ignores these code points.
    let ignored = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let plain: String = name.chars().filter(|c| !ignored(c)).flat_map(char::to_lowercase).collect();
    // NTFS drops dots and spaces at the end, and what follows a colon names a stream.
    let base = plain.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    matches!(base, ".git" | "git~1")
}

/// The paths that are one file where case or Unicode form does not count, and those of a file that is the folder of
/// another there: what the reader of archives refuses too.
///
/// All of them collide, not the later ones: nothing says which of them an archive would hold.
pub(super) fn colliding<'a>(paths: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut spelled: BTreeMap<String, Vec<&'a String>> = BTreeMap::new();
    for path in paths {
        spelled.entry(fold(path)).or_default().push(path);
    }
    let mut colliding = BTreeSet::new();
    for (folded, paths) in &spelled {
        if paths.len() > 1 {
            colliding.extend(paths);
        }
        let folders = folded.match_indices('/').filter_map(|(at, _)| spelled.get(folded.get(..at)?));
        for files in folders {
            colliding.extend(files);
            colliding.extend(paths);
        }
    }
    colliding.into_iter().cloned().collect()
}

/// Lower case and NFC: what file systems that do not tell case apart make of a name.
fn fold(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    path.nfc().flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_harm_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "a\nb",
            "a\u{7f}",
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git . .",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
            "\u{feff}.git",
        ] {
            assert!(component(name.as_bytes()).is_err(), "{name:?}");
        }
        assert!(component(b"\xff").is_err());
        for name in
            [".github", ".gitignore", ".gitmodules", "git", "aux.c", "con", "a b", "ü", "...", "git~10"]
        {
            assert_eq!(component(name.as_bytes()), Ok(name));
        }
        assert!(join("", "c:evil").is_err());
        assert!(join(&"a/".repeat(2_048), "b").is_err());
        assert_eq!(join("a", "c:d").unwrap(), "a/c:d");
    }

    #[test]
    fn whatever_collides_is_found() {
        let paths = [
            "Readme",
            "README",
            "src/a",
            "Src/b",
            "caf\u{e9}",
            "cafe\u{301}",
            "a",
            "a.b",
            "Lib",
            "lib/x",
            "n",
        ];
        let paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
        let expected = ["Lib", "README", "Readme", "cafe\u{301}", "caf\u{e9}", "lib/x"];
        assert_eq!(colliding(paths.iter()), expected);
    }
}
