//! One at a time per key: callers that want the same cold thing (a page, a file, a build environment) wait
//! for the first, then find it warm.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OwnedMutexGuard;

/// Entries after which those that nobody holds are swept.
const SWEEP_AT: usize = 1024;

/// A lock per key. If the holder goes away (its client hung up), the next in line takes over.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    locks: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl Flights {
    /// Waits until nobody else holds `key`.
    pub(crate) async fn enter(&self, key: &str) -> OwnedMutexGuard<()> {
        self.lock_of(key).lock_owned().await
    }

    fn lock_of(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        if locks.len() >= SWEEP_AT {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::default();
        locks.insert(key.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_key_is_held_once_and_others_do_not_wait() {
        let flights = Arc::new(Flights::default());
        let held = flights.enter("a").await;
        let other = flights.enter("b").await;
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(20), flights.enter("a")).await.is_err()
        );
        drop((held, other));
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (flights, inside) = (flights.clone(), inside.clone());
                tokio::spawn(async move {
                    let _held = flights.enter("a").await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test]
    async fn keys_that_nobody_holds_are_swept() {
        let flights = Flights::default();
        for n in 0..3 * SWEEP_AT {
            drop(flights.enter(&n.to_string()).await);
        }
        assert!(flights.locks.lock().unwrap().len() <= SWEEP_AT);
    }
}
