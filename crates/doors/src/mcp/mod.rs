//! Many MCP servers behind one endpoint over HTTP (Model Context Protocol, transport "Streamable HTTP").
//!
//! * [`endpoint`] is what agents speak to: keys, sessions, streams of events and plain answers;
//! * `hub` is one agent's connection: where its messages go, which calls are decided, what comes back;
//! * [`upstream`] is a server behind it, started as a process or reached over HTTP;
//! * `name` keeps the names of several servers apart; `stream` lets a stream be taken up again.
//!
//! Messages are routed as JSON and not as types of an SDK: a member that nobody here knows reaches the other side, and what is
//! pinned is what the server said, not what a type kept of it.

pub mod caretaker;
pub mod endpoint;
mod held;
mod hub;
mod name;
mod stream;
pub mod upstream;

pub use name::is_server_name;

use serde_json::{Value, json};

/// Revisions of the protocol that begin with `initialize`, the newest first.
pub const REVISIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The longest message, in bytes.
pub(crate) const LONGEST: usize = 8 << 20;

/// An error of the protocol.
pub(crate) fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

/// An answer.
pub(crate) fn answer(id: &Value, result: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}
