//! JSON objects that keep their keys' order and places, and refuse a key that is there twice.
//!
//! `serde_json` parses; a `RawValue` borrows from the text, so that each value's line is known. Which of two
//! equal keys counts is up to each reader, so one of them could be shown and the other installed.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// One object.
pub(super) struct Object<'a> {
    /// Keys and values, in order.
    pub(super) entries: Vec<(Cow<'a, str>, &'a RawValue)>,
    index: HashMap<Cow<'a, str>, usize>,
    /// The second value of a key that is there twice.
    pub(super) twice: Option<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// The value of `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.index.get(key).and_then(|at| self.entries.get(*at)).map(|(_, value)| *value)
    }

    /// The value of `key` as a `T`; `None` if there is none or it is `null`.
    pub(super) fn field<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.get(key).map_or(Ok(None), |value| serde_json::from_str(value.get()))
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { entries: Vec::new(), index: HashMap::new(), twice: None };
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            if object.index.insert(key.clone(), object.entries.len()).is_some() {
                object.twice = Some((key.clone(), value));
            }
            object.entries.push((key, value));
        }
        Ok(object)
    }
}
