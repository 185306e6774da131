//! How versions of each ecosystem are ordered, behind the trait that those read who know no ecosystem.

use crate::{npm, pypi};
use std::cmp::Ordering;
use trustmill_core::version::VersionScheme;

/// PEP 440.
pub(crate) struct Pep440;

impl VersionScheme for Pep440 {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(pypi::version::parse(a)?.cmp(&pypi::version::parse(b)?))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        pypi::version::is_prerelease(version)
    }

    fn is_compatible(&self, from: &str, to: &str) -> Option<bool> {
        let (from, to) = (pypi::version::parse(from)?, pypi::version::parse(to)?);
        let part = |version: &pep440_rs::Version, index| version.release().get(index).copied().unwrap_or(0);
        let same = |index| part(&from, index) == part(&to, index);
        let same_minor = part(&from, 0) != 0 || same(1);
        Some(from <= to && from.epoch() == to.epoch() && same(0) && same_minor)
    }
}

/// Semantic Versioning 2.0.0, of npm and of crates.io. Build metadata has no part in the order (section 10).
pub(crate) struct Semver(pub(crate) &'static str);

impl VersionScheme for Semver {
    fn ty(&self) -> &'static str {
        self.0
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(npm::version::parse(a)?.cmp_precedence(&npm::version::parse(b)?))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        npm::version::is_prerelease(version)
    }

    fn is_compatible(&self, from: &str, to: &str) -> Option<bool> {
        let (from, to) = (npm::version::parse(from)?, npm::version::parse(to)?);
        let same_minor = from.major != 0 || from.minor == to.minor;
        // `^0.0.3` takes nothing but itself.
        let same_patch = from.major != 0 || from.minor != 0 || from.patch == to.patch;
        let newer = from.cmp_precedence(&to) != Ordering::Greater;
        Some(newer && from.major == to.major && same_minor && same_patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_is_what_a_caret_takes() {
        let npm = Semver("npm");
        for (from, to, expected) in [
            ("1.2.3", "1.9.0", true),
            ("1.2.3", "2.0.0", false),
            ("0.2.3", "0.2.9", true),
            ("0.2.3", "0.3.0", false),
            ("0.0.3", "0.0.4", false),
            ("1.2.3", "1.2.2", false),
        ] {
            assert_eq!(npm.is_compatible(from, to), Some(expected), "{from} {to}");
        }
        assert_eq!(Pep440.is_compatible("2.0", "2.31.0"), Some(true));
        assert_eq!(Pep440.is_compatible("0.4", "0.5"), Some(false));
        assert_eq!(Pep440.is_compatible("1!1.0", "1.1"), Some(false));
        assert_eq!(Pep440.is_compatible("2004d", "1.1"), None);
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        assert_eq!(Pep440.compare("1.0", "1.0.0"), Some(Ordering::Equal));
        assert_eq!(Semver("cargo").compare("1.0.0+a", "1.0.0+b"), Some(Ordering::Equal));
        assert_eq!(Semver("cargo").compare("1.0", "1.0.0"), None);
    }
}
