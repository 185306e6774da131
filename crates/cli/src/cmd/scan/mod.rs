//! `trustmill scan`: what a file or folder does, what changed in it, and what follows.

mod eval;
mod gather;

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{scan as view, scan_sarif, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::Purl;
use trustmill_core::package::ParsePurlError;
use trustmill_core::port::Coded;
use trustmill_core::port::scanner::{Job, Previous};
use trustmill_core::scan::{Conclusion, Report};
use trustmill_factory::progress::Unobserved;

/// Look for malware: what the code does, when it runs, and what changed since the release before.
///
/// Nothing is run, and nothing is written. Exits with 1 if a file is held or blocked (--fail-on).
#[derive(Args)]
pub(super) struct Scan {
    /// An archive, a file, an unpacked folder, or a release such as pkg:npm/left-pad@1.3.0
    #[arg(value_name = "PATH|PURL", required_unless_present_any = ["rules", "eval", "eval_git"])]
    target: Option<String>,
    /// What to compare with: a path, or for a package URL a version [default for a package URL: the release before]
    #[arg(long, value_name = "VERSION|PATH")]
    against: Option<String>,
    /// How the result is printed [default: text, or json with --json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The same as --format sarif
    #[arg(long, conflicts_with = "format")]
    sarif: bool,
    /// Exit with 1 from which conclusion on
    #[arg(long, value_enum, value_name = "CONCLUSION", default_value_t = FailOn::Hold)]
    fail_on: FailOn,
    /// List the rules, and scan nothing
    #[arg(long, conflicts_with_all = ["target", "against"])]
    rules: bool,
    #[command(flatten)]
    eval: eval::Eval,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// Everything
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

/// From which conclusion on the gate does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Anything that was found
    Note,
    /// One family of evidence is strong
    Hold,
    /// Two are
    Block,
    /// Never
    None,
}

impl FailOn {
    fn breaks(self, conclusion: Conclusion) -> bool {
        match self {
            Self::Note => conclusion >= Conclusion::Note,
            Self::Hold => conclusion >= Conclusion::Hold,
            Self::Block => conclusion >= Conclusion::Block,
            Self::None => false,
        }
    }
}

/// What begins with `pkg:` and is no package URL.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NoPurl(ParsePurlError);

impl Coded for NoPurl {
    fn code(&self) -> &'static str {
        "TM1010"
    }

    fn help(&self) -> String {
        "write a release as pkg:npm/left-pad@1.3.0, and a file of that name as ./pkg:…".into()
    }
}

/// What a scan gave.
#[derive(Debug, Serialize)]
pub(crate) struct Scanned {
    /// What was asked for.
    pub(crate) target: String,
    /// Whether it is a folder: then a finding's path is one of this machine.
    pub(crate) folder: bool,
    /// The worst of the files' conclusions.
    pub(crate) conclusion: Conclusion,
    /// How long scanning took, in milliseconds; the only thing here that another run may say otherwise.
    pub(crate) millis: u64,
    /// What was left out, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) left_out: Vec<String>,
    /// One for each file.
    pub(crate) reports: Vec<Report>,
}

/// A rule, as it is listed.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    /// Its id.
    pub(crate) id: String,
    /// The family of its evidence.
    pub(crate) family: String,
    /// What it finds.
    pub(crate) summary: String,
    /// What a person looks at to decide whether it is right.
    pub(crate) look: String,
}

/// Every rule of the scanner itself, as it is listed.
pub(crate) fn rules() -> Vec<Listed> {
    let listed = |rule: &&dyn trustmill_scan::rules::Rule| Listed {
        id: rule.id().to_owned(),
        family: rule.family().as_str().to_owned(),
        summary: rule.summary().to_owned(),
        look: rule.look().to_owned(),
    };
    trustmill_scan::rules::ALL.iter().map(listed).collect()
}

impl Scan {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        if let Some(measured) = self.eval.run(global) {
            return measured;
        }
        let Some(target) = self.target.as_deref().filter(|_| !self.rules) else {
            let (added, version) = wire::added_rules(global)?;
            let listed: Vec<Listed> = rules().into_iter().chain(added).collect();
            match global.json {
                true => to_json(&listed),
                false => view::rules(&listed, &version),
            }
            return Ok(Exit::Success);
        };
        let scanned = wire::runtime(self.look(global, target))?;
        match self.format(global) {
            Format::Text => view::print(&scanned),
            Format::Json => to_json(&scanned),
            Format::Sarif => to_json(&scan_sarif::log(&scanned)),
        }
        Ok(if self.fail_on.breaks(scanned.conclusion) { Exit::Gate } else { Exit::Success })
    }

    fn format(&self, global: &Global) -> Format {
        match self.format {
            Some(format) => format,
            None if self.sarif => Format::Sarif,
            None if global.json => Format::Json,
            None => Format::Text,
        }
    }
}

/// Files of one release that are looked at.
const FILES: usize = 8;

impl Scan {
    async fn look(&self, global: &Global, target: &str) -> Result<Scanned, Failure> {
        let purl = match target.strip_prefix("pkg:") {
            Some(_) => {
                Some(target.parse::<Purl>().map_err(|error| Failure::new(Exit::Usage, NoPurl(error)))?)
            }
            None => None,
        };
        match purl {
            Some(purl) => self.release(global, &purl).await,
            None => self.path(global, Path::new(target)).await,
        }
    }

    async fn path(&self, global: &Global, target: &Path) -> Result<Scanned, Failure> {
        let usage = |error| Failure::new(Exit::Usage, error);
        let gathered = gather::gather(target).map_err(usage)?;
        let previous = self.against.as_deref().map(|path| gather::gather(Path::new(path)));
        let previous = previous.transpose().map_err(usage)?;
        let mut left_out = gathered.left_out;
        let job = Job {
            ecosystem: gathered.ecosystem.to_owned(),
            file: gathered.file,
            previous: previous.map(|previous| {
                left_out.extend(previous.left_out);
                Previous { version: previous.file.name.clone(), file: previous.file }
            }),
            ..Job::default()
        };
        let scanner = wire::scanner(global)?;
        let began = Instant::now();
        let report = scanner.scan(&job).await?;
        let target = target.display().to_string();
        Ok(Scanned::of(target, gathered.folder, left_out, vec![report], began.elapsed()))
    }

    /// A release as its registry has it, compared with the one before.
    async fn release(&self, global: &Global, purl: &Purl) -> Result<Scanned, Failure> {
        let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
        let examined = mill.examiner.examine(purl, self.against.as_deref(), FILES).await?;
        let reports = examined.files.into_iter().map(|(_, report)| report).collect::<Result<Vec<_>, _>>()?;
        let left = (examined.left > 0).then(|| format!("{} further files of the release", examined.left));
        let (target, left) = (examined.release.to_string(), left.into_iter().collect());
        Ok(Scanned::of(target, false, left, reports, examined.scanning))
    }
}

impl Scanned {
    fn of(
        target: String,
        folder: bool,
        left_out: Vec<String>,
        mut reports: Vec<Report>,
        took: Duration,
    ) -> Self {
        // Who reads the first line reads the worst.
        reports.sort_by_key(|report| Reverse(report.conclusion));
        let conclusion = reports.first().map(|report| report.conclusion).unwrap_or_default();
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { target, folder, conclusion, millis, left_out, reports }
    }
}
