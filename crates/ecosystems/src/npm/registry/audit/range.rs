//! The versions that a record hits, as a range of npm's.

use crate::npm::version;
use std::collections::BTreeSet;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, RangeEvent, RangeKind, VersionRange};

/// What a record says of `project`, and versions beside it. Never empty: what cannot be said is `*`.
pub(super) fn vulnerable_versions(advisory: &Advisory, project: &Purl, exact: &BTreeSet<String>) -> String {
    let affected = advisory.affected.iter().filter(|affected| affected.project == *project);
    let ranges = affected.flat_map(|affected| &affected.ranges).filter(|range| range.kind != RangeKind::Git);
    let mut terms: Vec<String> = ranges.flat_map(intervals).collect();
    terms.extend(exact.iter().filter(|text| version::parse(text).is_some()).cloned());
    if terms.is_empty() { "*".to_owned() } else { terms.join(" || ") }
}

/// The stretches of being affected, along the order of versions (the evaluation of the OSV schema).
fn intervals(range: &VersionRange) -> Vec<String> {
    let mut events: Vec<&RangeEvent> = range.events.iter().filter(|event| is_readable(event)).collect();
    // At one version, what ends comes before what begins.
    events.sort_by(|a, b| {
        let begins = |event: &RangeEvent| matches!(event, RangeEvent::Introduced(_));
        version::compare(place(a), place(b)).then(begins(a).cmp(&begins(b)))
    });
    let (mut terms, mut began) = (Vec::new(), None);
    for event in events {
        match (event, began) {
            (RangeEvent::Introduced(from), None) => began = Some(from),
            (RangeEvent::Fixed(to), Some(from)) => {
                terms.push(interval(from, Some(("<", to))));
                began = None;
            }
            (RangeEvent::LastAffected(to), Some(from)) => {
                terms.push(interval(from, Some(("<=", to))));
                began = None;
            }
            _ => {}
        }
    }
    terms.extend(began.map(|from| interval(from, None)));
    terms
}

fn interval(from: &str, to: Option<(&str, &str)>) -> String {
    match (from, to) {
        ("0", None) => "*".to_owned(),
        ("0", Some((sign, to))) => format!("{sign}{to}"),
        (from, None) => format!(">={from}"),
        (from, Some((sign, to))) => format!(">={from} {sign}{to}"),
    }
}

fn place(event: &RangeEvent) -> &str {
    let (RangeEvent::Introduced(at)
    | RangeEvent::Fixed(at)
    | RangeEvent::LastAffected(at)
    | RangeEvent::Limit(at)) = event;
    if at == "0" { "0.0.0-0" } else { at }
}

/// A range that a client cannot read would end its audit.
fn is_readable(event: &RangeEvent) -> bool {
    version::parse(place(event)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use trustmill_core::Timestamp;
    use trustmill_core::advisory::{Affected, Severity};

    fn said(events: &[RangeEvent], exact: &[&str]) -> String {
        let project = Purl::project("npm", "a");
        let range = |kind| VersionRange { kind, events: events.to_vec() };
        let affected = |name: &str, ranges| Affected {
            project: Purl::project("npm", name),
            ranges,
            versions: Vec::new(),
        };
        let advisory = Advisory {
            id: "GHSA-1".into(),
            modified: Timestamp::UNIX_EPOCH,
            published: None,
            withdrawn: None,
            aliases: Vec::new(),
            summary: String::new(),
            severity: Severity::Low,
            score: None,
            malicious: false,
            informational: false,
            affected: vec![
                affected("b", vec![VersionRange { kind: RangeKind::Semver, events: vec![from("9.0.0")] }]),
                affected("a", vec![range(RangeKind::Git), range(RangeKind::Semver)]),
            ],
            references: Vec::new(),
        };
        let exact = exact.iter().map(|text| (*text).to_owned()).collect();
        vulnerable_versions(&advisory, &project, &exact)
    }

    fn from(at: &str) -> RangeEvent {
        RangeEvent::Introduced(at.into())
    }

    fn fixed(at: &str) -> RangeEvent {
        RangeEvent::Fixed(at.into())
    }

    #[test]
    fn events_become_a_range() {
        assert_eq!(said(&[from("0"), fixed("1.2.3")], &[]), "<1.2.3");
        assert_eq!(said(&[fixed("1.10.0"), from("1.2.0")], &[]), ">=1.2.0 <1.10.0");
        let last = RangeEvent::LastAffected("2.5.0".into());
        assert_eq!(said(&[from("2.0.0"), last, fixed("1.0.0"), from("0")], &[]), "<1.0.0 || >=2.0.0 <=2.5.0");
        assert_eq!(said(&[from("0")], &[]), "*");
        assert_eq!(said(&[from("1.0.0"), fixed("1.0.1"), from("1.0.1")], &[]), ">=1.0.0 <1.0.1 || >=1.0.1");
        assert_eq!(said(&[], &["1.0.0", "1.0.1"]), "1.0.0 || 1.0.1");
        assert_eq!(said(&[from("1 || >=0; x")], &[]), "*", "what is no version is left out");
    }
}
