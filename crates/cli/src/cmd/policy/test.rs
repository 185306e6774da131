//! `trustmill policy test`: policies against made-up releases.

use super::super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::policies;
use crate::render::{policy as view, to_json};
use crate::wire;
use clap::Args;
use std::path::PathBuf;
use trustmill_core::port::Coded;
use trustmill_policy::cases::{self, CaseResult};
use trustmill_policy::shipped;

/// Try the policies on made-up releases, and exit with 1 if one case does not hold.
///
/// Without CASES, the cases of the shipped policies.
#[derive(Args)]
pub(super) struct Test {
    /// Files of cases (TOML)
    #[arg(value_name = "CASES")]
    files: Vec<PathBuf>,
}

/// A file of cases cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
struct Unreadable {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

impl Coded for Unreadable {
    fn code(&self) -> &'static str {
        "TM0920"
    }

    fn help(&self) -> String {
        "give a file of cases; docs/policy.md shows one".into()
    }
}

impl Test {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let config = wire::config(global)?.policy;
        let usage = |error: policies::PoliciesError| Failure::new(Exit::Usage, error);
        let set = policies::load(&config).map_err(usage)?;
        let settings = config.settings(policies::popular(&config).map_err(usage)?, true);
        let mut texts = Vec::new();
        for path in self.files {
            let text = std::fs::read_to_string(&path);
            texts.push(text.map_err(|source| Failure::new(Exit::Usage, Unreadable { path, source }))?);
        }
        if texts.is_empty() {
            texts.push(shipped::CASES.to_owned());
        }
        let mut results: Vec<CaseResult> = Vec::new();
        for text in texts {
            let read = cases::parse(&text, |ty| settings.context(ty));
            let read = read.map_err(|error| Failure::new(Exit::Usage, error))?;
            results.extend(read.iter().map(|case| case.run(&set)));
        }
        match global.json {
            true => to_json(&results),
            false => view::cases(&results),
        }
        let holds = results.iter().all(|result| result.wrong.is_empty());
        Ok(if holds { Exit::Success } else { Exit::Gate })
    }
}
