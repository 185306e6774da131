//! Who may decide, and who is signed in.

use crate::keys::secret;
use axum::http::{HeaderMap, header};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use trustmill_core::Sha256;

/// The most sessions at once; the oldest ends for a new one.
const MOST_SESSIONS: usize = 1000;

const COOKIE: &str = "guard";

/// The people of a page. Keys and cookies are kept as digests.
#[derive(Clone, Default)]
pub struct People {
    keys: BTreeMap<Sha256, String>,
    sessions: Arc<Mutex<Vec<(Sha256, SignedIn)>>>,
}

/// Somebody who is signed in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SignedIn {
    pub(super) name: String,
    /// What every form of this session carries.
    pub(super) form: String,
}

impl SignedIn {
    /// Whether a form is one of this session's. Digests are compared, so that time tells nothing of the secret.
    pub(super) fn sent(&self, form: &str) -> bool {
        Sha256::of(self.form.as_bytes()) == Sha256::of(form.as_bytes())
    }
}

impl People {
    /// Adds a person; gives the key of their sign-in link.
    ///
    /// # Errors
    /// Where the operating system gives no randomness.
    pub fn add(&mut self, name: &str) -> Result<String, getrandom::Error> {
        let key = secret()?;
        self.keys.insert(Sha256::of(key.as_bytes()), name.to_owned());
        Ok(key)
    }

    /// Whose key it is.
    pub(super) fn named_by(&self, key: &str) -> Option<String> {
        self.keys.get(&Sha256::of(key.as_bytes())).cloned()
    }

    /// Signs in; gives the cookie.
    pub(super) fn enter(&self, key: &str) -> Result<Option<String>, getrandom::Error> {
        let Some(name) = self.named_by(key) else { return Ok(None) };
        let (id, form) = (secret()?, secret()?);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST_SESSIONS {
            sessions.remove(0);
        }
        sessions.push((Sha256::of(id.as_bytes()), SignedIn { name, form }));
        Ok(Some(format!("{COOKIE}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200")))
    }

    /// Whose request it is.
    pub(super) fn whose(&self, headers: &HeaderMap) -> Option<SignedIn> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut ids =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, id) = ids.find(|(name, _)| *name == COOKIE)?;
        let digest = Sha256::of(id.as_bytes());
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().find(|(known, _)| *known == digest).map(|(_, person)| person.clone())
    }
}
