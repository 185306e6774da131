//! What the advisories say of everything that lockfiles pin. Needs no key, registry or sandbox.

use crate::ignores::{Ignore, Ignores};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::advisory::{Advisory, Finding, Matched, Severity};
use trustmill_core::lockfile::{Pins, Skipped, Ways};
use trustmill_core::port::Coded;
use trustmill_core::port::advisories::{Advisories, AdvisoriesError, SourceState};
use trustmill_core::version::VersionScheme;
use trustmill_inspect::remedy::{self, Remedy};
use trustmill_inspect::vulns;

/// A lockfile that was read.
pub struct Locked {
    /// The file, as it was named.
    pub file: String,
    /// The order of its ecosystem's versions.
    pub versions: &'static dyn VersionScheme,
    /// What it pins.
    pub pins: Pins,
}

/// What the advisories say.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// The problems: malware first, then by severity, then by release.
    pub findings: Vec<Hit>,
    /// Where one version mends several problems of a release, or all of them.
    pub upgrades: Vec<Upgrade>,
    /// Pins whose version the ecosystem cannot order: only records with the very same text could match.
    pub unordered: Vec<Purl>,
    /// Entries that were not checked, each with the reason.
    pub skipped: Vec<Skipped>,
    /// The lockfiles.
    pub files: Vec<String>,
    /// Releases that were checked.
    pub releases: usize,
    /// What was checked against.
    pub sources: Vec<SourceState>,
    /// What was to be ignored and is not.
    pub ignores: Ignores,
}

/// One problem of one release.
#[derive(Debug, Clone, Serialize)]
pub struct Hit {
    /// The release.
    pub release: Purl,
    /// Every id of the problem, the best known first.
    pub ids: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The highest CVSS base score, times ten.
    pub score: Option<u8>,
    /// Whether the release is malware.
    pub malicious: bool,
    /// Whether the record only informs: it never breaks a gate.
    pub informational: bool,
    /// One line of the record.
    pub summary: String,
    /// Why it matches.
    pub matched: Matched,
    /// Versions that mend it, lowest first.
    pub fixed: Vec<String>,
    /// What to do.
    pub remedy: Remedy,
    /// Where it is pinned.
    pub places: Vec<Place>,
    /// Where to read more.
    pub references: Vec<String>,
    /// Why it does not count, where somebody accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Ignore>,
}

/// Where a release is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
    /// The shortest way to the release from what the lockfile was made for; empty where the format does not say.
    pub way: Vec<String>,
}

/// A version that mends several problems of a release.
#[derive(Debug, Clone, Serialize)]
pub struct Upgrade {
    /// The release.
    pub release: Purl,
    /// The version to go to.
    pub to: String,
    /// Whether whoever accepts compatible updates takes it.
    pub compatible: bool,
    /// Problems of the release that it mends.
    pub mends: usize,
    /// Problems that it still has.
    pub leaves: usize,
}

/// Why lockfiles cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is nothing to check against.
    #[error("the mill holds no advisories, so that nothing can be found")]
    NoAdvisories,
    /// There is nothing to check an ecosystem against.
    #[error("the mill holds no advisories about {ty}, so that nothing can be found in {file}")]
    NoneAbout {
        /// The package URL type.
        ty: String,
        /// The lockfile.
        file: String,
    },
    /// They cannot be read.
    #[error(transparent)]
    Store(#[from] AdvisoriesError),
}

impl Coded for AuditError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoAdvisories => "TM0930",
            Self::NoneAbout { .. } => "TM0931",
            Self::Store(error) => error.code(),
        }
    }

    fn help(&self) -> String {
        match self {
            Self::NoAdvisories => {
                "run `trustmill advisories update` first; [feeds] names where they come from".into()
            }
            Self::NoneAbout { ty, .. } => {
                format!("add a feed that speaks of {ty} to [feeds] and run `trustmill advisories update`")
            }
            Self::Store(error) => error.help(),
        }
    }
}

/// Where each release is pinned.
type Pinned<'a> = BTreeMap<&'a Purl, Vec<Place>>;

/// Checks everything that `locked` pins. Fails where nothing could be found for want of advisories: that is no
/// clean bill.
pub async fn audit(advisories: &dyn Advisories, locked: &[Locked]) -> Result<Audit, AuditError> {
    let sources = advisories.sources().await?;
    let wanted = locked.iter().filter(|one| !one.pins.pins.is_empty());
    covered(&sources, wanted.map(|one| (one.versions.ty(), one.file.as_str())))?;
    let mut out = Audit {
        findings: Vec::new(),
        upgrades: Vec::new(),
        unordered: Vec::new(),
        skipped: locked.iter().flat_map(|one| not_own(&one.pins).cloned()).collect(),
        files: locked.iter().map(|one| one.file.clone()).collect(),
        releases: 0,
        sources,
        ignores: Ignores::default(),
    };
    let pinned = places(locked);
    let mut projects: BTreeMap<Purl, (&'static dyn VersionScheme, BTreeSet<&str>)> = BTreeMap::new();
    for one in locked {
        for pin in &one.pins.pins {
            let entry = projects.entry(pin.purl.without_version());
            let (_, versions) = entry.or_insert_with(|| (one.versions, BTreeSet::new()));
            versions.extend(pin.purl.version());
        }
    }
    let names: Vec<Purl> = projects.keys().cloned().collect();
    let all = advisories.about_many(&names).await?;
    for ((project, (scheme, versions)), records) in projects.into_iter().zip(all) {
        out.releases += versions.len();
        let unordered = versions.iter().filter(|version| scheme.compare(version, version).is_none());
        out.unordered.extend(unordered.map(|version| project.at(version)));
        if records.is_empty() {
            continue;
        }
        let versions: Vec<&str> = versions.into_iter().collect();
        for findings in vulns::find_each(&records, scheme, &project, &versions) {
            out.upgrades.extend(upgrade(&records, scheme, &project, &findings));
            out.findings.extend(findings.into_iter().map(|finding| hit(finding, scheme)));
        }
    }
    let ways: Vec<Ways<'_>> = if out.findings.is_empty() {
        Vec::new()
    } else {
        locked.iter().map(|one| one.pins.graph.ways()).collect()
    };
    for hit in &mut out.findings {
        hit.places = pinned
            .get(&hit.release)
            .map(|places| with_ways(places, &hit.release, locked, &ways))
            .unwrap_or_default();
    }
    out.findings.sort_by(|a, b| {
        let key = |hit: &Hit| (!hit.malicious, hit.informational, std::cmp::Reverse(hit.severity));
        key(a).cmp(&key(b)).then_with(|| a.release.cmp(&b.release)).then_with(|| a.ids.cmp(&b.ids))
    });
    Ok(out)
}

/// Entries that are no release of a registry, but for the project itself.
pub(crate) fn not_own(pins: &Pins) -> impl Iterator<Item = &Skipped> {
    pins.skipped.iter().filter(|skipped| !skipped.own)
}

/// Refuses where there is nothing to check against: "0 findings" would be a lie. `wanted` are package URL types, each
/// with the file that pins releases of it.
///
/// # Errors
/// [`AuditError::NoAdvisories`], [`AuditError::NoneAbout`].
pub fn covered<'a>(
    sources: &[SourceState],
    mut wanted: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), AuditError> {
    if sources.iter().all(|source| source.records == 0) {
        return Err(AuditError::NoAdvisories);
    }
    let speaks = |ty: &str| sources.iter().any(|source| source.types.iter().any(|one| one == ty));
    wanted
        .find(|(ty, _)| !speaks(ty))
        .map_or(Ok(()), |(ty, file)| Err(AuditError::NoneAbout { ty: ty.to_owned(), file: file.to_owned() }))
}

/// The places of every release, the lockfile's position beside each in `way`'s stead until it is asked for.
fn places(locked: &[Locked]) -> Pinned<'_> {
    let mut out = Pinned::new();
    for pin in locked.iter().flat_map(|one| &one.pins.pins) {
        let (file, line) = place(&pin.origin);
        let places = out.entry(&pin.purl).or_default();
        places.push(Place { file: file.to_owned(), line, way: Vec::new() });
    }
    out
}

/// File and line of an origin.
pub fn place(origin: &str) -> (&str, Option<usize>) {
    match origin.rsplit_once(':').map(|(file, line)| (file, line.parse().ok())) {
        Some((file, Some(line))) => (file, Some(line)),
        _ => (origin, None),
    }
}

/// The ways of each file stand with its own places; what a requirements file includes has none.
fn with_ways(places: &[Place], release: &Purl, locked: &[Locked], ways: &[Ways<'_>]) -> Vec<Place> {
    let way = |file: &str| {
        let found = locked.iter().zip(ways).find(|(one, _)| one.file == file);
        found.map(|(_, ways)| ways.to(release).into_iter().map(str::to_owned).collect()).unwrap_or_default()
    };
    places.iter().map(|place| Place { way: way(&place.file), ..place.clone() }).collect()
}

fn hit(finding: Finding, scheme: &dyn VersionScheme) -> Hit {
    let remedy = Remedy::of(&finding, scheme);
    let record = &finding.advisory;
    Hit {
        remedy,
        score: record.score,
        informational: record.informational && !finding.malicious,
        summary: record.summary.clone(),
        references: record.references.clone(),
        release: finding.release,
        ids: finding.ids,
        severity: finding.severity,
        malicious: finding.malicious,
        matched: finding.matched,
        fixed: finding.fixed,
        places: Vec::new(),
        ignored: None,
    }
}

/// The one version that leaves the fewest problems of a release, where it has several; none where it is malware.
fn upgrade(
    records: &[Arc<Advisory>],
    scheme: &dyn VersionScheme,
    project: &Purl,
    findings: &[Finding],
) -> Option<Upgrade> {
    let weighs = |finding: &&Finding| !finding.advisory.informational;
    let problems = findings.iter().filter(weighs).count();
    let release = findings.first()?.release.clone();
    if problems < 2 || findings.iter().any(|finding| finding.malicious) {
        return None;
    }
    let mut candidates: Vec<&str> =
        findings.iter().flat_map(|finding| &finding.fixed).map(String::as_str).collect();
    candidates.sort_by(|a, b| scheme.compare(a, b).unwrap_or(std::cmp::Ordering::Equal));
    candidates.dedup();
    let left: Vec<usize> = vulns::find_each(records, scheme, project, &candidates)
        .iter()
        .map(|findings| findings.iter().filter(weighs).count())
        .collect();
    let least = *left.iter().min()?;
    let best: Vec<&str> = candidates
        .iter()
        .zip(&left)
        .filter(|(_, left)| **left == least)
        .map(|(version, _)| *version)
        .collect();
    let (to, compatible) = remedy::choose(release.version()?, &best, scheme)?;
    (least < problems).then(|| Upgrade {
        to: to.to_owned(),
        compatible,
        mends: problems - least,
        leaves: least,
        release,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_file_and_a_line() {
        assert_eq!(place("a/b.txt:12"), ("a/b.txt", Some(12)));
        assert_eq!(place("C:/x.txt"), ("C:/x.txt", None));
        assert_eq!(place("x.txt"), ("x.txt", None));
    }
}
