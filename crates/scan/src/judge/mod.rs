//! Judgement: findings → a score per family → a conclusion. The numbers are in `thresholds.toml`.

use crate::package::Package;
use crate::rules::fingerprint;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use trustmill_core::Sha256;
use trustmill_core::port::scanner::Job;
use trustmill_core::scan::{Census, Conclusion, Family, Finding, Leads, Report, Score, When};

/// The thresholds, as committed.
const THRESHOLDS: &str = include_str!("thresholds.toml");

/// Which scores are a reason to hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    /// Raised when rules or numbers change, so that what was scanned is scanned again.
    version: String,
    /// A score from here on holds, unless the family says otherwise.
    hold: u8,
    /// A family that alone is no reason to hold has 101.
    #[serde(default)]
    family: BTreeMap<Family, u8>,
    /// What a weight is multiplied with, in percent, by when the code runs.
    when: BTreeMap<When, u16>,
    /// And by whether the release before had it, where there is one.
    change: Change,
}

/// What a weight is multiplied with, in percent, where there is a release before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// What the release before did not have.
    new: u16,
    /// What it had.
    known: u16,
}

static SHIPPED: LazyLock<Option<Thresholds>> = LazyLock::new(|| toml::from_str(THRESHOLDS).ok());

/// The version of rules and thresholds.
pub fn version() -> &'static str {
    SHIPPED.as_ref().map_or("none", |thresholds| thresholds.version.as_str())
}

/// The version of rules and thresholds together with that of rules that are added, as reports have it.
pub fn version_with(added: &str) -> String {
    match added {
        "" => version().to_owned(),
        added => format!("{}+{added}", version()),
    }
}

/// The report about a package; `added` is the version of the rules that were added.
pub fn report(job: &Job, package: &Package, mut findings: Vec<Finding>, added: &str) -> Report {
    for finding in &mut findings {
        finding.weight = weighed(finding, package.previous.is_some());
    }
    findings.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.place.cmp(&b.place)));
    let scores = scores(&findings);
    let strong: Vec<&Score> = scores.iter().filter(|score| score.score >= score.holds_at).collect();
    let conclusion = match (strong.len(), findings.is_empty()) {
        (0, true) => Conclusion::Clear,
        (0, false) => Conclusion::Note,
        (1, _) => Conclusion::Hold,
        _ => Conclusion::Block,
    };
    let reason = findings.first().map(|first| first.what.clone()).unwrap_or_default();
    Report {
        format: Report::FORMAT,
        rules: version_with(added),
        filename: job.file.name.clone(),
        sha256: Sha256::of(&job.file.bytes),
        against: job.previous.as_ref().map(|previous| previous.version.clone()),
        conclusion,
        reason,
        scores,
        findings,
        census: census(package),
        licence: package.manifest.licence.clone(),
        leads: leads(package),
    }
}

/// What the mill may look up: whether these files are those of another package, and how old new dependencies are.
fn leads(package: &Package) -> Leads {
    let before = package.previous.as_deref();
    let is_new = |name: &&String| before.is_some_and(|it| !it.manifest.dependencies.contains_key(*name));
    Leads {
        prints: fingerprint(package).files,
        added: package.manifest.dependencies.keys().filter(is_new).take(Leads::MOST).cloned().collect(),
    }
}

fn weighed(finding: &Finding, compared: bool) -> u8 {
    // What the operator asked to be told of is told wherever it is.
    if finding.family == Family::Custom {
        return finding.weight.min(100);
    }
    let shipped = SHIPPED.as_ref();
    let when = shipped.and_then(|t| t.when.get(&finding.when).copied()).unwrap_or(100);
    // The family `Change` is about nothing else, and is weighed as its rules say.
    let change = match (compared && finding.family != Family::Change, finding.new) {
        (false, _) => 100,
        (true, true) => shipped.map_or(100, |t| t.change.new),
        (true, false) => shipped.map_or(100, |t| t.change.known),
    };
    let weight = u32::from(finding.weight) * u32::from(when) * u32::from(change) / 10_000;
    u8::try_from(weight.min(100)).unwrap_or(100)
}

/// The weightiest finding of a family is its score: the same thing said twice is not worse.
fn scores(findings: &[Finding]) -> Vec<Score> {
    let mut best: BTreeMap<Family, u8> = BTreeMap::new();
    for finding in findings {
        let score = best.entry(finding.family).or_default();
        *score = (*score).max(finding.weight);
    }
    let holds_at = |family| SHIPPED.as_ref().map_or(0, |t| t.family.get(&family).copied().unwrap_or(t.hold));
    // What is strong by itself would only be counted twice.
    let strong = best.iter().any(|(family, score)| *family != Family::Change && *score >= holds_at(*family));
    if let Some(score) = best.get_mut(&Family::Change).filter(|_| !strong) {
        *score = corroborated(*score, findings);
    }
    let mut scores: Vec<Score> =
        best.into_iter().map(|(family, score)| Score { family, score, holds_at: holds_at(family) }).collect();
    scores.sort_by_key(|score| std::cmp::Reverse(score.score));
    scores
}

/// What changed, together with what is new of other families: each may be honest, and the more there is at once, the less
/// all of it is. As independent chances add up.
fn corroborated(change: u8, findings: &[Finding]) -> u8 {
    const LEAST: u8 = 30;
    let mut new: BTreeMap<Family, u8> = BTreeMap::new();
    let others =
        |finding: &&Finding| finding.new && finding.family != Family::Change && finding.weight >= LEAST;
    for finding in findings.iter().filter(others) {
        let weight = new.entry(finding.family).or_default();
        *weight = (*weight).max(finding.weight);
    }
    if change < LEAST {
        return change;
    }
    let left = new.values().fold(u32::from(100 - change.min(100)), |left, weight| {
        left * u32::from(100 - (*weight).min(100)) / 100
    });
    u8::try_from(100 - left.min(100)).unwrap_or(change)
}

fn census(package: &Package) -> Census {
    let code = || package.files.iter().filter(|file| file.kind.is_code() && file.is_read);
    let count = |n: usize| n as u64;
    Census {
        files: count(package.files.len()),
        bytes: package.files.iter().map(|file| file.bytes.len() as u64).sum(),
        parsed: count(code().filter(|file| file.facts.parsed).count()),
        unparsed: count(code().filter(|file| !file.facts.parsed).count()),
        cut_short: count(package.files.iter().filter(|file| file.facts.cut_short).count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_thresholds_can_be_read() {
        let thresholds: Thresholds = toml::from_str(THRESHOLDS).unwrap();
        assert!(thresholds.hold > 0);
    }
}
