//! `trustmill inbox`: what models ask of people.

use super::Global;
use super::up::REPAIRS;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{inbox as view, to_json};
use crate::wire::{self, Mill, Purpose};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use trustmill_core::Key;
use trustmill_core::port::Coded;
use trustmill_core::port::queue::Enqueue;
use trustmill_factory::agent::Step;
use trustmill_factory::inbox::{Inbox as Box_, InboxError, Waiting};
use trustmill_factory::progress::Unobserved;
use trustmill_factory::repair::Outcome;

/// What models ask of people: a repair that cannot go on without knowing something waits here, for days if need be.
#[derive(Args)]
pub(super) struct Inbox {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List what waits, the oldest first
    List,
    /// Show one question and what happened before it
    Show {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Answer; the repair goes on with `trustmill repair --agent`, or by itself if `[repair] models` says so
    Answer {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        /// The answer
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// Who answers [default: the user of this process]
        #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
        by: String,
    },
    /// Take the work over with a patch of yours, which the same oracle judges
    Take {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID")]
        id: String,
        /// A unified difference, as `git diff` writes it
        #[arg(long, value_name = "FILE")]
        patch: PathBuf,
        /// Who proposes it [default: the user of this process]
        #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
        by: String,
    },
}

/// A question with what happened.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    #[serde(flatten)]
    pub(crate) waiting: Waiting,
    pub(crate) transcript: Vec<Step>,
}

/// A patch that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the patch cannot be read: {0}")]
struct BadPatch(String);

impl Coded for BadPatch {
    fn code(&self) -> &'static str {
        "TM1444"
    }

    fn help(&self) -> String {
        "give a file with a unified difference, as `git diff` writes it".into()
    }
}

fn usage(error: impl Coded + 'static) -> Failure {
    Failure::new(Exit::Usage, error)
}

impl Inbox {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let purpose = if matches!(self.what, What::Take { .. }) { Purpose::Work } else { Purpose::Look };
            let mill = Mill::open(global, purpose, Arc::new(Unobserved)).await?;
            let inbox = Box_ { records: mill.world.records.as_ref(), blobs: mill.world.blobs.as_ref() };
            match self.what {
                What::List => {
                    let all = inbox.list().await?;
                    if global.json {
                        to_json(&all);
                    } else {
                        view::list(&all);
                    }
                    Ok(Exit::Success)
                }
                What::Show { id } => {
                    let (waiting, transcript) = inbox.find(&id).await.map_err(usage)?;
                    let asked = Asked { waiting, transcript: transcript.steps().to_vec() };
                    if global.json {
                        to_json(&asked);
                    } else {
                        view::show(&asked);
                    }
                    Ok(Exit::Success)
                }
                What::Answer { id, text, by } => {
                    let now = mill.world.clock.now();
                    let answered = inbox.answer(&id, &by, &text, now).await.map_err(usage)?;
                    let by_itself = mill.config.repair.models;
                    if by_itself {
                        // It is due in any case; this only spares it the wait until that is looked at.
                        let key = Key::Backport(answered.release.clone()).to_string();
                        mill.world.queue.enqueue(&[Enqueue::now(key, REPAIRS)]).await?;
                    }
                    match (global.json, by_itself) {
                        (true, _) => to_json(&answered),
                        (false, true) => say!("answered; `trustmill up` goes on with {}", answered.release),
                        (false, false) => {
                            say!("answered; it goes on with: trustmill repair {} --agent", answered.release);
                        }
                    }
                    Ok(Exit::Success)
                }
                What::Take { id, patch, by } => take(global, &mill, &inbox, &id, &patch, &by).await,
            }
        })
    }
}

async fn take(
    global: &Global,
    mill: &Mill,
    inbox: &Box_<'_>,
    id: &str,
    patch: &std::path::Path,
    by: &str,
) -> Result<Exit, Failure> {
    let (waiting, _) = inbox.find(id).await.map_err(usage)?;
    let text = std::fs::read_to_string(patch).map_err(|error| usage(BadPatch(error.to_string())))?;
    let repairs = mill.repairs();
    let findings = repairs.hits(&waiting.release, None).await.map_err(usage)?;
    let named: Vec<&str> = waiting.goal.split([' ', ',']).collect();
    let is_it = |id: &String| named.contains(&id.as_str());
    let finding = findings.into_iter().find(|finding| finding.ids.iter().any(is_it));
    let finding = finding.ok_or_else(|| usage(InboxError::Unknown { id: id.to_owned() }))?;
    let outcome = repairs.propose(&finding, &text, by).await?;
    let kept = match &outcome {
        Outcome::Repaired(repaired) => Some(repaired.as_ref()),
        Outcome::Missed(_) => None,
    };
    if kept.is_some() {
        inbox.take(id, by, mill.world.clock.now()).await.map_err(usage)?;
    }
    match (global.json, &outcome) {
        (true, Outcome::Repaired(repaired)) => to_json(repaired),
        (true, Outcome::Missed(miss)) => to_json(miss),
        (false, outcome) => view::judged(outcome),
    }
    Ok(if kept.is_some() { Exit::Success } else { Exit::Gate })
}
