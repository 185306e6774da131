//! Hooks: agents that ask a command before each tool call.
//!
//! The command reads one JSON object and writes one, in the shape that the agent's framework has for it. Whatever it cannot
//! read, it denies; and what waits for a person is denied too until a person gave a lease, since the agent's own way of asking
//! is the agent's.

use crate::engine::{Answer, Engine};
use crate::stdio::{put, told};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustmill_guard::call::{Call, Limits};
use trustmill_guard::decide::Decision;

/// The server under which the agent's own tools are catalogued.
pub const OWN_TOOLS: &str = "agent";

/// How an agent asks, and is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Claude Code's `PreToolUse`: `tool_name`, `tool_input`; a tool of an MCP server is `mcp__SERVER__TOOL`.
    #[default]
    ClaudeCode,
    /// OpenClaw's `before_tool_call`: `toolName`, `params`; answered with `block` and `blockReason`.
    Openclaw,
    /// OpenAI Agents' `needs_approval`: `name`, `arguments` (a text or an object); answered with `needs_approval`, and with
    /// `approve` for the interruption that follows.
    OpenaiAgents,
}

impl Shape {
    /// An answer in the agent's shape.
    pub fn verdict(self, allow: bool, reason: &str) -> Value {
        match self {
            Self::ClaudeCode => json!({ "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": if allow { "allow" } else { "deny" },
                "permissionDecisionReason": reason,
            } }),
            Self::Openclaw if allow => json!({ "block": false }),
            Self::Openclaw => json!({ "block": true, "blockReason": reason }),
            Self::OpenaiAgents => json!({ "needs_approval": !allow, "approve": allow, "reason": reason }),
        }
    }

    /// The call that an event asks about.
    fn asked(self, input: &[u8]) -> Result<Call, String> {
        let event: Value =
            serde_json::from_slice(input).map_err(|error| format!("the hook's input is no JSON: {error}"))?;
        let (name, arguments) = match self {
            Self::ClaudeCode => ("tool_name", "tool_input"),
            Self::Openclaw => ("toolName", "params"),
            Self::OpenaiAgents => ("name", "arguments"),
        };
        let name = event.get(name).and_then(Value::as_str).ok_or("the hook's input names no tool")?;
        let arguments = match event.get(arguments).cloned().unwrap_or_default() {
            // What a model wrote and nobody could read is nothing that may be approved.
            Value::String(text) if self == Self::OpenaiAgents => {
                serde_json::from_str(&text).map_err(|error| format!("the arguments are no JSON: {error}"))?
            }
            arguments => arguments,
        };
        let (server, tool) = match name.strip_prefix("mcp__").and_then(|rest| rest.split_once("__")) {
            Some((server, tool)) => (server, tool),
            None => (OWN_TOOLS, name),
        };
        Call::new(server, tool, arguments, Limits::default()).map_err(|error| error.to_string())
    }
}

impl Shape {
    /// The answer to a call that is allowed. What is published is changed on the way, where the framework lets a hook do so;
    /// where it does not, it is not published through it.
    fn allowed(self, call: &Call, answer: &Answer) -> Value {
        let mut verdict = self.verdict(true, &answer.reason);
        if answer.mark.is_none() {
            return verdict;
        }
        let mut arguments = call.arguments.clone();
        answer.mark(&mut arguments);
        match self {
            Self::ClaudeCode => {
                if let Some(inner) = verdict.get_mut("hookSpecificOutput") {
                    put(inner, "updatedInput", arguments);
                }
                verdict
            }
            Self::Openclaw => {
                put(&mut verdict, "params", arguments);
                verdict
            }
            Self::OpenaiAgents => self.verdict(
                false,
                "what is published says who wrote it, and this hook cannot add that: publish through the guard's MCP proxy",
            ),
        }
    }
}

/// Answers one event.
pub fn answer(engine: &Engine, session: &str, shape: Shape, input: &[u8]) -> Value {
    match shape.asked(input) {
        Err(why) => shape.verdict(false, &why),
        Ok(call) => {
            let answer = engine.decide(session, &call);
            match answer.decision {
                Decision::Allow => shape.allowed(&call, &answer),
                Decision::Ask | Decision::Deny => shape.verdict(false, &told(&answer)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_is_read_as_its_framework_writes_it_and_nothing_else() {
        let read =
            |shape: Shape, text: &str| shape.asked(text.as_bytes()).map(|call| (call.name(), call.arguments));
        let look = json!({ "path": "a" });
        for (shape, text) in [
            (Shape::ClaudeCode, r#"{"tool_name":"Read","tool_input":{"path":"a"}}"#),
            (Shape::Openclaw, r#"{"toolName":"Read","params":{"path":"a"},"toolCallId":"1"}"#),
            (Shape::OpenaiAgents, r#"{"name":"Read","arguments":"{\"path\":\"a\"}","call_id":"1"}"#),
            (Shape::OpenaiAgents, r#"{"name":"Read","arguments":{"path":"a"}}"#),
        ] {
            assert_eq!(read(shape, text), Ok(("agent/Read".into(), look.clone())), "{text}");
            for broken in [
                "",
                "{",
                "[]",
                "7",
                r#"{"name":7}"#,
                r#"{"name":"x","arguments":"{"}"#,
                r#"{"toolName":"x","params":[]}"#,
            ] {
                assert!(read(shape, broken).is_err(), "{shape:?} {broken}");
            }
        }
    }

    #[test]
    fn a_denial_is_one_in_every_shape() {
        assert_eq!(Shape::Openclaw.verdict(false, "no"), json!({ "block": true, "blockReason": "no" }));
        assert_eq!(Shape::OpenaiAgents.verdict(false, "no")["approve"], false);
        assert_eq!(Shape::OpenaiAgents.verdict(false, "no")["needs_approval"], true);
        assert_eq!(
            Shape::ClaudeCode.verdict(false, "no")["hookSpecificOutput"]["permissionDecision"],
            "deny"
        );
    }
}
