//! Many workers on one queue: no key twice at once, and each exactly as often as needed.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, Queue, Release};

const WORKERS: usize = 8;
const KEYS: usize = 200;

/// What happened to one key.
#[derive(Default)]
struct Seen {
    running: AtomicBool,
    runs: AtomicUsize,
}

/// Eight workers on 200 keys. Every key is enqueued three times by its own first run, so it must run
/// exactly twice; and it is released in every way that burns nothing on the way there.
pub async fn queue_concurrency(queue: Arc<dyn Queue>) {
    let seen: Arc<Vec<Seen>> = Arc::new((0..KEYS).map(|_| Seen::default()).collect());
    let requests: Vec<_> = (0..KEYS).map(|n| Enqueue::now(n.to_string(), 0)).collect();
    queue.enqueue(&requests).await.unwrap();
    let workers: Vec<_> = (0..WORKERS)
        .map(|n| tokio::spawn(work(Arc::clone(&queue), Arc::clone(&seen), format!("worker {n}"))))
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    for (n, key) in seen.iter().enumerate() {
        assert_eq!(key.runs.load(Ordering::SeqCst), 2, "key {n} runs exactly twice");
    }
    assert_eq!(queue.enumerate().await.unwrap(), [], "nothing is left");
}

async fn work(queue: Arc<dyn Queue>, seen: Arc<Vec<Seen>>, owner: String) {
    loop {
        let now = Timestamp::now();
        let leases = queue.lease(&owner, 3, now, Duration::from_secs(3600)).await.unwrap();
        if leases.is_empty() {
            if queue.next_due().await.unwrap().is_none() {
                return;
            }
            tokio::task::yield_now().await;
            continue;
        }
        for (n, lease) in leases.into_iter().enumerate() {
            // What a drain does: some leases go back untouched.
            if n == 2 {
                queue.release(&lease, Release::GiveBack { at: None }, &[], now).await.unwrap();
                continue;
            }
            assert_eq!(lease.attempts, 0, "nothing failed");
            let key = &seen[lease.key.parse::<usize>().unwrap()];
            assert!(!key.running.swap(true, Ordering::SeqCst), "{} runs twice at once", lease.key);
            let run = key.runs.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if run == 0 {
                for _ in 0..3 {
                    queue.enqueue(&[Enqueue::now(lease.key.clone(), 0)]).await.unwrap();
                }
            }
            key.running.store(false, Ordering::SeqCst);
            queue.release(&lease, Release::Complete, &[], now).await.unwrap();
        }
    }
}
