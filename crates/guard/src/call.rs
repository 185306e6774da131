//! A call as the guard sees it: its tool, its arguments within limits, and the values that decide something.

use crate::catalogue::{Argument, Expected, Role, Tool};
use crate::effect::Effect;
use crate::label::Artefact;
use crate::record::Verdict;
use crate::value::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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
            let text = match member(answer, name)? {
                Value::String(text) if text.len() <= 512 => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Array(items) if described.role == Role::Reach => items.len().to_string(),
                Value::Array(items) if described.role == Role::Audience => people(items)?,
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

    /// Who sees it: those whom it names, and those whom the guard read. `None` where that is everybody, or nobody knows.
    pub fn audience(&self, tool: &Tool) -> Option<BTreeSet<String>> {
        if tool.public {
            return None;
        }
        let described = tool.check.iter().flat_map(|check| &check.fields);
        let read = described.filter(|(_, field)| field.role == Role::Audience).map(|(name, _)| name);
        let mut read = read.peekable();
        let is_read = read.peek().is_some();
        let mut audience = BTreeSet::new();
        for name in read {
            audience.extend(self.seen.as_ref()?.get(name)?.lines().map(str::to_owned));
        }
        for sink in self.sinks(tool).0 {
            match sink.role {
                Role::Recipient | Role::Grantee => drop(audience.insert(crate::value::folded(&sink.text))),
                Role::Target | Role::Unknown if !is_read => return None,
                _ => {}
            }
        }
        Some(audience)
    }

    /// The text that it publishes, and the argument that holds it.
    pub fn published<'a>(&self, tool: &'a Tool) -> Option<(&'a str, &str)> {
        let name = tool.published()?;
        Some((name, self.arguments.get(name)?.as_str()?))
    }

    /// The texts that it sends or stores, as people are shown them.
    pub fn texts(&self, tool: &Tool) -> BTreeMap<String, String> {
        let written =
            tool.arguments.iter().filter(|(_, one)| one.role == Role::Content && one.kind != Kind::Path);
        let text = |(name, _): (&String, &Argument)| {
            let text = match self.arguments.get(name)? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let more = text.chars().nth(LONGEST_SHOWN).map_or("", |_| " …");
            Some((name.clone(), text.chars().take(LONGEST_SHOWN).chain(more.chars()).collect()))
        };
        written.filter_map(text).take(4).collect()
    }

    /// What it writes: files, records, places. What only passes through it, or is read, is none.
    pub fn writes(&self, tool: &Tool) -> Vec<Artefact> {
        if !matches!(tool.effect, Effect::Write | Effect::Send | Effect::Publish | Effect::Egress) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (name, value) in self.arguments.as_object().into_iter().flatten() {
            let Some(described) = tool.arguments.get(name) else { continue };
            let place = matches!(described.role, Role::Item | Role::Target);
            leaves(value, false, &mut |text| match &described.kind {
                _ if found.len() >= MOST_WRITTEN => {}
                Kind::Path => found.push(Artefact::path(&text)),
                Kind::Id(_) => found.push(Artefact::record(&self.server, &text)),
                _ if place => found.push(Artefact::record(&self.server, &text)),
                _ => {}
            });
        }
        found
    }

    /// What it may read of what was written: everything that its arguments can be a name of.
    pub fn reads(&self, mut each: impl FnMut(Artefact)) {
        leaves(&self.arguments, false, &mut |text| {
            if text.len() <= LONGEST_NAME {
                each(Artefact::record(&self.server, &text));
                each(Artefact::path(&text));
            }
        });
    }

    /// The call by which the guard reads back what this one did, where the catalogue names one.
    pub fn look_after(&self, tool: &Tool, answer: &Value) -> Option<Self> {
        let after = tool.after.as_ref()?;
        let mut arguments = serde_json::Map::new();
        for (to, from) in &after.arguments {
            let value = match from.split_once(':') {
                // What the answer does not name cannot be looked up by it.
                Some(("answer", field)) => Some(member(answer, field)?.clone()),
                Some(("is", text)) => Some(Value::String(text.to_owned())),
                _ => self.arguments.get(from).cloned(),
            };
            arguments.extend(value.map(|value| (to.clone(), value)));
        }
        Self::new(&self.server, &after.tool, Value::Object(arguments), Limits::default()).ok()
    }

    /// Whether what was read back is what this call should have done; the field that is another one. `None` stands for an
    /// answer that the server refused to give: there is no such thing.
    pub fn compare_after(&self, tool: &Tool, found: Option<&Value>) -> (Verdict, String) {
        let Some(after) = &tool.after else { return (Verdict::Unread, String::new()) };
        if after.absent {
            let gone =
                found.is_none_or(|found| found.is_null() || found.as_array().is_some_and(Vec::is_empty));
            return if gone {
                (Verdict::Same, String::new())
            } else {
                (Verdict::Differs, "it is still there".into())
            };
        }
        let Some(found) = found else { return (Verdict::Differs, "it is not there".into()) };
        for (field, expected) in &after.fields {
            let (kind, should) = match expected {
                Expected::Is(text) => (Kind::Name, Some(Value::String(text.clone()))),
                Expected::Holds(name) => {
                    let should = self.arguments.get(name).unwrap_or(&Value::Null);
                    if !member(found, field).is_some_and(|found| holds(found, should)) {
                        return (Verdict::Differs, field.clone());
                    }
                    continue;
                }
                Expected::Argument(name) => {
                    let kind = tool.arguments.get(name).map_or(Kind::Name, |argument| argument.kind.clone());
                    (kind, self.arguments.get(name).cloned())
                }
            };
            // What the call left open is the server's to choose.
            let Some(should) = should.filter(|should| !should.is_null()) else { continue };
            if member(found, field).is_none_or(|is| texts(is, &kind) != texts(&should, &kind)) {
                return (Verdict::Differs, field.clone());
            }
        }
        (Verdict::Same, String::new())
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

/// The longest text that may name something that was written, in bytes.
const LONGEST_NAME: usize = 4096;

/// The longest text that people are shown, in characters.
const LONGEST_SHOWN: usize = 2000;

/// The most that one call writes.
const MOST_WRITTEN: usize = 1000;

/// The most people whom a target may have, to be known one by one.
const MOST_PEOPLE: usize = 10_000;

/// A field by name, or by JSON pointer; `*` is all of it.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match name {
        "*" => Some(value),
        name if name.starts_with('/') => value.pointer(name),
        name => value.get(name),
    }
}

/// Whether every text of `should` stands in a text of `found`.
fn holds(found: &Value, should: &Value) -> bool {
    let (mut there, mut all) = (Vec::new(), true);
    leaves(found, false, &mut |text| there.push(text));
    leaves(should, false, &mut |text| all &= there.iter().any(|found| found.contains(text.trim())));
    all
}

/// People of a list, one a line, in order; `None` where it is no list of people.
fn people(items: &[Value]) -> Option<String> {
    let name = |item: &Value| item.as_str().map(crate::value::folded);
    let names: Option<BTreeSet<String>> = items.iter().take(MOST_PEOPLE + 1).map(name).collect();
    let names = names.filter(|names| names.len() <= MOST_PEOPLE)?;
    Some(names.into_iter().collect::<Vec<_>>().join("\n"))
}

/// The texts of a value in the form in which values of a kind are compared, in no order.
fn texts(value: &Value, kind: &Kind) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    leaves(value, false, &mut |text| {
        found.insert(kind.normal(&text).unwrap_or_else(|| text.trim().to_owned()));
    });
    found
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
    // A letter of another script can look like one that a person knows.
    let known = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    let name: String = call.name().chars().map(known).collect();
    let mut text = format!("{} {name}", tool.effect.as_str());
    if tool.effect == Effect::Read {
        return text;
    }
    let (sinks, _) = call.sinks(tool);
    for sink in sinks.iter().take(8) {
        let shown: String = sink.text.chars().filter(|c| !crate::value::is_disguise(*c)).take(60).collect();
        let shown = if sink.role == Role::Credential { "(hidden)".to_owned() } else { shown };
        text.push_str(&format!(", {} {shown}", sink.argument));
    }
    if sinks.len() > 8 {
        text.push_str(&format!(", and {} more", sinks.len() - 8));
    }
    for (name, path) in paths(call, tool).take(8) {
        text.push_str(&format!(", {name} {}", tail(path, 200)));
    }
    if let Some(reach) = call.reach(tool) {
        text.push_str(&format!(", reaches {reach} people"));
    }
    text
}

/// Where it writes, which decides nothing for the user's own files and is what a person looks for.
fn paths<'a>(call: &'a Call, tool: &'a Tool) -> impl Iterator<Item = (&'a str, &'a str)> {
    let described =
        tool.arguments.iter().filter(|(_, argument)| !argument.role.is_sink() && argument.kind == Kind::Path);
    described.filter_map(|(name, _)| Some((name.as_str(), call.arguments.get(name)?.as_str()?)))
}

/// The end of a text, where a path is told from others, without what would hide or move it.
fn tail(text: &str, most: usize) -> String {
    let clean: Vec<char> = text.chars().filter(|c| !crate::value::is_disguise(*c)).collect();
    let cut = clean.len().saturating_sub(most);
    let mark = if cut > 0 { "…" } else { "" };
    mark.chars().chain(clean.into_iter().skip(cut)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(arguments: Value) -> Result<Call, CallError> {
        Call::new("mail", "send", arguments, Limits::default())
    }

    #[test]
    fn a_person_sees_which_letters_are_none_that_they_know_and_which_file_is_written() {
        let of = |tool: &str, arguments: Value| {
            let call = Call::new("files", tool, arguments, Limits::default()).unwrap();
            let catalogue = crate::catalogue::Catalogue::shipped("files").unwrap().unwrap();
            summary(&call, catalogue.tool(tool))
        };
        assert_eq!(of("write_f\u{456}le", json!({})), "access files/write_f\\u{456}le");
        let long = format!("/home/{}/.ssh/keys", "a".repeat(300));
        let shown = of("write_file", json!({ "path": long, "content": "x" }));
        assert!(
            shown.starts_with("write files/write_file, path …") && shown.ends_with("/.ssh/keys"),
            "{shown}"
        );
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
