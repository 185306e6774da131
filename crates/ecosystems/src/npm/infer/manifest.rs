//! The parts of a `package.json` that decide how a package is packed or built.

use serde_json::{Map, Value};
use trustmill_core::content::Contents;

/// Larger is no manifest that a person wrote.
const LARGEST: usize = 4 << 20;

/// A `package.json`. Fields of another type than they should have count as absent, as npm has it.
#[derive(Debug, Clone, Default)]
pub struct Manifest(Map<String, Value>);

impl Manifest {
    /// The one at `path` of `contents`.
    pub fn of(contents: &Contents, path: &str) -> Option<Self> {
        let bytes = &contents.get(path)?.bytes;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.len() > LARGEST {
            return None;
        }
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// A field that is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Whether a field is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A script.
    pub fn script(&self, name: &str) -> Option<&str> {
        let text = self.0.get("scripts")?.get(name)?.as_str()?;
        (!text.trim().is_empty()).then_some(text)
    }

    /// Every script that is text, by name.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.get("scripts").and_then(Value::as_object);
        let named =
            all.into_iter().flatten().filter_map(|(name, text)| Some((name.as_str(), text.as_str()?)));
        named.filter(|(_, text)| !text.trim().is_empty())
    }

    /// What stands at a path of keys, where it is text.
    pub(super) fn text_at(&self, keys: &[&str]) -> Option<&str> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, key| value.get(key))?.as_str()
    }

    /// Address and folder in `repository`: text, or an object with `url` and perhaps `directory`.
    pub fn repository(&self) -> Option<(&str, Option<&str>)> {
        let value = self.0.get("repository")?;
        if let Some(text) = value.as_str() {
            return Some((text, None));
        }
        Some((value.get("url")?.as_str()?, value.get("directory").and_then(Value::as_str)))
    }

    /// Every field but `except`, for comparison.
    pub fn without(&self, except: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| !except.contains(&key.as_str()));
        Self(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
impl Manifest {
    /// One with these scripts and nothing else.
    pub(super) fn with_scripts(scripts: &[(&str, &str)]) -> Self {
        let scripts: Map<String, Value> =
            scripts.iter().map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
        Self(Map::from_iter([("scripts".to_owned(), Value::Object(scripts))]))
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
