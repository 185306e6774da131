//! The decision point behind Unix sockets, so that several doors share one: one JSON object a line, an answer a line.
//!
//! There are two. `door.sock` takes what an agent's side may say: calls and their outcomes. `people.sock`, in a folder of
//! the guard's user alone, takes everything, leases and STOP among it.

mod remote;
mod request;

pub use remote::Remote;
pub use request::Request;

use crate::desk::{Desk, Told};
use crate::engine::{Engine, EngineError, ReadBack};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use trustmill_core::port::Coded as _;
use trustmill_guard::call::{Call, Limits};

/// The longest request, in bytes.
const LONGEST: u64 = 16 << 20;

/// Who is on the other side of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// An agent's.
    Door,
    /// The guard's own user.
    People,
}

/// The sockets of a folder.
pub fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("people.sock"), folder.join("door.sock"))
}

/// Answers at a socket until this future is dropped. What stood at the path before belonged to a guard that ended: whoever
/// holds the engine holds the folder.
pub async fn serve(engine: Arc<Engine>, path: &Path, side: Side) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(
        path,
        std::fs::Permissions::from_mode(if side == Side::People { 0o600 } else { 0o660 }),
    )?;
    loop {
        let (stream, _) = listener.accept().await?;
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            // A client that breaks off harms itself alone.
            let _ = converse(&engine, stream, side).await;
        });
    }
}

async fn converse(engine: &Engine, stream: UnixStream, side: Side) -> std::io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let took = (&mut from).take(LONGEST).read_until(b'\n', &mut line).await?;
        if took == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let answer = match serde_json::from_slice::<Request>(&line) {
            Err(error) => refused("TM1309", &format!("the guard does not understand this: {error}"), ""),
            Ok(request) if side == Side::Door && !request.is_for_doors() => {
                refused("TM1308", "an agent's side cannot ask this", "ask a person")
            }
            Ok(request) => answer(engine, request).await,
        };
        to.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}

fn refused(code: &str, why: &str, help: &str) -> Value {
    json!({ "error": { "code": code, "message": why, "help": help } })
}

fn done(result: Result<Value, EngineError>) -> Value {
    result.map_or_else(
        |error| refused(error.code(), &error.to_string(), &error.help()),
        |value| json!({ "done": value }),
    )
}

/// Answers one request; in this process or for a socket.
pub async fn answer(engine: &Engine, request: Request) -> Value {
    let nothing = |()| Value::Null;
    match request {
        Request::Decide { session, server, tool, arguments, seen } => {
            match (Call::new(&server, &tool, arguments, Limits::default()), seen) {
                (Ok(call), None) => json!({ "done": engine.decide(&session, &call) }),
                (Ok(call), Some(seen)) => json!({ "done": engine.decide_seen(&session, &call, &seen) }),
                (Err(error), _) => refused("TM1309", &error.to_string(), ""),
            }
        }
        Request::Look { server, tool, arguments } => {
            match Call::new(&server, &tool, arguments, Limits::default()) {
                Ok(call) => {
                    let look = engine.look_first(&call).map(|look| json!([look.tool, look.arguments]));
                    json!({ "done": look })
                }
                Err(error) => refused("TM1309", &error.to_string(), ""),
            }
        }
        Request::Ended { session, number, server, tool, arguments, outcome, answer } => {
            if let Ok(call) = Call::new(&server, &tool, arguments, Limits::default()) {
                let told = Told { session: &session, number, call: &call, outcome, answer: answer.as_ref() };
                Desk::ended(engine, told).await;
            }
            json!({ "done": null })
        }
        Request::LookAfter { server, tool, arguments, answer } => {
            let call = Call::new(&server, &tool, arguments, Limits::default()).ok();
            let look = call.and_then(|call| engine.look_after(&call, &answer));
            json!({ "done": look.map(|look| json!([look.tool, look.arguments])) })
        }
        Request::ReadBack { session, number, server, tool, arguments, answered, found } => {
            if let Ok(call) = Call::new(&server, &tool, arguments, Limits::default()) {
                let found = match (&found, answered) {
                    (Some(value), _) => ReadBack::Found(value),
                    (None, true) => ReadBack::Refused,
                    (None, false) => ReadBack::Nothing,
                };
                Desk::read_back(engine, &session, number, &call, found).await;
            }
            json!({ "done": null })
        }
        Request::Listed { server, tools } => {
            done(engine.listed(&server, &tools).map(|held| json!(held)).map_err(Into::into))
        }
        Request::Hook { session, event, shape } => {
            json!({ "done": crate::hook::answer(engine, &session, shape, event.as_bytes()) })
        }
        Request::Begin { session, agent, owner, words, parent } => {
            done(engine.begin_under(&session, &agent, &owner, &words, parent.as_deref()).map(nothing))
        }
        Request::Hear { session, words } => done(engine.hear(&session, &words).map(nothing)),
        Request::Key { session } => done(engine.new_key(&session).map(|key| json!(key))),
        Request::Drifts => json!({ "done": engine.drifts() }),
        Request::Accept { tool, seen, by } => done(engine.accept(&tool, &seen, &by).map(nothing)),
        Request::Waiting => json!({ "done": waiting(engine) }),
        Request::Sessions => json!({ "done": sessions(engine) }),
        Request::Approve { session, plan, approved } => {
            done(engine.approve(&session, &plan, &approved).map(|count| json!(count)))
        }
        Request::Lease { session, terms, by, seconds } => {
            done(engine.lease(&session, terms, &by, Duration::from_secs(seconds)).map(|id| json!(id)))
        }
        Request::Journal { session, due } => json!({ "done": engine.journal(session.as_deref(), due) }),
        Request::Undo { calls, by } => done(engine.undo(&calls, &by).map(|session| json!(session))),
        Request::Undone { call, by } => done(engine.undone(call, &by).map(nothing)),
        Request::Dismiss { session, plan, by } => {
            done(engine.dismiss(&session, plan.as_ref(), &by).map(nothing))
        }
        Request::Stop { session, by } => done(engine.stop(session.as_deref(), &by).map(nothing)),
        Request::Resume { session, by } => done(engine.resume(session.as_deref(), &by).map(nothing)),
    }
}

/// What waits for people, as they are shown it.
fn waiting(engine: &Engine) -> Value {
    let plans = engine.waiting().into_iter().map(|waiting| {
        json!({
            "session": waiting.session, "agent": waiting.agent, "owner": waiting.owner, "effect": waiting.effect,
            "plan": waiting.plan.digest(), "approvers": waiting.plan.approvers(), "calls": waiting.plan.calls(),
            "texts": waiting.plan.calls().iter().map(|call| &call.texts).collect::<Vec<_>>(),
        })
    });
    plans.collect()
}

fn sessions(engine: &Engine) -> Value {
    engine.look(|state| {
        let all = state.sessions.iter().map(|(id, session)| {
            json!({
                "session": id, "agent": session.agent, "owner": session.owner, "stopped": session.stopped || state.stopped,
                "label": state.label(id).map(|label| label.secrecy), "readers": state.label(id).and_then(|label| label.readers.as_ref()),
                "parent": session.parent, "deviated": session.deviated, "leases": session.leases, "waiting": session.waiting(),
            })
        });
        all.collect()
    })
}
