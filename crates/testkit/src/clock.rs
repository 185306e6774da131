//! A clock that stands still until a test moves it.

use jiff::Timestamp;
use std::sync::Mutex;
use std::time::Duration;
use trustmill_core::port::clock::Clock;

/// A clock that a test sets; it may be set back.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `at`.
    pub const fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Shows `at` from now on.
    pub fn set(&self, at: Timestamp) {
        *self.0.lock().unwrap() = at;
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.saturating_add(by).unwrap();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
