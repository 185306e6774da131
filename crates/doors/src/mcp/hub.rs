//! One agent's connection: its messages go to the servers that they name, its calls are decided first, and what comes back
//! is told to the record.

mod listing;
mod opening;

use super::held::{Quiet, Shows};
use super::name::Naming;
use super::stream::Stream;
use super::upstream::{Arrival, Lost, Upstream};
use super::{answer, failure};
use crate::desk::{Desk, Told};
use crate::engine::Answer;
use crate::stdio::{Refused, ended_as, found, put};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::RESOURCES;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::Outcome;

pub(super) use opening::{Opening, open};

/// How long a server may take to show what a call would touch, or did.
const READING: std::time::Duration = std::time::Duration::from_secs(10);

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

    /// Decides over a tool call and, where it may be, makes it.
    async fn call(&self, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, tool)) = self.here(self.naming.inner(&name)) else {
            return failure(request.id, -32602, "no server has a tool of this name");
        };
        self.compare_again(server).await;
        let arguments = params.get("arguments").cloned().unwrap_or_default();
        let call = match Call::new(server, tool, arguments, Limits::default()) {
            Ok(call) => call,
            Err(error) => return failure(request.id, -32602, &error.to_string()),
        };
        let answer = match self.decide(&call, request.stream).await {
            Ok(answer) => answer,
            Err(refused) => return Refused::Decided(refused).message(request.id),
        };
        if let Some(name) = params.get_mut("name") {
            *name = Value::String(tool.to_owned());
        }
        if let Some(arguments) = params.get_mut("arguments") {
            answer.mark(arguments);
        }
        self.make(request, "tools/call", &call, answer.number, params).await
    }

    /// Reads a resource: decided and recorded as a call of the tool `resources/read`, since what is read is known after.
    async fn read(&self, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let uri = params.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, own)) = self.here(self.naming.inner_uri(&uri)) else {
            return failure(request.id, -32002, "no server has a resource at this address");
        };
        let call = match Call::new(server, RESOURCES, json!({ "uri": own }), Limits::default()) {
            Ok(call) => call,
            Err(error) => return failure(request.id, -32602, &error.to_string()),
        };
        let answer = match self.decide(&call, request.stream).await {
            Ok(answer) => answer,
            Err(refused) => return Refused::Decided(refused).error(request.id),
        };
        put(&mut params, "uri", own);
        self.make(request, RESOURCES, &call, answer.number, params).await
    }

    /// The answer that allows a call, or the one that does not.
    async fn decide(&self, call: &Call, stream: &Stream) -> Result<Answer, Answer> {
        let mut answer = self.judge(call).await;
        if answer.decision == Decision::Ask && self.held(call, stream, &answer).await {
            answer = self.judge(call).await;
        }
        match answer.decision {
            Decision::Allow => Ok(answer),
            Decision::Ask | Decision::Deny => Err(answer),
        }
    }

    /// The decision; what the call would touch is read first, where the catalogue says so.
    async fn judge(&self, call: &Call) -> Answer {
        let seen = match self.desk.look_first(call).await {
            Some(look) => self.read_target(&look).await.and_then(|answer| ended_as(&answer).1),
            None => None,
        };
        match seen {
            // The desk knows that something should have been read.
            None => self.desk.decide(&self.session, call).await,
            Some(seen) => self.desk.decide_seen(&self.session, call, &seen).await,
        }
    }

    /// Makes a call of the guard's own, which reads what a client's call would touch or did.
    async fn read_target(&self, look: &Call) -> Option<Value> {
        let upstream = &self.members.get(&look.server)?.upstream;
        let params = json!({ "name": look.tool, "arguments": look.arguments });
        let asked = upstream.ask(upstream.number(), "tools/call", params);
        tokio::time::timeout(READING, asked).await.ok()?.ok()
    }

    /// Makes a call that is allowed, and tells the record what came of it.
    async fn make(
        &self,
        request: Incoming<'_>,
        method: &str,
        call: &Call,
        number: u64,
        params: Value,
    ) -> Value {
        // A client that cancels drops this future: the outcome is then unknown, and said so.
        let mut ending = Ending { hub: self, call, number, told: false };
        let asked = self.ask(&call.server, method, &request, params).await;
        let Ok(message) = asked else {
            let why = asked.err().map_or("", Lost::as_str);
            ending.tell(Outcome::Unknown, None).await;
            return failure(request.id, -32000, why);
        };
        let (outcome, value) = ended_as(&message);
        ending.tell(outcome, value.as_ref()).await;
        if outcome == Outcome::Done {
            self.read_back(call, number, value.as_ref()).await;
        }
        self.back(&call.server, message, request.id)
    }

    /// Reads back what a call did, where the catalogue says how, before its client hears of it: a plan does not go on over
    /// something else than what was approved.
    async fn read_back(&self, call: &Call, number: u64, answer: Option<&Value>) {
        let Some(look) = self.desk.look_after(call, answer.unwrap_or(&Value::Null)).await else { return };
        let told = self.read_target(&look).await.map(|message| ended_as(&message));
        self.desk.read_back(&self.session, number, call, found(told.as_ref())).await;
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

    async fn by_name(&self, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, own)) = self.here(self.naming.inner(&name)) else {
            return failure(request.id, -32602, "no server has a prompt of this name");
        };
        put(&mut params, "name", own);
        self.pass(request, server, "prompts/get", params).await
    }

    async fn by_uri(&self, method: &str, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let uri = params.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, own)) = self.here(self.naming.inner_uri(&uri)) else {
            return failure(request.id, -32002, "no server has a resource at this address");
        };
        put(&mut params, "uri", own);
        self.pass(request, server, method, params).await
    }

    async fn complete(&self, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let member = |member: &str| {
            params.pointer(&format!("/ref/{member}")).and_then(Value::as_str).map(str::to_owned)
        };
        let (name, uri) = (member("name"), member("uri"));
        let found = name.as_deref().and_then(|name| Some(("name", self.naming.inner(name)?)));
        let found =
            found.or_else(|| uri.as_deref().and_then(|uri| Some(("uri", self.naming.inner_uri(uri)?))));
        let Some((member, (server, own))) =
            found.filter(|(_, (server, _))| self.members.contains_key(*server))
        else {
            return failure(request.id, -32602, "no server has what is to be completed");
        };
        if let Some(named) = params.get_mut("ref") {
            put(named, member, own);
        }
        self.pass(request, server, "completion/complete", params).await
    }

    async fn pass(&self, request: Incoming<'_>, server: &str, method: &str, params: Value) -> Value {
        match self.ask(server, method, &request, params).await {
            Err(lost) => failure(request.id, -32000, lost.as_str()),
            Ok(message) => self.back(server, message, request.id),
        }
    }

    /// Asks every server that knows the method; one that does not is no failure.
    async fn everywhere(&self, method: &str, request: Incoming<'_>) -> Value {
        for (server, member) in &self.members {
            if member.hello.pointer("/capabilities/logging").is_some() {
                let _ = self.ask(server, method, &request, request.params.clone()).await;
            }
        }
        answer(request.id, json!({}))
    }

    /// Takes what a server says by itself.
    fn arrived(self: &Arc<Self>, server: &str, arrival: Arrival) {
        let Arrival::Said { message, about } = arrival else { return };
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        match message.get("id").filter(|id| !id.is_null()).cloned() {
            Some(id) => self.server_asks(server, &method, id, message, about),
            None => self.server_says(server, &method, message, about),
        }
    }

    /// The stream of the request that a message belongs to: the one on whose own stream it came, else the newest to that
    /// server, else that of the connection.
    fn stream_for(&self, server: &str, about: Option<u64>) -> Arc<Stream> {
        let open = self.opened();
        let mine = open.asked.values().filter(|asked| asked.server == server && asked.number.is_some());
        let found = match about {
            Some(about) => mine.filter(|asked| asked.number == Some(about)).max_by_key(|asked| asked.order),
            None => mine.max_by_key(|asked| asked.order),
        };
        found.map_or_else(|| Arc::clone(&self.general), |asked| Arc::clone(&asked.stream))
    }

    fn server_asks(
        self: &Arc<Self>,
        server: &str,
        method: &str,
        id: Value,
        mut message: Value,
        about: Option<u64>,
    ) {
        let able = match method {
            "ping" => {
                let (hub, server) = (Arc::clone(self), server.to_owned());
                tokio::spawn(async move {
                    if let Some(member) = hub.members.get(&server) {
                        member.upstream.reply(answer(&id, json!({}))).await;
                    }
                });
                return;
            }
            "sampling/createMessage" => self.capabilities.get("sampling").is_some(),
            "elicitation/create" => self.capabilities.get("elicitation").is_some(),
            "roots/list" => self.capabilities.get("roots").is_some(),
            _ => false,
        };
        if !able {
            let (hub, server) = (Arc::clone(self), server.to_owned());
            tokio::spawn(async move {
                if let Some(member) = hub.members.get(&server) {
                    member.upstream.refuse(&id, "the client cannot do this").await;
                }
            });
            return;
        }
        if method == "elicitation/create"
            && self.naming == Naming::Prefixed
            && let Some(Value::String(text)) = message.pointer_mut("/params/message")
        {
            *text = format!("{server}: {text}");
        }
        let stream = self.stream_for(server, about);
        let ours = format!("{server}-{}", self.number());
        put(&mut message, "id", ours.as_str());
        let asking = Asking::Server { server: server.to_owned(), id, stream: Arc::clone(&stream) };
        self.opened().asking.insert(ours, asking);
        stream.push(&message);
    }

    fn server_says(&self, server: &str, method: &str, mut message: Value, about: Option<u64>) {
        match method {
            "notifications/progress" => {
                let token = message.pointer("/params/progressToken").cloned();
                let open = self.opened();
                // Progress of what was asked of this very server; of nothing else.
                let asked = open.asked.values().find(|asked| asked.server == server && asked.token == token);
                if let Some(asked) = asked.filter(|asked| asked.token.is_some()) {
                    asked.stream.push(&message);
                }
            }
            "notifications/cancelled" => {
                let id = message.pointer("/params/requestId").cloned().unwrap_or_default();
                let mut open = self.opened();
                let found = open.asking.iter().find_map(|(ours, asking)| match asking {
                    Asking::Server { server: of, id: theirs, stream } if of == server && *theirs == id => {
                        Some((ours.clone(), Arc::clone(stream)))
                    }
                    _ => None,
                });
                if let Some((ours, stream)) = found {
                    open.asking.remove(&ours);
                    if let Some(params) = message.get_mut("params") {
                        put(params, "requestId", ours);
                    }
                    stream.push(&message);
                }
            }
            "notifications/message" => self.stream_for(server, about).push(&message),
            "notifications/resources/updated" => {
                if let Some(params) = message.get_mut("params") {
                    self.naming.readdress(server, params, "uri");
                }
                self.general.push(&message);
            }
            "notifications/tools/list_changed" => {
                if let Some(member) = self.members.get(server) {
                    member.changed.store(true, Ordering::Relaxed);
                }
                self.general.push(&message);
            }
            "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/elicitation/complete" => self.general.push(&message),
            _ => {}
        }
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

/// Tells the record how a call ended, also where whoever waited for it is gone.
struct Ending<'a> {
    hub: &'a Hub,
    call: &'a Call,
    number: u64,
    told: bool,
}

impl Ending<'_> {
    async fn tell(&mut self, outcome: Outcome, answer: Option<&Value>) {
        self.told = true;
        let (session, number, call) = (self.hub.session.as_str(), self.number, self.call);
        self.hub.desk.ended(Told { session, number, call, outcome, answer }).await;
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        let (desk, session) = (Arc::clone(&self.hub.desk), self.hub.session.clone());
        let (number, call) = (self.number, self.call.clone());
        tokio::spawn(async move {
            let told =
                Told { session: &session, number, call: &call, outcome: Outcome::Unknown, answer: None };
            desk.ended(told).await;
        });
    }
}
