//! `[sandbox]`: the backend, and the layers without which nothing is built.

use serde::Deserialize;
use trustmill_core::port::sandbox::Layer;

/// Isolation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sandbox {
    /// Which backend runs builds.
    pub(crate) backend: Backend,
    /// Layers that must be active, or the mill refuses to build.
    pub(crate) require: Vec<Layer>,
}

/// A sandbox backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Backend {
    /// The mill's own.
    #[default]
    Own,
    /// The `bwrap` program, where it is installed.
    Bubblewrap,
}
