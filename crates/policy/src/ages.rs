//! At which ages a policy may answer otherwise: then a decision need not be made again before.

use crate::attribute::Settings;
use serde_json::Value;

/// An age at which a policy's answer may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Threshold {
    /// At so many hours.
    Hours(i64),
    /// At the hours that the configuration says, and so many more.
    Setting(String, i64),
    /// The age is used in a way that is not understood here: any hour may change it.
    Every,
}

impl Threshold {
    /// The first such age above `age`, in hours.
    pub(crate) fn above(&self, age: i64, settings: &Settings) -> Option<i64> {
        let at = match self {
            Self::Hours(hours) => *hours,
            Self::Setting(name, more) => match settings.get(name)? {
                crate::attribute::Value::Whole(hours) => hours.saturating_add(*more),
                _ => return None,
            },
            Self::Every => age.saturating_add(1),
        };
        (at > age).then_some(at)
    }
}

/// The thresholds of a policy in Cedar's JSON form
/// (<https://docs.cedarpolicy.com/policies/json-format.html>).
pub(crate) fn thresholds(policy: &Value) -> Vec<Threshold> {
    let mut found = Vec::new();
    walk(policy, &mut found, 0);
    found.dedup();
    found
}

/// Whether a policy looks at who asks.
pub(crate) fn names_principal(policy: &Value) -> bool {
    let scoped = policy.pointer("/principal/op").and_then(Value::as_str) != Some("All");
    scoped || policy.get("conditions").is_some_and(|conditions| has_variable(conditions, "principal"))
}

/// Whether a permit permits everything.
pub(crate) fn is_unconditional(policy: &Value) -> bool {
    let all = |scope: &str| {
        let op = policy.pointer(&format!("/{scope}/op")).and_then(Value::as_str);
        op == Some("All") || (op == Some("is") && policy.pointer(&format!("/{scope}/in")).is_none())
    };
    let conditions = policy.get("conditions").and_then(Value::as_array);
    all("principal") && all("action") && all("resource") && conditions.is_none_or(Vec::is_empty)
}

/// Deeper than any policy that Cedar parses.
const DEEPEST: usize = 512;

fn has_variable(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(key, value)| (key == "Var" && value.as_str() == Some(name)) || has_variable(value, name)),
        Value::Array(items) => items.iter().any(|item| has_variable(item, name)),
        _ => false,
    }
}

fn walk(value: &Value, found: &mut Vec<Threshold>, depth: usize) {
    if depth > DEEPEST {
        found.push(Threshold::Every);
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match comparison(key, value) {
                    Some(thresholds) => found.extend(thresholds),
                    None if key == "." && is_age_of(value) => found.push(Threshold::Every),
                    None => walk(value, found, depth + 1),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found, depth + 1)),
        _ => {}
    }
}

/// The thresholds of a comparison of the age with a number or a setting.
fn comparison(operator: &str, value: &Value) -> Option<Vec<Threshold>> {
    let (left, right) = (value.get("left")?, value.get("right")?);
    // Written with the age on the left: `168 > age` is `age < 168`.
    let (other, operator) = match (is_age(left), is_age(right)) {
        (true, false) => (right, operator),
        (false, true) => (left, mirrored(operator)),
        _ => return None,
    };
    let at = |more: i64| {
        if let Some(hours) = other.get("Value").and_then(Value::as_i64) {
            return Some(Threshold::Hours(hours.saturating_add(more)));
        }
        let attribute = other.get(".")?;
        let of = attribute.pointer("/left/Var")?.as_str()?;
        let name = attribute.get("attr")?.as_str()?;
        (of == "context").then(|| Threshold::Setting(name.to_owned(), more))
    };
    match operator {
        "<" | ">=" => Some(vec![at(0)?]),
        "<=" | ">" => Some(vec![at(1)?]),
        "==" | "!=" => Some(vec![at(0)?, at(1)?]),
        _ => None,
    }
}

fn mirrored(operator: &str) -> &str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        other => other,
    }
}

fn is_age(value: &Value) -> bool {
    value.get(".").is_some_and(is_age_of)
}

/// Whatever the attribute is taken from: only a package has an age.
fn is_age_of(access: &Value) -> bool {
    access.get("attr").and_then(Value::as_str) == Some("age_hours")
}
