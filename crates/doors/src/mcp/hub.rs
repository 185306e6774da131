//! One agent's connection: its messages go to the servers that they name, its calls are decided first, and what comes back
//! is told to the record.

mod arriving;
mod calling;
mod listing;
mod opening;
mod passing;

use super::held::{Quiet, Shows};
use super::name::Naming;
use super::stream::Stream;
use super::upstream::{Lost, Upstream};
use super::{answer, failure};
use crate::desk::Desk;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

pub(super) use opening::{Opening, open};

/// The most requests that wait for their answers at once.
const MOST_OPEN: usize = 1000;

/// A connection.
pub(super) struct Hub {
    pub(super) desk: Arc<dyn Desk>,
    pub(super) session: String,
    pub(super) naming: Naming,
    pub(super) shows: Shows,
    pub(super) page: Option<String>,
    pub(super) quiet: Quiet,
    capabilities: Value,
    members: BTreeMap<String, Member>,
    /// Where messages go that belong to no request.
    pub(super) general: Arc<Stream>,
    next: AtomicU64,
    open: Mutex<Open>,
}

/// A server of this connection.
struct Member {
    upstream: Upstream,
    /// What it answered to `initialize`.
    hello: Value,
    /// Whether it said that its tools changed since they were last compared with what was pinned.
    changed: AtomicBool,
}

#[derive(Default)]
struct Open {
    /// Requests of the client, by its ids.
    asked: HashMap<String, Asked>,
    /// Requests to the client, by our ids.
    asking: HashMap<String, Asking>,
}

/// A request of the client that is under way.
struct Asked {
    server: String,
    /// Our number for it at the server; `None` while it is being decided.
    number: Option<u64>,
    /// By which the server reports its progress.
    token: Option<Value>,
    stream: Arc<Stream>,
    order: u64,
    cancelled: Option<oneshot::Sender<()>>,
}

/// Who waits for the client.
enum Asking {
    Server { server: String, id: Value, stream: Arc<Stream> },
    Guard(oneshot::Sender<Value>),
}

/// A request as its handlers need it.
pub(super) struct Incoming<'a> {
    id: &'a Value,
    params: Value,
    stream: &'a Arc<Stream>,
}

impl Hub {
    fn opened(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Answers a request of the client; what is said meanwhile goes to `stream`.
    pub(super) async fn request(&self, message: &Value, stream: &Arc<Stream>) -> Value {
        let id = message.get("id").cloned().unwrap_or_default();
        if !(id.is_string() || id.is_i64() || id.is_u64()) {
            return failure(&Value::Null, -32600, "an id is a text or a whole number");
        }
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let params = message.get("params").cloned().unwrap_or_default();
        if !(params.is_object() || params.is_null()) {
            return failure(&id, -32602, "the parameters of a request are an object");
        }
        let key = id.to_string();
        let (send, cancelled) = oneshot::channel();
        {
            let mut open = self.opened();
            if open.asked.len() >= MOST_OPEN {
                return failure(&id, -32000, "too many requests wait for their answers");
            }
            if open.asked.contains_key(&key) {
                return failure(&id, -32600, "a request with this id waits for its answer");
            }
            let asked = Asked {
                server: String::new(),
                number: None,
                token: params.pointer("/_meta/progressToken").cloned(),
                stream: Arc::clone(stream),
                order: self.number(),
                cancelled: Some(send),
            };
            open.asked.insert(key.clone(), asked);
        }
        let request = Incoming { id: &id, params, stream };
        let answer = tokio::select! {
            answer = self.dispatch(method, request) => answer,
            // The client does not want an answer any more; the record gets its outcome all the same.
            Ok(()) = cancelled => failure(&id, -32800, "cancelled"),
        };
        self.opened().asked.remove(&key);
        answer
    }

    async fn dispatch(&self, method: &str, request: Incoming<'_>) -> Value {
        match method {
            "ping" => answer(request.id, json!({})),
            "tools/call" => self.call(request).await,
            "tools/list" => self.list(request, "tools").await,
            "prompts/list" => self.list(request, "prompts").await,
            "resources/list" => self.list(request, "resources").await,
            "resources/templates/list" => self.list(request, "resourceTemplates").await,
            "prompts/get" => self.by_name(request).await,
            "resources/read" => self.read(request).await,
            "resources/subscribe" | "resources/unsubscribe" => self.by_uri(method, request).await,
            "completion/complete" => self.complete(request).await,
            "logging/setLevel" => self.everywhere(method, request).await,
            "initialize" => failure(request.id, -32600, "this connection is set up"),
            _ => failure(request.id, -32601, "the guard passes no such request on"),
        }
    }

    /// Takes a notification or an answer of the client.
    pub(super) async fn hear(&self, message: &Value) {
        let params = || message.get("params").cloned().unwrap_or_default();
        match message.get("method").and_then(Value::as_str) {
            None => self.replied(message).await,
            Some("notifications/cancelled") => self.cancel(params()).await,
            Some("notifications/roots/list_changed") => {
                for member in self.members.values() {
                    member.upstream.tell("notifications/roots/list_changed", params()).await;
                }
            }
            Some("notifications/progress") => self.progressed(params()).await,
            // The servers were told that the connection is set up when it was; nothing else has a meaning here.
            Some(_) => {}
        }
    }

    async fn replied(&self, message: &Value) {
        let Some(id) = message.get("id").and_then(Value::as_str) else { return };
        let asking = self.opened().asking.remove(id);
        match asking {
            Some(Asking::Guard(waits)) => {
                let _ = waits.send(message.clone());
            }
            Some(Asking::Server { server, id, .. }) => {
                let mut message = message.clone();
                if let (Some(member), Some(own)) = (self.members.get(&server), message.get_mut("id")) {
                    *own = id;
                    member.upstream.reply(message).await;
                }
            }
            None => {}
        }
    }

    async fn cancel(&self, mut params: Value) {
        let key = params.get("requestId").map(ToString::to_string).unwrap_or_default();
        let Some((server, number, cancelled)) = self
            .opened()
            .asked
            .get_mut(&key)
            .map(|asked| (asked.server.clone(), asked.number, asked.cancelled.take()))
        else {
            return;
        };
        if let (Some(member), Some(number), Some(own)) =
            (self.members.get(&server), number, params.get_mut("requestId"))
        {
            *own = json!(number);
            member.upstream.tell("notifications/cancelled", params).await;
        }
        if let Some(cancelled) = cancelled {
            let _ = cancelled.send(());
        }
    }

    /// Progress of something that a server asked of the client.
    async fn progressed(&self, params: Value) {
        let servers: Vec<String> = {
            let open = self.opened();
            let servers = open.asking.values().filter_map(|asking| match asking {
                Asking::Server { server, .. } => Some(server.clone()),
                Asking::Guard(_) => None,
            });
            servers.collect()
        };
        for member in servers.iter().filter_map(|server| self.members.get(server)) {
            member.upstream.tell("notifications/progress", params.clone()).await;
        }
    }

    /// A new question of the guard's own to the client.
    pub(super) fn ask_client(&self) -> (String, oneshot::Receiver<Value>) {
        let (send, receive) = oneshot::channel();
        let id = format!("guard-{}", self.number());
        self.opened().asking.insert(id.clone(), Asking::Guard(send));
        (id, receive)
    }

    pub(super) fn forget_question(&self, id: &str) {
        self.opened().asking.remove(id);
    }

    /// Asks a server, so that progress and cancelling find their way.
    async fn ask(
        &self,
        server: &str,
        method: &str,
        request: &Incoming<'_>,
        params: Value,
    ) -> Result<Value, Lost> {
        let member = self.members.get(server).ok_or(Lost::Gone)?;
        let number = member.upstream.number();
        if let Some(asked) = self.opened().asked.get_mut(&request.id.to_string()) {
            server.clone_into(&mut asked.server);
            asked.number = Some(number);
        }
        member.upstream.ask(number, method, params).await
    }

    /// A server's answer as the client knows its names.
    fn back(&self, server: &str, mut message: Value, id: &Value) -> Value {
        if let Some(result) = message.get_mut("result") {
            self.naming.readdress_result(server, result);
        }
        with_id(message, id)
    }

    /// What a name or an address leads to, where its server is one of this connection's.
    fn here<'a>(&self, found: Option<(&'a str, &'a str)>) -> Option<(&'a str, &'a str)> {
        found.filter(|(server, _)| self.members.contains_key(*server))
    }

    /// Ends every server of this connection.
    pub(super) async fn close(&self) {
        self.general.close();
        for member in self.members.values() {
            member.upstream.close().await;
        }
    }
}

/// The client's own id in place of ours.
fn with_id(mut message: Value, id: &Value) -> Value {
    if let Some(own) = message.get_mut("id") {
        *own = id.clone();
    }
    message
}
