//! Keys that stand twice in a JSON object: which of the two counts, readers do not agree on.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use std::collections::BTreeSet;
use std::fmt;

/// The keys that stand twice in one object, anywhere in a text that is JSON.
pub(super) fn twice(text: &[u8]) -> Vec<String> {
    const MOST: usize = 20;
    let mut found = serde_json::from_slice::<Twice>(text).map(|twice| twice.0).unwrap_or_default();
    found.truncate(MOST);
    found
}

/// A value of which only its repeated keys are kept.
struct Twice(Vec<String>);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Twice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Twice, A::Error> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            found.extend(map.next_value::<Twice>()?.0);
            if !seen.insert(key.clone()) {
                found.push(key);
            }
        }
        Ok(Twice(found))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Twice, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = seq.next_element::<Twice>()? {
            found.extend(item.0);
        }
        Ok(Twice(found))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Twice, E> {
        Ok(Twice(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_object_are_compared() {
        assert_eq!(twice(br#"{"a": {"b": 1, "b": 2}, "c": [{"a": null}], "a": true}"#), ["b", "a"]);
        assert!(twice(br#"{"a": {"a": 1}}"#).is_empty() && twice(b"{").is_empty());
    }
}
