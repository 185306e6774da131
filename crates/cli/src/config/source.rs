//! `[source]`: how source repositories are read, and how much each may take.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use trustmill_infra::is_usable_for_ssh;

/// Source repositories.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Source {
    /// The git program, a path or a name; `off` leaves repositories out.
    pub(crate) git: String,
    /// Beginnings of addresses, and what takes their place.
    pub(crate) mirrors: BTreeMap<String, String>,
    /// Certificates that https forges are trusted by, in the place of this machine's.
    pub(crate) roots: Option<PathBuf>,
    /// The private key that is shown to ssh forges.
    pub(crate) ssh_key: Option<PathBuf>,
    /// The host keys of ssh forges.
    pub(crate) ssh_known_hosts: Option<PathBuf>,
    /// What one fetch may add on the disk, in MiB.
    pub(crate) fetch_mib: u64,
    /// What all repositories may keep on the disk, in MiB.
    pub(crate) cache_mib: u64,
    /// Files and folders in one commit.
    pub(crate) files: usize,
    /// One file, in MiB.
    pub(crate) file_mib: u64,
    /// The files read from one commit, in MiB.
    pub(crate) read_mib: u64,
    /// Commits from each branch or tag backwards.
    pub(crate) history: u32,
    /// Wall time of one command of git's, in seconds.
    pub(crate) wall_seconds: u64,
    /// Silence after which a forge counts as out of reach, in seconds.
    pub(crate) idle_seconds: u64,
    /// How long branches and tags are taken as they were, in seconds.
    pub(crate) fresh_seconds: u64,
    /// How long a forge that could not be reached is left alone, in seconds.
    pub(crate) unreachable_seconds: u64,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            git: "git".to_owned(),
            mirrors: BTreeMap::new(),
            roots: None,
            ssh_key: None,
            ssh_known_hosts: None,
            fetch_mib: 1_024,
            cache_mib: 8_192,
            files: 100_000,
            file_mib: 64,
            read_mib: 256,
            history: 100_000,
            wall_seconds: 300,
            idle_seconds: 30,
            fresh_seconds: 300,
            unreachable_seconds: 300,
        }
    }
}

impl Source {
    /// Whether repositories are read at all.
    pub(crate) fn is_on(&self) -> bool {
        self.git != "off"
    }

    /// The files that it names, with their keys.
    pub(crate) fn files_named(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let named =
            [("roots", &self.roots), ("ssh_key", &self.ssh_key), ("ssh_known_hosts", &self.ssh_known_hosts)];
        named.into_iter().filter_map(|(key, path)| Some((key, path.as_deref()?)))
    }

    /// What is wrong with a path, before ssh reads it as something else.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.files_named().find(|(_, path)| !is_usable_for_ssh(path)) {
            None => Ok(()),
            Some((key, path)) => {
                Err(format!("[source] {key}: {} is no absolute path of plain characters", path.display()))
            }
        }
    }
}
