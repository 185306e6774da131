//! The shape of `uv.lock`, version 1: the parts that decide what is installed.
//!
//! Later revisions add keys and change none (<https://docs.astral.sh/uv/concepts/resolution/#lockfile-versioning>),
//! so unknown keys are left unread.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use toml::Spanned;

/// Read before the rest: a later version may have any shape.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) version: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Lock {
    pub(super) requires_python: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) supported_markers: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) manifest: Manifest,
    #[serde(default, rename = "package")]
    pub(super) packages: Vec<Package>,
}

/// What the lock was made from, where that is not one project: a workspace, or a script.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Manifest {
    #[serde(default)]
    pub(super) members: Vec<String>,
    /// Those of a script.
    #[serde(default)]
    pub(super) requirements: Vec<Dependency>,
    /// Those of a workspace whose root is no project.
    #[serde(default)]
    pub(super) dependency_groups: BTreeMap<String, Vec<Dependency>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Package {
    pub(super) name: Spanned<String>,
    pub(super) version: Option<String>,
    pub(super) source: Source,
    #[serde(default)]
    pub(super) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(super) optional_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    pub(super) dev_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) sdist: Option<File>,
    #[serde(default)]
    pub(super) wheels: Vec<File>,
}

/// What the project declares: names of extras and groups that may hold nothing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) provides_extras: Vec<String>,
    #[serde(default)]
    pub(super) requires_dev: BTreeMap<String, IgnoredAny>,
}

/// Where a package comes from: one of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SourceKind {
    Registry(String),
    Git(String),
    Url(String),
    Path(String),
    Directory(String),
    Editable(String),
    Virtual(String),
}

/// A source, with keys that later revisions may add beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Source {
    #[serde(flatten)]
    pub(super) kind: SourceKind,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) name: Spanned<String>,
    /// Written where the lock holds several versions.
    pub(super) version: Option<String>,
    pub(super) source: Option<Source>,
    #[serde(default, alias = "extras")]
    pub(super) extra: Vec<String>,
    pub(super) marker: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) hash: Option<String>,
}
