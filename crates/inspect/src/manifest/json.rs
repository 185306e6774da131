//! JSON with its order kept (RFC 8259): Node.js gives the order of some keys a meaning, and `serde_json` forgets it.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`, a boolean or a number.
    Plain(serde_json::Value),
    /// A string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// An object; no key occurs twice.
    Object(Vec<(String, Self)>),
}

/// Bytes of a manifest at most.
const BYTES: usize = 16 << 20;

impl Json {
    /// Parses `bytes`; `None` if they are no JSON, too many, too deep, or if a key occurs twice: parsers disagree
    /// about which of the two counts.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > BYTES {
            return None;
        }
        serde_json::from_slice(bytes).ok()
    }

    /// The members, where it is an object.
    pub fn object(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member `key`, where it is an object that has one.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text, where it is a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Sorts the keys of this object, not those of what is in it.
    pub(crate) fn sort_keys(&mut self) {
        if let Self::Object(members) = self {
            members.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }

    /// Writes it without white space.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Plain(value) => out.push_str(&value.to_string()),
            Self::Text(text) => string(text, out),
            Self::Array(items) => {
                out.push('[');
                for item in items {
                    item.write(out);
                    out.push(',');
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (key, value) in members {
                    string(key, out);
                    out.push(':');
                    value.write(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

fn string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Plain(serde_json::Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((key, value)) = members.next_entry::<String, Json>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom("a key occurs twice"));
            }
            object.push((key, value));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_doubt_is_refused() {
        let json = Json::parse(br#"{ "b": [1, "x", null], "a": {"z": true, "y": 1.5} }"#).unwrap();
        let mut out = String::new();
        json.write(&mut out);
        assert_eq!(out, r#"{"b":[1,"x",null,],"a":{"z":true,"y":1.5,},}"#);
        assert_eq!(json.get("b").and_then(Json::text), None);
        let deep = "[".repeat(100_000);
        for bad in ["", "{", r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"a":1}}"#, "{} x", &deep] {
            assert_eq!(Json::parse(bad.as_bytes()), None, "{bad:.20}");
        }
    }
}
