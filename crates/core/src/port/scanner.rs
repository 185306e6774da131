//! The scanner, which reads hostile bytes and is kept apart for it.

use super::Coded;
use crate::scan::Report;
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A file to scan, and what is known beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The purl type: `pypi`, `npm`, `cargo`.
    pub ecosystem: String,
    /// The package's name; empty where it is not known.
    pub name: String,
    /// The release's version; empty where it is not known.
    pub version: String,
    /// The published file.
    pub file: File,
    /// The same kind of file of the release before.
    pub previous: Option<Previous>,
    /// What else is known about the release.
    pub context: Context,
}

/// A named file in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, which decides how it is read.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The release before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its version.
    pub version: String,
    /// Its file.
    pub file: File,
}

/// What registries, rebuilds and other packages say of a release, as far as it is known: what is not known says
/// nothing for or against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// Whether very many depend on the project.
    pub popular: Option<bool>,
    /// Popular packages whose names are nearly this one.
    pub resembles: Vec<String>,
    /// Days since the project's first release.
    pub project_age_days: Option<u32>,
    /// Releases of the project.
    pub releases: Option<u32>,
    /// Whether the release before had a provenance statement and this one has none.
    pub lost_provenance: Option<bool>,
    /// Whether somebody else published the release before.
    pub other_publisher: Option<bool>,
    /// Whether the repository has a tag for the release.
    pub tagged: Option<bool>,
    /// Dependencies that the release before did not have and that are younger than a few days.
    pub young_dependencies: Vec<String>,
    /// Files that the rebuild from source did not give, or gave with other contents.
    pub not_in_source: Vec<String>,
    /// Fingerprints of popular packages that this one may be a copy of: those that it [resembles](Self::resembles),
    /// and those that share a file with it.
    pub originals: Vec<Fingerprint>,
}

/// The files of a package, so that a copy of it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The package.
    pub name: String,
    /// The release that was read.
    pub version: String,
    /// Of each of its files of code, the first eight bytes of the SHA-256 as a number: enough to tell files of one package
    /// apart, too little to prove anything.
    pub files: std::collections::BTreeSet<u64>,
}

/// Scans published files.
///
/// * `scan` MUST give the same report for the same job and the same [`rules`](Scanner::rules).
/// * What cannot be scanned to the end (a crash, a limit of time or memory) MUST be an error, never a report.
/// * The bytes MUST NOT be run, nor written decoded anywhere.
#[async_trait]
pub trait Scanner: Send + Sync {
    /// The version of the rules and thresholds: a report of another one is out of date.
    fn rules(&self) -> &str;

    /// Scans one file.
    async fn scan(&self, job: &Job) -> Result<Report, ScannerError>;
}

/// Why there is no report. Whoever asked treats the file as held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScannerError {
    /// It ran out of time.
    #[error("the scanner did not finish {file} in {seconds} s")]
    Time {
        /// The file.
        file: String,
        /// The limit.
        seconds: u64,
    },
    /// The process ended without a report: a crash, or a limit of memory.
    #[error("the scanner ended without a report on {file}: {how}")]
    Ended {
        /// The file.
        file: String,
        /// How it ended.
        how: String,
    },
    /// The process could not be started or locked in.
    #[error("the scanner cannot be started: {why}")]
    Start {
        /// Why.
        why: String,
    },
}

impl Coded for ScannerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Time { .. } => "TM1001",
            Self::Ended { .. } => "TM1002",
            Self::Start { .. } => "TM1003",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Time { .. } | Self::Ended { .. } => {
                "the release is held: its file broke the scanner, as a hostile one may; look at it by hand, and lift \
                 the hold with `trustmill override add` if it is good"
                    .into()
            }
            Self::Start { .. } => {
                "run `trustmill doctor`; no release is handed out unscanned while scanning is on".into()
            }
        }
    }
}
