//! The decision point behind Unix sockets, so that several doors share one: one JSON object a line, an answer a line.
//!
//! There are two. `door.sock` takes what an agent's side may say: calls and their outcomes. `people.sock`, in a folder of
//! the guard's user alone, takes everything, leases and STOP among it.

use crate::desk::{Desk, Held, Told, unreachable};
use crate::engine::{Answer, Engine, EngineError, ReadBack};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Mutex;
use trustmill_core::Sha256;
use trustmill_core::port::Coded as _;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::lease::Terms;
use trustmill_guard::record::Outcome;

/// The longest request, in bytes.
const LONGEST: u64 = 16 << 20;

/// How long a door waits for a decision before it denies.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that is asked of the decision point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// May this call be made?
    Decide {
        /// The session.
        session: String,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// What the server says of the call's target, where that was read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<Value>,
    },
    /// How is this call's target read?
    Look {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
    },
    /// This came of it.
    Ended {
        /// The session.
        session: String,
        /// The record that allowed the call.
        number: u64,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// How it ended.
        outcome: Outcome,
        /// What the server answered.
        answer: Option<Value>,
    },
    /// How is what this call did read back?
    LookAfter {
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// What the server answered.
        answer: Value,
    },
    /// This was read back.
    ReadBack {
        /// The session.
        session: String,
        /// The record that allowed the call.
        number: u64,
        /// The server.
        server: String,
        /// The tool.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// Whether the server answered.
        answered: bool,
        /// What is there; `null` where the server refused.
        found: Option<Value>,
    },
    /// A server lists these tools.
    Listed {
        /// The server.
        server: String,
        /// Names and definitions.
        tools: Vec<(String, Value)>,
    },
    /// An event of an agent's hook, as it came.
    Hook {
        /// The session.
        session: String,
        /// The event.
        event: String,
        /// How the agent asks.
        #[serde(default)]
        shape: crate::hook::Shape,
    },
    /// A task begins. People only, like all that follow.
    Begin {
        /// Its name.
        session: String,
        /// The agent.
        agent: String,
        /// For whom.
        owner: String,
        /// What that person said.
        words: String,
        /// The task whose agent started this one's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// The owner said something more.
    Hear {
        /// The session.
        session: String,
        /// What.
        words: String,
    },
    /// A new key for a session's agent.
    Key {
        /// The session.
        session: String,
    },
    /// Which tools are held because they changed?
    Drifts,
    /// A person takes what a server says of a tool now.
    Accept {
        /// `server/tool`.
        tool: String,
        /// The definition that was looked at, or how its digest begins.
        seen: String,
        /// Who.
        by: String,
    },
    /// What waits?
    Waiting,
    /// Which sessions are there?
    Sessions,
    /// People approve a plan.
    Approve {
        /// The session.
        session: String,
        /// The plan's digest as shown.
        plan: Sha256,
        /// Who.
        by: BTreeSet<String>,
        /// The calls to keep; all where it is left out.
        keep: Option<BTreeSet<Sha256>>,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// A person writes terms.
    Lease {
        /// The session.
        session: String,
        /// The terms.
        terms: Terms,
        /// Who.
        by: BTreeSet<String>,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// What can be undone?
    Journal {
        /// One session, or all.
        session: Option<String>,
        /// Only what should be by now.
        due: bool,
    },
    /// A person has calls undone.
    Undo {
        /// The records that let them through.
        calls: BTreeSet<u64>,
        /// Who.
        by: String,
    },
    /// A call was undone.
    Undone {
        /// The record that let it through.
        call: u64,
        /// Who.
        by: String,
    },
    /// A person refuses what waits.
    Dismiss {
        /// The session.
        session: String,
        /// Who.
        by: String,
    },
    /// Stop.
    Stop {
        /// One session, or all.
        session: Option<String>,
        /// Who.
        by: String,
    },
    /// Go on.
    Resume {
        /// One session, or all.
        session: Option<String>,
        /// Who.
        by: String,
    },
}

impl Request {
    /// Whether an agent's side may ask it.
    const fn is_for_doors(&self) -> bool {
        matches!(
            self,
            Self::Decide { .. }
                | Self::Look { .. }
                | Self::Ended { .. }
                | Self::LookAfter { .. }
                | Self::ReadBack { .. }
                | Self::Listed { .. }
                | Self::Hook { .. }
        )
    }
}

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
        Request::Approve { session, plan, by, keep, seconds } => {
            let lasts = Duration::from_secs(seconds);
            done(engine.approve(&session, &plan, &by, keep.as_ref(), lasts).map(|count| json!(count)))
        }
        Request::Lease { session, terms, by, seconds } => {
            done(engine.lease(&session, terms, &by, Duration::from_secs(seconds)).map(|id| json!(id)))
        }
        Request::Journal { session, due } => json!({ "done": engine.journal(session.as_deref(), due) }),
        Request::Undo { calls, by } => done(engine.undo(&calls, &by).map(|session| json!(session))),
        Request::Undone { call, by } => done(engine.undone(call, &by).map(nothing)),
        Request::Dismiss { session, by } => done(engine.dismiss(&session, &by).map(nothing)),
        Request::Stop { session, by } => done(engine.stop(session.as_deref(), &by).map(nothing)),
        Request::Resume { session, by } => done(engine.resume(session.as_deref(), &by).map(nothing)),
    }
}

/// What waits for people, as they are shown it.
fn waiting(engine: &Engine) -> Value {
    let plans = engine.waiting().into_iter().map(|waiting| {
        json!({
            "session": waiting.session, "agent": waiting.agent, "owner": waiting.owner,
            "plan": waiting.plan.digest(), "approvers": waiting.plan.approvers(), "calls": waiting.plan.calls(),
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
                "parent": session.parent, "deviated": session.deviated, "leases": session.leases, "waiting": session.plan.calls().len(),
            })
        });
        all.collect()
    })
}

/// The decision point at the other end of a socket.
pub struct Remote {
    path: PathBuf,
    stream: Mutex<Option<BufReader<UnixStream>>>,
}

impl Remote {
    /// The decision point at a socket; `None` if nobody answers there.
    pub async fn connect(path: &Path) -> Option<Self> {
        let stream = UnixStream::connect(path).await.ok()?;
        Some(Self { path: path.to_owned(), stream: Mutex::new(Some(BufReader::new(stream))) })
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, request: &Request) -> std::io::Result<Value> {
        let mut held = self.stream.lock().await;
        let mut stream = match held.take() {
            Some(stream) => stream,
            None => BufReader::new(UnixStream::connect(&self.path).await?),
        };
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let exchange = async {
            stream.get_mut().write_all(&line).await?;
            let mut answer = Vec::new();
            (&mut stream).take(LONGEST).read_until(b'\n', &mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer =
            tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
        let value = serde_json::from_slice(&answer)?;
        // A stream that failed half-way is not used again.
        *held = Some(stream);
        Ok(value)
    }
}

impl Remote {
    async fn decision(&self, session: &str, call: &Call, seen: Option<Value>) -> Answer {
        let request = Request::Decide {
            session: session.to_owned(),
            server: call.server.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            seen,
        };
        match self.ask(&request).await {
            Err(error) => unreachable(&error.to_string()),
            Ok(value) => {
                let answer = value.get("done").cloned().map(serde_json::from_value::<Answer>);
                match answer {
                    Some(Ok(answer)) => answer,
                    _ => unreachable("its answer is none"),
                }
            }
        }
    }
}

#[async_trait]
impl Desk for Remote {
    async fn decide(&self, session: &str, call: &Call) -> Answer {
        self.decision(session, call, None).await
    }

    async fn look_first(&self, call: &Call) -> Option<Call> {
        let request = Request::Look {
            server: call.server.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
        };
        // Where this cannot be asked, the call cannot either.
        let done = self.ask(&request).await.ok()?.get("done").cloned()?;
        let (tool, arguments): (String, Value) = serde_json::from_value(done).ok()?;
        Call::new(&call.server, &tool, arguments, Limits::default()).ok()
    }

    async fn decide_seen(&self, session: &str, call: &Call, seen: &Value) -> Answer {
        self.decision(session, call, Some(seen.clone())).await
    }

    async fn ended(&self, told: Told<'_>) {
        let request = Request::Ended {
            session: told.session.to_owned(),
            number: told.number,
            server: told.call.server.clone(),
            tool: told.call.tool.clone(),
            arguments: told.call.arguments.clone(),
            outcome: told.outcome,
            answer: told.answer.cloned(),
        };
        let _ = self.ask(&request).await;
    }

    async fn look_after(&self, call: &Call, answer: &Value) -> Option<Call> {
        let request = Request::LookAfter {
            server: call.server.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            answer: answer.clone(),
        };
        let done = self.ask(&request).await.ok()?.get("done").cloned()?;
        let (tool, arguments): (String, Value) = serde_json::from_value(done).ok()?;
        Call::new(&call.server, &tool, arguments, Limits::default()).ok()
    }

    async fn read_back(&self, session: &str, number: u64, call: &Call, found: ReadBack<'_>) {
        let request = Request::ReadBack {
            session: session.to_owned(),
            number,
            server: call.server.clone(),
            tool: call.tool.clone(),
            arguments: call.arguments.clone(),
            answered: !matches!(found, ReadBack::Nothing),
            found: match found {
                ReadBack::Found(value) => Some(value.clone()),
                ReadBack::Nothing | ReadBack::Refused => None,
            },
        };
        let _ = self.ask(&request).await;
    }

    async fn listed(&self, server: &str, tools: &[(String, Value)]) -> Held {
        let answer = self.ask(&Request::Listed { server: server.to_owned(), tools: tools.to_vec() }).await;
        let held =
            answer.ok().and_then(|mut answer| serde_json::from_value(answer.get_mut("done")?.take()).ok());
        held.map_or(Held::All, Held::Some)
    }
}
