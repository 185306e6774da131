//! Overrides as the API has them: listed, said and taken back over the network.

use crate::Purl;
use crate::overrides::{Override, Revocation, Versions};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// A release, or a project.
    pub purl: Purl,
    /// Which versions of a project: `*`, `=1.2.3`, `>=1.2,<2`.
    #[serde(default)]
    pub versions: Option<Versions>,
    /// The only team it is for.
    #[serde(default)]
    pub team: Option<String>,
    /// Who asks.
    pub by: String,
    /// Why.
    pub why: String,
    /// The end.
    pub until: Timestamp,
    /// Whether it lifts a block too.
    #[serde(default)]
    pub even_malicious: bool,
}

/// An override, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stands {
    /// Its id.
    pub id: String,
    /// `in force`, `not yet`, `expired` or `revoked`.
    pub standing: &'static str,
    /// What it says.
    #[serde(flatten)]
    pub said: Override,
    /// Who took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// Where overrides are said.
///
/// * What `say` and `revoke` answer MUST be signed and durable, and in force from the next request on.
/// * With an error nothing MUST have been written.
#[async_trait]
pub trait Overrides: Send + Sync {
    /// Every override, the newest first; those that ended too.
    async fn list(&self) -> Result<Vec<Stands>, OverridesError>;

    /// Says one.
    async fn say(&self, asked: Asked) -> Result<Stands, OverridesError>;

    /// Takes one back; the beginning of its id is enough where it is the only one.
    async fn revoke(&self, id: &str, by: &str, why: &str) -> Result<Stands, OverridesError>;
}

/// Why an override is not made, or not taken back.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct OverridesError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Of whoever asked: something is missing, too long, or too late.
    Asked,
    /// There is none with that id.
    Unknown,
    /// It is taken back already.
    Gone,
    /// The mill's own.
    Mill,
}

impl super::Coded for OverridesError {
    fn code(&self) -> &'static str {
        self.code
    }

    fn help(&self) -> String {
        self.help.clone()
    }
}
