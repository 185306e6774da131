//! Time comes from here, so that tests and replays decide what "now" is.

use jiff::Timestamp;

/// A clock.
pub trait Clock: Send + Sync {
    /// The current instant. Callers MUST bear that it may go backwards.
    fn now(&self) -> Timestamp;
}
