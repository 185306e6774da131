//! What the server is told: what it may show, and its bounds.

use crate::access::Access;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::clock::Clock;
use trustmill_core::port::journal::Journal;
use trustmill_core::port::overrides::Overrides;
use trustmill_core::port::records::Records;

/// What the routes show, beside the registries themselves.
#[derive(Clone)]
pub struct Options {
    /// The records, for the API and the status page; without them both say that they have none.
    pub records: Option<Arc<dyn Records>>,
    /// Where it is noted who was given what.
    pub journal: Option<Arc<dyn Journal>>,
    /// Where overrides are said; without it the API has none.
    pub overrides: Option<Arc<dyn Overrides>>,
    /// Who may ask.
    pub access: Access,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The mill's public keys.
    pub keys: Vec<PublicKey>,
    /// The version shown to people.
    pub version: &'static str,
    /// Longest that an answer may take to begin; a cold file goes on downloading beyond it.
    pub answer_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            records: None,
            journal: None,
            overrides: None,
            access: Access::default(),
            clock: Arc::new(Wall),
            keys: Vec::new(),
            version: env!("CARGO_PKG_VERSION"),
            answer_time: Duration::from_secs(120),
        }
    }
}

/// The machine's clock.
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A public key under which statements can be verified.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PublicKey {
    /// Its id, as envelopes name it.
    #[serde(rename = "keyid")]
    pub id: String,
    /// `ed25519`, …
    pub algorithm: String,
    /// SubjectPublicKeyInfo as PEM (RFC 7468).
    pub pem: String,
}

/// Bounds of the server.
#[derive(Debug, Clone)]
pub struct ServerLimits {
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// Longest that a client may take to send a request's head, and stay idle between requests.
    pub head_time: Duration,
    /// Longest that a client may leave its answer unread.
    pub stall_time: Duration,
    /// Longest request head, in bytes.
    pub head_bytes: usize,
    /// How long open requests may go on after the server was told to stop.
    pub drain_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            head_time: Duration::from_secs(60),
            stall_time: Duration::from_secs(60),
            head_bytes: 32 << 10,
            drain_time: Duration::from_secs(20),
        }
    }
}
