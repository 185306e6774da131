//! Versions of npm packages: Semantic Versioning 2.0.0 (<https://semver.org>).
//!
//! The registry's oldest packages carry a few that are not quite (`1.0.0beta`). They are listed and served
//! like any other, and chosen by nobody who did not ask for them.

use semver::Version;
use std::cmp::Ordering;

/// Longest version, as node-semver has it.
const MAX_LEN: usize = 256;

/// Reads a version; `None` if the specification does not know it.
pub fn parse(text: &str) -> Option<Version> {
    (text.len() <= MAX_LEN).then(|| Version::parse(text).ok()).flatten()
}

/// Whether a text can be a version at all: one that no URL, header or path takes for something else.
pub fn is_safe(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.+_~".contains(&byte);
    !text.is_empty()
        && text.len() <= MAX_LEN
        && text.bytes().all(plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains("..")
}

/// Orders as the specification does. What is no version comes before every version, in the order of its bytes.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => a.cmp_precedence(&b),
        (None, None) => a.cmp(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Whether the version is a prerelease. What is no version counts as one: it is never chosen unasked.
pub fn is_prerelease(text: &str) -> bool {
    parse(text).is_none_or(|version| !version.pre.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_the_specification() {
        // Section 11.
        let sorted = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare("1.0.0+a", "1.0.0+b"), Ordering::Equal);
        assert_eq!(compare("1.0.0beta", "0.0.1-a"), Ordering::Less);
    }

    #[test]
    fn what_is_no_version_is_never_chosen() {
        assert!(is_prerelease("1.0.0beta") && is_prerelease("1.0") && is_prerelease("1.0.0-0"));
        assert!(!is_prerelease("1.0.0") && !is_prerelease("1.0.0+build"));
        assert!(is_safe("1.0.0beta") && is_safe("1.0.0-x+y"));
        for bad in ["", "../1", "1..0", "1/0", "-1", "1 0", "1%2e", "__proto__", "1\u{e9}", &"1".repeat(300)]
        {
            assert!(!is_safe(bad), "{bad:?}");
        }
    }
}
