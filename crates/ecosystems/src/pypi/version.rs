//! Versions of Python distributions: PEP 440 (<https://peps.python.org/pep-0440/>).
//!
//! One release is spelt in several ways: `1.0` on the wheel, `1.0.0` in a pin, `1.0-rc.1` on an old source
//! archive. Everything here meets on the spelling that PEP 440 calls normalised, and compares by meaning.

use pep440_rs::Version;
use std::cmp::Ordering;
use std::str::FromStr;

/// Longer texts are no versions: no file name could carry them.
const MAX_LEN: usize = 200;

/// Reads a version; `None` if PEP 440 does not know it.
pub fn parse(text: &str) -> Option<Version> {
    if text.len() > MAX_LEN {
        return None;
    }
    Version::from_str(text.trim()).ok()
}

/// The normalised spelling: `1.0-RC.1` is `1.0rc1`. Trailing zeros stay, for people read them.
pub fn normalise(text: &str) -> Option<String> {
    parse(text).map(|version| version.to_string())
}

/// Orders as PEP 440 does. What is no version comes before every version, in the order of its bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, None) => a.cmp(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Whether the version is a pre-release or a development release. What is no version counts as one: it
/// is never chosen unasked.
pub fn is_prerelease(text: &str) -> bool {
    parse(text).is_none_or(|version| version.any_prerelease())
}

/// The spelling under which `listed` carries `wanted`, if it does: a pin of `1.0.0` finds `1.0`.
pub fn resolve<'a>(listed: &'a [String], wanted: &str) -> Option<&'a str> {
    let exact = listed.iter().find(|version| *version == wanted);
    let equal = || {
        let wanted = parse(wanted)?;
        listed.iter().find(|version| parse(version).is_some_and(|version| version == wanted))
    };
    exact.or_else(equal).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        for (written, normal) in [
            ("1.0-RC.1", "1.0rc1"),
            ("v2.0", "2.0"),
            ("1.0.post", "1.0.post0"),
            ("1-1", "1.post1"),
            ("1.0+Ubuntu_1", "1.0+ubuntu.1"),
            ("1!2.0", "1!2.0"),
            ("1.0.0", "1.0.0"),
        ] {
            assert_eq!(normalise(written).as_deref(), Some(normal), "{written}");
        }
        for text in ["", "2004d", "1.0-", "one", &"1".repeat(300), "1.0\0", "१.0"] {
            assert_eq!(normalise(text), None, "{text}");
        }
    }

    #[test]
    fn a_pin_finds_the_release_that_means_the_same() {
        let listed = ["1.0".to_owned(), "1.1.0".to_owned()];
        assert_eq!(resolve(&listed, "1.0.0"), Some("1.0"));
        assert_eq!(resolve(&listed, "1.1"), Some("1.1.0"));
        assert_eq!(resolve(&listed, "1.2"), None);
        assert_eq!(resolve(&listed, "nonsense"), None);
    }

    #[test]
    fn what_is_no_version_is_never_newest() {
        assert_eq!(compare("2004d", "0.1.dev0"), Ordering::Less);
        assert!(is_prerelease("2004d") && is_prerelease("1.0a1") && is_prerelease("1.0.dev1"));
        assert!(!is_prerelease("1.0.post1"));
    }
}
