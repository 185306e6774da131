//! `trustmill check`: what the advisories say of lockfiles, without a network.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::ignores;
use crate::lockfiles;
use crate::render::{annotations, check as table, sarif, to_json};
use crate::wire;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use trustmill_core::Timestamp;
use trustmill_core::advisory::Severity;
use trustmill_core::port::Coded;
use trustmill_factory::audit::{self, Audit, Hit};
use trustmill_factory::ignores::Ignore;

/// Check lockfiles against the advisories that the mill holds: known vulnerabilities and malware.
///
/// Reads what `secure` reads, for every platform, extra and group. Needs no network: `trustmill advisories update`
/// fetches the advisories beforehand.
#[derive(Args)]
pub(super) struct Check {
    /// Lockfiles
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the result is printed [default: table, or json with --json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Exit with 1 from which severity on; a record that names none counts as high
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Low)]
    fail_on: FailOn,
    /// Exit with 1 if a feed was read longer ago than this: 36h, 7d, 2w
    #[arg(long, value_name = "AGE")]
    max_age: Option<Age>,
    /// Do not count the problem with this id (or alias) in the gate; it is printed all the same. Malware counts
    #[arg(long, value_name = "ID")]
    ignore: Vec<String>,
    /// A file of accepted problems, each with a reason and an end
    #[arg(long, value_name = "FILE")]
    ignores: Option<PathBuf>,
    /// Promise that no network is touched. `check` never touches one; scripts may say that they rely on it
    #[arg(long)]
    offline: bool,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// Everything
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands, which GitHub shows beside the lines
    Github,
}

/// From which severity on the gate does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    /// Any problem
    Low,
    /// Medium, high and critical
    Medium,
    /// High and critical
    High,
    /// Critical
    Critical,
    /// Malware alone
    Malicious,
    /// Never
    None,
}

impl FailOn {
    /// Whether a problem breaks the gate. What only informs never does, nor what was accepted.
    pub(crate) fn counts(self, hit: &Hit) -> bool {
        if hit.ignored.is_some() {
            return false;
        }
        let floor = match self {
            Self::None => return false,
            Self::Malicious => return hit.malicious,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        };
        let severity = if hit.severity == Severity::Unknown { Severity::High } else { hit.severity };
        hit.malicious || (!hit.informational && severity >= floor)
    }

    /// The word on the command line.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Malicious => "malicious",
            Self::None => "none",
        }
    }
}

/// A length of time: a number, and `m`, `h`, `d` or `w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age {
    seconds: i64,
}

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || "expected a number and a unit: 90m, 36h, 7d or 2w".to_owned();
        let unit = text.chars().next_back().ok_or_else(bad)?;
        let number: u32 = text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
        let length: i64 = match unit {
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(bad()),
        };
        Ok(Self { seconds: i64::from(number) * length })
    }
}

/// What `check` found.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    #[serde(flatten)]
    pub(crate) audit: Audit,
    /// When it was looked.
    pub(crate) at: Timestamp,
    /// From which severity on the gate does not hold.
    pub(crate) fail_on: FailOn,
    /// Problems that break the gate.
    pub(crate) failing: usize,
    /// Why the advisories are too old, if they are.
    pub(crate) stale: Option<String>,
    /// Whether the gate holds.
    pub(crate) passed: bool,
}

/// The advisories are older than the caller accepts.
#[derive(Debug, thiserror::Error)]
#[error("the advisories are too old: {0}")]
struct Stale(String);

impl Coded for Stale {
    fn code(&self) -> &'static str {
        "TM0932"
    }

    fn help(&self) -> String {
        "run `trustmill advisories update`; `trustmill doctor` says why a feed could not be read".into()
    }
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let format = self.format.unwrap_or(if global.json { Format::Json } else { Format::Table });
        let locked = lockfiles::read(&self.files)?;
        let ignores = self.ignored()?;
        let checked = wire::runtime(self.look(global, &locked, &ignores))?;
        match format {
            Format::Table => table::print(&checked),
            Format::Json => to_json(&checked),
            Format::Sarif => to_json(&sarif::log(&checked)),
            Format::Github => annotations::print(&checked),
        }
        match checked.stale {
            Some(why) if format != Format::Json => Err(Failure::new(Exit::Gate, Stale(why))),
            _ if checked.passed => Ok(Exit::Success),
            _ => Ok(Exit::Gate),
        }
    }

    /// What is accepted, by the file and by the command line.
    fn ignored(&self) -> Result<Vec<Ignore>, Failure> {
        let mut all = self.ignores.as_deref().map(ignores::read).transpose()?.unwrap_or_default();
        let here = |id: &String| Ignore {
            id: id.clone(),
            release: None,
            reason: "ignored on the command line".to_owned(),
            until: None,
        };
        all.extend(self.ignore.iter().map(here));
        Ok(all)
    }

    async fn look(
        &self,
        global: &Global,
        locked: &[audit::Locked],
        ignores: &[Ignore],
    ) -> Result<Checked, Failure> {
        let known = wire::known(global).await?;
        let mut audit =
            audit::audit(known.advisories.as_ref(), locked).await.map_err(|error| match error {
                audit::AuditError::Store(error) => Failure::from(error),
                other => Failure::new(Exit::Usage, other),
            })?;
        let at = known.clock.now();
        audit.ignore(ignores, at);
        let failing = audit.findings.iter().filter(|hit| self.fail_on.counts(hit)).count();
        let stale = self.max_age.and_then(|limit| too_old(&audit, at, limit));
        let passed = failing == 0 && stale.is_none();
        Ok(Checked { audit, at, fail_on: self.fail_on, failing, stale, passed })
    }
}

/// The feed that was read longest ago, if that is too long.
fn too_old(audit: &Audit, now: Timestamp, limit: Age) -> Option<String> {
    audit.sources.iter().find_map(|source| match source.read_at {
        None => Some(format!("{} was never read", source.name)),
        Some(at) if seconds_between(at, now) > limit.seconds => {
            Some(format!("{} was read {} ago", source.name, ago(seconds_between(at, now))))
        }
        Some(_) => None,
    })
}

/// Seconds from one instant to a later one; a clock that was set back gives none.
pub(crate) fn seconds_between(then: Timestamp, now: Timestamp) -> i64 {
    now.as_second().saturating_sub(then.as_second()).max(0)
}

/// A length of time for people.
pub(crate) fn ago(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        for (text, seconds) in
            [("90m", 5_400), ("36h", 129_600), ("7d", 604_800), ("2w", 1_209_600), ("0d", 0)]
        {
            assert_eq!(text.parse::<Age>().unwrap().seconds, seconds, "{text}");
        }
        for text in ["", "7", "d", "-1d", "7 d", "7y", "1.5h", "99999999999d", "7é"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
