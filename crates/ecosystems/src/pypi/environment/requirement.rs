//! Requirement strings come from foreign source archives and go into a file that uv reads: here they are
//! held to what PEP 508 says without its direct references, so that none becomes an option, a path or a URL.

use pep440_rs::VersionSpecifiers;
use std::str::FromStr as _;

/// Longer ones are no requirements.
const LONGEST: usize = 1000;

/// More than any project declares.
pub const MOST: usize = 500;

/// Why a requirement is not resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the build requirement {text:?} {why}")]
pub struct BadRequirement {
    /// The requirement, cut.
    pub text: String,
    /// What is wrong, in words that follow the requirement.
    pub why: &'static str,
}

/// The name that a requirement asks for, normalised as PEP 503 says; `None` if it begins with none.
pub fn name(text: &str) -> Option<String> {
    let (name, _) = split(text.trim())?;
    Some(trustmill_core::package::normalise("pypi", name))
}

/// The part between name (with extras) and marker: `>=1,<2` in `a[x] (>=1,<2) ; python_version>"3"`.
pub fn specifiers(text: &str) -> Option<&str> {
    let (_, rest) = split(text.trim())?;
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']')?.1,
        None => rest,
    };
    let bare = rest.split(';').next()?.trim();
    Some(bare.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(bare).trim())
}

/// Name and what follows it.
fn split(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    name.starts_with(|c: char| c.is_ascii_alphanumeric()).then_some((name, rest))
}

/// Checks that `text` is one requirement by name, on one line, without options and direct references.
///
/// # Errors
/// [`BadRequirement`], which names what is wrong.
pub fn check(text: &str) -> Result<&str, BadRequirement> {
    let bad = |why| BadRequirement { text: text.chars().take(120).collect(), why };
    let text = text.trim();
    if text.len() > LONGEST || text.chars().any(char::is_control) {
        return Err(bad("is not one line of text"));
    }
    let (_, rest) = split(text).ok_or_else(|| bad("does not begin with a package name"))?;
    let before_marker = rest.split(';').next().unwrap_or_default();
    if before_marker.contains('@') || before_marker.contains("://") {
        return Err(bad("is a direct reference, which a build without network cannot follow"));
    }
    if rest.contains(" -") || rest.contains(['\\', '$', '#']) {
        return Err(bad("carries an option"));
    }
    let bounds = specifiers(text).unwrap_or_default();
    if !bounds.is_empty() && VersionSpecifiers::from_str(bounds).is_err() {
        return Err(bad("has bounds that PEP 440 does not know"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requirements_of_real_projects_pass() {
        for text in [
            "setuptools>=61",
            "wheel",
            "setuptools_scm[toml]>=3.4",
            "poetry-core (>=1.0,<2.0)",
            "tomli>=1; python_version < '3.11'",
            "hatchling == 1.18.* ",
        ] {
            assert_eq!(check(text), Ok(text.trim()));
        }
    }

    #[test]
    fn options_paths_and_urls_do_not() {
        for text in [
            "-r /etc/passwd",
            "--index-url http://x",
            "a @ file:///etc",
            "a@git+https://x/y",
            "a\n-r b",
            "a --hash=sha256:00",
            "./a",
            "a \\",
            "a ${HOME}",
            "setuptools>=>=42.0",
            "a b",
            "",
            "; python_version > '3'",
        ] {
            assert!(check(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_and_specifiers_are_read() {
        assert_eq!(name("Setuptools_SCM[toml]>=3").as_deref(), Some("setuptools-scm"));
        assert_eq!(specifiers("Setuptools_SCM[toml] >=3,<4 ; x").unwrap(), ">=3,<4");
        assert_eq!(specifiers("wheel").unwrap(), "");
        assert_eq!(specifiers("a (>=1)").unwrap(), ">=1");
        assert_eq!(name(">=3"), None);
    }

    proptest! {
        #[test]
        fn what_passes_is_one_line_that_begins_with_a_name(text in "[ -~\\n\\t@;#]{0,60}") {
            if let Ok(line) = check(&text) {
                prop_assert!(!line.contains('\n'));
                prop_assert!(line.starts_with(|c: char| c.is_ascii_alphanumeric()));
                prop_assert!(!line.contains(" --"));
            }
        }
    }
}
