//! What people do: begin a task, look, approve, refuse, stop, read the record.

use super::setup::{self, ask};
use crate::error::Failure;
use crate::exit::Exit;
use crate::out::say;
use crate::render::to_json;
use crate::when::When;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use trustmill_core::Timestamp;
use trustmill_doors::log::Log as Record;
use trustmill_doors::socket::Request;
use trustmill_guard::lease::Terms;
use trustmill_guard::value::visible;

/// A name for a session that no other has: the time in nanoseconds, and the process.
pub(super) fn new_name() -> String {
    format!("s{:x}-{:x}", Timestamp::now().as_nanosecond(), std::process::id())
}

/// Begin a task
#[derive(Args)]
pub(super) struct Open {
    /// Words of whom it is done for
    #[arg(long, value_name = "TEXT")]
    task: String,
    /// Name of the session [default: a new one]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// Name of the agent, in the record
    #[arg(long, default_value = "agent", value_name = "NAME")]
    agent: String,
    /// For whom it works [default: $USER]
    #[arg(long, env = "USER", default_value = "owner", value_name = "NAME")]
    owner: String,
    /// Session whose agent started this one: they share labels, and a stop of it stops this
    #[arg(long, value_name = "SESSION")]
    parent: Option<String>,
}

impl Open {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let session = self.session.unwrap_or_else(new_name);
        let (agent, owner, words, parent) = (self.agent, self.owner, self.task, self.parent);
        ask(state, Request::Begin { session: session.clone(), agent, owner, words, parent }).await?;
        match json {
            true => to_json(&json!({ "session": session })),
            false => say!("{session}"),
        }
        Ok(Exit::Success)
    }
}

/// Add what that person says later
#[derive(Args)]
pub(super) struct Say {
    /// The session
    #[arg(long, env = "TRUSTMILL_GUARD_SESSION", value_name = "SESSION")]
    session: String,
    /// What was said
    #[arg(value_name = "TEXT")]
    words: String,
}

impl Say {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        finish(ask(state, Request::Hear { session: self.session, words: self.words }).await?, json, "heard")
    }
}

/// What an act came to, as the verbs that only act say it.
pub(super) fn finish(value: Value, json: bool, text: &str) -> Result<Exit, Failure> {
    match json {
        true => to_json(&json!({ "done": value })),
        false => say!("{text}"),
    }
    Ok(Exit::Success)
}

/// Tasks, with their leases
#[derive(Args)]
pub(super) struct Sessions {}

impl Sessions {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let sessions = ask(state, Request::Sessions).await?;
        if json {
            to_json(&sessions);
            return Ok(Exit::Success);
        }
        for session in sessions.as_array().into_iter().flatten() {
            let stopped = at(session, "stopped").as_bool().unwrap_or(false);
            say!(
                "{}  {} for {}{}, {} leases, {} calls wait",
                text(at(session, "session")),
                text(at(session, "agent")),
                text(at(session, "owner")),
                if stopped { ", stopped" } else { "" },
                at(session, "leases").as_array().map_or(0, Vec::len),
                at(session, "waiting"),
            );
        }
        Ok(Exit::Success)
    }
}

/// A member; nothing where there is none.
fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// A field for people.
fn text(value: &Value) -> String {
    visible(value.as_str().unwrap_or_default())
}

/// How long something lasts, in seconds.
fn seconds(lasts: When) -> u64 {
    let now = Timestamp::now();
    u64::try_from(lasts.after(now).as_second() - now.as_second()).unwrap_or(0)
}

/// Lease by terms
#[derive(Args)]
pub(super) struct Lease {
    /// The session
    #[arg(long, value_name = "SESSION")]
    session: String,
    /// Terms: a TOML file with tool, arguments, calls, budget (docs/guard.md)
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// Who gives it
    #[arg(long, required = true, value_name = "NAME")]
    by: Vec<String>,
    /// How long it lasts
    #[arg(long = "for", default_value = "1h", value_name = "TIME")]
    lasts: When,
}

impl Lease {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let bad = |why: String| {
            Failure::new(Exit::Usage, setup::SetupError::File { path: self.terms.clone(), why })
        };
        let text = std::fs::read_to_string(&self.terms).map_err(|error| bad(error.to_string()))?;
        let terms: Terms = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let by = self.by.into_iter().collect();
        let request = Request::Lease { session: self.session, terms, by, seconds: seconds(self.lasts) };
        let id = ask(state, request).await?;
        finish(id.clone(), json, &format!("lease {}", id.as_str().unwrap_or_default()))
    }
}

/// Let nothing but reading happen
#[derive(Args)]
pub(super) struct Halt {
    /// One session [default: every one]
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Who
    #[arg(long, default_value = "owner", env = "USER", value_name = "NAME")]
    by: String,
}

impl Halt {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let value = ask(state, Request::Stop { session: self.session, by: self.by }).await?;
        finish(value, json, "stopped: nothing but reading happens, and every lease is gone")
    }
}

/// Let effects happen again
#[derive(Args)]
pub(super) struct Resume {
    /// One session [default: the stop of all]
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Who
    #[arg(long, default_value = "owner", env = "USER", value_name = "NAME")]
    by: String,
}

impl Resume {
    pub(super) async fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        let value = ask(state, Request::Resume { session: self.session, by: self.by }).await?;
        finish(value, json, "effects may happen again, with new leases")
    }
}

/// The record
#[derive(Args)]
pub(super) struct Log {
    /// Only this session
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
}

impl Log {
    pub(super) fn run(self, state: &Path, json: bool) -> Result<Exit, Failure> {
        // The chain is checked from its first record before a line of it is shown.
        let (checked, records) = Record::look(state)?;
        let mine = records.iter().filter(|record| {
            self.session.as_deref().is_none_or(|session| record.event.session() == Some(session))
        });
        if json {
            to_json(&json!({ "head": checked.head, "records": mine.collect::<Vec<_>>() }));
            return Ok(Exit::Success);
        }
        for record in mine {
            let event = serde_json::to_value(&record.event).unwrap_or_default();
            let name = at(&event, "event").as_str().unwrap_or_default().to_owned();
            let call = event.pointer("/call/summary").and_then(Value::as_str).map(str::to_owned);
            let why = ["reason", "rule", "text", "outcome", "verdict", "by"]
                .iter()
                .find_map(|key| event.get(*key)?.as_str().map(str::to_owned));
            let line = [call, why].into_iter().flatten().collect::<Vec<_>>().join(": ");
            say!("{:>6}  {}  {:<9}  {}", record.number, record.at, name, text(&Value::String(line)));
        }
        say!(
            "the chain holds: {} records, head {}",
            checked.next,
            checked.head.map(|head| head.short()).unwrap_or_default()
        );
        Ok(Exit::Success)
    }
}
