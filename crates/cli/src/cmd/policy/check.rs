//! `trustmill policy check` and `status`: whether policy files may decide, and which policies do.

use super::super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::policies::{self, PoliciesError};
use crate::render::{policy as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_factory::progress::Unobserved;
use trustmill_policy::{PolicyProblem, Rule};

/// Check policy files: syntax, types, and what each policy must say of itself.
///
/// Without FILE, the policies that the configuration names.
#[derive(Args)]
pub(super) struct Check {
    /// Policy files, or folders of them
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The policies that decide, with their modes, and whether the files still give them.
#[derive(Args)]
pub(super) struct Status {}

/// What the files hold.
#[derive(Debug, Serialize)]
pub(crate) struct Ruleset {
    /// The policies; none if there are problems.
    pub(crate) policies: Vec<Arc<Rule>>,
    /// What is wrong.
    pub(crate) problems: Vec<PolicyProblem>,
    /// The last change that a running mill did not take over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alarm: Option<String>,
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let mut config = wire::config(global)?.policy;
        if !self.files.is_empty() {
            // The files by themselves, beside the shipped ones: an id must be free among those too.
            config.files = self.files;
            config.preview.clear();
            config.modes.clear();
        }
        report(global, checked(&config)?)
    }
}

impl Status {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        let mut checked = checked(&wire::config(global)?.policy)?;
        // A mill whose policies are wrong cannot be opened, and what is wrong is told already.
        if checked.problems.is_empty() {
            checked.alarm = wire::runtime(async {
                let mill = Mill::open(global, Purpose::Look, Arc::new(Unobserved)).await?;
                wire::newest_alarm(&*mill.world.records, &Purl::project("mill", "policies")).await
            })?;
        }
        report(global, checked)
    }
}

fn checked(config: &crate::config::Policy) -> Result<Ruleset, Failure> {
    match policies::load(config) {
        Ok(set) => Ok(Ruleset { policies: set.rules(), problems: Vec::new(), alarm: None }),
        Err(PoliciesError::Invalid(problems)) => {
            Ok(Ruleset { policies: Vec::new(), problems: problems.0, alarm: None })
        }
        Err(other) => Err(Failure::new(Exit::Usage, other)),
    }
}

fn report(global: &Global, checked: Ruleset) -> Result<Exit, Failure> {
    match global.json {
        true => to_json(&checked),
        false => view::checked(&checked),
    }
    Ok(if checked.problems.is_empty() { Exit::Success } else { Exit::Usage })
}
