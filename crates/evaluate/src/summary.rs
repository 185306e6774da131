//! Counts: how often the scanner was right, which rules speak, and what a scan costs.

use crate::interval::{Rate, quantile};
use crate::label::Label;
use crate::measure::{Measured, Outcome};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use trustmill_core::scan::Conclusion;

/// What is printed, as text or JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The rules and thresholds that were applied.
    pub rules: String,
    /// Per ecosystem, and `all`.
    pub ecosystems: BTreeMap<String, Rates>,
    /// Of those that were compared with a release before.
    pub paired: Rates,
    /// What a scan costs.
    pub cost: Cost,
    /// Rules, and in how many packages they found something.
    pub hits: BTreeMap<String, Hits>,
    /// Packages on which the scanner broke.
    pub broken: usize,
    /// Packages left aside because their code had been seen.
    pub repeated: usize,
    /// Packages that could not be read.
    pub unread: Vec<(String, String)>,
}

/// The rates of a group of packages.
#[derive(Debug, Clone, Serialize)]
pub struct Rates {
    /// Malicious packages that are blocked.
    pub blocked: Rate,
    /// Malicious packages that are held.
    pub held: Rate,
    /// Malicious packages that are held or blocked.
    pub caught: Rate,
    /// Benign packages that are blocked.
    pub wrongly_blocked: Rate,
    /// Benign packages that are held.
    pub wrongly_held: Rate,
}

/// CPU time in microseconds, and throughput.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// Half take less.
    pub median_us: u64,
    /// 95 of 100 take less.
    pub p95_us: u64,
    /// 99 of 100 take less.
    pub p99_us: u64,
    /// The slowest.
    pub max_us: u64,
    /// Of all together.
    pub total_us: u64,
    /// Bytes as published.
    pub bytes: u64,
    /// By the clock, reading from disk included, on this many threads.
    pub packages_per_second: f64,
    /// Threads.
    pub threads: usize,
    /// The slowest packages.
    pub slowest: Vec<(String, u64)>,
}

/// In how many packages a rule found something.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Hits {
    /// Malicious ones.
    pub bad: usize,
    /// Benign ones.
    pub good: usize,
    /// Benign ones that are held or blocked and have this rule's finding in a family that is strong.
    pub wrongly: usize,
}

/// Counts what was measured.
pub fn summary(measured: &Measured) -> Summary {
    let outcomes = &measured.outcomes;
    let mut ecosystems = BTreeMap::from([("all".to_owned(), rates(outcomes.iter()))]);
    let names: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.ecosystem.as_str()).collect();
    for name in names {
        ecosystems
            .insert(name.to_owned(), rates(outcomes.iter().filter(|outcome| outcome.ecosystem == name)));
    }
    Summary {
        rules: trustmill_scan::judge::version().to_owned(),
        ecosystems,
        paired: rates(outcomes.iter().filter(|outcome| outcome.paired)),
        cost: cost(measured),
        hits: hits(outcomes),
        broken: outcomes.iter().filter(|outcome| outcome.broken).count(),
        repeated: measured.repeated,
        unread: measured.unread.clone(),
    }
}

fn rates<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Rates {
    let mut counts = BTreeMap::new();
    for outcome in outcomes {
        *counts.entry((outcome.label, outcome.conclusion)).or_insert(0_usize) += 1;
    }
    let count = |label, conclusion| counts.get(&(label, conclusion)).copied().unwrap_or(0);
    let of = |label| Conclusion::ALL.iter().map(|conclusion| count(label, *conclusion)).sum();
    let (bad, good) = (of(Label::Malicious), of(Label::Benign));
    let blocked = count(Label::Malicious, Conclusion::Block);
    let held = count(Label::Malicious, Conclusion::Hold);
    Rates {
        blocked: Rate::new(blocked, bad),
        held: Rate::new(held, bad),
        caught: Rate::new(blocked + held, bad),
        wrongly_blocked: Rate::new(count(Label::Benign, Conclusion::Block), good),
        wrongly_held: Rate::new(count(Label::Benign, Conclusion::Hold), good),
    }
}

fn cost(measured: &Measured) -> Cost {
    let micros = |outcome: &Outcome| u64::try_from(outcome.cpu.as_micros()).unwrap_or(u64::MAX);
    let mut all: Vec<u64> = measured.outcomes.iter().map(micros).collect();
    all.sort_unstable();
    let mut slowest: Vec<(String, u64)> =
        measured.outcomes.iter().map(|outcome| (outcome.path.clone(), micros(outcome))).collect();
    slowest.sort_by_key(|(_, micros)| std::cmp::Reverse(*micros));
    slowest.truncate(10);
    #[expect(clippy::cast_precision_loss, reason = "no set has 2^52 packages")]
    let number = (measured.outcomes.len() + measured.repeated) as f64;
    Cost {
        median_us: quantile(&all, 0.5),
        p95_us: quantile(&all, 0.95),
        p99_us: quantile(&all, 0.99),
        max_us: all.last().copied().unwrap_or(0),
        total_us: all.iter().sum(),
        bytes: measured.outcomes.iter().map(|outcome| outcome.bytes).sum(),
        packages_per_second: number / measured.wall.as_secs_f64().max(1e-9),
        threads: measured.threads,
        slowest,
    }
}

fn hits(outcomes: &[Outcome]) -> BTreeMap<String, Hits> {
    let mut hits: BTreeMap<String, Hits> = BTreeMap::new();
    for outcome in outcomes {
        let rules: BTreeSet<&str> = outcome.findings.iter().map(|finding| finding.rule.as_str()).collect();
        for rule in rules {
            let entry = hits.entry(rule.to_owned()).or_default();
            match outcome.label {
                Label::Malicious => entry.bad += 1,
                Label::Benign => entry.good += 1,
            }
            let strong = outcome.scores.iter().filter(|score| score.score >= score.holds_at);
            let families: BTreeSet<_> = strong.map(|score| score.family).collect();
            let blamed =
                outcome.findings.iter().any(|found| found.rule == rule && families.contains(&found.family));
            if outcome.label == Label::Benign && outcome.conclusion >= Conclusion::Hold && blamed {
                entry.wrongly += 1;
            }
        }
    }
    hits
}

/// What the scanner got wrong: malicious packages that pass, and benign ones that do not.
pub fn wrong(measured: &Measured) -> impl Iterator<Item = &Outcome> {
    measured.outcomes.iter().filter(|outcome| match outcome.label {
        Label::Malicious => outcome.conclusion < Conclusion::Hold,
        Label::Benign => outcome.conclusion >= Conclusion::Hold,
    })
}
