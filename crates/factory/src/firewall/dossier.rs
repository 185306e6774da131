//! Everything that is known about the releases of a question, as the attributes that policies see.

use super::judged::Judged;
use super::scanned::Scanned;
use super::settings::FirewallSettings;
use super::sightings::Sightings;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use trustmill_core::advisory::{Advisory, Finding, Matched, RangeEvent, RangeKind, Severity};
use trustmill_core::repair::Ruling;
use trustmill_core::ruling::{Listed, Question};
use trustmill_core::version::VersionScheme;
use trustmill_core::{Purl, Timestamp, Verdict};
use trustmill_policy::Facts;

/// What was read about a project before its releases are looked at one by one.
pub(super) struct Dossier<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) now: Timestamp,
    pub(super) scheme: Option<&'a dyn VersionScheme>,
    pub(super) settings: &'a FirewallSettings,
    pub(super) advisories: Arc<[Arc<Advisory>]>,
    /// One list per release; empty where no advisory is about the project.
    pub(super) findings: Vec<Vec<Finding>>,
    pub(super) judged: HashMap<String, Judged>,
    /// The repaired releases among them.
    pub(super) repaired: HashMap<String, Ruling>,
    pub(super) scanned: HashMap<String, Scanned>,
    pub(super) sightings: Sightings,
    pub(super) popular: bool,
}

/// The attributes of one release, and since when it is there.
pub(super) struct Entry {
    pub(super) facts: Facts,
    pub(super) since: Option<Timestamp>,
}

impl Dossier<'_> {
    /// The findings of the release at a place.
    pub(super) fn findings(&self, index: usize) -> &[Finding] {
        self.findings.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// The attributes of every release, but for those that depend on decisions about others (`fix` and its kin).
    pub(super) fn entries(&self) -> Vec<Entry> {
        let project = self.question.project;
        let (ty, name) = (project.ty(), project.name());
        let common = Facts {
            ecosystem: ty.into(),
            namespace: name.rsplit_once('/').map_or("", |(scope, _)| scope).into(),
            verdict: "unknown".into(),
            source: "none".into(),
            severity: "none".into(),
            malware: "unknown".into(),
            repaired: "none".into(),
            popular: self.popular,
            own: self.settings.cooldown.excludes(ty, &name),
            name: name.into(),
            ..Facts::default()
        };
        let fixes = self.fixes();
        let hooks = self.new_hooks();
        let releases = self.question.releases.iter().enumerate();
        releases.map(|(index, listed)| self.entry(&common, index, listed, &fixes, &hooks)).collect()
    }

    fn entry(
        &self,
        common: &Facts,
        index: usize,
        listed: &Listed<'_>,
        fixes: &HashSet<usize>,
        hooks: &HashSet<usize>,
    ) -> Entry {
        let since = listed.published.or_else(|| self.sightings.since(&listed.version));
        let mut facts = Facts {
            version: (&*listed.version).into(),
            age_hours: since.map_or(0, |since| hours(since, self.now)),
            age_known: since.is_some(),
            install_script: listed.install_script.unwrap_or(false),
            install_script_known: listed.install_script.is_some(),
            new_install_hook: hooks.contains(&index),
            yanked: listed.yanked,
            is_fix: fixes.contains(&index),
            ..common.clone()
        };
        if let Some(judged) = self.judged.get(&*listed.version) {
            facts.verdict = judged.verdict.as_str().into();
            facts.proven = judged.proven;
            facts.source = judged.source.map_or("none", |source| source.as_str()).into();
        }
        if let Some(ruling) = self.repaired.get(&*listed.version) {
            facts.repaired = ruling.as_str().into();
            facts.verdict = Verdict::Built.as_str().into();
            facts.is_fix = true;
        }
        if let Some(scanned) = self.scanned.get(&*listed.version) {
            facts.malware = scanned.word.into();
            facts.malware_reason = scanned.reason.as_str().into();
        }
        let scanned = self.scanned.get(&*listed.version).and_then(|scanned| scanned.licence.as_deref());
        if let Some(licence) = listed.licence.as_deref().or(scanned) {
            facts.licence = licence.into();
        }
        found(&mut facts, self.findings(index));
        Entry { facts, since }
    }

    /// Releases that an advisory names as mending an earlier one.
    fn fixes(&self) -> HashSet<usize> {
        let releases = self.question.releases;
        // A version may be listed more than once: files that came later are a release of their own.
        let places = |text: &'_ str| -> Vec<usize> {
            let all = |is: &dyn Fn(&str) -> bool| {
                (0..).zip(releases).filter(|(_, one)| is(&one.version)).map(|(place, _)| place).collect()
            };
            let same: Vec<usize> = all(&|version| version == text);
            match self.scheme.filter(|_| same.is_empty()) {
                None => same,
                Some(scheme) => all(&|version| scheme.compare(version, text) == Some(Ordering::Equal)),
            }
        };
        let records =
            self.advisories.iter().filter(|record| !record.informational && record.withdrawn.is_none());
        records.flat_map(|record| named_fixes(record, self.question.project)).flat_map(places).collect()
    }

    /// Releases that run code when they are installed, where the release before did not.
    fn new_hooks(&self) -> HashSet<usize> {
        let releases = self.question.releases;
        let Some(scheme) = self.scheme else { return HashSet::new() };
        if releases.iter().all(|listed| listed.install_script != Some(true)) {
            return HashSet::new();
        }
        let order = self.in_order(scheme);
        let mut new = HashSet::new();
        let mut before: Option<&Listed<'_>> = None;
        for index in order {
            let Some(listed) = releases.get(index) else { continue };
            let had_none = before.is_some_and(|before| before.install_script == Some(false));
            if listed.install_script == Some(true) && had_none {
                new.insert(index);
            }
            // A prerelease is not what the next release is compared with: few ever installed it.
            if !scheme.is_prerelease(&listed.version) {
                before = Some(listed);
            }
        }
        new
    }

    /// The places of the releases that have a place in the ecosystem's order, lowest first.
    pub(super) fn in_order(&self, scheme: &dyn VersionScheme) -> Vec<usize> {
        let releases = self.question.releases;
        let version = |index: &usize| releases.get(*index).map_or("", |listed| &*listed.version);
        let mut order: Vec<usize> = (0..releases.len())
            .filter(|index| scheme.compare(version(index), version(index)).is_some())
            .collect();
        order.sort_by(|a, b| scheme.compare(version(a), version(b)).unwrap_or(Ordering::Equal));
        order
    }
}

/// What advisories say of one release.
fn found(facts: &mut Facts, findings: &[Finding]) {
    let weighty = || findings.iter().filter(|finding| !finding.advisory.informational);
    let Some(worst) = weighty().max_by_key(|finding| (finding.malicious, finding.severity)) else { return };
    let severity = weighty().map(|finding| finding.severity).max().unwrap_or_default();
    facts.advisories = weighty().flat_map(|finding| &finding.ids).map(|id| id.as_str().into()).collect();
    facts.severity = severity.as_str().into();
    facts.score = weighty().filter_map(|finding| finding.advisory.score).max().map_or(0, i64::from);
    // A tie goes to the first: findings come worst first.
    let named = weighty()
        .find(|one| one.malicious == worst.malicious && one.severity == worst.severity)
        .unwrap_or(worst);
    facts.advisory = named.ids.first().map_or("", String::as_str).into();
    facts.malicious = worst.malicious;
    let malware = || weighty().filter(|finding| finding.malicious);
    facts.malicious_everywhere =
        facts.malicious && malware().all(|finding| finding.matched == Matched::Every);
}

/// Whether a problem is worth going to another version for.
pub(super) fn is_critical(finding: &Finding) -> bool {
    !finding.advisory.informational && !finding.malicious && finding.severity == Severity::Critical
}

fn named_fixes<'a>(record: &'a Advisory, project: &Purl) -> impl Iterator<Item = &'a str> {
    let about = record.affected.iter().filter(move |affected| affected.is_about(project));
    let ranges = about.flat_map(|affected| &affected.ranges).filter(|range| range.kind != RangeKind::Git);
    ranges.flat_map(|range| &range.events).filter_map(|event| match event {
        RangeEvent::Fixed(version) => Some(version.as_str()),
        RangeEvent::Introduced(_) | RangeEvent::LastAffected(_) | RangeEvent::Limit(_) => None,
    })
}

/// Full hours since an instant; what lies in the future is as young as can be.
fn hours(since: Timestamp, now: Timestamp) -> i64 {
    (now.as_second() - since.as_second()).max(0) / 3600
}
