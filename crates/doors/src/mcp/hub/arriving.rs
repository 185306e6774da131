//! What servers say by themselves: questions to the client, progress, changes.

use super::{Asking, Hub, answer};
use crate::mcp::name::Naming;
use crate::mcp::stream::Stream;
use crate::mcp::upstream::Arrival;
use crate::stdio::put;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Hub {
    /// Takes what a server says by itself.
    pub(super) fn arrived(self: &Arc<Self>, server: &str, arrival: Arrival) {
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
}
