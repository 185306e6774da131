//! The machine's own clock.

use jiff::Timestamp;
use trustmill_core::port::clock::Clock;

/// What the operating system says the time is.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
