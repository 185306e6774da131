//! `[scanner]`: whether files are scanned before they go out, and what scanning one may take.

use serde::Deserialize;
use std::path::PathBuf;
use trustmill_core::port::sandbox::Layer;
use trustmill_policy::Mode;

/// The scanner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scanner {
    /// Whether files wait for their report and what it says is obeyed, or only told.
    pub(crate) mode: Mode,
    /// Files scanned at once; 0 means one per core.
    pub(crate) workers: usize,
    /// Seconds for one file.
    pub(crate) seconds: u64,
    /// Memory of each worker.
    pub(crate) memory_mib: u64,
    /// The largest file that is scanned.
    pub(crate) file_mib: u64,
    /// How long a client is let wait for a scan before it is told to come again.
    pub(crate) wait_seconds: u64,
    /// Layers without which files are scanned all the same.
    pub(crate) without: Vec<Layer>,
    /// Files and folders of YARA rules to apply as well, in a binary that was built with YARA.
    pub(crate) yara: Vec<PathBuf>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            workers: 0,
            seconds: 60,
            memory_mib: 4096,
            file_mib: 512,
            wait_seconds: 10,
            without: Vec::new(),
            yara: Vec::new(),
        }
    }
}

/// The shipped policies that obey the scanner.
pub(crate) const POLICIES: [&str; 3] = ["scanner-block", "scanner-hold", "scanner-failed"];
