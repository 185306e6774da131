//! `trustmill guard receipt`: what the record knows of a text that an agent published.

use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use trustmill_core::Sha256;
use trustmill_core::port::Coded;
use trustmill_doors::log::Log;
use trustmill_guard::record::{Event, WRITTEN_BY, receipt};
use trustmill_guard::value::visible;

/// Look a receipt up, and check the text that carries it
#[derive(Args)]
pub(super) struct Receipt {
    /// The receipt, as the published text ends with it
    #[arg(value_name = "RECEIPT")]
    receipt: String,
    /// The text as it was found, to compare it with what was published
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
}

/// No record has it.
#[derive(Debug, thiserror::Error)]
enum ReceiptError {
    /// No such record.
    #[error("the record has no receipt {0:?}")]
    Unknown(String),
    /// The text cannot be read.
    #[error("{} cannot be read", path.display())]
    Text { path: PathBuf, source: std::io::Error },
}

impl Coded for ReceiptError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "TM1321",
            Self::Text { .. } => "TM1304",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::Unknown(_) => {
                "ask the guard that published it (--state names its folder); a text can claim any receipt"
                    .into()
            }
            Self::Text { .. } => "name the file that holds the text as it was published".into(),
        }
    }
}

impl Receipt {
    pub(super) fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        // The chain is checked from its first record before anything of it is believed.
        let (folded, records) = Log::look(state)?;
        let known = records.iter().find(|record| self.receipt == receipt(record.number, &record.hash()));
        let found = known.and_then(|record| match &record.event {
            Event::Allowed { session, call, published: Some(published), .. } => {
                Some((record, session, call, published))
            }
            _ => None,
        });
        let Some((record, session, call, published)) = found else {
            return Err(Failure::new(Exit::Usage, ReceiptError::Unknown(visible(&self.receipt))));
        };
        let same = match &self.text {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| ReceiptError::Text { path: path.clone(), source })?;
                Some(Sha256::of(unmarked(&text).as_bytes()) == *published)
            }
        };
        let ended = records.iter().find_map(|later| match &later.event {
            Event::Ended { call, outcome, .. } if *call == record.number => Some(*outcome),
            _ => None,
        });
        let task = folded.sessions.get(session);
        let (agent, owner) = task.map_or(("", ""), |task| (task.agent.as_str(), task.owner.as_str()));
        match json {
            true => to_json(&json!({
                "receipt": self.receipt, "at": record.at, "session": session, "agent": agent, "owner": owner,
                "tool": call.tool, "outcome": ended, "sha256": published, "same": same,
            })),
            false => {
                say!("{} by agent {} for {}, not reviewed", record.at, visible(agent), visible(owner));
                say!("  {}", visible(&call.summary));
                if let Some(same) = same {
                    say!(
                        "  the text is {}",
                        if same { "what was published" } else { "not what was published" }
                    );
                }
            }
        }
        Ok(if same == Some(false) { Exit::Gate } else { Exit::Success })
    }
}

/// The text without the line that the guard added, which is its last.
fn unmarked(text: &str) -> &str {
    let text = text.trim_end();
    let last = text.rfind('\n').map_or(0, |at| at + 1);
    match (text.get(..last), text.get(last..)) {
        (Some(before), Some(line)) if line.starts_with(WRITTEN_BY) => before.trim_end(),
        _ => text,
    }
}
