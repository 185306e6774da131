//! The time of a decision point: it goes on at least as fast as the machine's own, whatever becomes of the clock on the wall.
//! A clock that is moved back lengthens no lease, and one that was moved forward and back makes none valid again; a guard that
//! is ended, and started again after the clock was moved back, counts from where it knows that this boot of the machine was.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The file in a guard's folder.
const FILE: &str = "clock.json";

/// How far the clock on the wall runs ahead of the machine's counter before that is remembered.
const AHEAD: SignedDuration = SignedDuration::from_secs(2);

/// What time it was at an instant of a boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Anchor {
    /// The boot, as the kernel names it.
    boot: String,
    /// Milliseconds since its beginning, asleep or not.
    since: u64,
    /// The time.
    at: Timestamp,
}

impl Anchor {
    /// What time it is at least, where the machine was not started anew.
    fn now(&self, boot: &str, since: Duration) -> Option<Timestamp> {
        let passed = since.checked_sub(Duration::from_millis(self.since)).filter(|_| self.boot == boot)?;
        self.at.checked_add(SignedDuration::try_from(passed).ok()?).ok()
    }
}

/// This boot of the machine, and how long it lasts; `None` where the kernel does not say.
fn boot() -> Option<(String, Duration)> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some((boot.trim().to_owned(), Duration::try_from_secs_f64(seconds).ok()?))
}

/// A clock that never goes back.
pub(crate) struct Clock {
    wall: fn() -> Timestamp,
    last: Mutex<(Timestamp, Instant)>,
    file: PathBuf,
}

impl Clock {
    /// One that follows `wall` where that goes forward, for the guard of a folder.
    pub(crate) fn new(wall: fn() -> Timestamp, folder: &Path) -> Self {
        let file = folder.join(FILE);
        let anchor = || serde_json::from_slice::<Anchor>(&std::fs::read(&file).ok()?).ok();
        let known = boot().and_then(|(boot, since)| anchor()?.now(&boot, since));
        let now = known.map_or_else(wall, |known| known.max(wall()));
        let clock = Self { wall, last: Mutex::new((now, Instant::now())), file };
        clock.remember(now);
        clock
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = SignedDuration::try_from(last.1.elapsed()).unwrap_or_default();
        let counted = last.0.checked_add(passed).unwrap_or(last.0);
        let now = counted.max((self.wall)());
        *last = (now, Instant::now());
        if now.duration_since(counted) > AHEAD {
            self.remember(now);
        }
        now
    }

    /// For the guard that comes after this one. Where it cannot be written, that one has the record's last instant.
    fn remember(&self, at: Timestamp) {
        let Some((boot, since)) = boot() else { return };
        let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let anchor = serde_json::to_vec(&Anchor { boot, since, at }).unwrap_or_default();
        let new = self.file.with_extension("new");
        if let Err(error) = std::fs::write(&new, anchor).and_then(|()| std::fs::rename(&new, &self.file)) {
            tracing::warn!("the time cannot be remembered in {}: {error}", self.file.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    static WALL: AtomicI64 = AtomicI64::new(1_000);

    fn wall() -> Timestamp {
        Timestamp::from_second(WALL.load(Ordering::Relaxed)).unwrap()
    }

    #[test]
    fn a_clock_that_is_moved_back_and_forth_only_goes_forward() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(wall, folder.path());
        let before = clock.now();
        WALL.store(10, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(20));
        let back = clock.now();
        assert!(
            back.duration_since(before) >= SignedDuration::from_millis(20),
            "time goes on: {before} {back}"
        );
        WALL.store(9_000, Ordering::Relaxed);
        assert!(clock.now().as_second() >= 9_000);
        WALL.store(1_000, Ordering::Relaxed);
        assert!(clock.now().as_second() >= 9_000, "what ended does not begin again");
        drop(clock);
        assert!(Clock::new(wall, folder.path()).now().as_second() >= 9_000, "nor after a new start");
    }

    #[test]
    fn time_counts_on_between_two_guards_of_one_boot() {
        let at = Timestamp::from_second(5_000).unwrap();
        let anchor = Anchor { boot: "a".into(), since: 1_000, at };
        let later = anchor.now("a", Duration::from_secs(61)).unwrap();
        assert_eq!(later.as_second(), 5_060);
        assert_eq!(anchor.now("b", Duration::from_secs(61)), None, "another boot counts anew");
        assert_eq!(anchor.now("a", Duration::from_millis(999)), None);
    }
}
