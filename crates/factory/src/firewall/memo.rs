//! What was decided, kept for as long as it stands.

use super::dossier::Entry;
use std::collections::HashMap;
use std::sync::Arc;
use trustmill_core::ruling::{Action, Decision, Listed, Principal, Ruling};
use trustmill_core::{Purl, Timestamp};
use trustmill_policy::Facts;

/// For whom and what a memo is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) project: Purl,
    pub(super) action: Action,
    /// Nobody, where no policy looks at who asks: then one memo serves everybody.
    pub(super) principal: Principal,
}

/// What decisions depend on beside the releases themselves and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Policies, advisories, the watch set.
    pub(super) world: u64,
    /// The facts of the project.
    pub(super) records: u64,
}

/// One decision, with what it was made from.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) facts: Facts,
    /// The attributes without those that come from decisions about other releases, where they differ.
    pub(super) plain: Option<Box<Facts>>,
    /// Since when the release is there.
    pub(super) since: Option<Timestamp>,
    pub(super) decision: Decision,
    pub(super) made_at: Timestamp,
    /// When its age may change it.
    pub(super) changes_at: Option<Timestamp>,
}

impl Remembered {
    /// Whether it would come out again for these attributes.
    pub(super) fn stands(&self, entry: &Entry, now: Timestamp) -> bool {
        let in_time = self.made_at <= now && self.changes_at.is_none_or(|at| now < at);
        // The hours of its age alone change nothing before a threshold; the reason may name them, and stays.
        let aged = || Facts { age_hours: self.facts.age_hours, ..entry.facts.clone() };
        in_time && self.plain.is_none() && self.since == entry.since && self.facts == aged()
    }
}

/// The rulings on one project.
#[derive(Debug)]
pub(super) struct Memo {
    pub(super) state: State,
    pub(super) releases: Vec<Listed<'static>>,
    pub(super) ruled: Vec<Remembered>,
    pub(super) ruling: Ruling,
    pub(super) made_at: Timestamp,
}

impl Memo {
    /// Whether it answers a question as it is.
    pub(super) fn answers(&self, state: State, releases: &[Listed<'_>], now: Timestamp) -> bool {
        let in_time = self.made_at <= now && self.ruling.until.is_none_or(|at| now < at);
        in_time && self.state == state && self.releases.as_slice() == releases
    }

    pub(super) fn by_version(&self) -> HashMap<&str, &Remembered> {
        self.ruled.iter().map(|one| (&*one.facts.version, one)).collect()
    }
}

/// Bounded by releases: large projects are few.
#[derive(Debug, Clone)]
pub(super) struct Weight;

impl quick_cache::Weighter<Key, Arc<Memo>> for Weight {
    fn weight(&self, _: &Key, memo: &Arc<Memo>) -> u64 {
        1 + memo.releases.len() as u64
    }
}
