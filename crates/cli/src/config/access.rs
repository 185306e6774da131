//! `[access]`: who may ask, and how often. `[journal]`: how long it is remembered who was given what.

use serde::Deserialize;
use std::net::SocketAddr;
use trustmill_serve::Rate;

/// Who may ask.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Access {
    /// What who shows no token gets; without it, everything on loopback and nothing elsewhere.
    pub(crate) anonymous: Option<Anonymous>,
    /// How often one token may ask.
    pub(crate) per_token: Option<Limit>,
    /// How often one address may ask without a token.
    pub(crate) per_address: Option<Limit>,
}

/// What who shows no token gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Anonymous {
    /// Everything that can be read.
    Read,
    /// Nothing but health.
    None,
}

/// A rate and a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    /// Requests per second in the long run.
    per_second: std::num::NonZeroU32,
    /// Requests at once after a pause.
    burst: std::num::NonZeroU32,
}

impl Limit {
    /// The same, for the server.
    pub(crate) const fn rate(self) -> Rate {
        Rate { per_second: self.per_second.get(), burst: self.burst.get() }
    }
}

impl Access {
    /// Whether only who shows a token is answered by a server at this address. What only this machine reaches is open
    /// by default, what others reach is not: a mill may hold what its upstreams give to nobody else.
    pub(crate) fn required(&self, listen: &SocketAddr) -> bool {
        match self.anonymous {
            Some(anonymous) => anonymous == Anonymous::None,
            None => !listen.ip().to_canonical().is_loopback(),
        }
    }
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Journal {
    /// Days after which it is forgotten that somebody was given a file; 0 keeps no journal.
    pub(crate) keep_days: u32,
}

impl Default for Journal {
    fn default() -> Self {
        Self { keep_days: 400 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_reach_is_closed_by_default() {
        let required = |anonymous, address: &str| {
            Access { anonymous, ..Access::default() }.required(&address.parse().unwrap())
        };
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!required(None, address), "{address}");
            assert!(required(Some(Anonymous::None), address), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1"] {
            assert!(required(None, address), "{address}");
            assert!(!required(Some(Anonymous::Read), address), "{address}");
        }
    }
}
