//! `trustmill show`: every fact known about a release, and what differs.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::render::{show as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::port::Coded;
use trustmill_factory::progress::Unobserved;
use trustmill_factory::report;

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

impl Show {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
            let report = report::release(&mill.world, &self.purl).await?;
            if report.files.is_empty() && report.alarms.is_empty() && report.scans.is_empty() {
                return Err(Failure::new(Exit::Usage, Unknown(self.purl)));
            }
            if global.json {
                to_json(&report);
                return Ok(Exit::Success);
            }
            view::print(&report);
            if self.log {
                let log = report.files.iter().flat_map(|file| &file.attempts).next_back().and_then(|a| a.log);
                if let Some(digest) = log
                    && let Some(bytes) = mill.world.blobs.get(&digest).await?
                {
                    println!("\nlog of the last attempt:\n{}", view::printable(&bytes));
                }
            }
            Ok(Exit::Success)
        })
    }
}
