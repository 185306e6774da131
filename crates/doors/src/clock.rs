//! The time of a decision point: it goes on at least as fast as the machine's own, whatever becomes of the clock on the wall.
//! A clock that is moved back lengthens no lease, and one that was moved forward and back makes none valid again.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A clock that never goes back.
pub(crate) struct Clock {
    wall: fn() -> Timestamp,
    last: Mutex<(Timestamp, Instant)>,
}

impl Clock {
    /// One that follows `wall` where that goes forward.
    pub(crate) fn new(wall: fn() -> Timestamp) -> Self {
        Self { wall, last: Mutex::new((wall(), Instant::now())) }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = SignedDuration::try_from(last.1.elapsed()).unwrap_or_default();
        let now = last.0.checked_add(passed).unwrap_or(last.0).max((self.wall)());
        *last = (now, Instant::now());
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    static WALL: AtomicI64 = AtomicI64::new(1_000);

    #[test]
    fn a_clock_that_is_moved_back_and_forth_only_goes_forward() {
        let clock = Clock::new(|| Timestamp::from_second(WALL.load(Ordering::Relaxed)).unwrap());
        let before = clock.now();
        WALL.store(10, Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(20));
        let back = clock.now();
        assert!(
            back.duration_since(before) >= SignedDuration::from_millis(20),
            "time goes on: {before} {back}"
        );
        WALL.store(9_000, Ordering::Relaxed);
        assert!(clock.now().as_second() >= 9_000);
        WALL.store(1_000, Ordering::Relaxed);
        assert!(clock.now().as_second() >= 9_000, "what ended does not begin again");
    }
}
