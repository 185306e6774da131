//! A call as the guard sees it: its tool, its arguments within limits, and the values that decide something.

use crate::catalogue::{Role, Tool};
use crate::effect::Effect;
use crate::value::Kind;
use serde_json::Value;
use trustmill_core::Sha256;

/// Bounds of arguments. Whatever is larger is refused unread.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the arguments as JSON.
    pub bytes: usize,
    /// Levels of objects and arrays.
    pub depth: usize,
    /// Values of all levels.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 32, values: 20_000 }
    }
}

/// Why a call is refused unread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The arguments are no object.
    #[error("the arguments of a call must be an object")]
    NoObject,
    /// Beyond a limit.
    #[error("the arguments have more than {limit} {what}")]
    TooLarge {
        /// `bytes`, `levels`, `values`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Names with characters that make them look like others.
    #[error("the name {0:?} has characters that cannot be seen or that change its direction")]
    Disguised(String),
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The server as the operator names it.
    pub server: String,
    /// The tool as the server names it.
    pub tool: String,
    /// The arguments: an object.
    pub arguments: Value,
}

/// A value that decides something, with what it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// The argument that it stands in.
    pub argument: String,
    /// What it decides.
    pub role: Role,
    /// What it is.
    pub kind: Kind,
    /// As the agent wrote it.
    pub text: String,
}

impl Call {
    /// A call within limits.
    pub fn new(server: &str, tool: &str, arguments: Value, limits: Limits) -> Result<Self, CallError> {
        for name in [server, tool] {
            if name.is_empty() || name.len() > 200 || name.chars().any(crate::value::is_disguise) {
                return Err(CallError::Disguised(name.chars().take(80).collect()));
            }
        }
        let arguments = if arguments.is_null() { Value::Object(serde_json::Map::new()) } else { arguments };
        let Value::Object(map) = &arguments else { return Err(CallError::NoObject) };
        if let Some(name) = map.keys().find(|name| name.chars().any(crate::value::is_disguise)) {
            return Err(CallError::Disguised(name.chars().take(80).collect()));
        }
        let mut left = limits.values;
        measure(&arguments, limits.depth, &mut left).map_err(|what| CallError::TooLarge {
            what,
            limit: if what == "levels" { limits.depth } else { limits.values },
        })?;
        if arguments.to_string().len() > limits.bytes {
            return Err(CallError::TooLarge { what: "bytes", limit: limits.bytes });
        }
        Ok(Self { server: server.to_owned(), tool: tool.to_owned(), arguments })
    }

    /// The name by which leases and records speak of the tool.
    pub fn name(&self) -> String {
        format!("{}/{}", self.server, self.tool)
    }

    /// SHA-256 of tool and arguments, members sorted: the exact call, and nothing else.
    pub fn digest(&self) -> Sha256 {
        let mut content = serde_json::json!([self.server, self.tool, self.arguments]);
        content.sort_all_objects();
        Sha256::of(content.to_string().as_bytes())
    }

    /// The values that decide something, and the text that the agent wrote.
    pub fn sinks(&self, tool: &Tool) -> (Vec<Sink>, Vec<String>) {
        let (mut sinks, mut content) = (Vec::new(), Vec::new());
        for (name, value) in self.arguments.as_object().into_iter().flatten() {
            let described = tool.arguments.get(name);
            let role = described.map_or(Role::Unknown, |argument| argument.role);
            let kind = described.map_or(Kind::Name, |argument| argument.kind.clone());
            if role.is_sink() {
                // Keys of an object decide as much as its values do.
                leaves(value, true, &mut |text| {
                    sinks.push(Sink { argument: name.clone(), role, kind: kind.clone(), text });
                });
            } else {
                leaves(value, false, &mut |text| content.push(text));
            }
        }
        (sinks, content)
    }
}

/// Whether a value keeps to a number of levels and values.
fn measure(value: &Value, depth: usize, left: &mut usize) -> Result<(), &'static str> {
    *left = left.checked_sub(1).ok_or("values")?;
    match value {
        Value::Array(items) => {
            let depth = depth.checked_sub(1).ok_or("levels")?;
            items.iter().try_for_each(|item| measure(item, depth, left))
        }
        Value::Object(map) => {
            let depth = depth.checked_sub(1).ok_or("levels")?;
            map.values().try_for_each(|item| measure(item, depth, left))
        }
        _ => Ok(()),
    }
}

/// Calls `each` with every scalar below a value, as text. Nothing is said by `null` and by an empty text.
fn leaves(value: &Value, keys: bool, each: &mut impl FnMut(String)) {
    match value {
        Value::Null => {}
        Value::Bool(flag) => each(flag.to_string()),
        Value::Number(number) => each(number.to_string()),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => each(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, keys, each)),
        Value::Object(map) => {
            for (key, item) in map {
                if keys {
                    each(key.clone());
                }
                leaves(item, keys, each);
            }
        }
    }
}

/// What a person is told that a call does.
pub fn summary(call: &Call, tool: &Tool) -> String {
    let (sinks, _) = call.sinks(tool);
    let mut text = format!("{} {}", tool.effect.as_str(), call.name());
    if tool.effect == Effect::Read {
        return text;
    }
    for sink in sinks.iter().take(8) {
        let shown: String = sink.text.chars().filter(|c| !crate::value::is_disguise(*c)).take(60).collect();
        let shown = if sink.role == Role::Credential { "(hidden)".to_owned() } else { shown };
        text.push_str(&format!(", {} {shown}", sink.argument));
    }
    if sinks.len() > 8 {
        text.push_str(&format!(", and {} more", sinks.len() - 8));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(arguments: Value) -> Result<Call, CallError> {
        Call::new("mail", "send", arguments, Limits::default())
    }

    #[test]
    fn what_is_too_large_or_disguised_is_refused_unread() {
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert!(matches!(call(json!({ "a": deep })), Err(CallError::TooLarge { what: "levels", .. })));
        assert!(matches!(
            call(json!({ "a": vec![0; 30_000] })),
            Err(CallError::TooLarge { what: "values", .. })
        ));
        assert!(matches!(
            call(json!({ "a": "x".repeat(2 << 20) })),
            Err(CallError::TooLarge { what: "bytes", .. })
        ));
        assert!(matches!(call(json!([1])), Err(CallError::NoObject)));
        assert!(matches!(call(json!({ "to\u{200b}": 1 })), Err(CallError::Disguised(_))));
        assert!(matches!(
            Call::new("m", "send\u{202e}", json!({}), Limits::default()),
            Err(CallError::Disguised(_))
        ));
    }

    #[test]
    fn the_order_of_arguments_makes_no_other_call() {
        let one = call(json!({ "to": "a", "body": { "x": 1, "y": 2 } })).unwrap();
        assert_eq!(one.digest(), call(json!({ "body": { "y": 2, "x": 1 }, "to": "a" })).unwrap().digest());
        assert_ne!(one.digest(), call(json!({ "to": "a", "body": {} })).unwrap().digest());
    }
}
