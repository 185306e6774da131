//! `[webhook]` of guard.toml: who is told that something waits.

use super::upstreams::{Source, is_safe};
use serde::Deserialize;
use trustmill_core::port::registry::Secret;

/// A receiver of questions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    /// Its address, which may carry a secret.
    url: Source,
    /// What messages link to: the page's address as people reach it.
    page: Option<String>,
}

/// The same, read.
pub(super) struct Told {
    /// Its address.
    pub(super) url: Secret,
    /// What messages link to.
    pub(super) page: Option<String>,
}

impl Webhook {
    /// Reads its address.
    pub(super) fn read(self) -> Result<Told, String> {
        let url = self.url.read().map_err(|why| format!("[webhook] {why}"))?;
        if !is_safe(url.expose()) {
            return Err("[webhook] url is https, or http on this machine".into());
        }
        let page = self.page.map(|page| page.trim_end_matches('/').to_owned());
        Ok(Told { url, page })
    }
}
