//! What an update did, and how far it is.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one update of a feed did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The feed.
    pub feed: String,
    /// How it was read.
    pub way: Way,
    /// Records that the feed gave.
    pub seen: u64,
    /// Records that were not held.
    pub added: u64,
    /// Records that were held in another form.
    pub changed: u64,
    /// Of those added and changed, the withdrawn ones.
    pub withdrawn: u64,
    /// Records that the feed no longer has.
    pub removed: u64,
    /// Records older than the one of the same id that is held, which stays.
    pub older: u64,
    /// Times that the feed had two different records of one id; the newest counts.
    pub conflicts: u64,
    /// Records about other ecosystems alone.
    pub foreign: u64,
    /// Records that were refused.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refusal>,
    /// Records held now, withdrawn ones included.
    pub held: u64,
    /// Malware among them that was not withdrawn.
    pub malicious: u64,
}

/// How a feed was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// It did not change since it was last read.
    #[default]
    Unchanged,
    /// Only what changed was fetched.
    Changes,
    /// All of it.
    Whole,
}

/// A record that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The name of its file.
    pub record: String,
    /// Why.
    pub why: String,
}

/// How far an update is; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Records done, and all of them; zero while that is not known.
    pub fn get(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    pub(super) fn begin(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
    }

    pub(super) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}
