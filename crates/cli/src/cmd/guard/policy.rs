//! `trustmill guard policy` and `replay`: which policies decide over agents' calls, and what others would have decided.

use super::setup;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::{complain, say};
use crate::render::to_json;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use trustmill_doors::log::Log as Record;
use trustmill_guard::decide::Decision;
use trustmill_guard::replay;
use trustmill_guard::value::visible;
use trustmill_policy::calls::{cases, shipped};

/// The policies that decide over agents' calls: their files are checked, their cases run
#[derive(Args)]
pub(super) struct Policy {
    /// Run the shipped cases, and those of FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    test: Option<Option<PathBuf>>,
    /// Print the schema that policies are held against, derived from the tools
    #[arg(long, conflicts_with = "test")]
    schema: bool,
    /// Another policy file, beside those that decide
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

impl Policy {
    pub(super) fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let usage = |error| Failure::new(Exit::Usage, error);
        let rules = setup::rulebook(state, &[], &self.policy).map_err(usage)?;
        if self.schema {
            say!("{}", rules.schema());
            return Ok(Exit::Success);
        }
        let listed = rules.policies().rules();
        let Some(file) = self.test else {
            match json {
                true => to_json(&listed),
                false => listed.iter().for_each(|rule| {
                    say!("{:<6} {:<18} {}  ({})", rule.decision.as_str(), rule.id, rule.doc, rule.file);
                }),
            }
            return Ok(Exit::Success);
        };
        let mut texts = vec![shipped::CASES.to_owned()];
        if let Some(path) = file {
            let bad = |error: std::io::Error| setup::SetupError::File {
                path: path.clone(),
                why: error.to_string(),
            };
            texts.push(std::fs::read_to_string(&path).map_err(|error| usage(bad(error)))?);
        }
        let mut results = Vec::new();
        for text in &texts {
            let cases = cases::parse(text).map_err(|error| Failure::new(Exit::Usage, error))?;
            results.extend(cases.iter().map(|case| case.run(rules.policies())));
        }
        let wrong = results.iter().filter(|result| !result.wrong.is_empty()).count();
        match json {
            true => to_json(&results),
            false => {
                for result in results.iter().filter(|result| !result.wrong.is_empty()) {
                    complain!("{}: {}", result.name, result.wrong.join("; "));
                }
                say!("{} cases, {wrong} not as expected", results.len());
            }
        }
        Ok(if wrong == 0 { Exit::Success } else { Exit::Gate })
    }
}

/// What other policies would have decided over the calls of a record
#[derive(Args)]
pub(super) struct Replay {
    /// The record: its folder, or the file
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// A policy file that decides beside those that do now; may be given again
    #[arg(long, value_name = "NEW")]
    policy: Vec<PathBuf>,
    /// Only these policies, without the shipped ones
    #[arg(long, requires = "policy")]
    only: bool,
}

impl Replay {
    pub(super) fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let usage = |error| Failure::new(Exit::Usage, error);
        let rules = match self.only {
            true => setup::only(state, &self.policy),
            false => setup::rulebook(state, &[], &self.policy),
        };
        let rules = rules.map_err(usage)?;
        let folder = if self.log.is_file() { self.log.parent().unwrap_or(&self.log) } else { &self.log };
        let (_, records) = Record::look(folder)?;
        let replayed = replay::replay(&records, rules.policies());
        if json {
            to_json(&json!({
                "decided": replayed.decided, "same": replayed.same, "unknown": replayed.unknown, "changed": replayed.changed,
            }));
            return Ok(Exit::Success);
        }
        for change in &replayed.changed {
            let arrow = format!("{} -> {}", change.was.as_str(), change.would.as_str());
            say!("{:>6}  {arrow:<14}  {}  {}", change.number, change.rule, visible(&change.summary));
        }
        let looser = replayed.changed.iter().filter(|change| change.would < change.was).count();
        say!(
            "{} decisions: {} the same, {} stricter, {looser} looser, {} without their facts",
            replayed.decided,
            replayed.same,
            replayed.changed.len() - looser,
            replayed.unknown
        );
        let loosened = replayed.changed.iter().any(|change| change.would == Decision::Allow);
        Ok(if loosened { Exit::Gate } else { Exit::Success })
    }
}
