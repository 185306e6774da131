//! `[build]`: how much runs at once, the limits of a build, and where interpreters and definitions are.

use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use trustmill_core::port::sandbox::Limits;

/// Building.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Build {
    /// Releases worked on at once; 0 means one per core.
    pub(crate) jobs: usize,
    /// Memory of one build, in MiB.
    pub(crate) memory_mib: u64,
    /// Processes and threads of one build.
    pub(crate) processes: u32,
    /// Wall time of one build, in seconds.
    pub(crate) wall_seconds: u64,
    /// Scratch space of one build, in MiB.
    pub(crate) scratch_mib: u64,
    /// Largest artefact that is fetched for a rebuild, in MiB.
    pub(crate) artifact_mib: u64,
    /// Whether platform builds for this machine are tried, where there is a compiler. Compilers differ, so that none
    /// ends better than explained, and they cost minutes: off by default.
    pub(crate) native: bool,
    /// Interpreters beside those that are found by themselves.
    pub(crate) interpreters: Vec<PathBuf>,
    /// Folders of recipe definitions beside the built-in ones.
    pub(crate) definitions: Vec<PathBuf>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            jobs: 0,
            memory_mib: 2_048,
            processes: 256,
            wall_seconds: 300,
            scratch_mib: 1_024,
            artifact_mib: 256,
            native: false,
            interpreters: Vec::new(),
            definitions: Vec::new(),
        }
    }
}

impl Build {
    /// The limits of one build.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory: self.memory_mib << 20,
            processes: self.processes,
            cpu_seconds: self.wall_seconds,
            wall: Duration::from_secs(self.wall_seconds),
            scratch_bytes: self.scratch_mib << 20,
            ..Limits::default()
        }
    }

    /// Releases worked on at once.
    pub(crate) fn concurrency(&self) -> usize {
        match self.jobs {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            jobs => jobs,
        }
    }
}
