//! One download per URL, however many ask for it at once.

use super::RedactedUrl;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use trustmill_core::Sha256;
use trustmill_core::digest::Checksum;
use trustmill_core::port::fetch::FetchError;

/// A file that arrived.
#[derive(Debug, Clone)]
pub(super) struct Landed {
    pub(super) digest: Sha256,
    pub(super) len: u64,
    /// The promise that it was checked against, if there was one.
    pub(super) checked: Option<Checksum>,
}

type Landing = Result<Landed, FetchError>;

/// The downloads under way.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<RedactedUrl, Arc<OnceCell<Landing>>>>);

impl Flights {
    /// Downloads with `download`, or waits for somebody who does. If the one who downloads is cancelled,
    /// one of those who wait takes over.
    pub(super) async fn join<F>(
        &self,
        url: &RedactedUrl,
        expected: Option<&Checksum>,
        limit: u64,
        download: impl Fn() -> F,
    ) -> Landing
    where
        F: Future<Output = Landing>,
    {
        loop {
            let flight = Arc::clone(self.lock().entry(url.clone()).or_default());
            let boarded = Boarded { flights: self, url, flight: &flight };
            let mut own = false;
            let landing = flight
                .get_or_init(|| {
                    own = true;
                    download()
                })
                .await
                .clone();
            drop(boarded);
            if own {
                return landing;
            }
            if let Some(answer) = judge(url, landing, expected, limit) {
                return answer;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RedactedUrl, Arc<OnceCell<Landing>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the flight when it has landed, or when the last who waited for it has gone.
struct Boarded<'a> {
    flights: &'a Flights,
    url: &'a RedactedUrl,
    flight: &'a Arc<OnceCell<Landing>>,
}

impl Drop for Boarded<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let current = flights.get(self.url).is_some_and(|current| Arc::ptr_eq(current, self.flight));
        // One reference is the map's, one the caller's.
        let last = Arc::strong_count(self.flight) <= 2;
        if current && (self.flight.initialized() || last) {
            flights.remove(self.url);
        }
    }
}

/// What another caller's download means for this one; `None` if this one must ask itself, because the
/// other asked for other bytes or fewer.
fn judge(url: &RedactedUrl, landing: Landing, expected: Option<&Checksum>, limit: u64) -> Option<Landing> {
    let url = || url.to_string();
    let denied =
        |expected: &Checksum, got| FetchError::Digest { url: url(), expected: expected.clone(), got };
    match landing {
        Ok(landed) if landed.len > limit => Some(Err(FetchError::TooLarge { url: url(), limit })),
        Ok(landed) => match expected {
            None => Some(Ok(landed)),
            Some(Checksum::Sha256(wanted)) if *wanted == landed.digest => Some(Ok(landed)),
            Some(wanted @ Checksum::Sha256(_)) => Some(Err(denied(wanted, landed.digest.into()))),
            Some(wanted) => match landed.checked.clone() {
                Some(checked) if checked == *wanted => Some(Ok(landed)),
                Some(checked) if checked.algorithm() == wanted.algorithm() => {
                    Some(Err(denied(wanted, checked)))
                }
                _ => None,
            },
        },
        Err(FetchError::Digest { got, .. }) => match expected {
            Some(wanted) if got.algorithm() == wanted.algorithm() && *wanted != got => {
                Some(Err(denied(wanted, got)))
            }
            _ => None,
        },
        Err(FetchError::TooLarge { limit: theirs, .. }) if theirs < limit => None,
        Err(FetchError::TooLarge { .. }) => Some(Err(FetchError::TooLarge { url: url(), limit })),
        Err(other) => Some(Err(other)),
    }
}
