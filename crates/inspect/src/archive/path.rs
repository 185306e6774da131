//! Member names from a foreign archive: what is refused, and why.
//!
//! A name that passes is a relative path of plain components which means the same file on every
//! platform, so that what was scanned is what gets installed.

use unicode_normalization::UnicodeNormalization as _;

/// Why a member's name is refused. `name` is escaped for display and cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is `..`.
    #[error("member {name} climbs out of the archive with `..`")]
    Parent {
        /// The member.
        name: String,
    },
    /// The path is absolute.
    #[error("member {name} has an absolute path")]
    Absolute {
        /// The member.
        name: String,
    },
    /// The path starts with a drive letter.
    #[error("member {name} names a drive")]
    Drive {
        /// The member.
        name: String,
    },
    /// The path has a backslash, which is a separator on one platform and a letter on another.
    #[error("member {name} has a backslash in its path")]
    Backslash {
        /// The member.
        name: String,
    },
    /// A component is empty or `.`: two spellings of one path.
    #[error("member {name} has an empty or `.` component in its path")]
    EmptyComponent {
        /// The member.
        name: String,
    },
    /// The path has a NUL or another control character.
    #[error("member {name} has a control character in its path")]
    Control {
        /// The member.
        name: String,
    },
    /// The name is not UTF-8, or does not say that it is.
    #[error("member {name} has a name that is not marked and valid UTF-8")]
    NotUtf8 {
        /// The member, with replacement characters.
        name: String,
    },
    /// The path is longer than the limit.
    #[error("a member's path has {len} bytes; the limit is {limit}")]
    TooLong {
        /// Bytes it has.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The same path occurs twice.
    #[error("member {name} occurs twice")]
    Duplicate {
        /// The member.
        name: String,
    },
    /// Two paths differ only by case or Unicode form: one file on some platforms.
    #[error("members {name} and {other} are one file where case or Unicode form does not count")]
    CaseCollision {
        /// The later one.
        name: String,
        /// The earlier one.
        other: String,
    },
    /// A path is both a file and a directory of another member.
    #[error("member {name} is both a file and a directory")]
    FileAndDirectory {
        /// The path.
        name: String,
    },
}

impl PathError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Parent { .. } => "TM0301",
            Self::Absolute { .. } => "TM0302",
            Self::Drive { .. } => "TM0303",
            Self::Backslash { .. } => "TM0304",
            Self::EmptyComponent { .. } => "TM0305",
            Self::Control { .. } => "TM0306",
            Self::NotUtf8 { .. } => "TM0307",
            Self::TooLong { .. } => "TM0308",
            Self::Duplicate { .. } => "TM0309",
            Self::CaseCollision { .. } => "TM0310",
            Self::FileAndDirectory { .. } => "TM0311",
        }
    }
}

/// A foreign name for an error message: escaped, quoted, at most 120 characters.
pub(crate) fn shown(name: &str) -> String {
    let cut: String = name.chars().take(120).collect();
    let dots = if cut.len() < name.len() { "…" } else { "" };
    format!("{cut:?}{dots}")
}

/// Checks one path. Directories come without their trailing slash.
pub(crate) fn check(path: &str, limit: usize) -> Result<(), PathError> {
    if path.len() > limit {
        return Err(PathError::TooLong { len: path.len(), limit });
    }
    let name = || shown(path);
    if path.chars().any(char::is_control) {
        return Err(PathError::Control { name: name() });
    }
    if path.contains('\\') {
        return Err(PathError::Backslash { name: name() });
    }
    if path.starts_with('/') {
        return Err(PathError::Absolute { name: name() });
    }
    let mut letters = path.bytes();
    if letters.next().is_some_and(|b| b.is_ascii_alphabetic()) && letters.next() == Some(b':') {
        return Err(PathError::Drive { name: name() });
    }
    for component in path.split('/') {
        match component {
            ".." => return Err(PathError::Parent { name: name() }),
            "" | "." => return Err(PathError::EmptyComponent { name: name() }),
            _ => {}
        }
    }
    Ok(())
}

/// One name of an archive, for [`check_set`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name<'a> {
    /// A checked path, without a trailing slash.
    pub(crate) path: &'a str,
    /// Whether it is a directory.
    pub(crate) directory: bool,
}

/// Finds what two names of one archive do to each other. Memory grows with the names' bytes only.
pub(crate) fn check_set<'a>(names: impl Iterator<Item = Name<'a>>) -> Result<(), PathError> {
    let mut sorted: Vec<(String, Name<'a>)> = names.map(|name| (fold(name.path), name)).collect();
    sorted.sort_unstable();
    let mut followed = sorted.iter().zip(sorted.iter().skip(1));
    followed.try_for_each(|((key, name), (next_key, next))| check_pair(key, *name, next_key, *next))
}

fn check_pair(key: &str, name: Name<'_>, next_key: &str, next: Name<'_>) -> Result<(), PathError> {
    let below = next_key.strip_prefix(key);
    let collides = match below {
        Some("") => !(name.directory && next.directory) || name.path == next.path,
        // The separator sorts first, so what is below a file comes right after it.
        Some(rest) => !name.directory && rest.starts_with(SEPARATOR),
        None => false,
    };
    if !collides {
        return Ok(());
    }
    let shown_name = shown(next.path);
    let same_case = next.path.starts_with(name.path);
    Err(match (below, name.directory, next.directory) {
        _ if !same_case => PathError::CaseCollision { name: shown_name, other: shown(name.path) },
        (Some(""), a, b) if a == b => PathError::Duplicate { name: shown_name },
        _ => PathError::FileAndDirectory { name: shown(name.path) },
    })
}

/// Stands for `/` in folded names; no checked path has a control character.
const SEPARATOR: char = '\0';

/// Lower case and NFC: what file systems that do not tell case apart make of a name.
fn fold(path: &str) -> String {
    path.nfc().flat_map(char::to_lowercase).nfc().map(|c| if c == '/' { SEPARATOR } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str) -> &'static str {
        check(path, 100).map_or_else(|e| e.code(), |()| "ok")
    }

    #[test]
    fn each_bad_name_has_its_own_refusal() {
        let long = "a".repeat(101);
        for (path, want) in [
            ("a/../b", "TM0301"),
            ("..", "TM0301"),
            ("/etc/passwd", "TM0302"),
            ("C:evil", "TM0303"),
            ("c:/evil", "TM0303"),
            ("a\\b", "TM0304"),
            ("a//b", "TM0305"),
            ("./a", "TM0305"),
            ("a/.", "TM0305"),
            ("", "TM0305"),
            ("a/", "TM0305"),
            ("a\0b", "TM0306"),
            ("a\nb", "TM0306"),
            ("a\u{85}b", "TM0306"),
            (long.as_str(), "TM0308"),
            ("a/b.py", "ok"),
            ("ünï/..b", "ok"),
            ("a b/c:d", "ok"),
        ] {
            assert_eq!(code(path), want, "{path:?}");
        }
    }

    fn pair(a: &str, b: &str) -> &'static str {
        let names = [a, "m/z", "a!", b, "a.b"];
        let names = names.iter().map(|p| Name { path: p.trim_end_matches('/'), directory: p.ends_with('/') });
        check_set(names).map_or_else(|e| e.code(), |()| "ok")
    }

    #[test]
    fn names_that_harm_each_other_are_refused() {
        for (a, b, want) in [
            ("a", "a", "TM0309"),
            ("a/", "a/", "TM0309"),
            ("Setup.py", "setup.PY", "TM0310"),
            ("straße", "STRAßE", "TM0310"),
            ("caf\u{e9}", "cafe\u{301}", "TM0310"),
            ("a", "A/b", "TM0310"),
            ("a", "a/b", "TM0311"),
            ("a/b", "a", "TM0311"),
            ("a/", "a", "TM0311"),
            ("a/", "a/b", "ok"),
            ("a/b", "a/", "ok"),
            ("Docs/a", "docs/b", "ok"),
        ] {
            assert_eq!(pair(a, b), want, "{a} {b}");
        }
    }
}
