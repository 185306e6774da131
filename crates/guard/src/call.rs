//! A call as the guard sees it: its tool, its arguments within limits, and the values that decide something.

use crate::catalogue::{Argument, Role, Tool};
use crate::effect::Effect;
use crate::value::Kind;
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// What the guard itself read of the target just now, where the catalogue says what to read.
    pub seen: Option<BTreeMap<String, String>>,
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
    /// As the agent wrote it, or the guard read it.
    pub text: String,
    /// Whether the guard read it itself.
    pub read: bool,
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
        Ok(Self { server: server.to_owned(), tool: tool.to_owned(), arguments, seen: None })
    }

    /// The name by which leases and records speak of the tool.
    pub fn name(&self) -> String {
        format!("{}/{}", self.server, self.tool)
    }

    /// SHA-256 of tool and arguments, members sorted: the exact call, on its target as it was read.
    pub fn digest(&self) -> Sha256 {
        match &self.seen {
            None => self.digest_unseen(),
            Some(seen) => {
                let content = serde_json::json!([self.digest_unseen(), seen]);
                Sha256::of(content.to_string().as_bytes())
            }
        }
    }

    /// The same, whatever became of the target.
    pub fn digest_unseen(&self) -> Sha256 {
        let mut content = serde_json::json!([self.server, self.tool, self.arguments]);
        content.sort_all_objects();
        Sha256::of(content.to_string().as_bytes())
    }

    /// The call by which the guard reads this one's target, where the catalogue names one.
    pub fn look(&self, tool: &Tool) -> Option<Self> {
        let check = tool.check.as_ref()?;
        let value = |from: &String| self.arguments.get(from).cloned().unwrap_or_default();
        let arguments = check.arguments.iter().map(|(to, from)| (to.clone(), value(from))).collect();
        Self::new(&self.server, &check.tool, Value::Object(arguments), Limits::default()).ok()
    }

    /// Takes what was read of the target. A field that is missing, or is no single value, is as if nothing was read.
    pub fn see(&mut self, tool: &Tool, answer: &Value) {
        let Some(check) = &tool.check else { return };
        let field = |(name, described): (&String, &Argument)| {
            let found = if name.starts_with('/') { answer.pointer(name) } else { answer.get(name) }?;
            let text = match found {
                Value::String(text) if text.len() <= 512 => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Array(items) if described.role == Role::Reach => items.len().to_string(),
                _ => return None,
            };
            Some((name.clone(), text))
        };
        self.seen = check.fields.iter().map(field).collect();
    }

    /// How many people gain something by it, where that was read.
    pub fn reach(&self, tool: &Tool) -> Option<u64> {
        let (fields, seen) = (&tool.check.as_ref()?.fields, self.seen.as_ref()?);
        let of = |(name, described): (&String, &Argument)| {
            (described.role == Role::Reach).then(|| seen.get(name)?.parse().ok()).flatten()
        };
        fields.iter().filter_map(of).max()
    }

    /// The key under which the server does it once.
    pub fn key(&self, tool: &Tool) -> Option<String> {
        let of = |(name, described): (&String, &Argument)| {
            let text = (described.role == Role::Key).then(|| self.arguments.get(name)?.as_str())??;
            (!text.is_empty()).then(|| Sha256::of(text.as_bytes()).to_string())
        };
        tool.arguments.iter().find_map(of)
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
                    sinks.push(Sink { argument: name.clone(), role, kind: kind.clone(), text, read: false });
                });
            } else {
                leaves(value, false, &mut |text| content.push(text));
            }
        }
        let described = tool.check.iter().flat_map(|check| &check.fields);
        for (name, field) in described.filter(|(_, field)| field.role.is_sink()) {
            if let Some(text) = self.seen.as_ref().and_then(|seen| seen.get(name)) {
                let (role, kind) = (field.role, field.kind.clone());
                sinks.push(Sink { argument: name.clone(), role, kind, text: text.clone(), read: true });
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
    if let Some(reach) = call.reach(tool) {
        text.push_str(&format!(", reaches {reach} people"));
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
