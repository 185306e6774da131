//! Manners towards one host: so many requests at once, and silence when it asks for it.

use super::failure::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Beyond this many hosts those that nobody uses are forgotten.
const REMEMBERED: usize = 256;

/// Every host that was asked something.
#[derive(Debug)]
pub(super) struct Hosts {
    per_host: usize,
    known: Mutex<HashMap<String, Arc<Host>>>,
}

#[derive(Debug)]
struct Host {
    slots: Arc<Semaphore>,
    quiet_until: Mutex<Option<Instant>>,
}

impl Host {
    fn quiet_until(&self) -> Option<Instant> {
        self.quiet_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .filter(|until| *until > Instant::now())
    }
}

/// The right to one request; dropped when its body is read.
#[derive(Debug)]
pub(super) struct Admission {
    host: Arc<Host>,
    _slot: OwnedSemaphorePermit,
}

impl Admission {
    /// Upstream asked to be left alone for so long: nobody asks it meanwhile.
    pub(super) fn quiet(&self, wait: Option<Duration>) {
        let Some(until) = wait.and_then(|wait| Instant::now().checked_add(wait)) else { return };
        let mut quiet = self.host.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |before| before.max(until)));
    }
}

impl Hosts {
    pub(super) fn new(per_host: usize) -> Self {
        Self { per_host: per_host.max(1), known: Mutex::default() }
    }

    /// Waits for a place, and until the host wants to hear from us if that is within `longest`.
    pub(super) async fn admit(&self, name: String, longest: Duration) -> Result<Admission, Failure> {
        let host = self.host(name);
        let slot = Arc::clone(&host.slots).acquire_owned().await;
        let slot = slot.map_err(|_| Failure::passing("the client is closed"))?;
        while let Some(until) = host.quiet_until() {
            let wait = until.saturating_duration_since(Instant::now());
            if wait > longest {
                let why = "the server asked to be left alone".to_owned();
                return Err(Failure::Passing { why, retry_after: Some(wait), progress: false });
            }
            tokio::time::sleep_until(until).await;
        }
        Ok(Admission { host, _slot: slot })
    }

    fn host(&self, name: String) -> Arc<Host> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, host| Arc::strong_count(host) > 1 || host.quiet_until().is_some());
        }
        let fresh = || {
            Arc::new(Host { slots: Arc::new(Semaphore::new(self.per_host)), quiet_until: Mutex::default() })
        };
        Arc::clone(known.entry(name).or_insert_with(fresh))
    }
}
