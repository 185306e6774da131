//! The least client of the Model Context Protocol: it asks one thing at a time.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};

/// How long a server may take for one answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A client of one server, or of the guard before it.
pub(super) struct Client<To, From> {
    to: To,
    from: BufReader<From>,
    next: u64,
}

impl<To: AsyncWrite + Unpin, From: AsyncRead + Unpin> Client<To, From> {
    /// One that has set the connection up.
    pub(super) async fn greet(to: To, from: From, name: &str) -> Self {
        let mut client = Self { to, from: BufReader::new(from), next: 0 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": { "name": name, "version": env!("CARGO_PKG_VERSION") } });
        client.ask("initialize", hello).await;
        client.tell(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    async fn tell(&mut self, message: &Value) {
        let _ = self.to.write_all(format!("{message}\n").as_bytes()).await;
    }

    /// The answer; `None` where there is none in time.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        self.next += 1;
        let id = self.next;
        self.tell(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        let answer = async {
            loop {
                let mut line = String::new();
                if self.from.read_line(&mut line).await.ok()? == 0 {
                    return None;
                }
                let message: Value = serde_json::from_str(&line).ok()?;
                if message.get("id") == Some(&json!(id)) && message.get("method").is_none() {
                    return Some(message);
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
    }
}
