//! Names of crates: what may be one, and where its index file is.

/// Longest name that crates.io accepts.
const MAX_NAME: usize = 64;
/// Longest version that is read.
const MAX_VERSION: usize = 128;

/// Whether `name` may be a crate's: ASCII letters, digits, `-` and `_`, with no digit or sign in front
/// (crates.io's own rule; cargo's wider one for other registries is not served).
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The version, where it is one by the rules of Semantic Versioning 2.0 and of a sensible length. What this
/// accepts has no character that a path or a URL would read otherwise.
pub fn parse_version(text: &str) -> Option<semver::Version> {
    (text.len() <= MAX_VERSION).then(|| semver::Version::parse(text).ok()).flatten()
}

/// Where the index file of a crate is below the index
/// (<https://doc.rust-lang.org/cargo/reference/registry-index.html#index-files>).
pub fn index_path(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    format!("{}/{lower}", prefix(&lower))
}

/// The folders before the file: `1`, `2`, `3/a`, `ab/cd`. `name` has passed [`is_name`].
pub fn prefix(name: &str) -> String {
    let part = |range: std::ops::Range<usize>| name.get(range).unwrap_or_default();
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", part(0..1)),
        _ => format!("{}/{}", part(0..2), part(2..4)),
    }
}

/// The name under which a release's file is kept and locked.
pub fn filename(name: &str, version: &str) -> String {
    format!("{name}-{version}.crate")
}

/// Name and version of a `.crate`; the version begins at the first `-` behind which the rest is one.
pub fn parse_filename(filename: &str) -> Option<(&str, &str)> {
    let stem = filename.strip_suffix(".crate")?;
    stem.match_indices('-').find_map(|(at, _)| {
        let (name, version) = (stem.get(..at)?, stem.get(at + 1..)?);
        (is_name(name) && parse_version(version).is_some()).then_some((name, version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_file_is_where_cargo_looks_for_it() {
        for (name, path) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("Abc", "3/a/abc"),
            ("serde", "se/rd/serde"),
            ("Inflector", "in/fl/inflector"),
        ] {
            assert_eq!(index_path(name), path);
        }
    }

    #[test]
    fn a_name_stays_within_its_path() {
        for bad in ["", "..", "a/b", "a.b", "-a", "1a", "é", "a b", "a\0", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("serde_json") && is_name("_x") && is_name("A-1"));
    }

    #[test]
    fn a_file_name_tells_name_and_version() {
        assert_eq!(parse_filename("serde-1.0.0.crate"), Some(("serde", "1.0.0")));
        assert_eq!(parse_filename("md-5-0.10.6.crate"), Some(("md-5", "0.10.6")));
        assert_eq!(parse_filename("a-1.0.0-rc.1+x-y.crate"), Some(("a", "1.0.0-rc.1+x-y")));
        for bad in ["serde.crate", "serde-1.0.crate", "serde-1.0.0.tgz", "../a-1.0.0.crate", "-1.0.0.crate"] {
            assert_eq!(parse_filename(bad), None, "{bad}");
        }
    }
}
