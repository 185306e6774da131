//! Overrides: somebody's word that a release is handed out in spite of a policy, and for how long.

use crate::Purl;
use crate::version::VersionScheme;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// What is said. It counts only signed, see `trust::attest::overrides`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Override {
    /// The project: a package URL without a version.
    pub project: Purl,
    /// Which of its releases.
    pub versions: Versions,
    /// The only team it is for; `None` for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// The end: from this instant on it is as if it had never been said.
    pub until: Timestamp,
    /// Whether it lifts a block too, and not only a hold.
    pub even_malicious: bool,
}

/// An override is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revocation {
    /// The override's id.
    pub id: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

impl Override {
    /// Whether it speaks of a version, to a team, now.
    pub fn covers(
        &self,
        version: &str,
        team: Option<&str>,
        now: Timestamp,
        scheme: Option<&dyn VersionScheme>,
    ) -> bool {
        let meant = self.team.is_none() || self.team.as_deref() == team;
        meant && self.since <= now && now < self.until && self.versions.hold(version, scheme)
    }
}

/// Which versions of a project: all (`*`), one (`=1.2.3`), or those within bounds (`>=1.2,<2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// Every one.
    Every,
    /// Those that are within all of these, at least one.
    Within(Vec<Bound>),
}

/// One bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// How a version compares with `version`.
    pub how: How,
    /// The version, in the ecosystem's words.
    pub version: String,
}

/// How a version compares with that of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is the same, by the ecosystem's order or by its text.
    Same,
    /// It is lower.
    Below,
    /// It is lower or the same.
    UpTo,
    /// It is higher.
    Above,
    /// It is higher or the same.
    From,
}

/// The signs, longer ones first.
const SIGNS: [(&str, How); 5] =
    [(">=", How::From), ("<=", How::UpTo), (">", How::Above), ("<", How::Below), ("=", How::Same)];

/// The most bounds of one range, and the longest version in one.
const MOST_BOUNDS: usize = 8;
const LONGEST_VERSION: usize = 256;

/// A text that names no versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no versions; write *, =1.2.3, or bounds such as >=1.2,<2")]
pub struct ParseVersionsError(pub String);

impl Versions {
    /// One version.
    pub fn one(version: &str) -> Self {
        Self::Within(vec![Bound { how: How::Same, version: version.to_owned() }])
    }

    /// Whether a version is among them. Where the order of the ecosystem is not known, or the version is none there,
    /// only the very same text is.
    pub fn hold(&self, version: &str, scheme: Option<&dyn VersionScheme>) -> bool {
        let Self::Within(bounds) = self else { return true };
        bounds.iter().all(|bound| {
            let order = scheme.and_then(|scheme| scheme.compare(version, &bound.version));
            match (bound.how, order) {
                (How::Same, _) if version == bound.version => true,
                (_, None) => false,
                (How::Same, Some(order)) => order == Ordering::Equal,
                (How::Below, Some(order)) => order == Ordering::Less,
                (How::UpTo, Some(order)) => order != Ordering::Greater,
                (How::Above, Some(order)) => order == Ordering::Greater,
                (How::From, Some(order)) => order != Ordering::Less,
            }
        })
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Within(bounds) = self else { return f.write_str("*") };
        for (index, bound) in bounds.iter().enumerate() {
            let sign = SIGNS.iter().find(|(_, how)| *how == bound.how).map_or("=", |(sign, _)| sign);
            write!(f, "{}{sign}{}", if index == 0 { "" } else { "," }, bound.version)?;
        }
        Ok(())
    }
}

impl FromStr for Versions {
    type Err = ParseVersionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::Every);
        }
        let bad = || ParseVersionsError(text.chars().take(LONGEST_VERSION).collect());
        let bound = |part: &str| {
            let part = part.trim();
            let (sign, how) = SIGNS.iter().find(|(sign, _)| part.starts_with(sign)).ok_or_else(bad)?;
            let version = part.strip_prefix(sign).unwrap_or_default().trim();
            let plain =
                |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '=' | ',');
            if version.is_empty() || version.len() > LONGEST_VERSION || !version.chars().all(plain) {
                return Err(bad());
            }
            Ok(Bound { how: *how, version: version.to_owned() })
        };
        let bounds: Vec<Bound> = text.split(',').map(bound).collect::<Result<_, _>>()?;
        if bounds.len() > MOST_BOUNDS { Err(bad()) } else { Ok(Self::Within(bounds)) }
    }
}

impl Serialize for Versions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions that are whole numbers.
    struct Numbers;

    impl VersionScheme for Numbers {
        fn ty(&self) -> &'static str {
            "numbers"
        }

        fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
            Some(a.parse::<u32>().ok()?.cmp(&b.parse().ok()?))
        }

        fn is_prerelease(&self, version: &str) -> bool {
            version.parse::<u32>().is_err()
        }

        fn is_compatible(&self, from: &str, to: &str) -> Option<bool> {
            Some(self.compare(from, to)? != Ordering::Greater)
        }
    }

    fn held(text: &str) -> Vec<u32> {
        let versions: Versions = text.parse().unwrap();
        assert_eq!(versions.to_string().parse::<Versions>().unwrap(), versions);
        (1..=5).filter(|number| versions.hold(&number.to_string(), Some(&Numbers))).collect()
    }

    #[test]
    fn a_range_is_written_and_read() {
        assert_eq!(held("*"), [1, 2, 3, 4, 5]);
        assert_eq!(held("=3"), [3]);
        assert_eq!(held(">=2, <4"), [2, 3]);
        assert_eq!(held(">2,<=4"), [3, 4]);
        assert_eq!(held("=03"), [3], "another spelling of the same version");
    }

    #[test]
    fn what_names_no_versions_is_refused() {
        for text in ["", "3", "=", ">=1,", "=1 2", "==1", "=1,=2,=3,=4,=5,=6,=7,=8,=9", "=\u{7}"] {
            assert!(text.parse::<Versions>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_version_is_within_no_bounds() {
        let range: Versions = ">=0".parse().unwrap();
        assert!(!range.hold("latest", Some(&Numbers)) && !range.hold("1", None));
        assert!(Versions::one("latest").hold("latest", Some(&Numbers)), "but it is itself");
    }

    #[test]
    fn an_override_is_for_its_team_and_its_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let said = Override {
            project: Purl::project("npm", "demo"),
            versions: Versions::one("1"),
            team: Some("payments".into()),
            by: "ada".into(),
            why: "audited".into(),
            since: at(10),
            until: at(20),
            even_malicious: false,
        };
        let covers = |team, second| said.covers("1", team, at(second), Some(&Numbers));
        assert!(covers(Some("payments"), 10) && covers(Some("payments"), 19));
        assert!(!covers(Some("payments"), 9) && !covers(Some("payments"), 20));
        assert!(!covers(None, 15) && !covers(Some("web"), 15));
        assert!(!said.covers("2", Some("payments"), at(15), Some(&Numbers)));
    }
}
