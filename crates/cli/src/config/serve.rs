//! `[serve]`: the address, and what is strong enough to be served.

use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use trustmill_core::Verdict;

/// Serving.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Serve {
    /// Address and port.
    pub(crate) listen: SocketAddr,
    /// The weakest verdict that is served; without it, everything that is not hostile.
    pub(crate) require: Option<Verdict>,
    /// Whether platform builds, which are not rebuilt yet, are served in spite of `require`.
    pub(crate) native: bool,
}

impl Default for Serve {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8447)), require: None, native: true }
    }
}
