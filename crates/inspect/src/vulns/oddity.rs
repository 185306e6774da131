//! What a record says that cannot count, for whoever looks at it.

use super::hits::is_zero;
use super::line::{is_version, readable};
use serde::Serialize;
use std::fmt;
use trustmill_core::advisory::{Advisory, RangeEvent, RangeKind};
use trustmill_core::version::VersionScheme;

/// Something in a record that cannot count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "oddity", content = "version")]
pub enum Oddity {
    /// Neither ranges nor versions: nothing is hit.
    Empty,
    /// A range in which nothing is introduced hits nothing.
    NeverIntroduced,
    /// The version of an event has no place in the ecosystem's order: the event begins and ends nothing.
    UnorderedEvent(String),
    /// A listed version has no place in the ecosystem's order: it is met by its very text.
    UnorderedVersion(String),
    /// Ranges of commits: only the listed versions count.
    OnlyCommits,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it names neither ranges nor versions, so it hits nothing"),
            Self::NeverIntroduced => write!(f, "a range without an introduction hits nothing"),
            Self::UnorderedEvent(version) => {
                write!(f, "{version:?} in a range is no version here, so it begins and ends nothing")
            }
            Self::UnorderedVersion(version) => {
                write!(f, "{version:?} is no version here, so only that very text is met")
            }
            Self::OnlyCommits => write!(f, "it has only ranges of commits, so it hits no version"),
        }
    }
}

/// What in a record cannot count, as far as it is about projects of the scheme's type; each once, in order.
pub fn oddities(record: &Advisory, scheme: &dyn VersionScheme) -> Vec<Oddity> {
    let mut found = Vec::new();
    for affected in record.affected.iter().filter(|affected| affected.project.ty() == scheme.ty()) {
        let ordered = || affected.ranges.iter().filter(|range| range.kind != RangeKind::Git);
        match (affected.versions.is_empty(), affected.ranges.is_empty(), ordered().next()) {
            (true, true, _) => found.push(Oddity::Empty),
            (true, false, None) => found.push(Oddity::OnlyCommits),
            _ => {}
        }
        for range in ordered() {
            if !range.events.iter().any(|event| matches!(event, RangeEvent::Introduced(_))) {
                found.push(Oddity::NeverIntroduced);
            }
            let readable =
                |text: &str| matches!(text, "*") || is_zero(text) || readable(scheme, text).is_some();
            let unordered = range.events.iter().map(RangeEvent::version).filter(|text| !readable(text));
            found.extend(unordered.map(|text| Oddity::UnorderedEvent(text.to_owned())));
        }
        let unordered = affected.versions.iter().filter(|version| !is_version(scheme, version));
        found.extend(unordered.map(|version| Oddity::UnorderedVersion(version.clone())));
    }
    found.sort_unstable();
    found.dedup();
    found
}
