//! Advisories: what is known to be wrong with releases, after the OSV schema
//! (<https://ossf.github.io/osv-schema/>).

pub mod cvss;
pub mod osv;

use crate::Purl;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One record of a feed, as far as the mill's decisions depend on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its id in its database: `GHSA-…`, `PYSEC-…`, `RUSTSEC-…`, `MAL-…`, `CVE-…`.
    pub id: String,
    /// When the record last changed.
    pub modified: Timestamp,
    /// When it was published, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// When it was taken back; a record that was is never matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Timestamp>,
    /// Other ids of the same problem.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// One line for a reader.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// How bad it is, as far as the record says.
    #[serde(default)]
    pub severity: Severity,
    /// The highest CVSS base score, times ten (0 to 100), where a vector is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Whether the releases are malware: an incident, not an upgrade.
    #[serde(default)]
    pub malicious: bool,
    /// Whether it only informs (`informational` of RustSec: unmaintained, notice): it is told and never weighs.
    #[serde(default)]
    pub informational: bool,
    /// What it affects.
    pub affected: Vec<Affected>,
    /// Where to read more, at most a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
}

/// The releases of one project that a record affects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// The project: a package URL without a version.
    pub project: Purl,
    /// Ranges of versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<VersionRange>,
    /// Versions by name; they count whatever the ranges say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl Affected {
    /// Whether this speaks of a project. crates.io takes `-` for `_` and upper for lower case where it decides whether
    /// a name is free, so that two spellings are one crate.
    pub fn is_about(&self, project: &Purl) -> bool {
        self.project == *project
            || (project.ty() == "cargo" && lookup_key(&self.project) == lookup_key(project))
    }
}

/// The text under which records about a project are looked up: equal for all spellings of one project.
pub fn lookup_key(project: &Purl) -> String {
    match project.ty() {
        "cargo" => project.to_string().to_ascii_lowercase().replace('_', "-"),
        _ => project.to_string(),
    }
}

/// A range: events that switch being affected on and off along the order of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// By which order.
    pub kind: RangeKind,
    /// As the record lists them, in no order.
    pub events: Vec<RangeEvent>,
}

/// The order by which the events of a range are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RangeKind {
    /// Semantic Versioning 2.0.0.
    Semver,
    /// The ecosystem's own.
    Ecosystem,
    /// Commits of a repository: no version is compared with them, and the record's `versions` say what they hold.
    Git,
}

/// Where being affected begins or ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RangeEvent {
    /// From this version on; `0` is before every version.
    Introduced(String),
    /// Up to, not including.
    Fixed(String),
    /// Up to and including.
    LastAffected(String),
    /// Nothing at or beyond it is spoken of.
    Limit(String),
}

impl RangeEvent {
    /// The version that it names.
    pub fn version(&self) -> &str {
        match self {
            Self::Introduced(version)
            | Self::Fixed(version)
            | Self::LastAffected(version)
            | Self::Limit(version) => version,
        }
    }
}

/// How bad it is, in the words of CVSS 3.1, section 5; the order is the order of badness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The record does not say.
    #[default]
    Unknown,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0, and all malware.
    Critical,
}

impl Severity {
    /// The word in tables, policies and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A release that advisories hit: records that are aliases of one another are one finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The release.
    pub release: Purl,
    /// The record that names it best, the others being its aliases.
    pub advisory: Arc<Advisory>,
    /// Every id of the problem, that record's first.
    pub ids: Vec<String>,
    /// The worst that any of the records says.
    pub severity: Severity,
    /// Whether any of them says malware.
    pub malicious: bool,
    /// Versions that the records name as fixed and that lie above the release, lowest first.
    pub fixed: Vec<String>,
    /// Why it matches.
    pub matched: Matched,
}

/// Why a release matches a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matched {
    /// It lies in a range.
    Range,
    /// The record names it.
    Version,
    /// The record names every version of the project.
    Every,
    /// It is no version that the ecosystem can order, and the record has the very same text.
    Text,
}
