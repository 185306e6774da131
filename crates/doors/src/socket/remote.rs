//! The decision point behind a socket, as doors and people's commands ask it.

use super::{LONGEST, Request};
use crate::desk::{Desk, Held, Told, unreachable};
use crate::engine::{Answer, ReadBack};
use async_trait::async_trait;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use trustmill_guard::call::{Call, Limits};

/// How long a door waits for a decision before it denies.
const PATIENCE: Duration = Duration::from_secs(10);

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
