//! `trustmill guard undo`: what agents did and what can be taken back, through the same record.

use super::client::Client;
use super::run::start;
use super::setup::{Point, ask, told};
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{BufReader, DuplexStream};
use trustmill_doors::desk::Desk;
use trustmill_doors::socket::{Request, answer};
use trustmill_doors::stdio::Proxy;
use trustmill_guard::session::Undoable;
use trustmill_guard::value::visible;

/// List what can be undone; with a server's command, undo it
#[derive(Args)]
pub(super) struct Undo {
    /// Only what was done in this session [default: every one]
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Only these calls, by their numbers in the list
    #[arg(long, value_name = "N", value_delimiter = ',')]
    only: Vec<u64>,
    /// Only what should be undone by now: access that was given for a time
    #[arg(long)]
    due: bool,
    /// The server on which it is undone
    #[arg(long, value_name = "NAME", requires = "command")]
    server: Option<String>,
    /// Who wants it undone
    #[arg(long, value_name = "NAME", requires = "command")]
    by: Option<String>,
    /// The server's command
    #[arg(last = true, value_name = "COMMAND", requires_all = ["server", "by"])]
    command: Vec<String>,
}

impl Undo {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let point = Point::find(state, &[]).await?;
        let found = Request::Journal { session: self.session.clone(), due: self.due };
        let journal = self.ask(state, &point, found).await?;
        let mut journal: Vec<(u64, Undoable)> = serde_json::from_value(journal).unwrap_or_default();
        if !self.only.is_empty() {
            journal.retain(|(number, _)| self.only.contains(number));
        }
        let (Some(server), Some(by)) = (&self.server, &self.by) else {
            list(&journal, json);
            return Ok(Exit::Success);
        };
        journal.retain(|(_, entry)| entry.undo.server == *server);
        let calls: BTreeSet<u64> = journal.iter().map(|(number, _)| *number).collect();
        if calls.is_empty() {
            say!("there is nothing to undo");
            return Ok(Exit::Success);
        }
        let leased = self.ask(state, &point, Request::Undo { calls, by: by.clone() }).await?;
        let session = leased.as_str().unwrap_or_default().to_owned();
        let mut client = self.client(point.desk(), session, server.clone()).await?;
        let mut failed = 0;
        for (number, entry) in &journal {
            let params = json!({ "name": entry.undo.tool, "arguments": entry.undo.arguments });
            let answer = client.ask("tools/call", params).await.unwrap_or_default();
            let fine =
                answer.get("result").is_some_and(|result| result.get("isError") != Some(&Value::Bool(true)));
            if fine {
                self.ask(state, &point, Request::Undone { call: *number, by: by.clone() }).await?;
                say!("{number:>6}  undone: {}", visible(&entry.summary));
            } else {
                failed += 1;
                let text = answer.pointer("/result/content/0/text").and_then(Value::as_str);
                let why = visible(text.unwrap_or("the server gives no answer"));
                say!("{number:>6}  not undone: {}: {why}", visible(&entry.summary));
            }
        }
        Ok(if failed == 0 { Exit::Success } else { Exit::Gate })
    }

    /// Asks as a person: the guard that runs, or the one in this process.
    async fn ask(&self, state: &Path, point: &Point, request: Request) -> Result<Value, Failure> {
        match point {
            Point::There(_) => ask(state, request).await,
            Point::Here(engine) => told(answer(engine, request).await),
        }
    }

    /// A client of the server, behind the guard like any other.
    async fn client(
        &self,
        desk: Arc<dyn Desk>,
        session: String,
        server: String,
    ) -> Result<Client<DuplexStream, DuplexStream>, Failure> {
        let (child, to, from) = start(&self.command)?;
        let (ours_in, theirs_in) = tokio::io::duplex(64 << 10);
        let (ours_out, theirs_out) = tokio::io::duplex(64 << 10);
        let proxy = Proxy::new(desk, session, server);
        tokio::spawn(async move {
            let _ = proxy.run(BufReader::new(theirs_in), theirs_out, to, BufReader::new(from)).await;
            drop(child);
        });
        Ok(Client::greet(ours_in, ours_out, "trustmill-undo").await)
    }
}

fn list(journal: &[(u64, Undoable)], json: bool) {
    if json {
        let entries = journal.iter().map(|(number, entry)| json!({ "call": number, "entry": entry }));
        return to_json(&entries.collect::<Vec<_>>());
    }
    if journal.is_empty() {
        say!("there is nothing to undo");
    }
    for (number, entry) in journal {
        let doubt = if entry.uncertain { " (nobody saw how it ended)" } else { "" };
        let due = entry.undo.due.map(|due| format!(", ends {due}")).unwrap_or_default();
        say!("{number:>6}  {}  {}{doubt}{due}", visible(&entry.session), visible(&entry.summary));
    }
}
