//! Names of projects as the configuration writes them: `npm:@acme/*`, `pypi:requests`, or a package URL.

use serde::{Deserialize, Deserializer};
use std::str::FromStr;
use trustmill_core::package::normalise;

/// One project, or all whose name begins alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern {
    ty: String,
    name: String,
    /// Whether `name` is only the beginning.
    open: bool,
}

/// A text that names no project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no project; write npm:@acme/*, pypi:requests or a package URL without a version")]
pub struct ParseNameError(pub String);

impl NamePattern {
    /// Whether a project is meant.
    pub fn holds(&self, ty: &str, name: &str) -> bool {
        self.ty == ty && if self.open { name.starts_with(&self.name) } else { name == self.name }
    }
}

impl FromStr for NamePattern {
    type Err = ParseNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseNameError(text.chars().take(200).collect());
        let (ty, name) = match text.strip_prefix("pkg:") {
            Some(rest) => rest.split_once('/').ok_or_else(bad)?,
            None => text.split_once(':').ok_or_else(bad)?,
        };
        let (name, open) = match name.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (name, false),
        };
        let name = name.replace("%40", "@");
        // Beyond a scope's, an `@` begins a version, which no list of names takes.
        let version = name.char_indices().any(|(at, c)| c == '@' && at > 0);
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '*' | '%' | '?' | '#');
        if ty.is_empty() || (name.is_empty() && !open) || version || !name.chars().all(plain) {
            return Err(bad());
        }
        // `acme-*` ends in a dash that belongs to the beginning, and `acme_*` means the same project names.
        Ok(Self { ty: ty.to_owned(), name: normalise(ty, &name), open })
    }
}

impl<'de> Deserialize<'de> for NamePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, ty: &str, name: &str) -> bool {
        pattern.parse::<NamePattern>().unwrap().holds(ty, name)
    }

    #[test]
    fn a_scope_a_beginning_and_a_name_are_three_things() {
        assert!(holds("npm:@acme/*", "npm", "@acme/ui") && holds("pkg:npm/%40acme/*", "npm", "@acme/ui"));
        assert!(!holds("npm:@acme/*", "npm", "@acme-evil/ui"));
        assert!(holds("pypi:Acme_*", "pypi", "acme-tools") && !holds("pypi:acme-*", "pypi", "acmetools"));
        assert!(holds("pypi:requests", "pypi", "requests") && !holds("pypi:requests", "pypi", "requests2"));
        assert!(!holds("npm:requests", "pypi", "requests") && holds("cargo:*", "cargo", "serde"));
    }

    #[test]
    fn what_names_no_project_is_refused() {
        for text in ["", "requests", "npm:", ":a", "npm:a@1.0", "npm:a*b", "npm:a b", "pkg:npm", "npm:%00"] {
            assert!(text.parse::<NamePattern>().is_err(), "{text}");
        }
    }
}
