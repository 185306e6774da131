//! The MCP proxy over standard input and output: JSON-RPC 2.0, one message a line (Model Context Protocol, transport
//! "stdio"). What is not a tool call passes as it is; a call that is not allowed is answered here, and the server never
//! sees it.

use crate::desk::{Desk, Told};
use crate::engine::{Answer, ReadBack};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::RESOURCES;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::Outcome;

/// The longest message, in bytes.
const LONGEST: u64 = 8 << 20;

/// How long a server may take to show what a call would touch.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// The most calls that wait for their answers at once.
const MOST_OPEN: usize = 1000;

/// The most pages of a server's list of tools that the guard reads by itself.
const MOST_PAGES: usize = 100;

/// Requests that decide nothing: they pass. What is unknown may do anything, tasks would end behind the record's back.
const PASSED: [&str; 12] = [
    "initialize",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
];

/// One client, one server, one session.
pub struct Proxy {
    desk: Arc<dyn Desk>,
    session: String,
    server: String,
    open: Mutex<HashMap<String, Open>>,
    looks: AtomicU64,
    /// Whether the server's tools were not compared with what was pinned, or it said since that they changed.
    changed: AtomicBool,
}

/// A request that the server has not answered yet.
enum Open {
    Call {
        number: u64,
        call: Box<Call>,
        /// What its message says of itself (`_meta`).
        about: Option<Value>,
    },
    Listing {
        /// Whether it is the list from its beginning.
        first: bool,
    },
    /// What both sides can do.
    Greeting,
    /// Something that the guard itself asked.
    Look(oneshot::Sender<Value>),
    Other,
}

impl Proxy {
    /// A proxy for a server that the operator names `server`, deciding in `session`.
    pub fn new(desk: Arc<dyn Desk>, session: String, server: String) -> Arc<Self> {
        let (open, looks, changed) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(true));
        Arc::new(Self { desk, session, server, open, looks, changed })
    }

    /// Passes messages until either side ends.
    pub async fn run(
        self: Arc<Self>,
        client_in: impl AsyncBufRead + Unpin + Send + 'static,
        client_out: impl AsyncWrite + Unpin + Send + 'static,
        server_in: impl AsyncWrite + Unpin + Send + 'static,
        server_out: impl AsyncBufRead + Unpin + Send + 'static,
    ) -> std::io::Result<()> {
        let (to_client, from_proxy) = mpsc::channel::<Vec<u8>>(64);
        let (to_server, for_server) = mpsc::channel::<Vec<u8>>(64);
        let writer = tokio::spawn(write_all(client_out, from_proxy));
        let sender = tokio::spawn(write_all(server_in, for_server));
        // The server is told that nothing more comes when the client has said all: what is read back meanwhile ends with it.
        let reader = to_server.downgrade();
        let upward = tokio::spawn(Arc::clone(&self).upward(client_in, to_server, to_client.clone()));
        let downward = Arc::clone(&self).downward(server_out, to_client, reader);
        // The server may still answer when the client has said all it wants to; when the server ends, all ends.
        let result = downward.await;
        upward.abort();
        sender.abort();
        self.interrupt().await;
        let _ = writer.await;
        result
    }

    /// From client to server.
    async fn upward(
        self: Arc<Self>,
        mut from: impl AsyncBufRead + Unpin,
        to: mpsc::Sender<Vec<u8>>,
        back: mpsc::Sender<Vec<u8>>,
    ) -> std::io::Result<()> {
        loop {
            match next_line(&mut from).await? {
                Line::End => return Ok(()),
                Line::TooLong => {
                    let _ = back.send(line(&failure(&Value::Null, -32600, "the message is too long"))).await;
                }
                Line::Text(text) => match self.judge(&text, &to).await {
                    Passing::On(message) => {
                        if to.send(line(&message)).await.is_err() {
                            return Ok(());
                        }
                    }
                    Passing::Back(message) => {
                        let _ = back.send(line(&message)).await;
                    }
                    Passing::Nowhere => {}
                },
            }
        }
    }

    /// From server to client.
    async fn downward(
        self: Arc<Self>,
        mut from: impl AsyncBufRead + Unpin,
        to: mpsc::Sender<Vec<u8>>,
        server: mpsc::WeakSender<Vec<u8>>,
    ) -> std::io::Result<()> {
        loop {
            match next_line(&mut from).await? {
                Line::End => return Ok(()),
                Line::TooLong => {}
                Line::Text(text) => {
                    if let Some(passed) = self.take(text, &to, &server).await
                        && to.send(passed).await.is_err()
                    {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// What becomes of a message of the client.
    async fn judge(&self, text: &[u8], server: &mpsc::Sender<Vec<u8>>) -> Passing {
        let Ok(mut message) = serde_json::from_slice::<Value>(text) else {
            let blank = text.iter().all(u8::is_ascii_whitespace);
            return if blank {
                Passing::Nowhere
            } else {
                Passing::Back(failure(&Value::Null, -32700, "this is no JSON"))
            };
        };
        let Value::Object(_) = message else {
            return Passing::Back(failure(
                &Value::Null,
                -32600,
                "one message a line: batches are not passed on",
            ));
        };
        let id = message.get("id").cloned();
        let method = match message.get("method") {
            // An answer to something that the server asked.
            None => return Passing::On(message),
            Some(Value::String(method)) => method.as_str(),
            Some(_) => return Passing::Back(failure(&Value::Null, -32600, "a method is a text")),
        };
        let Some(id) = id.filter(|id| !id.is_null()) else {
            // Nobody waits for the answer to a notification, and so none of them may do anything.
            let harmless = method.starts_with("notifications/");
            return if harmless { Passing::On(message) } else { Passing::Nowhere };
        };
        if !(id.is_string() || id.is_i64() || id.is_u64()) {
            return Passing::Back(failure(&Value::Null, -32600, "an id is a text or a whole number"));
        }
        if message.get("params").is_some_and(|params| !(params.is_object() || params.is_null())) {
            return Passing::Back(failure(&id, -32602, "the parameters of a request are an object"));
        }
        if self.opened().len() >= MOST_OPEN {
            return Passing::Back(failure(&id, -32000, "too many calls wait for their answers"));
        }
        let key = id.to_string();
        if self.opened().contains_key(&key) {
            return Passing::Back(failure(&id, -32600, "a call with this id waits for its answer"));
        }
        let opened = match method {
            "tools/call" => match self.call(&mut message, server).await {
                Ok(opened) => opened,
                Err(refused) => return Passing::Back(refused.message(&id)),
            },
            "resources/read" => match self.read(&mut message, server).await {
                Ok(opened) => opened,
                Err(refused) => return Passing::Back(refused.error(&id)),
            },
            "tools/list" => Open::Listing { first: message.pointer("/params/cursor").is_none() },
            "initialize" => {
                drop_member(message.pointer_mut("/params/capabilities"), "tasks");
                Open::Greeting
            }
            method if PASSED.contains(&method) => Open::Other,
            _ => return Passing::Back(failure(&id, -32601, "the guard passes no such request on")),
        };
        self.opened().insert(key, opened);
        Passing::On(message)
    }

    /// Decides over a tool call.
    async fn call(&self, message: &mut Value, server: &mpsc::Sender<Vec<u8>>) -> Result<Open, Refused> {
        let params = message.get("params").cloned().unwrap_or_default();
        let Some(tool) = params.get("name").and_then(Value::as_str).map(str::to_owned) else {
            return Err(Refused::Malformed("a tool call names its tool".into()));
        };
        let arguments = params.get("arguments").cloned().unwrap_or_default();
        drop_member(message.get_mut("params"), "task");
        self.decide(&tool, arguments, message, server).await
    }

    /// Has all tools of the server compared with what was pinned: a client need not ask for them, nor again after a change.
    async fn compare(&self, on_behalf_of: &Value, server: &mpsc::Sender<Vec<u8>>) {
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let params = cursor.take().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let Some(message) = self.ask("tools/list", params, on_behalf_of, server).await else { return };
            cursor = message.pointer("/result/nextCursor").and_then(Value::as_str).map(str::to_owned);
            review(self.desk.as_ref(), &self.server, message).await;
            if cursor.is_none() {
                return;
            }
        }
    }

    /// Decides over reading a resource.
    async fn read(&self, message: &mut Value, server: &mpsc::Sender<Vec<u8>>) -> Result<Open, Refused> {
        let uri = message.pointer("/params/uri").cloned().unwrap_or_default();
        self.decide(RESOURCES, json!({ "uri": uri }), message, server).await
    }

    async fn decide(
        &self,
        tool: &str,
        arguments: Value,
        message: &mut Value,
        server: &mpsc::Sender<Vec<u8>>,
    ) -> Result<Open, Refused> {
        let call = Call::new(&self.server, tool, arguments, Limits::default())
            .map_err(|error| Refused::Malformed(error.to_string()))?;
        if tool != RESOURCES && self.changed.swap(false, Ordering::Relaxed) {
            let compared = self.compare(message, server);
            let _ = tokio::time::timeout(PATIENCE, compared).await;
        }
        let answer = match self.desk.look_first(&call).await {
            None => self.desk.decide(&self.session, &call).await,
            Some(look) => {
                match self.read_target(&look, message, server).await.and_then(|read| ended_as(&read).1) {
                    // The desk knows that something should have been read.
                    None => self.desk.decide(&self.session, &call).await,
                    Some(seen) => self.desk.decide_seen(&self.session, &call, &seen).await,
                }
            }
        };
        match answer.decision {
            Decision::Allow => {
                if let Some(arguments) = message.pointer_mut("/params/arguments") {
                    answer.mark(arguments);
                }
                let about = message.pointer("/params/_meta").cloned();
                Ok(Open::Call { number: answer.number, call: Box::new(call), about })
            }
            Decision::Ask | Decision::Deny => Err(Refused::Decided(answer)),
        }
    }

    /// Makes a call of the guard's own, which reads what a client's call would touch, or did; the whole answer.
    async fn read_target(
        &self,
        look: &Call,
        on_behalf_of: &Value,
        server: &mpsc::Sender<Vec<u8>>,
    ) -> Option<Value> {
        let params = json!({ "name": look.tool, "arguments": look.arguments });
        self.ask("tools/call", params, on_behalf_of, server).await
    }

    /// Asks the server something of the guard's own.
    async fn ask(
        &self,
        method: &str,
        mut params: Value,
        on_behalf_of: &Value,
        server: &mpsc::Sender<Vec<u8>>,
    ) -> Option<Value> {
        let (tell, told) = oneshot::channel();
        let id = {
            let mut open = self.opened();
            // A client may have named a request of its own like one of these.
            let id = loop {
                let id = json!(format!("guard-{}", self.looks.fetch_add(1, Ordering::Relaxed)));
                if !open.contains_key(&id.to_string()) {
                    break id;
                }
            };
            open.insert(id.to_string(), Open::Look(tell));
            id
        };
        if let Some(mut meta) = on_behalf_of.pointer("/params/_meta").filter(|meta| meta.is_object()).cloned()
        {
            // Since revision 2026-07-28 every request says itself which revision it follows and what its client can.
            // Progress would be of a call that the client did not make.
            meta.as_object_mut().and_then(|meta| meta.remove("progressToken"));
            put(&mut params, "_meta", meta);
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let sent = async {
            server.send(line(&message)).await.ok()?;
            told.await.ok()
        };
        let answer = tokio::time::timeout(PATIENCE, sent).await.ok().flatten();
        self.opened().remove(&id.to_string());
        answer
    }

    /// Reads back what a call did, where the catalogue says how.
    async fn read_back(
        &self,
        number: u64,
        call: &Call,
        look: &Call,
        about: Option<Value>,
        server: &mpsc::WeakSender<Vec<u8>>,
    ) {
        let on_behalf_of = json!({ "params": { "_meta": about } });
        let read = match server.upgrade() {
            Some(server) => self.read_target(look, &on_behalf_of, &server).await,
            None => None,
        };
        let told = read.map(|message| ended_as(&message));
        self.desk.read_back(&self.session, number, call, found(told.as_ref())).await;
    }

    /// What becomes of a message of the server.
    async fn take(
        self: &Arc<Self>,
        text: Vec<u8>,
        client: &mpsc::Sender<Vec<u8>>,
        server: &mpsc::WeakSender<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let message: Value = serde_json::from_slice(&text).ok()?;
        if let Some(method) = message.get("method") {
            if method == "notifications/tools/list_changed" {
                self.changed.store(true, Ordering::Relaxed);
            }
            return Some(text);
        }
        let id = message.get("id").filter(|id| !id.is_null())?;
        // What nobody asked is not passed on.
        let opened = self.opened().remove(&id.to_string())?;
        match opened {
            Open::Other => Some(text),
            Open::Look(tell) => {
                // Whoever no longer waits for it was answered without.
                let _ = tell.send(message);
                None
            }
            Open::Greeting => {
                let mut message = message;
                drop_member(message.pointer_mut("/result/capabilities"), "tasks");
                Some(line(&message))
            }
            Open::Listing { first } => {
                if first && message.pointer("/result/tools").is_some_and(Value::is_array) {
                    let more = message.pointer("/result/nextCursor").is_some();
                    self.changed.fetch_and(more, Ordering::Relaxed);
                }
                let shown = review(self.desk.as_ref(), &self.server, message).await;
                Some(shown.map_or(text, |message| line(&message)))
            }
            Open::Call { number, call, about } => {
                let (outcome, value) = self.ended(number, &call, &message).await;
                if outcome == Outcome::Done
                    && let Some(look) =
                        self.desk.look_after(&call, value.as_ref().unwrap_or(&Value::Null)).await
                {
                    // The client hears of it once it was read back: a plan does not go on over something else.
                    let (proxy, client, server) = (Arc::clone(self), client.clone(), server.clone());
                    tokio::spawn(async move {
                        proxy.read_back(number, &call, &look, about, &server).await;
                        let _ = client.send(text).await;
                    });
                    return None;
                }
                Some(text)
            }
        }
    }

    async fn ended(&self, number: u64, call: &Call, message: &Value) -> (Outcome, Option<Value>) {
        let (outcome, value) = ended_as(message);
        let answer = value.as_ref();
        self.desk.ended(Told { session: &self.session, number, call, outcome, answer }).await;
        (outcome, value)
    }

    /// Nobody will know how these ended.
    async fn interrupt(&self) {
        let open: Vec<Open> = self.opened().drain().map(|(_, open)| open).collect();
        for open in open {
            if let Open::Call { number, call, .. } = open {
                let (session, outcome) = (self.session.as_str(), Outcome::Unknown);
                self.desk.ended(Told { session, number, call: &call, outcome, answer: None }).await;
            }
        }
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the tools of an answer compared with what was pinned. Where some are held, gives the answer without them: a text
/// that changed behind a person's back is not shown to the agent either.
pub(crate) async fn review(desk: &dyn Desk, server: &str, mut message: Value) -> Option<Value> {
    let tools = message.pointer_mut("/result/tools")?.as_array_mut()?;
    let name = |tool: &Value| Some(tool.get("name")?.as_str()?.to_owned());
    let named: Vec<_> = tools.iter().filter_map(|tool| Some((name(tool)?, tool.clone()))).collect();
    let held = desk.listed(server, &named).await;
    let before = tools.len();
    tools.retain(|tool| name(tool).is_none_or(|name| !held.holds(server, &name)));
    (tools.len() < before).then_some(message)
}

/// Takes a member away. It is always one of tasks: work that outlives its answer would end behind the record's back.
pub(crate) fn drop_member(object: Option<&mut Value>, name: &str) {
    object.and_then(Value::as_object_mut).and_then(|members| members.remove(name));
}

/// Where a message goes.
enum Passing {
    /// As it was read here: two members of one name, which two readers take differently, do not survive that.
    On(Value),
    Back(Value),
    Nowhere,
}

/// Why a call does not reach its server.
pub(crate) enum Refused {
    Malformed(String),
    Decided(Answer),
}

impl Refused {
    /// An error of the protocol, for what has no other way to say so.
    pub(crate) fn error(&self, id: &Value) -> Value {
        match self {
            Self::Malformed(why) => failure(id, -32602, why),
            Self::Decided(answer) => failure(id, -32000, &told(answer)),
        }
    }

    /// An error of the protocol for what is malformed; for a decision, a result that the model reads.
    pub(crate) fn message(&self, id: &Value) -> Value {
        match self {
            Self::Malformed(why) => failure(id, -32602, why),
            Self::Decided(answer) => {
                let text = told(answer);
                let content = json!([{ "type": "text", "text": text }]);
                json!({ "jsonrpc": "2.0", "id": id,
                    "result": { "resultType": "complete", "content": content, "isError": true } })
            }
        }
    }
}

/// What the agent is told of a call that was not made.
pub fn told(answer: &Answer) -> String {
    match (answer.decision, &answer.plan) {
        (Decision::Ask, Some(plan)) => format!(
            "This call was not made. It waits for a person, with others of this task, as plan {}: {}. Go on with what needs \
             no approval; make the same call again when it is approved.",
            plan.short(),
            answer.reason
        ),
        _ => format!("This call was not made ({}): {}.", answer.rule, answer.reason),
    }
}

/// What an answer to reading back says.
pub(crate) fn found(told: Option<&(Outcome, Option<Value>)>) -> ReadBack<'_> {
    match told {
        None => ReadBack::Nothing,
        Some((Outcome::Done, value)) => ReadBack::Found(value.as_ref().unwrap_or(&Value::Null)),
        Some(_) => ReadBack::Refused,
    }
}

/// The value that a result carries: its structured content, else its texts, read as JSON where they are.
pub(crate) fn answered(result: &Value) -> Value {
    if let Some(value) = result.get("structuredContent").filter(|value| !value.is_null()) {
        // Servers that can only give objects wrap a list.
        let only = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("result"));
        return only.unwrap_or(value).clone();
    }
    let list = |name| result.get(name).and_then(Value::as_array).into_iter().flatten();
    let texts = list("content").chain(list("contents"));
    let texts: Vec<&str> = texts.filter_map(|item| item.get("text")?.as_str()).collect();
    let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    match texts.as_slice() {
        [only] => read(only),
        several => Value::Array(several.iter().map(|text| read(text)).collect()),
    }
}

fn failure(id: &Value, code: i32, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// How a server's answer says that a call ended, and what it gave if it was done.
pub(crate) fn ended_as(message: &Value) -> (Outcome, Option<Value>) {
    let failed = message.get("error").is_some()
        || message.pointer("/result/isError").and_then(Value::as_bool).unwrap_or(false);
    if failed {
        return (Outcome::Failed, None);
    }
    (Outcome::Done, message.get("result").map(answered))
}

/// Sets a member. What is no object stays as it is: whoever sent it is told so by whoever reads it.
pub(crate) fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value.into());
    }
}

pub(crate) fn line(message: &Value) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}

pub(crate) async fn write_all(mut to: impl AsyncWrite + Unpin, mut from: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = from.recv().await {
        if to.write_all(&message).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// A line of a peer.
pub(crate) enum Line {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// The next line, its end included. One that is too long is read over and not kept.
pub(crate) async fn next_line(from: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Line> {
    let mut text = Vec::new();
    let took = (&mut *from).take(LONGEST).read_until(b'\n', &mut text).await?;
    if took == 0 {
        return Ok(Line::End);
    }
    if text.last() == Some(&b'\n') {
        return Ok(Line::Text(text));
    }
    if (took as u64) < LONGEST {
        // The last line of a peer that ends without one.
        text.push(b'\n');
        return Ok(Line::Text(text));
    }
    loop {
        text.clear();
        let took = (&mut *from).take(LONGEST).read_until(b'\n', &mut text).await?;
        if took == 0 || text.last() == Some(&b'\n') {
            return Ok(Line::TooLong);
        }
    }
}
