//! Who asks: tokens, bounds on how often, and what proxies say of the client.
//!
//! Everything but health passes here before anything else looks at it.

mod credentials;
mod denied;
mod forwarded;
mod limit;

pub use forwarded::{BadNetwork, Forwarded, Network};
pub use limit::Rate;

pub(crate) use denied::{Denied, problem};
pub(crate) use forwarded::Peer;

use crate::options::Options;
use axum::http::{HeaderMap, Uri, header};
use credentials::Given;
use forwarded::Client;
use limit::Limiter;
use std::net::IpAddr;
use std::sync::Arc;
use trustmill_core::port::tokens::Tokens;
use trustmill_core::ruling::Principal;
use trustmill_core::token::{self, Standing, TokenRecord};

/// What is asked of whom.
#[derive(Clone, Default)]
pub struct Access {
    /// The tokens that are known; without them nobody can show one.
    pub tokens: Option<Arc<dyn Tokens>>,
    /// Whether only who shows a token is answered.
    pub required: bool,
    /// How often one token may ask; `None` as often as it likes.
    pub per_token: Option<Rate>,
    /// How often one address may ask without a token; `None` as often as it likes.
    pub per_address: Option<Rate>,
    /// The proxies whose word about the client counts.
    pub trusted_proxies: Vec<Network>,
    /// In which header fields they say it.
    pub forwarded: Forwarded,
}

/// Somebody who was let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// As whom.
    pub(crate) principal: Arc<Principal>,
    /// Whether the writing part of the API is open.
    pub(crate) admin: bool,
    /// The server's address in the client's own words, `https://mill.example`.
    pub(crate) origin: Option<String>,
}

/// [`Access`] at work.
pub(crate) struct Door {
    access: Access,
    per_token: Option<Limiter<String>>,
    per_address: Option<Limiter<IpAddr>>,
}

impl Door {
    pub(crate) fn new(access: Access) -> Self {
        let per_token = access.per_token.map(Limiter::new);
        let per_address = access.per_address.map(Limiter::new);
        Self { access, per_token, per_address }
    }

    /// Whether only who shows a token is answered.
    pub(crate) const fn required(&self) -> bool {
        self.access.required
    }

    /// Whether answers may differ by who asks.
    pub(crate) const fn tells_apart(&self) -> bool {
        self.access.tokens.is_some()
    }

    /// What is known of the client before it is let in: its address, and how it calls this server.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: Option<Peer>) -> Client {
        forwarded::client(headers, peer, &self.access.trusted_proxies, self.access.forwarded)
    }

    /// Lets a client in, or says why not.
    pub(crate) async fn admit(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        client: Client,
        options: &Options,
    ) -> Result<Caller, Denied> {
        if credentials::in_address(uri) {
            return Err(Denied::InAddress);
        }
        let shown = credentials::given(headers.get_all(header::AUTHORIZATION).iter())?;
        let Some(Given(shown)) = shown else {
            if self.access.required {
                return Err(Denied::NoToken);
            }
            if let (Some(limiter), Some(address)) = (&self.per_address, client.address) {
                limiter.take(forwarded::household(address)).map_err(Denied::TooOften)?;
            }
            return Ok(Caller { origin: client.origin, ..Caller::default() });
        };
        let record = self.check(&shown, options).await.inspect_err(|denied| {
            tracing::info!(code = denied.code(), token = shown.id, address = ?client.address, "turned away");
        })?;
        if let Some(limiter) = &self.per_token {
            limiter.take(record.id.clone()).map_err(Denied::TooOften)?;
        }
        Ok(Caller { principal: Arc::new(record.principal()), admin: record.admin, origin: client.origin })
    }

    /// The token that was shown, if it is good.
    async fn check(&self, shown: &token::Shown, options: &Options) -> Result<Arc<TokenRecord>, Denied> {
        let tokens = self.access.tokens.as_ref().ok_or(Denied::Unknown)?;
        let found = tokens.find(&shown.id).await.map_err(|error| {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "a token cannot be checked");
            Denied::Unreadable
        })?;
        // Who has not the secret learns nothing, not even that the id is one.
        let record = found.filter(|record| record.is_of(shown)).ok_or(Denied::Unknown)?;
        let now = options.clock.now();
        match record.standing(now) {
            Standing::Revoked(at) => Err(Denied::Revoked(at)),
            Standing::Expired(at) => Err(Denied::Expired(at)),
            Standing::Valid => {
                tokens.used(&record.id, now);
                Ok(record)
            }
        }
    }
}
