//! `Cargo.lock` as it is written. Unknown keys are let be, as cargo does: only the version gates the format.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
pub(super) struct Lock {
    /// Absent in versions 1 and 2.
    pub(super) version: Option<Spanned<i64>>,
    /// The workspace's package in the oldest locks.
    pub(super) root: Option<Package>,
    #[serde(rename = "package", default)]
    pub(super) packages: Vec<Package>,
    /// Checksums in version 1.
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, Spanned<String>>,
    pub(super) patch: Option<Patch>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: Spanned<String>,
    pub(super) version: String,
    pub(super) source: Option<String>,
    pub(super) checksum: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) dependencies: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Patch {
    #[serde(default)]
    pub(super) unused: Vec<Package>,
}
