//! `[upstream]`: where packages come from.

use serde::Deserialize;

/// Addresses of the registries behind the mill.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Upstream {
    /// Simple index of PyPI's kind; by default what this machine's pip is configured to use.
    pub(crate) pypi: Option<String>,
}
