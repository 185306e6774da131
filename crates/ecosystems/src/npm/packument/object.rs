//! Objects of foreign JSON whose values stay text. Of a key that stands twice the last counts, as for every client
//! that reads with `JSON.parse`, and what is written from one has each key once.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// Most keys of one object. A package with more versions than this has been published every ten minutes for two
/// years.
pub(super) const MAX_KEYS: usize = 100_000;
/// Longest key, in bytes.
const MAX_KEY: usize = 1024;

/// An object in its own order.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads an object; `None` if the text is none.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a key, as text.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// The value of a key, if it is a string.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        text(self.get(key)?)
    }

    /// The fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.get()))
    }
}

/// A JSON string, unescaped.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(raw).ok().map(|text| text.0)
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
                let mut places: HashMap<Cow<'de, str>, usize> = HashMap::new();
                while let Some(Key(key)) = map.next_key()? {
                    let value = map.next_value()?;
                    // What JavaScript would take for an object's ancestry is nobody's field.
                    if key.len() > MAX_KEY || key == "__proto__" {
                        continue;
                    }
                    if let Some(field) = places.get(&key).and_then(|place| fields.get_mut(*place)) {
                        field.1 = value;
                        continue;
                    }
                    if fields.len() >= MAX_KEYS {
                        return Err(A::Error::custom("an object has too many keys"));
                    }
                    places.insert(key.clone(), fields.len());
                    fields.push((key, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize, PartialEq, Eq, Hash)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let text = r#"{"a":1, "b":{"x" : [2]}, "\u0061":3, "__proto__":{}, "\u005f_proto__":4}"#;
        let object = Object::read(text).unwrap();
        let fields: Vec<_> = object.iter().collect();
        assert_eq!(fields, [("a", "3"), ("b", r#"{"x" : [2]}"#)]);
        assert_eq!((object.get("a"), object.text("a")), (Some("3"), None));
    }

    #[test]
    fn what_is_no_object_is_none() {
        for bad in ["", "[]", "{", "null", "{\"a\":}", "{\"a\":1}x", "{a:1}"] {
            assert!(Object::read(bad).is_none(), "{bad}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        let _ = Object::read(&deep);
        let many: String = (0..=MAX_KEYS).map(|n| format!("\"{n}\":0,")).collect();
        assert!(Object::read(&format!("{{{}}}", many.trim_end_matches(','))).is_none());
    }
}
