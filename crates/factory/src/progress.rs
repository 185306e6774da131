//! What the work tells those who watch it.

use trustmill_core::{Key, Purl, Verdict};

/// Something happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step began.
    Step {
        /// The key.
        purl: Purl,
        /// What is going on, in a word or two: `fetch`, `build 2`.
        step: String,
    },
    /// A key is where it should be.
    Settled {
        /// The key.
        purl: Purl,
        /// The weakest verdict over its files; `None` for a project.
        verdict: Option<Verdict>,
    },
    /// Work on a repair came to something.
    Concluded {
        /// The key.
        key: Key,
        /// What, in one line.
        what: String,
    },
    /// A key failed and waits to be tried again.
    Retry {
        /// The key.
        key: Key,
        /// Why.
        why: String,
    },
    /// A key was set aside.
    Parked {
        /// The key.
        key: Key,
        /// Why.
        why: String,
    },
}

/// Somebody who watches. Called from many tasks at once; MUST NOT block.
pub trait Observer: Send + Sync {
    /// Takes notice of an event.
    fn observe(&self, event: &Event);
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _event: &Event) {}
}
