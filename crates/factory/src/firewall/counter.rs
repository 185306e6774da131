//! The desk of overrides as the API reaches it: what is said there is in force from the next request on.

use super::overrides::{Desk, OverrideError, Wish};
use super::{Entry, Firewall};
use async_trait::async_trait;
use std::sync::Arc;
use trustmill_core::Timestamp;
use trustmill_core::port::Coded;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::overrides::{Asked, Fault, Overrides, OverridesError, Stands};
use trustmill_core::port::records::Records;
use trustmill_trust::keys::{SigningKey, TrustedKeys};

/// A desk that owns what it works with.
pub struct Counter {
    /// Where overrides are written down.
    pub records: Arc<dyn Records>,
    /// The mill's key.
    pub signer: Arc<SigningKey>,
    /// The keys whose overrides count.
    pub trusted: TrustedKeys,
    /// The longest that one may last, in days.
    pub most_days: u32,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who must hear of it at once.
    pub firewall: Arc<Firewall>,
}

impl Counter {
    fn desk(&self) -> Desk<'_> {
        Desk {
            records: self.records.as_ref(),
            signer: &self.signer,
            trusted: &self.trusted,
            most_days: self.most_days,
        }
    }

    /// What was written is in force: the firewall reads it before anybody is answered.
    async fn in_force(&self, entry: Entry, now: Timestamp) -> Result<Stands, OverridesError> {
        let refreshed = self.firewall.refresh(now).await;
        refreshed.map_err(|error| OverridesError {
            fault: Fault::Mill,
            code: error.code(),
            what: error.to_string(),
            help: error.help(),
        })?;
        Ok(stands(entry, now))
    }
}

#[async_trait]
impl Overrides for Counter {
    async fn list(&self) -> Result<Vec<Stands>, OverridesError> {
        let now = self.clock.now();
        let entries = self.desk().list(now).await.map_err(told)?;
        Ok(entries.into_iter().map(|entry| stands(entry, now)).collect())
    }

    async fn say(&self, asked: Asked) -> Result<Stands, OverridesError> {
        let now = self.clock.now();
        let Asked { purl, versions, team, by, why, until, even_malicious } = asked;
        let wish = Wish { purl, versions, team, by, why, until, even_malicious };
        let entry = self.desk().add(wish, now).await.map_err(told)?;
        self.in_force(entry, now).await
    }

    async fn revoke(&self, id: &str, by: &str, why: &str) -> Result<Stands, OverridesError> {
        let now = self.clock.now();
        let entry = self.desk().revoke(id, by, why, now).await.map_err(told)?;
        self.in_force(entry, now).await
    }
}

fn stands(entry: Entry, now: Timestamp) -> Stands {
    let standing = entry.standing(now);
    Stands { id: entry.id.as_str().to_owned(), standing, said: entry.said, revoked: entry.revoked }
}

fn told(error: OverrideError) -> OverridesError {
    let fault = match &error {
        OverrideError::Unknown { .. } => Fault::Unknown,
        OverrideError::Revoked { .. } => Fault::Gone,
        OverrideError::Sign(_) | OverrideError::Records(_) => Fault::Mill,
        _ => Fault::Asked,
    };
    OverridesError { fault, code: error.code(), what: error.to_string(), help: error.help() }
}
