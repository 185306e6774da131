//! Lists of all servers as one, and the comparison of tools with what was pinned.

use super::{Hub, Incoming, answer, failure};
use crate::mcp::name::Naming;
use crate::stdio::{put, review};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// Entries of one answer; a list that is longer goes on behind a cursor.
const PAGE: usize = 2000;

/// The most pages that are read of one server's list of tools to compare it.
const MOST_PAGES: usize = 100;

/// The server's method for a kind of entries.
fn method(kind: &str) -> &'static str {
    match kind {
        "tools" => "tools/list",
        "prompts" => "prompts/list",
        "resources" => "resources/list",
        _ => "resources/templates/list",
    }
}

/// The capability that a server with such entries has.
fn capability(kind: &str) -> &'static str {
    match kind {
        "tools" => "tools",
        "prompts" => "prompts",
        _ => "resources",
    }
}

impl Hub {
    /// The entries of all servers, in the order of their names, from a cursor on.
    pub(super) async fn list(&self, request: Incoming<'_>, kind: &'static str) -> Value {
        if let Naming::Plain(server) = &self.naming {
            return self.list_of_one(&request, server, kind).await;
        }
        let cursor = request.params.get("cursor").and_then(Value::as_str);
        let (from, mut inner) = match cursor.map(|cursor| cursor.split_once(':')) {
            None => ("", None),
            Some(Some((server, inner))) => (server, Some(inner.to_owned()).filter(|inner| !inner.is_empty())),
            Some(None) => return failure(request.id, -32602, "this is no cursor of the guard's"),
        };
        let mut entries: Vec<Value> = Vec::new();
        let servers: Vec<&String> = self.members.keys().filter(|name| name.as_str() >= from).collect();
        for server in servers {
            loop {
                if entries.len() >= PAGE {
                    let next = format!("{server}:{}", inner.unwrap_or_default());
                    return answer(request.id, json!({ kind: entries, "nextCursor": next }));
                }
                let (more, next) = self.page(&request, server, kind, inner.take()).await;
                entries.extend(more);
                inner = next;
                if inner.is_none() {
                    break;
                }
            }
        }
        answer(request.id, json!({ kind: entries }))
    }

    /// A page of one server's entries, renamed, and the cursor of the next. A server that fails has none.
    async fn page(
        &self,
        request: &Incoming<'_>,
        server: &str,
        kind: &'static str,
        cursor: Option<String>,
    ) -> (Vec<Value>, Option<String>) {
        if self.lacks(server, kind) {
            return (Vec::new(), None);
        }
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
        let Ok(message) = self.ask(server, method(kind), request, params).await else {
            return (Vec::new(), None);
        };
        let mut message = self.reviewed(server, kind, message).await;
        let next = message.pointer("/result/nextCursor").and_then(Value::as_str).map(str::to_owned);
        let Some(Value::Array(mut entries)) =
            message.pointer_mut(&format!("/result/{kind}")).map(Value::take)
        else {
            return (Vec::new(), None);
        };
        for entry in &mut entries {
            match kind {
                "tools" | "prompts" => self.naming.rename(server, entry),
                "resources" => self.naming.readdress(server, entry, "uri"),
                _ => self.naming.readdress(server, entry, "uriTemplate"),
            }
        }
        let empty = entries.is_empty();
        (entries, next.filter(|_| !empty))
    }

    /// One server's own answer, cursors and all.
    async fn list_of_one(&self, request: &Incoming<'_>, server: &str, kind: &'static str) -> Value {
        match self.ask(server, method(kind), request, request.params.clone()).await {
            Err(lost) => failure(request.id, -32000, lost.as_str()),
            Ok(message) => super::with_id(self.reviewed(server, kind, message).await, request.id),
        }
    }

    fn lacks(&self, server: &str, kind: &str) -> bool {
        let hello = self.members.get(server).map(|member| &member.hello);
        hello.is_none_or(|hello| hello.pointer(&format!("/capabilities/{}", capability(kind))).is_none())
    }

    async fn reviewed(&self, server: &str, kind: &str, message: Value) -> Value {
        if kind != "tools" {
            return message;
        }
        let shown = review(self.desk.as_ref(), server, message.clone()).await;
        shown.unwrap_or(message)
    }

    /// Compares a server's tools with what was pinned, if it said that they changed.
    pub(super) async fn compare_again(&self, server: &str) {
        let changed =
            self.members.get(server).is_some_and(|member| member.changed.swap(false, Ordering::Relaxed));
        if changed {
            self.compare(server).await;
        }
    }

    /// Has all tools of a server compared with what was pinned, what it says of itself among them.
    pub(super) async fn compare(&self, server: &str) {
        let Some(member) = self.members.get(server) else { return };
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            if self.lacks(server, "tools") {
                return;
            }
            let params = cursor.take().map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
            let Ok(message) = member.upstream.ask(member.upstream.number(), "tools/list", params).await
            else {
                return;
            };
            let next = message.pointer("/result/nextCursor").and_then(Value::as_str).map(str::to_owned);
            review(self.desk.as_ref(), server, message).await;
            match next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    /// What the endpoint says of itself where several servers are behind it.
    pub(super) fn greeting(&self, revision: &str) -> Value {
        let mut capabilities = Map::new();
        let mut instructions = Vec::new();
        for (server, member) in &self.members {
            let own = member.hello.get("capabilities").and_then(Value::as_object);
            for (name, value) in own.into_iter().flatten() {
                if matches!(name.as_str(), "tools" | "resources" | "prompts" | "logging" | "completions") {
                    let known = capabilities.entry(name.clone()).or_insert_with(|| json!({}));
                    for (option, set) in value.as_object().into_iter().flatten() {
                        known[option.as_str()] = set.clone();
                    }
                }
            }
            if let Some(text) = member.hello.get("instructions").and_then(Value::as_str) {
                instructions.push(format!("{server}: {text}"));
            }
        }
        let mut greeting = json!({
            "protocolVersion": revision,
            "capabilities": capabilities,
            "serverInfo": { "name": "trustmill-guard", "version": env!("CARGO_PKG_VERSION") },
        });
        if !instructions.is_empty() {
            put(&mut greeting, "instructions", instructions.join("\n\n"));
        }
        greeting
    }
}
