//! Tool calls and readings of resources: decided, recorded, made, and read back.

use super::{Hub, Incoming, failure};
use crate::desk::Told;
use crate::engine::Answer;
use crate::mcp::stream::Stream;
use crate::mcp::upstream::Lost;
use crate::stdio::{Refused, drop_member, ended_as, found, put};
use serde_json::{Value, json};
use std::sync::Arc;
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::catalogue::RESOURCES;
use trustmill_guard::decide::Decision;
use trustmill_guard::record::Outcome;

/// How long a server may take to show what a call would touch, or did.
const READING: std::time::Duration = std::time::Duration::from_secs(10);

impl Hub {
    /// Decides over a tool call and, where it may be, makes it.
    pub(super) async fn call(&self, request: Incoming<'_>) -> Value {
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
        put(&mut params, "name", tool);
        drop_member(Some(&mut params), "task");
        if let Some(arguments) = params.get_mut("arguments") {
            answer.mark(arguments);
        }
        self.make(request, "tools/call", &call, answer.number, params).await
    }

    /// Reads a resource: decided and recorded as a call of the tool `resources/read`, since what is read is known after.
    pub(super) async fn read(&self, request: Incoming<'_>) -> Value {
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
