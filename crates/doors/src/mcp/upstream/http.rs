//! A server over HTTP: each message is a POST; answers come plain or as a stream of events, and a stream that breaks off
//! is taken up again where it was left.

use super::{Arrival, Lost, Sink, Waiting, Way};
use crate::mcp::LONGEST;
use async_trait::async_trait;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use trustmill_core::port::exchange::{Exchange, ExchangeError, Incoming, Outgoing, Verb};
use trustmill_core::port::registry::Secret;
use trustmill_core::sse::Reader;

/// How often a stream that broke off is taken up again.
const TRIES: u32 = 3;

/// The wait before that; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// A server.
pub(super) struct Remote {
    shared: Arc<Shared>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

struct Shared {
    url: String,
    headers: Vec<(String, Secret)>,
    exchange: Arc<dyn Exchange>,
    waiting: Arc<Waiting>,
    sink: Sink,
    /// What the server calls the connection, and its revision.
    known: Mutex<(Option<String>, Option<String>)>,
}

/// How a stream ended.
enum Ended {
    /// With the answer that it was for, or as a stream that is for none.
    Whole,
    /// Before; with the last event that arrived.
    Cut(String),
}

impl Remote {
    pub(super) fn new(
        url: &str,
        headers: &[(String, Secret)],
        exchange: Arc<dyn Exchange>,
        waiting: Arc<Waiting>,
        sink: Sink,
    ) -> Self {
        let (url, headers, known) = (url.to_owned(), headers.to_vec(), Mutex::default());
        let shared = Arc::new(Shared { url, headers, exchange, waiting, sink, known });
        Self { shared, tasks: tokio::sync::Mutex::default() }
    }
}

impl Shared {
    fn known(&self) -> (Option<String>, Option<String>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn outgoing(&self, verb: Verb, body: String, last: Option<&str>) -> Outgoing {
        let mut headers = self.headers.clone();
        let mut put = |name: &str, value: &str| headers.push((name.to_owned(), Secret::new(value)));
        put(
            "accept",
            if verb == Verb::Get { "text/event-stream" } else { "application/json, text/event-stream" },
        );
        if verb == Verb::Post {
            put("content-type", "application/json");
        }
        let (session, revision) = self.known();
        if let Some(session) = session {
            put("mcp-session-id", &session);
        }
        if let Some(revision) = revision {
            put("mcp-protocol-version", &revision);
        }
        if let Some(last) = last {
            put("last-event-id", last);
        }
        Outgoing { verb, url: self.url.clone(), headers, body: body.into() }
    }

    /// One message, and all that comes of it.
    async fn post(&self, message: Value) -> Result<(), Lost> {
        let about = message.get("id").and_then(Value::as_u64).filter(|_| message.get("method").is_some());
        let sent = self.exchange.send(self.outgoing(Verb::Post, message.to_string(), None)).await;
        let mut incoming = sent.map_err(|error| lost(&error))?;
        if let Some(session) = incoming.header("mcp-session-id") {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(session.to_owned());
        }
        let streams =
            incoming.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !(200..300).contains(&incoming.status) {
            // Some servers put an error of the protocol under another status.
            self.plain(&mut incoming, about).await;
            return Err(Lost::Gone);
        }
        if !streams {
            self.plain(&mut incoming, about).await;
            return Ok(());
        }
        let mut last = match self.events(&mut incoming, about).await {
            Ended::Whole => return Ok(()),
            Ended::Cut(last) => last,
        };
        drop(incoming);
        let mut wait = FIRST_WAIT;
        for _ in 0..TRIES {
            if last.is_empty() {
                break;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
            let Ok(mut again) =
                self.exchange.send(self.outgoing(Verb::Get, String::new(), Some(&last))).await
            else {
                continue;
            };
            match self.events(&mut again, about).await {
                Ended::Whole => return Ok(()),
                Ended::Cut(newer) if !newer.is_empty() => last = newer,
                Ended::Cut(_) => {}
            }
        }
        Err(Lost::Gone)
    }

    async fn plain(&self, incoming: &mut Incoming, about: Option<u64>) {
        let Ok(Some(body)) = incoming.whole(LONGEST).await else { return };
        match serde_json::from_slice::<Value>(&body) {
            Ok(Value::Array(several)) => {
                several.into_iter().for_each(|message| self.waiting.take(message, about, &self.sink));
            }
            Ok(message) => self.waiting.take(message, about, &self.sink),
            Err(_) => {}
        }
    }

    /// Reads a stream until the answer to `about` came.
    async fn events(&self, incoming: &mut Incoming, about: Option<u64>) -> Ended {
        let (mut reader, mut last) = (Reader::default(), String::new());
        while let Ok(Some(piece)) = incoming.body.piece().await {
            let Ok(events) = reader.push(&piece) else { break };
            for event in events {
                if !event.id.is_empty() {
                    last.clone_from(&event.id);
                }
                let Ok(message) = serde_json::from_str::<Value>(&event.data) else { continue };
                let ours = about.is_some() && message.get("method").is_none();
                let ours = ours && message.get("id").and_then(Value::as_u64) == about;
                self.waiting.take(message, about, &self.sink);
                if ours {
                    return Ended::Whole;
                }
            }
        }
        if about.is_none() { Ended::Whole } else { Ended::Cut(last) }
    }

    /// What the server says by itself, until it no longer does.
    async fn listen(&self) {
        loop {
            let sent = self.exchange.send(self.outgoing(Verb::Get, String::new(), None)).await;
            // A server that has no such stream answers 405.
            let Ok(mut incoming) = sent else { return };
            if incoming.status != 200 {
                return;
            }
            self.events(&mut incoming, None).await;
            tokio::time::sleep(FIRST_WAIT * 4).await;
        }
    }
}

fn lost(error: &ExchangeError) -> Lost {
    match error {
        ExchangeError::Silent => Lost::Silent,
        ExchangeError::Request(_) | ExchangeError::Unreachable(_) => Lost::Gone,
    }
}

#[async_trait]
impl Way for Remote {
    async fn send(&self, message: Value) -> Result<(), Lost> {
        let asks = message.get("method").is_some() && message.get("id").is_some();
        if !asks {
            return self.shared.post(message).await;
        }
        let number = message.get("id").and_then(Value::as_u64);
        let shared = Arc::clone(&self.shared);
        let mut tasks = self.tasks.lock().await;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            if shared.post(message).await.is_err()
                && let Some(number) = number
            {
                // Nobody will answer it: whoever waits is told so.
                shared.waiting.lock().remove(&number);
            }
        });
        Ok(())
    }

    async fn settled(&self, revision: &str) {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(revision.to_owned());
        let shared = Arc::clone(&self.shared);
        self.tasks.lock().await.spawn(async move { shared.listen().await });
    }

    async fn close(&self) {
        self.tasks.lock().await.abort_all();
        if self.shared.known().0.is_some() {
            let bye = self.shared.exchange.send(self.shared.outgoing(Verb::Delete, String::new(), None));
            let _ = tokio::time::timeout(Duration::from_secs(2), bye).await;
        }
        (self.shared.sink)(Arrival::Gone);
    }
}
