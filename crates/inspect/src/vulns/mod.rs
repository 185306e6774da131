//! Which advisories hit a release: the evaluation of the OSV schema over any order of versions.
//!
//! <https://ossf.github.io/osv-schema/#evaluation>. Every version that anyone names, releases and records alike, is
//! put on one line first; then a range is a span of that line, and a record costs the same whether one release is
//! asked about or a thousand.

mod aliases;
mod hits;
mod line;
mod oddity;

pub use oddity::{Oddity, oddities};

use aliases::Problems;
use hits::Hits;
use line::Line;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, Finding, Matched, RangeEvent, RangeKind};
use trustmill_core::version::VersionScheme;

/// What `records` say of a release, the worst first; nothing if it has no version.
pub fn find(records: &[Arc<Advisory>], scheme: &dyn VersionScheme, release: &Purl) -> Vec<Finding> {
    let Some(version) = release.version() else { return Vec::new() };
    find_each(records, scheme, &release.without_version(), &[version]).pop().unwrap_or_default()
}

/// What `records` say of each of a project's versions, in their order; for each the worst first. Records about other
/// projects and withdrawn ones are left out.
pub fn find_each(
    records: &[Arc<Advisory>],
    scheme: &dyn VersionScheme,
    project: &Purl,
    versions: &[&str],
) -> Vec<Vec<Finding>> {
    let records: Vec<&Arc<Advisory>> = records
        .iter()
        .filter(|record| record.withdrawn.is_none() && record.affected.iter().any(|a| a.is_about(project)))
        .collect();
    if records.is_empty() {
        return versions.iter().map(|_| Vec::new()).collect();
    }
    let line = Line::of(scheme, versions, project, &records);
    let hits: Vec<Hits<'_>> = records.iter().map(|record| Hits::of(record, project, &line)).collect();
    let problems = Problems::of(&records);
    let fixes = Fixes::of(&records, project, &line, &hits, &problems);
    let all = |version: &&str| {
        let place = line.place(version);
        let mut members: BTreeMap<usize, Vec<(&Arc<Advisory>, Matched)>> = BTreeMap::new();
        for (index, (&record, hits)) in records.iter().zip(&hits).enumerate() {
            if let Some(matched) = hits.matched(version, place) {
                members.entry(problems.of_record(index)).or_default().push((record, matched));
            }
        }
        let finding = |(problem, members): (usize, Vec<_>)| {
            finding(project.at(version), &members, problems.ids(problem), fixes.above(problem, place))
        };
        let mut findings: Vec<_> = members.into_iter().filter_map(finding).collect();
        findings.sort_by(|a, b| badness(b).cmp(&badness(a)).then_with(|| a.ids.cmp(&b.ids)));
        findings
    };
    versions.iter().map(all).collect()
}

/// The larger, the more it matters.
fn badness(finding: &Finding) -> impl Ord + use<> {
    (finding.malicious, !finding.advisory.informational, finding.severity, finding.advisory.score)
}

/// Records that are aliases of one another as one finding.
fn finding(
    release: Purl,
    members: &[(&Arc<Advisory>, Matched)],
    ids: &[&str],
    fixed: Vec<String>,
) -> Option<Finding> {
    let (best, matched) = members.iter().max_by_key(|(record, _)| {
        let weight = (record.malicious, !record.informational, record.severity, record.score);
        (weight, Reverse(aliases::rank(&record.id)), Reverse(record.id.clone()))
    })?;
    let others = ids.iter().filter(|id| **id != best.id).map(|id| (*id).to_owned());
    Some(Finding {
        release,
        advisory: Arc::clone(best),
        ids: std::iter::once(best.id.clone()).chain(others).collect(),
        severity: members.iter().map(|(record, _)| record.severity).max().unwrap_or_default(),
        malicious: members.iter().any(|(record, _)| record.malicious),
        fixed,
        matched: *matched,
    })
}

/// For each problem the versions that mend it, in their order: a record names them as fixed, and no record of the
/// same problem hits them.
struct Fixes<'a>(Vec<Vec<(usize, &'a str)>>);

impl<'a> Fixes<'a> {
    fn of(
        records: &[&'a Arc<Advisory>],
        project: &Purl,
        line: &Line<'_>,
        hits: &[Hits<'_>],
        problems: &Problems<'_>,
    ) -> Self {
        let mut fixes = vec![Vec::new(); records.len()];
        for (index, record) in records.iter().enumerate() {
            if let Some(fixes) = fixes.get_mut(problems.of_record(index)) {
                fixes.extend(fixed(record, project).filter_map(|text| Some((line.event(text)?, text))));
            }
        }
        for (problem, fixes) in fixes.iter_mut().enumerate() {
            fixes.sort_unstable();
            fixes.dedup_by_key(|(place, _)| *place);
            let hit = |place: usize, text: &str| {
                let mut members = hits.iter().enumerate().filter(|(i, _)| problems.of_record(*i) == problem);
                members.any(|(_, hits)| hits.matched(text, Some(place)).is_some())
            };
            fixes.retain(|(place, text)| !hit(*place, text));
        }
        Self(fixes)
    }

    /// Those above a place; none where the release has no place in the order.
    fn above(&self, problem: usize, place: Option<usize>) -> Vec<String> {
        let fixes = self.0.get(problem).map(Vec::as_slice).unwrap_or_default();
        let above = |fix: &&(usize, &str)| place.is_some_and(|place| fix.0 > place);
        fixes.iter().filter(above).map(|(_, text)| (*text).to_owned()).collect()
    }
}

/// The versions that a record names as fixed.
fn fixed<'a>(record: &'a Advisory, project: &Purl) -> impl Iterator<Item = &'a str> {
    let about = record.affected.iter().filter(move |affected| affected.is_about(project));
    let ranges = about.flat_map(|affected| &affected.ranges).filter(|range| range.kind != RangeKind::Git);
    ranges.flat_map(|range| &range.events).filter_map(|event| match event {
        RangeEvent::Fixed(version) => Some(version.as_str()),
        RangeEvent::Introduced(_) | RangeEvent::LastAffected(_) | RangeEvent::Limit(_) => None,
    })
}
