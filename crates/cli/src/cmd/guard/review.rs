//! Keys of agents, and tools that changed.

use super::setup::ask;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use clap::Args;
use serde_json::{Value, json};
use std::path::Path;
use trustmill_doors::socket::Request;
use trustmill_guard::value::visible;

/// A new key for the agent of a session; the one before is worthless
#[derive(Args)]
pub(super) struct Key {
    /// The session
    #[arg(long, env = "TRUSTMILL_GUARD_SESSION", value_name = "SESSION")]
    session: String,
}

impl Key {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let key = ask(state, Request::Key { session: self.session }).await?;
        match json {
            true => to_json(&json!({ "key": key })),
            false => say!("{}", key.as_str().unwrap_or_default()),
        }
        Ok(Exit::Success)
    }
}

/// Tools that are held because their servers describe them otherwise than before
#[derive(Args)]
pub(super) struct Review {
    /// Take what the server says of this tool now
    #[arg(long, value_name = "SERVER/TOOL", requires_all = ["seen", "by"])]
    accept: Option<String>,
    /// The new definition's digest as it is listed here: at least 12 digits
    #[arg(long, value_name = "DIGEST", requires = "accept")]
    seen: Option<String>,
    /// Who looked
    #[arg(long, value_name = "NAME", requires = "accept")]
    by: Option<String>,
}

impl Review {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        if let (Some(tool), Some(seen), Some(by)) = (self.accept, self.seen, self.by) {
            let value = ask(state, Request::Accept { tool: tool.clone(), seen, by }).await?;
            match json {
                true => to_json(&json!({ "done": value })),
                false => say!("{} is used again", visible(&tool)),
            }
            return Ok(Exit::Success);
        }
        let drifts = ask(state, Request::Drifts).await?;
        if json {
            to_json(&drifts);
            return Ok(Exit::Success);
        }
        let drifts = drifts.as_array().map(Vec::as_slice).unwrap_or_default();
        if drifts.is_empty() {
            say!("no tool is held");
        }
        for drift in drifts {
            let text = |key: &str| visible(drift.get(key).and_then(Value::as_str).unwrap_or_default());
            let short = |key: &str| text(key).chars().take(12).collect::<String>();
            say!("{}  was {}, is {}", text("tool"), short("pinned"), short("now"));
            say!("  trustmill guard review --accept {} --seen {} --by NAME", text("tool"), short("now"));
        }
        Ok(Exit::Success)
    }
}
