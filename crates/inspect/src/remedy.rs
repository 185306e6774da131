//! What to do about a finding, as far as its records say: which version mends it, or that none can.

use serde::Serialize;
use std::fmt;
use trustmill_core::advisory::Finding;
use trustmill_core::version::VersionScheme;

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "version")]
pub enum Remedy {
    /// Malware: no version of it is an upgrade.
    Remove,
    /// The lowest version that mends it and that whoever accepts compatible updates takes.
    Compatible(String),
    /// The lowest version that mends it; none of those is compatible.
    Breaking(String),
    /// No record names a version that mends it.
    Unknown,
    /// Nothing need be mended: the record only informs.
    Nothing,
}

impl Remedy {
    /// What follows from a finding.
    pub fn of(finding: &Finding, scheme: &dyn VersionScheme) -> Self {
        if finding.malicious {
            return Self::Remove;
        }
        let pinned = finding.release.version().unwrap_or_default();
        let fixed: Vec<&str> = finding.fixed.iter().map(String::as_str).collect();
        match choose(pinned, &fixed, scheme) {
            Some((version, true)) => Self::Compatible(version.to_owned()),
            Some((version, false)) => Self::Breaking(version.to_owned()),
            None if finding.advisory.informational => Self::Nothing,
            None => Self::Unknown,
        }
    }

    /// The version to go to.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Compatible(version) | Self::Breaking(version) => Some(version),
            Self::Remove | Self::Unknown | Self::Nothing => None,
        }
    }
}

/// The version to go to from `pinned` among versions that mend, lowest first, and whether it is compatible. A
/// pre-release is chosen where one is pinned, or where there is nothing else.
pub fn choose<'a>(pinned: &str, fixed: &[&'a str], scheme: &dyn VersionScheme) -> Option<(&'a str, bool)> {
    let early = scheme.is_prerelease(pinned);
    let compatible = |version: &&&str| scheme.is_compatible(pinned, version) == Some(true);
    let settled = || fixed.iter().filter(|version| early || !scheme.is_prerelease(version));
    let found = settled().find(compatible).map(|version| (*version, true));
    found
        .or_else(|| settled().next().map(|version| (*version, false)))
        .or_else(|| fixed.first().map(|version| (*version, compatible(&version))))
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remove => f.write_str(
                "remove it, and take every credential that was within reach of a machine that installed it as stolen: \
                 rotate them",
            ),
            Self::Compatible(version) => write!(f, "upgrade to {version}, which is compatible"),
            Self::Breaking(version) => {
                write!(f, "upgrade to {version}; no compatible version is known to mend it")
            }
            Self::Unknown => f.write_str("no fix is known"),
            Self::Nothing => f.write_str("nothing to mend: the record only informs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// `MAJOR.MINOR`, with `-` before a pre-release.
    struct Plain;

    fn parts(text: &str) -> Option<(u32, u32)> {
        let (major, minor) = text.trim_end_matches("-rc").split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    }

    impl VersionScheme for Plain {
        fn ty(&self) -> &'static str {
            "plain"
        }
        fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
            Some(parts(a)?.cmp(&parts(b)?))
        }
        fn is_prerelease(&self, version: &str) -> bool {
            version.ends_with("-rc")
        }
        fn is_compatible(&self, from: &str, to: &str) -> Option<bool> {
            Some(parts(from)?.0 == parts(to)?.0)
        }
    }

    #[test]
    fn the_lowest_compatible_fix_is_chosen_then_the_nearest() {
        assert_eq!(choose("1.0", &["1.3-rc", "1.4", "1.5", "2.0"], &Plain), Some(("1.4", true)));
        assert_eq!(choose("1.0-rc", &["1.3-rc", "1.4"], &Plain), Some(("1.3-rc", true)));
        assert_eq!(choose("1.0", &["2.0", "3.0"], &Plain), Some(("2.0", false)));
        assert_eq!(choose("1.0", &["1.9-rc"], &Plain), Some(("1.9-rc", true)));
        assert_eq!(choose("1.0", &["2.0-rc", "2.1"], &Plain), Some(("2.1", false)));
        assert_eq!(choose("1.0", &[], &Plain), None);
        assert_eq!(choose("x", &["2.0"], &Plain), Some(("2.0", false)));
    }
}
