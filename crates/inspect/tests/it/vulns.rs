//! Which advisories hit a release: the schema's evaluation, word by word, and what a user must be told.

use proptest::collection::vec;
use proptest::prelude::*;
use std::cmp::Ordering;
use std::sync::Arc;
use trustmill_core::advisory::{
    Advisory, Affected, Finding, Matched, RangeEvent, RangeKind, Severity, VersionRange,
};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp};
use trustmill_inspect::vulns::{Oddity, find, find_each, oddities};

use RangeEvent::{Fixed, Introduced, LastAffected, Limit};

/// Numbers apart by dots; zeros at the end do not count. Everything else is no version.
pub(crate) struct Dotted;

impl Dotted {
    fn parse(text: &str) -> Option<Vec<u32>> {
        let mut parts = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
        while parts.last() == Some(&0) {
            parts.pop();
        }
        Some(parts)
    }
}

impl VersionScheme for Dotted {
    fn ty(&self) -> &'static str {
        "pypi"
    }

    fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
        Some(Self::parse(a)?.cmp(&Self::parse(b)?))
    }

    fn is_prerelease(&self, version: &str) -> bool {
        Self::parse(version).is_none()
    }

    fn is_compatible(&self, _: &str, _: &str) -> Option<bool> {
        None
    }
}

fn project() -> Purl {
    Purl::project("pypi", "demo")
}

fn range(events: Vec<RangeEvent>) -> VersionRange {
    VersionRange { kind: RangeKind::Ecosystem, events }
}

fn affected(ranges: Vec<VersionRange>, versions: &[&str]) -> Affected {
    Affected {
        project: project(),
        ranges,
        versions: versions.iter().map(|&version| version.to_owned()).collect(),
    }
}

fn record(id: &str, affected: Vec<Affected>) -> Advisory {
    Advisory {
        id: id.to_owned(),
        modified: Timestamp::UNIX_EPOCH,
        published: None,
        withdrawn: None,
        aliases: Vec::new(),
        summary: String::new(),
        severity: Severity::Unknown,
        score: None,
        malicious: false,
        informational: false,
        affected,
        references: Vec::new(),
    }
}

fn simple(id: &str, events: Vec<RangeEvent>) -> Advisory {
    record(id, vec![affected(vec![range(events)], &[])])
}

fn from(version: &str) -> RangeEvent {
    Introduced(version.to_owned())
}

fn fixed(version: &str) -> RangeEvent {
    Fixed(version.to_owned())
}

fn last(version: &str) -> RangeEvent {
    LastAffected(version.to_owned())
}

fn findings(records: Vec<Advisory>, version: &str) -> Vec<Finding> {
    let records: Vec<_> = records.into_iter().map(Arc::new).collect();
    find(&records, &Dotted, &project().at(version))
}

fn matched(record: &Advisory, version: &str) -> Option<Matched> {
    findings(vec![record.clone()], version).first().map(|finding| finding.matched)
}

#[test]
fn a_fix_ends_a_range_and_a_last_affected_version_is_inside() {
    let until_fix = simple("A-1", vec![from("0"), fixed("2.0")]);
    assert_eq!(matched(&until_fix, "1.9"), Some(Matched::Range));
    assert_eq!(matched(&until_fix, "2"), None);
    let until_last = simple("A-2", vec![from("1.0"), last("2.0")]);
    assert_eq!(matched(&until_last, "2.0.0"), Some(Matched::Range));
    assert_eq!(matched(&until_last, "2.0.1"), None);
    assert_eq!(matched(&until_last, "0.9"), None);
}

#[test]
fn several_events_are_sorted_whatever_their_order_is() {
    let record = simple("A-1", vec![fixed("4.0"), from("3.0"), last("1.5"), from("0")]);
    for (version, hit) in [("1.5", true), ("1.6", false), ("3.0", true), ("3.9", true), ("4.0", false)] {
        assert_eq!(matched(&record, version).is_some(), hit, "{version}");
    }
}

#[test]
fn a_range_that_begins_where_another_ends_leaves_no_hole() {
    let record = simple("A-1", vec![from("0"), fixed("2.0"), from("2.0"), fixed("3.0")]);
    assert!(matched(&record, "1.0").is_some() && matched(&record, "2.0").is_some());
    let only_one = simple("A-2", vec![last("1.0"), from("1.0")]);
    assert!(matched(&only_one, "1.0").is_some());
    assert_eq!(matched(&only_one, "1.0.1"), None);
    let next = simple("A-3", vec![from("1.0.1"), from("0"), last("1.0")]);
    assert!(matched(&next, "1.0.1").is_some());
}

#[test]
fn a_limit_ends_what_is_spoken_of_and_a_star_is_none() {
    let limit = |text: &str| Limit(text.to_owned());
    let record = simple("A-1", vec![from("1.0"), limit("2.0")]);
    assert!(matched(&record, "1.5").is_some());
    assert_eq!(matched(&record, "2.0"), None);
    let any_of_two = simple("A-2", vec![from("1.0"), limit("2.0"), limit("3.0")]);
    assert!(matched(&any_of_two, "2.5").is_some());
    assert_eq!(matched(&simple("A-3", vec![from("0"), limit("*")]), "9"), Some(Matched::Every));
}

#[test]
fn a_range_that_introduces_nothing_hits_nothing_and_is_told() {
    let record = simple("A-1", vec![fixed("2.0")]);
    assert_eq!(matched(&record, "1.0"), None);
    assert_eq!(oddities(&record, &Dotted), [Oddity::NeverIntroduced]);
}

#[test]
fn commits_are_no_versions() {
    let commits = VersionRange { kind: RangeKind::Git, events: vec![from("0"), fixed("1234567")] };
    let record = record("A-1", vec![affected(vec![commits], &["1.0"])]);
    assert_eq!(matched(&record, "1.0.0"), Some(Matched::Version));
    assert_eq!(matched(&record, "0.9"), None);
    assert!(findings(vec![record.clone()], "1.0")[0].fixed.is_empty());
    assert!(oddities(&record, &Dotted).is_empty());
}

#[test]
fn what_no_order_knows_is_met_by_its_very_text() {
    let listed = record("A-1", vec![affected(vec![range(vec![from("0"), fixed("2.0")])], &["2004d"])]);
    assert_eq!(matched(&listed, "2004d"), Some(Matched::Text));
    assert_eq!(matched(&listed, "2004e"), None);
    assert_eq!(oddities(&listed, &Dotted), [Oddity::UnorderedVersion("2004d".into())]);
    let named = simple("A-2", vec![from("2004d"), fixed("2004f")]);
    assert_eq!(matched(&named, "2004d"), Some(Matched::Text));
    assert_eq!(matched(&named, "2004f"), None);
    assert_eq!(matched(&simple("A-3", vec![from("0")]), "2004d"), Some(Matched::Every));
}

#[test]
fn withdrawn_records_and_other_projects_are_left_out() {
    let mut withdrawn = simple("A-1", vec![from("0")]);
    withdrawn.withdrawn = Some(Timestamp::UNIX_EPOCH);
    let mut other = simple("A-2", vec![from("0")]);
    other.affected[0].project = Purl::project("pypi", "other");
    assert!(findings(vec![withdrawn, other], "1.0").is_empty());
}

#[test]
fn aliases_are_one_finding_through_an_id_that_no_record_has() {
    let mut cve = simple("GHSA-a", vec![from("0"), fixed("2.0")]);
    cve.aliases = vec!["CVE-1".into()];
    cve.severity = Severity::High;
    let mut pysec = simple("PYSEC-1", vec![from("0"), fixed("2.1")]);
    pysec.aliases = vec!["CVE-1".into(), "X-2".into()];
    pysec.severity = Severity::Critical;
    let mut malware = simple("MAL-1", vec![from("1.0")]);
    malware.aliases = vec!["X-2".into()];
    malware.malicious = true;
    let apart = simple("GHSA-b", vec![from("0")]);

    let found = findings(vec![apart, cve.clone(), pysec.clone(), malware], "1.0");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].ids, ["MAL-1", "GHSA-a", "PYSEC-1", "CVE-1", "X-2"]);
    assert!(found[0].malicious);
    assert_eq!(found[0].severity, Severity::Critical);
    assert!(found[0].fixed.is_empty(), "the malware record hits what the others call fixed");
    assert_eq!(found[1].ids, ["GHSA-b"]);

    let found = findings(vec![cve, pysec], "1.0");
    assert_eq!((found.len(), found[0].ids[0].as_str()), (1, "PYSEC-1"));
    assert_eq!(found[0].fixed, ["2.1"], "2.0 is no fix as long as one of the records hits it");
}

#[test]
fn only_fixes_above_the_release_are_offered_the_lowest_first() {
    let ranges = vec![
        range(vec![from("3.0"), fixed("3.4")]),
        range(vec![from("2.0"), fixed("2.7")]),
        range(vec![from("0"), fixed("1.10")]),
    ];
    let record = record("A-1", vec![affected(ranges, &[])]);
    assert_eq!(findings(vec![record.clone()], "2.1")[0].fixed, ["2.7", "3.4"]);
    assert_eq!(findings(vec![record], "1.2")[0].fixed, ["1.10", "2.7", "3.4"]);
}

#[test]
fn the_worst_comes_first_and_what_only_informs_comes_last() {
    let mut notice = simple("R-1", vec![from("0")]);
    notice.informational = true;
    notice.severity = Severity::Critical;
    let mut low = simple("R-2", vec![from("0")]);
    low.severity = Severity::Low;
    let mut high = simple("R-3", vec![from("0")]);
    high.severity = Severity::High;
    let mut malware = simple("R-4", vec![from("0")]);
    malware.malicious = true;
    let found = findings(vec![notice, low, high, malware], "1.0");
    let ids: Vec<_> = found.iter().map(|finding| finding.advisory.id.as_str()).collect();
    assert_eq!(ids, ["R-4", "R-3", "R-2", "R-1"]);
}

#[test]
fn semantic_versions_without_a_patch_are_read_in_events() {
    struct Three;
    impl VersionScheme for Three {
        fn ty(&self) -> &'static str {
            "npm"
        }
        fn compare(&self, a: &str, b: &str) -> Option<Ordering> {
            let read = |text: &str| Dotted::parse(text).filter(|_| text.split('.').count() == 3);
            Some(read(a)?.cmp(&read(b)?))
        }
        fn is_prerelease(&self, _: &str) -> bool {
            false
        }
        fn is_compatible(&self, _: &str, _: &str) -> Option<bool> {
            None
        }
    }
    let mut record = simple("A-1", vec![from("v1"), fixed("1.2")]);
    record.affected[0].project = Purl::project("npm", "demo");
    let hit = |version: &str| {
        !find(&[Arc::new(record.clone())], &Three, &Purl::release("npm", "demo", version)).is_empty()
    };
    assert!(hit("1.0.0") && hit("1.1.9") && !hit("1.2.0") && !hit("0.9.0") && !hit("1.1"));
}

#[test]
fn two_spellings_are_one_crate() {
    let mut record = simple("RUSTSEC-1", vec![from("0")]);
    record.affected[0].project = Purl::project("cargo", "Foo_bar");
    assert!(record.affected[0].is_about(&Purl::project("cargo", "foo-bar")));
    assert!(!record.affected[0].is_about(&Purl::project("npm", "foo-bar")));
}

/// The pseudo-code of the schema's section "Evaluation", as it stands there.
mod specification {
    use super::*;

    fn at_least(version: &str, event: &str) -> bool {
        event == "0" || Dotted.compare(version, event) != Some(Ordering::Less)
    }

    fn before_limits(version: &str, range: &VersionRange) -> bool {
        let limits: Vec<_> =
            range.events.iter().filter_map(|e| if let Limit(l) = e { Some(l) } else { None }).collect();
        limits.is_empty()
            || limits.iter().any(|l| *l == "*" || Dotted.compare(version, l) == Some(Ordering::Less))
    }

    fn in_range(version: &str, range: &VersionRange) -> bool {
        let key = |event: &RangeEvent| match event {
            Introduced(v) | Fixed(v) | LastAffected(v) | Limit(v) => Dotted::parse(v).unwrap(),
        };
        let mut events = range.events.clone();
        events.sort_by_key(key);
        let mut vulnerable = false;
        for event in &events {
            match event {
                Introduced(v) if at_least(version, v) => vulnerable = true,
                Fixed(v) if at_least(version, v) => vulnerable = false,
                LastAffected(v)
                    if at_least(version, v) && Dotted.compare(version, v) != Some(Ordering::Equal) =>
                {
                    vulnerable = false;
                }
                _ => {}
            }
        }
        vulnerable && before_limits(version, range)
    }

    pub(super) fn is_vulnerable(version: &str, record: &Advisory) -> bool {
        record.affected.iter().any(|affected| {
            affected.versions.iter().any(|v| Dotted.compare(v, version) == Some(Ordering::Equal))
                || affected.ranges.iter().any(|range| in_range(version, range))
        })
    }
}

fn version() -> impl Strategy<Value = String> {
    vec(0_u32..4, 1..4).prop_map(|parts| parts.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
}

/// Events at different versions: where two share one, the schema's pseudo-code leaves the order open.
fn events() -> impl Strategy<Value = Vec<RangeEvent>> {
    let event = (version(), 0_u8..8).prop_map(|(version, kind)| match kind {
        0..=2 => Introduced(version),
        3..=4 => Fixed(version),
        5..=6 => LastAffected(version),
        _ => Limit(version),
    });
    vec(event, 0..7).prop_map(|mut events| {
        let mut seen = Vec::new();
        events.retain(|event| {
            let (Introduced(v) | Fixed(v) | LastAffected(v) | Limit(v)) = event;
            let parsed = Dotted::parse(v);
            let fresh = !seen.contains(&parsed);
            seen.push(parsed);
            fresh
        });
        events
    })
}

fn any_record() -> impl Strategy<Value = Advisory> {
    let one = (vec(events(), 0..3), vec(version(), 0..3)).prop_map(|(ranges, versions)| Affected {
        project: project(),
        ranges: ranges.into_iter().map(range).collect(),
        versions,
    });
    (vec(one, 1..3), "[A-E]-[1-9]", vec("[A-E]-[1-9]", 0..2))
        .prop_map(|(affected, id, aliases)| Advisory { aliases, ..record(&id, affected) })
}

proptest! {
    #[test]
    fn the_answer_is_that_of_the_specification(record in any_record(), versions in vec(version(), 1..12)) {
        let texts: Vec<_> = versions.iter().map(String::as_str).collect();
        let found = find_each(&[Arc::new(record.clone())], &Dotted, &project(), &texts);
        for (version, findings) in texts.iter().zip(&found) {
            prop_assert_eq!(!findings.is_empty(), specification::is_vulnerable(version, &record), "{}", version);
            prop_assert_eq!(findings, &find(&[Arc::new(record.clone())], &Dotted, &project().at(version)));
        }
    }

    #[test]
    fn a_fix_is_above_and_is_hit_by_nothing_of_its_problem(
        records in vec(any_record(), 1..6), version in version(),
    ) {
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
        for finding in find(&records, &Dotted, &project().at(&version)) {
            for pair in finding.fixed.windows(2) {
                prop_assert_eq!(Dotted.compare(&pair[0], &pair[1]), Some(Ordering::Less));
            }
            for fix in &finding.fixed {
                prop_assert_eq!(Dotted.compare(&version, fix), Some(Ordering::Less));
                let then = find(&records, &Dotted, &project().at(fix));
                prop_assert!(then.iter().all(|other| other.ids.iter().all(|id| !finding.ids.contains(id))));
            }
        }
    }

    #[test]
    fn every_hit_is_in_exactly_one_finding(records in vec(any_record(), 1..6), version in version()) {
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
        let found = find(&records, &Dotted, &project().at(&version));
        for record in records.iter().filter(|record| specification::is_vulnerable(&version, record)) {
            let homes = found.iter().filter(|finding| finding.ids.contains(&record.id)).count();
            prop_assert_eq!(homes, 1);
        }
        let all: Vec<_> = found.iter().flat_map(|finding| &finding.ids).collect();
        let mut once = all.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(all.len(), once.len(), "an id is in one finding");
    }

    #[test]
    fn nothing_panics_whatever_the_texts_are(
        events in vec((any::<String>(), 0_u8..4), 0..8), versions in vec(any::<String>(), 0..4), version in any::<String>(),
    ) {
        let event = |(text, kind)| match kind {
            0 => Introduced(text),
            1 => Fixed(text),
            2 => LastAffected(text),
            _ => Limit(text),
        };
        let mut record = simple("A-1", events.into_iter().map(event).collect());
        record.affected[0].versions = versions;
        let _ = findings(vec![record.clone()], &version);
        let _ = oddities(&record, &Dotted);
    }
}
