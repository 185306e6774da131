//! The journal in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use std::sync::Mutex;
use trustmill_core::port::journal::{Handed, Journal, JournalError};
use trustmill_core::ruling::Principal;
use trustmill_core::{Purl, Sha256};

/// A journal that ends with its process.
#[derive(Debug, Default)]
pub struct MemJournal(Mutex<Vec<Handed>>);

impl MemJournal {
    /// A journal of nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Journal for MemJournal {
    fn note(&self, release: &Purl, filename: &str, sha256: Sha256, principal: &Principal, at: Timestamp) {
        let mut entries = self.0.lock().unwrap();
        let same = |entry: &&mut Handed| {
            entry.release == *release
                && entry.filename == filename
                && entry.sha256 == sha256
                && entry.principal == *principal
        };
        if let Some(entry) = entries.iter_mut().find(same) {
            (entry.first, entry.last) = (entry.first.min(at), entry.last.max(at));
            entry.times += 1;
            return;
        }
        entries.push(Handed {
            release: release.clone(),
            filename: filename.to_owned(),
            sha256,
            principal: principal.clone(),
            first: at,
            last: at,
            times: 1,
        });
    }

    async fn handed(&self, about: &Purl) -> Result<Vec<Handed>, JournalError> {
        let concerns = |entry: &&Handed| {
            entry.release == *about
                || (about.version().is_none() && entry.release.without_version() == *about)
        };
        let mut found: Vec<_> = self.0.lock().unwrap().iter().filter(concerns).cloned().collect();
        found.sort_by(|a, b| {
            let key = |entry: &Handed| {
                (entry.first, entry.release.version().map(str::to_owned), entry.filename.clone())
            };
            key(a).cmp(&key(b))
        });
        Ok(found)
    }

    async fn releases_since(&self, since: Timestamp) -> Result<Vec<Purl>, JournalError> {
        let entries = self.0.lock().unwrap();
        let mut releases: Vec<_> =
            entries.iter().filter(|entry| entry.last >= since).map(|entry| entry.release.clone()).collect();
        releases.sort();
        releases.dedup();
        Ok(releases)
    }

    async fn forget_before(&self, at: Timestamp) -> Result<u64, JournalError> {
        let mut entries = self.0.lock().unwrap();
        let before = entries.len();
        entries.retain(|entry| entry.last >= at);
        Ok((before - entries.len()) as u64)
    }

    async fn flush(&self) -> Result<(), JournalError> {
        Ok(())
    }
}
