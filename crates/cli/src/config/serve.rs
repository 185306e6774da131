//! `[serve]`: the address, TLS, proxies before it, and what is strong enough to be served.

use serde::{Deserialize, Deserializer};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use trustmill_core::Verdict;
use trustmill_serve::{Forwarded, Network};

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
    /// Certificate and key; without them, plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    /// The proxies whose word about clients counts.
    #[serde(deserialize_with = "networks")]
    pub(crate) trusted_proxies: Vec<Network>,
    /// In which header fields they say it.
    #[serde(deserialize_with = "forwarded")]
    pub(crate) forwarded: Forwarded,
}

/// PEM files; relative paths start where the mill was started.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsFiles {
    /// The server's certificate, then its chain.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8447)),
            require: None,
            native: true,
            tls: None,
            trusted_proxies: Vec::new(),
            forwarded: Forwarded::default(),
        }
    }
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Network>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

fn forwarded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Forwarded, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "x-forwarded" => Ok(Forwarded::XForwarded),
        "rfc7239" => Ok(Forwarded::Rfc7239),
        other => Err(serde::de::Error::unknown_variant(other, &["x-forwarded", "rfc7239"])),
    }
}
