//! `[alerts]`: how far back what was handed out is judged again, and whom to tell.

use serde::Deserialize;

/// Alerts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Alerts {
    /// Days back; 0 judges nothing again.
    pub(crate) days: u32,
    /// Seconds between two looks.
    pub(crate) interval_seconds: u64,
    /// Where alerts are sent.
    pub(crate) webhook: Option<Webhook>,
}

/// A receiver.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// Its address.
    pub(crate) url: String,
}

/// Addresses of receivers often carry their secret.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(address not shown)")
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self { days: 90, interval_seconds: 30, webhook: None }
    }
}
