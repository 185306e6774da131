//! Scans the packages of a set on every core, and takes the time that each costs.

use crate::label::{Label, Part};
use crate::set::{Item, git};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use trustmill_core::Sha256;
use trustmill_core::scan::{Conclusion, Finding, Report, Score};
use trustmill_scan::package::Package;
use trustmill_scan::rules::added::Nothing;

/// Parsers recurse; the scanner's own limits are for a stack of this size.
const STACK: usize = 256 << 20;

/// What is measured of a set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Which part of it.
    pub part: Part,
    /// Whether of packages whose code is the same but for names, versions and blanks only the first counts.
    pub distinct: bool,
    /// Whether the releases before are left aside.
    pub alone: bool,
    /// Threads; 0 is one per core.
    pub threads: usize,
}

/// What the scanner said of one package.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its path in the set.
    pub path: String,
    /// What it is.
    pub label: Label,
    /// The purl type.
    pub ecosystem: String,
    /// What is concluded; a scanner that broke holds.
    pub conclusion: Conclusion,
    /// Why.
    pub reason: String,
    /// Families, strongest first.
    pub scores: Vec<Score>,
    /// Findings, weightiest first.
    pub findings: Vec<Finding>,
    /// CPU time of the thread, reading the file from the disk left out.
    pub cpu: Duration,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether there was a release before.
    pub paired: bool,
    /// Whether the scanner broke.
    pub broken: bool,
    /// The digest of its code without names, versions and blanks.
    code: Sha256,
}

/// All outcomes, in the order of the set, and the time by the clock on the wall.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// One per package.
    pub outcomes: Vec<Outcome>,
    /// Packages that could not be read, with why.
    pub unread: Vec<(String, String)>,
    /// Packages that were left aside because their code was seen before.
    pub repeated: usize,
    /// Time by the clock.
    pub wall: Duration,
    /// Threads.
    pub threads: usize,
}

/// Scans.
pub fn measure(items: &[Item], options: Options) -> Measured {
    let items: Vec<&Item> = items.iter().filter(|item| options.part.has(&item.name)).collect();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if options.threads == 0 { cores } else { options.threads };
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                let mut blobs = git::Blobs::default();
                let mut own = Vec::new();
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    own.push((item.path.clone(), one(item, options, &mut blobs)));
                }
                if let Ok(mut done) = done.lock() {
                    done.append(&mut own);
                }
            };
            // Without a thread there are fewer; with none, nothing is measured, and the counts say so.
            let _ = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        }
    });
    let mut measured = Measured { wall: start.elapsed(), threads, ..Measured::default() };
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by(|a, b| a.0.cmp(&b.0));
    let mut seen = BTreeSet::new();
    for (path, outcome) in done {
        match outcome {
            Ok(outcome) if options.distinct && !seen.insert((outcome.label, outcome.code)) => {
                measured.repeated += 1;
            }
            Ok(outcome) => measured.outcomes.push(outcome),
            Err(why) => measured.unread.push((path, why)),
        }
    }
    measured
}

fn one(item: &Item, options: Options, blobs: &mut git::Blobs) -> Result<Outcome, String> {
    let mut job = item.job(blobs).map_err(|error| {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        format!("{error}{}", source.unwrap_or_default())
    })?;
    if options.alone {
        job.previous = None;
    }
    let start = cpu();
    let scanned = catch_unwind(AssertUnwindSafe(|| {
        let package = trustmill_scan::package::read(&job);
        let report = trustmill_scan::judged(&job, &package, &Nothing)
            .unwrap_or_else(|_| broken_report(&job.file.name));
        let cpu = cpu().saturating_sub(start);
        let code = if options.distinct { code(&package) } else { Sha256::of(b"") };
        (report, cpu, code)
    }));
    let broken = scanned.is_err();
    let (report, cpu, code) = scanned.unwrap_or_else(|_| {
        (broken_report(&job.file.name), cpu().saturating_sub(start), Sha256::of(&job.file.bytes))
    });
    Ok(Outcome {
        path: item.path.clone(),
        label: item.label,
        ecosystem: if item.ecosystem.is_empty() { "other".into() } else { item.ecosystem.clone() },
        conclusion: report.conclusion,
        reason: report.reason,
        scores: report.scores,
        findings: report.findings,
        cpu,
        bytes: job.file.bytes.len() as u64,
        paired: job.previous.is_some(),
        broken,
        code,
    })
}

/// What the pipeline makes of a scanner that breaks: a hold.
fn broken_report(filename: &str) -> Report {
    Report {
        format: Report::FORMAT,
        rules: String::new(),
        filename: filename.to_owned(),
        sha256: Sha256::of(b""),
        against: None,
        conclusion: Conclusion::Hold,
        reason: "the scanner broke".to_owned(),
        scores: Vec::new(),
        findings: Vec::new(),
        census: trustmill_core::scan::Census::default(),
        licence: None,
        leads: trustmill_core::scan::Leads::default(),
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The digest of a package's code: campaigns publish one file under a thousand names, and count once.
fn code(package: &Package) -> Sha256 {
    let names =
        [package.name.as_str(), package.manifest.name.as_str()].map(|name| name.replace(['-', '.'], "_"));
    let mut files: Vec<String> = package
        .files
        .iter()
        .filter(|file| file.kind.is_code())
        .map(|file| {
            let mut text = String::from_utf8_lossy(&file.bytes).replace(['-', '.'], "_");
            for name in names.iter().filter(|name| name.len() > 2) {
                text = text.replace(name.as_str(), "");
            }
            text.retain(|c| !c.is_whitespace() && !c.is_ascii_digit());
            text
        })
        .collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        let rest: Vec<String> =
            package.files.iter().map(|file| format!("{}", Sha256::of(&file.bytes))).collect();
        return Sha256::of(rest.concat().as_bytes());
    }
    Sha256::of(files.concat().as_bytes())
}
