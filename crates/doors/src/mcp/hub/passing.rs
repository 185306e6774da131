//! What decides nothing and is passed on as it is, but for names: prompts, subscriptions, completion, logging.

use super::{Hub, Incoming, answer, failure};
use crate::stdio::put;
use serde_json::{Value, json};

impl Hub {
    pub(super) async fn by_name(&self, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, own)) = self.here(self.naming.inner(&name)) else {
            return failure(request.id, -32602, "no server has a prompt of this name");
        };
        put(&mut params, "name", own);
        self.pass(request, server, "prompts/get", params).await
    }

    pub(super) async fn by_uri(&self, method: &str, request: Incoming<'_>) -> Value {
        let mut params = request.params.clone();
        let uri = params.get("uri").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((server, own)) = self.here(self.naming.inner_uri(&uri)) else {
            return failure(request.id, -32002, "no server has a resource at this address");
        };
        put(&mut params, "uri", own);
        self.pass(request, server, method, params).await
    }

    pub(super) async fn complete(&self, request: Incoming<'_>) -> Value {
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
    pub(super) async fn everywhere(&self, method: &str, request: Incoming<'_>) -> Value {
        for (server, member) in &self.members {
            if member.hello.pointer("/capabilities/logging").is_some() {
                let _ = self.ask(server, method, &request, request.params.clone()).await;
            }
        }
        answer(request.id, json!({}))
    }
}
