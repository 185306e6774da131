//! `[watch]`: how often the watch set is looked at.

use serde::Deserialize;

/// Watching.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watch {
    /// Seconds between two looks at every watched project.
    pub(crate) interval_seconds: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { interval_seconds: 600 }
    }
}
