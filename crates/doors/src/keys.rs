//! Keys with which agents show which session is theirs, and the review of tools that changed.
//!
//! A key opens one session and nothing else: it leases nothing, and no server takes it for a credential of its own. The
//! record holds its digest.

use crate::engine::{Engine, EngineError};
use std::collections::BTreeMap;
use trustmill_core::Sha256;
use trustmill_guard::record::Event;

/// What a key begins with, so that scanners of secrets know it.
const PREFIX: &str = "tmg_";

/// A secret of 256 bits, in hexadecimal digits.
///
/// # Errors
/// Where the operating system gives no randomness.
pub fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Sha256::from_bytes(bytes).to_hex())
}

/// A tool whose definition is not the one that was pinned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Drift {
    /// `server/tool`.
    pub tool: String,
    /// The definition that was pinned.
    pub pinned: Option<Sha256>,
    /// The one that the server gives now.
    pub now: Sha256,
}

impl Engine {
    /// A new key for a session's agent; the one before is worthless.
    ///
    /// # Errors
    /// No such session, no randomness, or the record cannot be written.
    pub fn new_key(&self, session: &str) -> Result<String, EngineError> {
        let mut inner = self.lock();
        inner.session(session)?;
        let key = secret().map_err(|_| EngineError::Refused("the system gives no randomness"))?;
        let key = format!("{PREFIX}{key}");
        let event = Event::Keyed { session: session.to_owned(), key: Sha256::of(key.as_bytes()) };
        self.append(&mut inner, event)?;
        Ok(key)
    }

    /// Whose key it is. Digests are compared, so that time tells nothing of the secret.
    pub fn session_of(&self, key: &str) -> Option<String> {
        self.lock().state.keys.get(&Sha256::of(key.as_bytes())).cloned()
    }

    /// Tools that are held because their servers describe them otherwise than before.
    pub fn drifts(&self) -> Vec<Drift> {
        let inner = self.lock();
        let drifted = inner.state.drifted.iter();
        drifted
            .map(|(tool, now)| Drift {
                tool: tool.clone(),
                pinned: inner.state.pins.get(tool).copied(),
                now: *now,
            })
            .collect()
    }

    /// A person looked at what a server says of a tool now, and takes it.
    ///
    /// # Errors
    /// The tool is not held, or what is held is another definition than the one that was looked at.
    pub fn accept(&self, tool: &str, seen: &str, by: &str) -> Result<(), EngineError> {
        let mut inner = self.lock();
        let Some(now) = inner.state.drifted.get(tool).copied() else {
            return Err(EngineError::Refused("no such tool is held"));
        };
        if seen.len() < 12 || !now.to_hex().starts_with(seen) {
            return Err(EngineError::Refused("what is held is not the definition that was looked at"));
        }
        self.append(
            &mut inner,
            Event::Pinned { tools: BTreeMap::from([(tool.to_owned(), now)]), by: by.to_owned() },
        )?;
        Ok(())
    }
}
