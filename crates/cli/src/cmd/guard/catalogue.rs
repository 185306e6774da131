//! `trustmill guard catalogue`: what tools do, and which catalogues fit a server.

use super::client::Client;
use super::run::{StartError, start};
use super::setup;
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use clap::Args;
use serde_json::json;
use trustmill_guard::catalogue::SHIPPED;
use trustmill_guard::fit::{Listed, draft, fit};
use trustmill_guard::value::visible;

/// The most pages of a server's list of tools.
const MOST_PAGES: usize = 100;

/// Catalogues
#[derive(Args)]
pub(super) struct ShowCatalogue {
    /// A shipped one's name, or a file to check [default: list them]
    #[arg(value_name = "NAME|FILE", conflicts_with = "command")]
    name: Option<String>,
    /// Print a draft for the tools that no shipped one describes, guessed by their names
    #[arg(long, requires = "command")]
    draft: bool,
    /// A server's command: say which of the shipped ones describe its tools
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl ShowCatalogue {
    pub(super) async fn run(self, json: bool) -> Result<Exit, Failure> {
        if !self.command.is_empty() {
            return self.fit(json).await;
        }
        let usage = |error| Failure::new(Exit::Usage, error);
        let Some(name) = self.name else {
            let shipped = SHIPPED.iter().map(|(name, _)| setup::catalogue(name).map(|found| (*name, found)));
            let shipped = shipped.collect::<Result<Vec<_>, _>>().map_err(usage)?;
            match json {
                true => to_json(&shipped.into_iter().collect::<std::collections::BTreeMap<_, _>>()),
                false => shipped.iter().for_each(|(name, found)| say!("{name:<10}  {}", found.about)),
            }
            return Ok(Exit::Success);
        };
        let found = setup::catalogue(&name).map_err(usage)?;
        if json {
            to_json(&found);
            return Ok(Exit::Success);
        }
        say!("{}", found.about);
        for (tool, entry) in &found.tools {
            let sinks = entry
                .arguments
                .iter()
                .filter(|(_, argument)| argument.role.is_sink())
                .map(|(name, _)| name.as_str());
            let sinks = sinks.collect::<Vec<_>>().join(", ");
            say!(
                "  {tool:<32} {:<8} {}",
                entry.effect,
                if sinks.is_empty() { String::new() } else { format!("decided by {sinks}") }
            );
        }
        Ok(Exit::Success)
    }

    /// Starts a server, looks at its tools, and says what describes them.
    async fn fit(self, json: bool) -> Result<Exit, Failure> {
        let silent = || StartError {
            program: self.command.first().cloned().unwrap_or_default(),
            source: std::io::Error::other("it lists no tools as an MCP server does"),
        };
        let tools = listed(&self.command).await?.ok_or_else(silent)?;
        let found = fit(&tools);
        let names: Vec<&str> = found.catalogues.iter().map(|(name, _)| *name).collect();
        let rest: Vec<&str> = found.rest.iter().map(|tool| tool.name.as_str()).collect();
        if json {
            to_json(
                &json!({ "tools": tools.len(), "catalogues": names, "unknown": found.unknown, "undescribed": rest }),
            );
            return Ok(Exit::Success);
        }
        if self.draft {
            say!("{}", draft(&found.rest).trim_end());
            return Ok(Exit::Success);
        }
        for (name, count) in &found.catalogues {
            say!("{name:<10}  describes {count} of {} tools", tools.len());
        }
        if !names.is_empty() {
            let options: Vec<String> = names.iter().map(|name| format!("--catalogue {name}")).collect();
            say!("say so with {}, or in guard.toml: [servers] NAME = {}", options.join(" "), json!(names));
        }
        for (tool, arguments) in &found.unknown {
            let arguments = visible(&arguments.join(", "));
            say!(
                "{tool} takes {arguments}, which they do not know: a value there must be in the user's words"
            );
        }
        if !rest.is_empty() {
            say!(
                "none describes {}: each call waits for a person; --draft prints a catalogue to begin with",
                visible(&rest.join(", "))
            );
        }
        Ok(Exit::Success)
    }
}

/// The tools of a server; `None` where it lists none.
async fn listed(command: &[String]) -> Result<Option<Vec<Listed>>, Failure> {
    // It ends when this is dropped.
    let (_child, to, from) = start(command)?;
    let mut client = Client::greet(to, from, "trustmill-catalogue").await;
    let (mut tools, mut params) = (Vec::new(), json!({}));
    for _ in 0..MOST_PAGES {
        let answer = client.ask("tools/list", params).await;
        let Some(result) = answer.as_ref().and_then(|answer| answer.get("result")) else { return Ok(None) };
        tools.extend(Listed::all(result));
        match result.get("nextCursor").filter(|cursor| cursor.is_string()) {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    Ok(Some(tools).filter(|tools: &Vec<Listed>| !tools.is_empty()))
}
