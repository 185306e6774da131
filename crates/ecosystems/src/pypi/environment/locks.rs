//! One maker per key: two builds that need one environment wait for each other rather than make it twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OwnedMutexGuard;

/// Locks by key; a key that nobody holds takes no room.
#[derive(Default)]
pub(super) struct Locks {
    held: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl Locks {
    /// Waits until nobody else holds `key`, and holds it until the guard is dropped.
    pub(super) async fn hold(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|_, lock| lock.strong_count() > 0);
            held.get(key).and_then(Weak::upgrade).unwrap_or_else(|| {
                let new = Arc::new(tokio::sync::Mutex::new(()));
                held.insert(key.to_owned(), Arc::downgrade(&new));
                new
            })
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn one_key_is_held_by_one_at_a_time_and_others_go_on() {
        let locks = Arc::new(Locks::default());
        let inside = Arc::new(AtomicU32::new(0));
        let other = locks.hold("b").await;
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (locks, inside) = (locks.clone(), inside.clone());
                tokio::spawn(async move {
                    let _held = locks.hold("a").await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        drop(other);
    }
}
