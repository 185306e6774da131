//! What a reconcile of one key asks the queue to do next.

use crate::Key;
use jiff::Timestamp;
use std::time::Duration;

/// The end of one reconcile of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The key is where it should be.
    Done,
    /// Look again after this long; an earlier enqueue may undercut it. Burns no attempt.
    Requeue {
        /// From now.
        after: Duration,
    },
    /// Look again no earlier than this: a floor that nothing undercuts. Burns no attempt.
    NotBefore {
        /// The floor.
        at: Timestamp,
    },
    /// These keys have work now; they are enqueued before this key completes.
    Enqueue(Vec<Key>),
    /// No repetition helps: park the key, with the reason that a person reads.
    GiveUp {
        /// What, where, and what to do.
        why: String,
    },
}
