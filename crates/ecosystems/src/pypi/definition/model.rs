//! The shape of a definition file. An unknown key is an error: a misspelt one would change nothing, silently.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A definition file. The keys are documented in `docs/definitions.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Shape {
    /// The releases it is for (PEP 440).
    pub(super) versions: Spanned<String>,
    /// Why it exists.
    pub(super) reason: Spanned<String>,
    pub(super) python: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) requirements: List,
    #[serde(default)]
    pub(super) constraints: List,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, String>,
    pub(super) umask: Option<Spanned<u32>>,
    pub(super) source_date_epoch: Option<Epoch>,
    #[serde(default)]
    pub(super) config_settings: BTreeMap<String, Values>,
    #[serde(default)]
    pub(super) steps: Vec<Spanned<StepShape>>,
}

/// A change to a list of requirements.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) replace: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) add: Vec<Spanned<String>>,
}

/// An instant, or the archive's own times.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "seconds since 1970, or \"archive\"")]
pub(super) enum Epoch {
    Seconds(i64),
    Archive(Archive),
}

/// The one word that [`Epoch`] knows.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Archive {
    Archive,
}

/// One value, or several for a repeated key.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(super) enum Values {
    One(String),
    Many(Vec<String>),
}

impl Values {
    pub(super) fn iter(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Many(values) => values.iter(),
        }
    }
}

/// One command.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepShape {
    pub(super) name: String,
    pub(super) argv: Vec<String>,
}
