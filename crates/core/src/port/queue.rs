//! The queue of keys: level, not edge.
//!
//! Keys, not messages: an entry says *that* something about a key may need work, never what. The same
//! contract holds on memory, SQLite and (later) PostgreSQL, and one conformance suite in `testkit`
//! decides whether a backend keeps it.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A request to look at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    /// The key, as [`Key`](crate::Key) is written.
    pub key: String,
    /// Higher runs first.
    pub priority: i32,
    /// Not before this instant. An earlier request undercuts it.
    pub not_before: Option<Timestamp>,
    /// Not before this instant, and nothing undercuts it while the key waits.
    pub floor: Option<Timestamp>,
}

impl Enqueue {
    /// A request to look at `key` as soon as may be.
    pub fn now(key: impl Into<String>, priority: i32) -> Self {
        Self { key: key.into(), priority, not_before: None, floor: None }
    }
}

/// The right to work on a key until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The key.
    pub key: String,
    /// Its priority when it was leased.
    pub priority: i32,
    /// Tries that failed before this one.
    pub attempts: u32,
    /// The fencing token: every lease of every key has a greater one than the lease before it.
    pub token: u64,
    /// When it ends unless a heartbeat extends it.
    pub until: Timestamp,
}

/// How a leased key goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// The work is done. If the key was enqueued meanwhile, it waits again, with no attempts.
    Complete,
    /// Look again not before `at`; burns no attempt and forgets earlier ones. With `floor`, nothing undercuts it.
    Requeue {
        /// The instant.
        at: Timestamp,
        /// Whether it is a floor.
        floor: bool,
    },
    /// The work failed; the attempt counts. Look again not before `at`.
    Failed {
        /// The instant.
        at: Timestamp,
        /// Why, for people.
        why: String,
    },
    /// The infrastructure failed, or the process drains: as if the lease had never been given.
    GiveBack {
        /// Not before this instant, where waiting helps.
        at: Option<Timestamp>,
    },
    /// No repetition helps: keep the key aside, visible, until it is enqueued again.
    Park {
        /// Why, for people.
        why: String,
    },
}

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It waits.
    Queued,
    /// Somebody holds a lease on it.
    Running,
    /// It was parked.
    Parked,
}

/// A key as `enumerate` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// Where it is.
    pub state: KeyState,
    /// Its priority.
    pub priority: i32,
    /// Tries that failed.
    pub attempts: u32,
    /// Not before this instant, if it waits for one.
    pub not_before: Option<Timestamp>,
    /// Who holds the lease, if somebody does.
    pub owner: Option<String>,
    /// Why it last failed or was parked.
    pub why: Option<String>,
}

/// A queue of keys.
///
/// * `enqueue` MUST merge with what waits: the highest priority wins, the earliest `not_before` wins, the
///   latest `floor` wins and bounds `not_before` from below. It MUST be durable when it returns.
/// * A key enqueued while it runs MUST run exactly once more after, however often it was enqueued.
/// * A parked key that is enqueued MUST wait again with no attempts.
/// * `lease` MUST never give a key whose lease has not ended, MUST order by priority (high first), then
///   age (the instant it became queued), then key, and MUST treat an ended lease as an orphan: the key is
///   given again, with one attempt burnt.
/// * `heartbeat` and `release` MUST check the token and change nothing if it is stale.
/// * `release` with children MUST enqueue them durably before, or in the same step as, the parent changes.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Asks that these keys be looked at.
    async fn enqueue(&self, requests: &[Enqueue]) -> Result<(), QueueError>;

    /// Up to `limit` keys that may run at `now`, each leased to `owner` for `ttl`.
    async fn lease(
        &self,
        owner: &str,
        limit: usize,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<Lease>, QueueError>;

    /// Extends a lease to `until`.
    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<(), QueueError>;

    /// Gives a lease back.
    async fn release(
        &self,
        lease: &Lease,
        how: Release,
        children: &[Enqueue],
        now: Timestamp,
    ) -> Result<(), QueueError>;

    /// The earliest instant at which a key that waits may run, or a lease ends; `None` if there is neither.
    async fn next_due(&self) -> Result<Option<Timestamp>, QueueError>;

    /// Every key, in the order of [`KeyInfo::key`].
    async fn enumerate(&self) -> Result<Vec<KeyInfo>, QueueError>;
}

/// Why the queue could not do it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The token is stale: the lease ended and somebody else may have the key.
    #[error("the lease on {key} was lost")]
    LeaseLost {
        /// The key.
        key: String,
    },
    /// The medium failed.
    #[error("the queue cannot be {what}")]
    Storage {
        /// `read` or `written`.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl super::Coded for QueueError {
    fn code(&self) -> &'static str {
        match self {
            Self::LeaseLost { .. } => "TM0610",
            Self::Storage { .. } => "TM0611",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::LeaseLost { .. } => "another worker took the key over; nothing is lost. If it happens often, this machine is too busy to send heartbeats".into(),
            Self::Storage { .. } => "check that the volume of the data folder is writable and has room".into(),
        }
    }
}
