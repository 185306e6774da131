//! What can be said of releases and known vulnerabilities, for others to rely on: VEX. What is not known is not said.

use crate::firewall::Entry;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use trustmill_core::advisory::{Advisory, RangeEvent, RangeKind, lookup_key};
use trustmill_core::port::advisories::{Advisories, AdvisoriesError};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp};
use trustmill_inspect::remedy::Remedy;
use trustmill_inspect::vulns;

/// How a release stands to a vulnerability, in the words of OpenVEX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has it.
    Affected,
    /// A record says in which version it was mended, and the release is that or later.
    Fixed,
    /// Records speak of other versions of the project alone.
    NotAffected,
    /// A record speaks of the project in a way that cannot be compared with the version.
    UnderInvestigation,
}

/// What is said of one release and one vulnerability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stance {
    /// The release.
    pub release: Purl,
    /// Every id of the vulnerability, the best known first.
    pub ids: Vec<String>,
    /// One line of the record.
    pub summary: String,
    /// How the release stands to it.
    pub status: Status,
    /// What to do, where it is affected.
    pub action: Option<String>,
    /// Who hands it out all the same or accepts it, why, and until when.
    pub accepted: Vec<String>,
    /// How this mill repaired it, where it did.
    pub repaired: Option<String>,
}

/// What the advisories say of releases, by release and then by id. What only informs is no vulnerability.
pub async fn stances(
    advisories: &dyn Advisories,
    releases: &[(Purl, &'static dyn VersionScheme)],
) -> Result<Vec<Stance>, AdvisoriesError> {
    let mut out = Vec::new();
    let projects: Vec<Purl> = releases.iter().map(|(release, _)| release.without_version()).collect();
    for ((release, scheme), records) in releases.iter().zip(advisories.about_many(&projects).await?) {
        out.extend(of_release(&records, *scheme, release));
    }
    out.sort_by(|a, b| (&a.release, a.status, &a.ids).cmp(&(&b.release, b.status, &b.ids)));
    Ok(out)
}

fn of_release(records: &[Arc<Advisory>], scheme: &dyn VersionScheme, release: &Purl) -> Vec<Stance> {
    let findings = vulns::find(records, scheme, release);
    let hit: BTreeSet<String> = findings.iter().flat_map(|finding| finding.ids.iter().cloned()).collect();
    let affected =
        findings.into_iter().filter(|finding| !finding.advisory.informational || finding.malicious);
    let affected = affected.map(|finding| Stance {
        action: Some(Remedy::of(&finding, scheme).to_string()),
        release: finding.release,
        summary: finding.advisory.summary.clone(),
        ids: finding.ids,
        status: Status::Affected,
        accepted: Vec::new(),
        repaired: None,
    });
    let others = records.iter().filter(|record| {
        let counts = record.withdrawn.is_none() && !record.informational;
        counts && ids(record).all(|id| !hit.contains(id))
    });
    let mut out: Vec<Stance> = affected.collect();
    for problem in problems(others) {
        let statuses = problem.iter().map(|record| status(record, scheme, release));
        // The most that any record says: one that names the fix says more than one that lists versions.
        let Some(status) = statuses.min() else { continue };
        let mut seen = BTreeSet::new();
        let all = problem.iter().flat_map(|record| ids(record)).filter(|id| seen.insert(*id));
        out.push(Stance {
            release: release.clone(),
            ids: all.map(str::to_owned).collect(),
            summary: problem
                .iter()
                .map(|record| record.summary.clone())
                .find(|one| !one.is_empty())
                .unwrap_or_default(),
            status,
            action: None,
            accepted: Vec::new(),
            repaired: None,
        });
    }
    out
}

impl Stance {
    /// Adds the overrides that hand the release out at an instant.
    pub fn overridden(&mut self, entries: &[Entry], scheme: &dyn VersionScheme, at: Timestamp) {
        let (project, version) = (self.release.without_version(), self.release.version().unwrap_or_default());
        let covers = |entry: &&Entry| {
            let said = &entry.said;
            entry.revoked.is_none()
                && lookup_key(&said.project) == lookup_key(&project)
                && said.covers(version, said.team.as_deref(), at, Some(scheme))
        };
        self.accepted.extend(entries.iter().filter(covers).map(|entry| {
            let (id, said) = (entry.id.as_str(), &entry.said);
            let whom = said.team.as_ref().map(|team| format!(" to {team}")).unwrap_or_default();
            format!("override {id} by {} hands it out{whom} until {}: {}", said.by, said.until, said.why)
        }));
    }
}

fn ids(record: &Advisory) -> impl Iterator<Item = &str> {
    std::iter::once(record.id.as_str()).chain(record.aliases.iter().map(String::as_str))
}

/// Records that share an id are one problem.
fn problems<'a>(records: impl Iterator<Item = &'a Arc<Advisory>>) -> Vec<Vec<&'a Advisory>> {
    let mut out: Vec<(BTreeSet<&str>, Vec<&Advisory>)> = Vec::new();
    for record in records {
        let mine: BTreeSet<&str> = ids(record).collect();
        let (mut same, rest): (Vec<_>, Vec<_>) =
            out.into_iter().partition(|(ids, _)| !ids.is_disjoint(&mine));
        let mut joined = (mine, Vec::new());
        for (ids, records) in &mut same {
            joined.0.append(ids);
            joined.1.append(records);
        }
        joined.1.push(record);
        out = rest;
        out.push(joined);
    }
    out.into_iter().map(|(_, records)| records).collect()
}

/// How a release stands to a record that does not hit it.
fn status(record: &Advisory, scheme: &dyn VersionScheme, release: &Purl) -> Status {
    let version = release.version().unwrap_or_default();
    let project = release.without_version();
    let about = record.affected.iter().filter(|affected| affected.is_about(&project));
    let (mut comparable, mut fixed) = (false, false);
    for affected in about {
        // A list of versions is all of them (OSV, `affected[].versions`).
        comparable |= !affected.versions.is_empty();
        for range in affected.ranges.iter().filter(|range| range.kind != RangeKind::Git) {
            comparable |= scheme.compare(version, version).is_some();
            fixed |= range.events.iter().any(|event| match event {
                RangeEvent::Fixed(at) => scheme.compare(at, version).is_some_and(std::cmp::Ordering::is_le),
                _ => false,
            });
        }
    }
    match (comparable, fixed) {
        (_, true) => Status::Fixed,
        (true, false) => Status::NotAffected,
        (false, false) => Status::UnderInvestigation,
    }
}
