//! The queue's contract on SQLite, and on the reference itself.

use crate::support::Folders;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, Queue, QueueError, Release};
use trustmill_infra::DataDir;
use trustmill_testkit::{MemQueue, conformance};

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folders = Folders::default();
    conformance::queue(|| folders.open(|data| data.queue())).await;
}

#[tokio::test]
async fn the_reference_keeps_the_contract() {
    conformance::queue(|| Arc::new(MemQueue::new())).await;
}

#[test]
fn sqlite_answers_as_the_reference() {
    let folders = Folders::default();
    conformance::queue_model(150, || folders.open(|data| data.queue()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_workers_share_sqlite() {
    let folders = Folders::default();
    conformance::queue_concurrency(folders.open(|data| data.queue())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_workers_share_the_reference() {
    conformance::queue_concurrency(Arc::new(MemQueue::new())).await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let soon = now + Duration::from_secs(50);
    let before = DataDir::open(folder.path()).unwrap();
    let queue = before.queue();
    let requests = ["failed", "again", "parked"].map(|key| Enqueue::now(key, 1));
    queue.enqueue(&requests).await.unwrap();
    let leases = queue.lease("old", 9, now, Duration::from_secs(60)).await.unwrap();
    let [again, failed, parked] = &leases[..] else { panic!("{leases:?}") };
    queue.release(failed, Release::Failed { at: soon, why: "x".into() }, &[], now).await.unwrap();
    queue.release(parked, Release::Park { why: "y".into() }, &[], now).await.unwrap();
    queue.enqueue(&[Enqueue { floor: Some(soon), ..Enqueue::now("again", 7) }]).await.unwrap();
    let state = queue.enumerate().await.unwrap();
    drop((queue, before));

    let after = DataDir::open(folder.path()).unwrap();
    let queue = after.queue();
    assert_eq!(queue.enumerate().await.unwrap(), state);
    queue.release(again, Release::Complete, &[], now).await.unwrap();
    assert_eq!(queue.next_due().await.unwrap(), Some(soon));
    let next = queue.lease("new", 9, soon, Duration::from_secs(60)).await.unwrap();
    let next: Vec<_> =
        next.iter().map(|lease| (lease.key.as_str(), lease.priority, lease.attempts)).collect();
    assert_eq!(next, [("again", 7, 0), ("failed", 1, 1)]);
    let stale = queue.heartbeat(again, soon).await;
    assert!(matches!(stale, Err(QueueError::LeaseLost { .. })), "tokens go on where they stood: {stale:?}");
}

#[tokio::test]
async fn who_takes_the_folder_over_need_not_wait_for_the_leases_of_the_dead() {
    let folders = Folders::default();
    let queue = folders.open(|data| data.queue());
    let now = Timestamp::from_second(1_000).unwrap();
    let hour = Duration::from_secs(3600);
    queue.enqueue(&[Enqueue::now("a", 0)]).await.unwrap();
    let dead = queue.lease("dead", 1, now, hour).await.unwrap().remove(0);
    assert!(queue.lease("next", 1, now, hour).await.unwrap().is_empty());
    queue.end_leases().await.unwrap();
    let taken = queue.lease("next", 1, now, hour).await.unwrap().remove(0);
    assert_eq!((taken.attempts, taken.token > dead.token), (1, true));
    let late = queue.release(&dead, Release::Complete, &[], now).await;
    assert!(matches!(late, Err(QueueError::LeaseLost { .. })));
}

#[tokio::test]
async fn ending_the_leases_of_the_dead_undercuts_no_floor() {
    let folders = Folders::default();
    let queue = folders.open(|data| data.queue());
    let (now, hour) = (Timestamp::from_second(1_000).unwrap(), Duration::from_secs(3600));
    let floor = now + Duration::from_secs(50);
    queue.enqueue(&[Enqueue::now("a", 0)]).await.unwrap();
    queue.lease("dead", 1, now, hour).await.unwrap();
    queue.enqueue(&[Enqueue { floor: Some(floor), ..Enqueue::now("a", 0) }]).await.unwrap();
    queue.end_leases().await.unwrap();
    assert_eq!(queue.next_due().await.unwrap(), Some(floor));
    assert!(queue.lease("next", 1, now, hour).await.unwrap().is_empty());
    assert_eq!(queue.lease("next", 1, floor, hour).await.unwrap().len(), 1);
}
