//! How often somebody may ask: a token bucket each, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets of one generation; two are kept.
const MOST: usize = 8192;

/// A rate, and how much may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second in the long run; at least 1.
    pub per_second: u32,
    /// Requests at once after a pause; at least 1.
    pub burst: u32,
}

/// A bucket per key (the generic cell rate algorithm: one instant each, when the bucket will be full again).
pub(super) struct Limiter<K> {
    /// Time that one request costs.
    cost: Duration,
    /// How far ahead of now a bucket's instant may lie.
    depth: Duration,
    buckets: Mutex<Buckets<K>>,
}

/// Two generations: when the younger is full, it becomes the older one, and what was in that is forgotten. So an
/// attacker with very many addresses can make the mill forget that somebody was fast, and nothing else.
struct Buckets<K> {
    young: HashMap<K, Instant>,
    old: HashMap<K, Instant>,
}

impl<K: Hash + Eq> Limiter<K> {
    pub(super) fn new(rate: Rate) -> Self {
        let cost = Duration::from_secs(1) / rate.per_second.max(1);
        let buckets = Buckets { young: HashMap::new(), old: HashMap::new() };
        Self { cost, depth: cost.saturating_mul(rate.burst.max(1)), buckets: Mutex::new(buckets) }
    }

    /// Counts a request; with an error it is not counted, and the error says how long to wait.
    pub(super) fn take(&self, key: K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = buckets.young.get(&key).or_else(|| buckets.old.get(&key)).copied();
        let next = full.map_or(now, |full| full.max(now)) + self.cost;
        let ahead = next.saturating_duration_since(now);
        if ahead > self.depth {
            return Err(ahead - self.depth);
        }
        if buckets.young.len() >= MOST && !buckets.young.contains_key(&key) {
            buckets.old = std::mem::take(&mut buckets.young);
        }
        buckets.young.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let limiter = Limiter::new(Rate { per_second: 10, burst: 5 });
        let start = Instant::now();
        let passed = (0..20).filter(|_| limiter.take_at("a", start).is_ok()).count();
        assert_eq!(passed, 5);
        assert_eq!(limiter.take_at("a", start), Err(Duration::from_millis(100)));
        assert!(limiter.take_at("b", start).is_ok(), "another key is another bucket");
        let passed =
            (1..=1000).filter(|n| limiter.take_at("a", start + Duration::from_millis(n * 10)).is_ok());
        assert_eq!(passed.count(), 100, "ten a second for ten seconds");
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(Rate { per_second: 1, burst: 1 });
        let now = Instant::now();
        for key in 0..10 * MOST {
            limiter.take_at(key, now).unwrap();
        }
        let buckets = limiter.buckets.lock().unwrap();
        assert!(buckets.young.len() + buckets.old.len() <= 2 * MOST);
        drop(buckets);
        assert!(limiter.take_at(10 * MOST - 1, now).is_err(), "the latest are remembered");
    }
}
