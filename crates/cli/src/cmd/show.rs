//! `trustmill show`: every fact known about a release, and what differs.

use super::{Global, policy};
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{show as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_core::ruling::{Action, Decision, Principal};
use trustmill_factory::progress::Unobserved;
use trustmill_factory::report::{self, ReleaseReport};

/// Everything known about a release: verdicts, recipes that were tried, and for a difference, what differs.
#[derive(Args)]
pub(super) struct Show {
    /// A release, such as pkg:pypi/requests@2.32.5
    #[arg(value_name = "PURL")]
    purl: Purl,
    /// Show the log of the last attempt too
    #[arg(long)]
    log: bool,
}

/// Nothing is known about the release.
#[derive(Debug, thiserror::Error)]
#[error("nothing is known about {0}")]
struct Unknown(Purl);

impl Coded for Unknown {
    fn code(&self) -> &'static str {
        "TM0810"
    }

    fn help(&self) -> String {
        format!(
            "rebuild it first: put it into a requirements file and run `trustmill secure`, or `trustmill add {}` and `trustmill up`",
            self.0
        )
    }
}

/// What is known of a release, and what becomes of it.
#[derive(Serialize)]
pub(crate) struct ShownRelease {
    #[serde(flatten)]
    pub(crate) report: ReleaseReport,
    /// What the firewall says to somebody who shows no token; nothing for a project.
    #[serde(flatten)]
    pub(crate) decision: Option<Decided>,
}

/// What the firewall says.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decided {
    /// Whether the release is handed out, and why not.
    Decision(Decision),
    /// Why that cannot be said: the registry does not answer, or does not list the release.
    Undecided(String),
}

/// How long the registry may take to list the releases: what else is known is worth showing without it.
const PATIENCE: Duration = Duration::from_secs(10);

async fn decide(mill: &Mill, release: &Purl) -> Option<Decided> {
    release.version()?;
    let (project, anybody) = (release.without_version(), Principal::default());
    let asked = mill.explain(&project, &anybody, Action::Install);
    let why = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(all)) => match policy::of_release(all, release) {
            Some(one) => return Some(Decided::Decision(one.decision)),
            None => "the registry does not list it".to_owned(),
        },
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("the registry does not answer within {} s", PATIENCE.as_secs()),
    };
    Some(Decided::Undecided(why))
}

impl Show {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let shown = ShownRelease {
                report: report::release(&mill.world, &self.purl).await?,
                decision: decide(&mill, &self.purl).await,
            };
            let report = &shown.report;
            if report.files.is_empty()
                && report.alarms.is_empty()
                && report.scans.is_empty()
                && report.repairs.is_empty()
                && report.missed.is_empty()
                && !matches!(shown.decision, Some(Decided::Decision(_)))
            {
                return Err(Failure::new(Exit::Usage, Unknown(self.purl)));
            }
            if global.json {
                to_json(&shown);
                return Ok(Exit::Success);
            }
            view::print(&shown);
            if self.log {
                let log = report.files.iter().flat_map(|file| &file.attempts).next_back().and_then(|a| a.log);
                if let Some(digest) = log
                    && let Some(bytes) = mill.world.blobs.get(&digest).await?
                {
                    say!("\nlog of the last attempt:\n{}", view::printable(&bytes));
                }
            }
            Ok(Exit::Success)
        })
    }
}
