//! `trustmill alerts`: what was handed out and turned out to be bad, and who has it.

use super::Global;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::{alerts as view, to_json};
use crate::wire::{self, Ledger};
use clap::{Args, Subcommand};
use trustmill_core::Purl;
use trustmill_core::alert::Ack;
use trustmill_core::port::Coded;
use trustmill_factory::alerts;

/// What was handed out and turned out to be bad, and who has it.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Alerts {
    /// Only those at which nobody looked; exits with 1 if there are any
    #[arg(long)]
    open: bool,
    /// Who was given files of a release or a project, whether there is an alert or not
    #[arg(long, value_name = "PURL", conflicts_with = "open")]
    who: Option<Purl>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Say that somebody looked at an alert, and what came of it
    Ack {
        /// Its id, as `trustmill alerts` prints it
        #[arg(value_name = "ID")]
        id: String,
        /// Who looked
        #[arg(long, value_name = "NAME")]
        who: String,
        /// What came of it
        #[arg(long, value_name = "TEXT")]
        why: String,
    },
}

/// An alert that cannot be acknowledged.
#[derive(Debug, thiserror::Error)]
enum AckError {
    /// There is none.
    #[error("there is no alert with the id {0:?}")]
    Unknown(String),
    /// Empty or endless words.
    #[error("--who or --why is empty, or longer than 500 bytes")]
    Words,
}

impl Coded for AckError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "TM0726",
            Self::Words => "TM0727",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unknown(_) => "`trustmill alerts` lists every alert with its id",
            Self::Words => "say in a sentence who looked and what came of it",
        }
        .into()
    }
}

impl Alerts {
    pub(super) fn run(self, global: &Global) -> Result<Exit, Failure> {
        wire::runtime(async {
            let ledger = Ledger::open(global).await?;
            match (self.verb, self.who) {
                (Some(Verb::Ack { id, who, why }), _) => ack(&ledger, &id, &who, &why, global.json).await,
                (None, Some(purl)) => {
                    let handed = ledger.journal.handed(&purl).await?;
                    match global.json {
                        true => to_json(&handed),
                        false => view::print_handed(&purl, &handed),
                    }
                    Ok(Exit::Success)
                }
                (None, None) => list(&ledger, self.open, global.json).await,
            }
        })
    }
}

async fn list(ledger: &Ledger, only_open: bool, json: bool) -> Result<Exit, Failure> {
    let mut states = alerts::all(ledger.records.as_ref()).await?;
    states.retain(|state| !only_open || state.is_open());
    match json {
        true => to_json(&states),
        false => view::print(&states, only_open),
    }
    Ok(if only_open && !states.is_empty() { Exit::Gate } else { Exit::Success })
}

async fn ack(ledger: &Ledger, id: &str, who: &str, why: &str, json: bool) -> Result<Exit, Failure> {
    let usage = |error| Failure::new(Exit::Usage, error);
    let ack = Ack::new(who, why, None).ok_or_else(|| usage(AckError::Words))?;
    let states = alerts::all(ledger.records.as_ref()).await?;
    let state = states.into_iter().find(|state| state.alert.id == id);
    let state = state.ok_or_else(|| usage(AckError::Unknown(id.chars().take(40).collect())))?;
    if state.is_open() {
        alerts::acknowledge(ledger.records.as_ref(), &state, &ack, ledger.clock.now()).await?;
    }
    match json {
        true => to_json(&serde_json::json!({ "id": id, "was_open": state.is_open() })),
        false if state.is_open() => say!("{id}: acknowledged"),
        false => say!("{id}: it was acknowledged before, which stands"),
    }
    Ok(Exit::Success)
}
