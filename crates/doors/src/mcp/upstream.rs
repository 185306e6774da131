//! A server behind the endpoint: what is asked of it, and what it says by itself.

mod http;
mod process;

use super::failure;
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use trustmill_core::port::exchange::Exchange;
use trustmill_core::port::registry::Secret;

/// How long a server that is started may take until it answers.
const START: Duration = Duration::from_secs(60);

/// How a server is reached. Its credentials are the guard's; no agent sees them.
#[derive(Debug, Clone)]
pub enum Place {
    /// A process of the guard's, one for each agent's connection.
    Process {
        /// Program and arguments, without a shell.
        command: Vec<String>,
        /// Variables beside `PATH`, `HOME`, `USER` and those of language and time: the rest of the guard's own is not
        /// inherited.
        env: Vec<(String, Secret)>,
        /// The folder it works in.
        folder: Option<PathBuf>,
    },
    /// A server over HTTP.
    Http {
        /// Its address.
        url: String,
        /// Header fields of every request.
        headers: Vec<(String, Secret)>,
    },
}

/// A server as the operator describes it.
#[derive(Debug, Clone)]
pub struct Server {
    /// How it is reached.
    pub place: Place,
    /// How long it is waited for, before a call ends with an outcome that nobody knows.
    pub patience: Duration,
}

/// Something that came from a server.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message that is no answer. `about` is the request on whose own stream it came, where that is known.
    Said { message: Value, about: Option<u64> },
    /// Nothing more comes.
    Gone,
}

/// What takes arrivals, in their order.
pub(super) type Sink = Arc<dyn Fn(Arrival) + Send + Sync>;

/// A server that is no longer there, or that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Gone,
    Silent,
}

impl Lost {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "the server is gone",
            Self::Silent => "the server does not answer",
        }
    }
}

/// The way to a server.
#[async_trait]
trait Way: Send + Sync {
    async fn send(&self, message: Value) -> Result<(), Lost>;

    /// The connection is set up in this revision.
    async fn settled(&self, revision: &str);

    async fn close(&self);
}

/// Answers that are waited for. They are found by our own numbers, so that an answer to what nobody asked goes nowhere.
#[derive(Default)]
struct Waiting {
    answers: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message of the server; what is no answer is handed on.
    fn take(&self, message: Value, about: Option<u64>, sink: &Sink) {
        if message.get("method").is_some() {
            sink(Arrival::Said { message, about });
            return;
        }
        let asked = message.get("id").and_then(Value::as_u64).and_then(|id| self.lock().remove(&id));
        if let Some(asked) = asked {
            let _ = asked.send(message);
        }
    }

    /// No answer comes any more.
    fn give_up(&self) {
        self.lock().clear();
    }
}

/// A server that is connected.
pub(super) struct Upstream {
    way: Box<dyn Way>,
    waiting: Arc<Waiting>,
    next: AtomicU64,
    patience: Duration,
}

impl Upstream {
    /// Starts or reaches a server.
    pub(super) fn connect(
        server: &Server,
        exchange: &Arc<dyn Exchange>,
        sink: Sink,
    ) -> std::io::Result<Self> {
        let waiting = Arc::new(Waiting::default());
        let way: Box<dyn Way> = match &server.place {
            Place::Process { command, env, folder } => {
                Box::new(process::start(command, env, folder.as_deref(), Arc::clone(&waiting), sink)?)
            }
            Place::Http { url, headers } => {
                Box::new(http::Remote::new(url, headers, Arc::clone(exchange), Arc::clone(&waiting), sink))
            }
        };
        Ok(Self { way, waiting, next: AtomicU64::new(1), patience: server.patience })
    }

    /// The number of the next request.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks, and waits for the answer: the whole message.
    pub(super) async fn ask(&self, number: u64, method: &str, params: Value) -> Result<Value, Lost> {
        self.ask_within(number, method, params, self.patience).await
    }

    async fn ask_within(
        &self,
        number: u64,
        method: &str,
        params: Value,
        patience: Duration,
    ) -> Result<Value, Lost> {
        let (send, receive) = oneshot::channel();
        self.waiting.lock().insert(number, send);
        // Whatever happens, nobody is waited for when this is over.
        let _forget = Forget { waiting: &self.waiting, number };
        let mut message = json!({ "jsonrpc": "2.0", "id": number, "method": method });
        if let Some(map) = message.as_object_mut().filter(|_| !params.is_null()) {
            map.insert("params".into(), params);
        }
        let exchange = async {
            self.way.send(message).await?;
            receive.await.map_err(|_| Lost::Gone)
        };
        let answered = tokio::time::timeout(patience, exchange).await;
        match answered {
            Ok(answer) => answer,
            Err(_) => {
                self.tell(
                    "notifications/cancelled",
                    json!({ "requestId": number, "reason": "no answer in time" }),
                )
                .await;
                Err(Lost::Silent)
            }
        }
    }

    /// As [`Self::ask`], with the patience that a server needs which only starts.
    pub(super) async fn greet(&self, params: Value) -> Result<Value, Lost> {
        self.ask_within(self.number(), "initialize", params, self.patience.max(START)).await
    }

    /// Says something that has no answer.
    pub(super) async fn tell(&self, method: &str, params: Value) {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if let Some(map) = message.as_object_mut().filter(|_| !params.is_null()) {
            map.insert("params".into(), params);
        }
        // A server that is gone is found out by what is asked next.
        let _ = tokio::time::timeout(self.patience, self.way.send(message)).await;
    }

    /// Answers what the server asked.
    pub(super) async fn reply(&self, message: Value) {
        let _ = tokio::time::timeout(self.patience, self.way.send(message)).await;
    }

    /// Refuses what the server asked.
    pub(super) async fn refuse(&self, id: &Value, why: &str) {
        self.reply(failure(id, -32601, why)).await;
    }

    /// The connection is set up in this revision.
    pub(super) async fn settled(&self, revision: &str) {
        self.way.settled(revision).await;
    }

    /// Ends the connection.
    pub(super) async fn close(&self) {
        self.way.close().await;
        self.waiting.give_up();
    }
}

struct Forget<'a> {
    waiting: &'a Waiting,
    number: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.number);
    }
}
