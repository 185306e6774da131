//! What a registry says of a project and its releases.

use crate::package::Artifact;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A project as its registry lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Normalised name.
    pub name: String,
    /// Every file of every release, in the registry's order.
    pub files: Vec<Artifact>,
    /// Versions, where the registry lists them (PEP 700), else those of the files; oldest first.
    pub versions: Vec<String>,
}

impl Project {
    /// The files of one version, which the ecosystem has already normalised.
    pub fn files_of<'a>(&'a self, version: &'a str) -> impl Iterator<Item = &'a Artifact> {
        self.files.iter().filter(move |file| file.version == version)
    }

    /// The instant at which `version` was first uploaded.
    pub fn uploaded(&self, version: &str) -> Option<Timestamp> {
        self.files_of(version).filter_map(|file| file.upload_time).min()
    }
}
