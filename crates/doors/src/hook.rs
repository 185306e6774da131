//! Hooks: agents that ask a command before each tool call.
//!
//! The command reads one JSON object and writes one. It understands the shape of Claude Code's `PreToolUse` (fields
//! `tool_name`, `tool_input`; a tool of an MCP server is named `mcp__SERVER__TOOL`) and answers with
//! `hookSpecificOutput.permissionDecision`. Whatever it cannot read, it denies.

use crate::engine::Engine;
use crate::stdio::told;
use serde_json::{Value, json};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::decide::Decision;

/// The server under which the agent's own tools are catalogued.
pub const OWN_TOOLS: &str = "agent";

/// Answers one event.
pub fn answer(engine: &Engine, session: &str, input: &[u8]) -> Value {
    match asked(input) {
        Err(why) => verdict("deny", &why),
        Ok(call) => {
            let answer = engine.decide(session, &call);
            match answer.decision {
                Decision::Allow => verdict("allow", &answer.reason),
                Decision::Ask | Decision::Deny => verdict("deny", &told(&answer)),
            }
        }
    }
}

/// An answer in the agent's shape.
pub fn verdict(decision: &str, reason: &str) -> Value {
    json!({ "hookSpecificOutput": {
        "hookEventName": "PreToolUse", "permissionDecision": decision, "permissionDecisionReason": reason,
    } })
}

/// The call that an event asks about.
fn asked(input: &[u8]) -> Result<Call, String> {
    let event: Value =
        serde_json::from_slice(input).map_err(|error| format!("the hook's input is no JSON: {error}"))?;
    let name = event.get("tool_name").and_then(Value::as_str).ok_or("the hook's input names no tool")?;
    let arguments = event.get("tool_input").cloned().unwrap_or_default();
    let (server, tool) = match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
        Some((server, tool)) => (server, tool),
        None => (OWN_TOOLS, name),
    };
    Call::new(server, tool, arguments, Limits::default()).map_err(|error| error.to_string())
}
