//! What the operator decides about source repositories.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Where git is, where its cache is, and how much a foreign repository may take.
#[derive(Debug, Clone)]
pub struct GitConfig {
    /// The git program: a path, or a name that is looked up on the `PATH`.
    pub program: PathBuf,
    /// The folder of the cache; made on first use.
    pub folder: PathBuf,
    /// Beginnings of addresses, and what takes their place; the longest that fits counts.
    pub mirrors: BTreeMap<String, String>,
    /// Certificates in PEM form that https forges are trusted by, in the place of this machine's.
    pub roots: Option<PathBuf>,
    /// The private key that is shown to ssh forges; without one, none is.
    pub ssh_key: Option<PathBuf>,
    /// The host keys of ssh forges, as `known_hosts` has them; without them, every host is refused.
    pub ssh_known_hosts: Option<PathBuf>,
    /// Bytes that one fetch may add on the disk.
    pub fetch_bytes: u64,
    /// Bytes of the whole cache, beyond which what was used longest ago is given up.
    pub cache_bytes: u64,
    /// Files and folders in one commit.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of the files read from one commit.
    pub read_bytes: u64,
    /// Commits from each branch or tag backwards.
    pub history: u32,
    /// Wall time of one command.
    pub wall: Duration,
    /// Silence after which a forge counts as out of reach.
    pub idle: Duration,
    /// How long the branches and tags of a repository are taken as they were.
    pub fresh: Duration,
    /// How long a forge that could not be reached is not asked again.
    pub unreachable: Duration,
}

impl GitConfig {
    /// The defaults, with the cache in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            program: PathBuf::from("git"),
            folder,
            mirrors: BTreeMap::new(),
            roots: None,
            ssh_key: None,
            ssh_known_hosts: None,
            fetch_bytes: 1 << 30,
            cache_bytes: 8 << 30,
            files: 100_000,
            file_bytes: 64 << 20,
            read_bytes: 256 << 20,
            history: 100_000,
            wall: Duration::from_secs(300),
            idle: Duration::from_secs(30),
            fresh: Duration::from_secs(300),
            unreachable: Duration::from_secs(300),
        }
    }
}
