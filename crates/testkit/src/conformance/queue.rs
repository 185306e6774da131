//! The contract of [`Queue`], clause by clause.

use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, KeyInfo, KeyState, Lease, Queue, QueueError, Release};

const TTL: Duration = Duration::from_secs(60);

/// Checks every clause that one caller can see.
pub async fn queue(open: impl Fn() -> Arc<dyn Queue>) {
    requests_merge(&*open()).await;
    a_floor_bounds(&*open()).await;
    order_is_priority_age_name(&*open()).await;
    a_running_key_runs_once_more(&*open()).await;
    what_was_asked_while_running_merges_with_the_release(&*open()).await;
    an_orphan_burns_one_attempt(&*open()).await;
    stale_tokens_change_nothing(&*open()).await;
    heartbeats_extend(&*open()).await;
    failures_count_and_requeues_forget(&*open()).await;
    giving_back_is_as_if_never_leased(&*open()).await;
    parked_keys_wait_for_a_request(&*open()).await;
    children_come_with_the_release(&*open()).await;
    the_next_instant_is_known(&*open()).await;
    a_clock_that_goes_back_loses_nothing(&*open()).await;
    odd_keys_are_keys(&*open()).await;
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn later(key: &str, not_before: i64) -> Enqueue {
    Enqueue { not_before: Some(at(not_before)), ..Enqueue::now(key, 0) }
}

fn floored(key: &str, floor: i64) -> Enqueue {
    Enqueue { floor: Some(at(floor)), ..Enqueue::now(key, 0) }
}

async fn add(queue: &dyn Queue, request: Enqueue) {
    queue.enqueue(&[request]).await.unwrap();
}

async fn lease(queue: &dyn Queue, now: i64) -> Vec<Lease> {
    queue.lease("worker", 100, at(now), TTL).await.unwrap()
}

async fn keys(queue: &dyn Queue, now: i64) -> Vec<String> {
    lease(queue, now).await.into_iter().map(|lease| lease.key).collect()
}

async fn one(queue: &dyn Queue, now: i64) -> Lease {
    let mut leases = lease(queue, now).await;
    assert_eq!(leases.len(), 1, "exactly one key is due: {leases:?}");
    leases.remove(0)
}

async fn none(queue: &dyn Queue, now: i64) {
    assert_eq!(lease(queue, now).await, [], "nothing is due at {now}");
}

async fn done(queue: &dyn Queue, lease: &Lease, how: Release) {
    queue.release(lease, how, &[], at(0)).await.unwrap();
}

async fn info(queue: &dyn Queue, key: &str) -> Option<KeyInfo> {
    queue.enumerate().await.unwrap().into_iter().find(|info| info.key == key)
}

async fn requests_merge(queue: &dyn Queue) {
    add(queue, Enqueue { priority: 3, ..later("k", 50) }).await;
    add(queue, Enqueue { priority: 9, ..later("k", 90) }).await;
    add(queue, Enqueue { priority: 1, ..later("k", 20) }).await;
    let merged = info(queue, "k").await.unwrap();
    assert_eq!((merged.priority, merged.not_before), (9, Some(at(20))), "highest priority, earliest time");
    assert_eq!((merged.state, merged.attempts, merged.owner), (KeyState::Queued, 0, None));
    none(queue, 19).await;
    let lease = one(queue, 20).await;
    assert_eq!((lease.priority, lease.attempts, lease.until), (9, 0, at(80)));
    let running = info(queue, "k").await.unwrap();
    assert_eq!((running.state, running.owner.as_deref()), (KeyState::Running, Some("worker")));
    done(queue, &lease, Release::Complete).await;
    assert_eq!(queue.enumerate().await.unwrap(), [], "three requests were one run");
    add(queue, later("k", 50)).await;
    add(queue, Enqueue::now("k", 0)).await;
    assert_eq!(one(queue, 0).await.key, "k", "at once is earlier than any instant");
}

async fn a_floor_bounds(queue: &dyn Queue) {
    add(queue, floored("k", 50)).await;
    add(queue, Enqueue::now("k", 0)).await;
    add(queue, floored("k", 40)).await;
    add(queue, later("k", 10)).await;
    assert_eq!(info(queue, "k").await.unwrap().not_before, Some(at(50)), "the latest floor bounds");
    none(queue, 49).await;
    let lease = one(queue, 50).await;
    add(queue, Enqueue::now("k", 0)).await;
    done(queue, &lease, Release::Complete).await;
    one(queue, 0).await;
}

async fn order_is_priority_age_name(queue: &dyn Queue) {
    queue.enqueue(&[Enqueue::now("z", 1), Enqueue::now("b", 1), Enqueue::now("c", 1)]).await.unwrap();
    queue.enqueue(&[Enqueue::now("a", 1), Enqueue::now("low", 0), Enqueue::now("high", 2)]).await.unwrap();
    add(queue, Enqueue::now("negative", i32::MIN)).await;
    add(queue, Enqueue::now("top", i32::MAX)).await;
    add(queue, Enqueue::now("z", 0)).await;
    let first = queue.lease("worker", 3, at(0), TTL).await.unwrap();
    let first: Vec<_> = first.into_iter().map(|lease| lease.key).collect();
    assert_eq!(first, ["top", "high", "b"], "priority first, and no more than asked for");
    assert_eq!(queue.lease("worker", 0, at(0), TTL).await.unwrap(), []);
    assert_eq!(keys(queue, 0).await, ["c", "z", "a", "low", "negative"], "then age, then name");
}

async fn a_running_key_runs_once_more(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 5)).await;
    let lease = one(queue, 0).await;
    for priority in [1, 7, 2] {
        add(queue, Enqueue::now("k", priority)).await;
    }
    none(queue, 1).await;
    done(queue, &lease, Release::Complete).await;
    let again = one(queue, 1).await;
    assert_eq!((again.priority, again.attempts), (7, 0), "one more run, with what was asked meanwhile");
    done(queue, &again, Release::Complete).await;
    assert_eq!(queue.enumerate().await.unwrap(), [], "and only one");
}

async fn what_was_asked_while_running_merges_with_the_release(queue: &dyn Queue) {
    let releases = [
        Release::Requeue { at: at(500), floor: false },
        Release::Failed { at: at(500), why: "x".into() },
        Release::GiveBack { at: Some(at(500)) },
        Release::Park { why: "x".into() },
    ];
    for how in releases {
        add(queue, Enqueue::now("k", 0)).await;
        let lease = one(queue, 0).await;
        add(queue, later("k", 30)).await;
        done(queue, &lease, how.clone()).await;
        none(queue, 29).await;
        let again = one(queue, 30).await;
        done(queue, &again, Release::Complete).await;
        assert_eq!(queue.enumerate().await.unwrap(), [], "{how:?}: one run covers both");
    }
    add(queue, Enqueue::now("k", 0)).await;
    let lease = one(queue, 0).await;
    add(queue, Enqueue::now("k", 0)).await;
    done(queue, &lease, Release::Requeue { at: at(40), floor: true }).await;
    none(queue, 39).await;
    one(queue, 40).await;
}

async fn an_orphan_burns_one_attempt(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 1)).await;
    let lost = one(queue, 0).await;
    none(queue, 59).await;
    let orphan = one(queue, 60).await;
    assert_eq!((orphan.attempts, orphan.until), (1, at(120)), "the lease ended: one attempt is burnt");
    assert!(info(queue, "k").await.unwrap().why.is_some(), "and people see why");
    assert!(orphan.token > lost.token);
    add(queue, Enqueue::now("k", 8)).await;
    let third = one(queue, 120).await;
    assert_eq!((third.attempts, third.priority), (2, 8));
    done(queue, &third, Release::Complete).await;
    assert_eq!(queue.enumerate().await.unwrap(), [], "the orphan's run was the one that was asked for");
    add(queue, Enqueue::now("k", 1)).await;
    one(queue, 0).await;
    add(queue, floored("k", 90)).await;
    none(queue, 60).await;
    one(queue, 90).await;
}

async fn stale_tokens_change_nothing(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 1)).await;
    let stale = one(queue, 0).await;
    let current = one(queue, 60).await;
    let before = queue.enumerate().await.unwrap();
    let lost = |result| assert!(matches!(result, Err(QueueError::LeaseLost { .. })), "{result:?}");
    lost(queue.heartbeat(&stale, at(1000)).await);
    let all = [
        Release::Complete,
        Release::Requeue { at: at(0), floor: true },
        Release::Failed { at: at(0), why: String::new() },
        Release::GiveBack { at: None },
        Release::Park { why: String::new() },
    ];
    for how in all.clone() {
        lost(queue.release(&stale, how, &[Enqueue::now("child", 1)], at(61)).await);
    }
    assert_eq!(queue.enumerate().await.unwrap(), before, "not even children are left behind");
    done(queue, &current, Release::Complete).await;
    lost(queue.heartbeat(&current, at(1000)).await);
    for how in all {
        lost(queue.release(&current, how, &[Enqueue::now("child", 1)], at(61)).await);
    }
    assert_eq!(queue.enumerate().await.unwrap(), [], "a lease is given back once");
}

async fn heartbeats_extend(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 1)).await;
    let lease = one(queue, 0).await;
    queue.heartbeat(&lease, at(100)).await.unwrap();
    queue.heartbeat(&lease, at(50)).await.unwrap();
    none(queue, 99).await;
    queue.heartbeat(&lease, at(200)).await.unwrap();
    none(queue, 150).await;
    done(queue, &lease, Release::Complete).await;
    assert_eq!(queue.enumerate().await.unwrap(), []);
}

async fn failures_count_and_requeues_forget(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 4)).await;
    let lease = one(queue, 0).await;
    done(queue, &lease, Release::Failed { at: at(10), why: "no compiler".into() }).await;
    let waiting = info(queue, "k").await.unwrap();
    assert_eq!((waiting.attempts, waiting.why.as_deref()), (1, Some("no compiler")));
    assert_eq!((waiting.not_before, waiting.priority), (Some(at(10)), 4));
    none(queue, 9).await;
    let lease = one(queue, 10).await;
    assert_eq!(lease.attempts, 1);
    done(queue, &lease, Release::Failed { at: at(20), why: "still none".into() }).await;
    let lease = one(queue, 20).await;
    assert_eq!(lease.attempts, 2);
    done(queue, &lease, Release::Requeue { at: at(30), floor: false }).await;
    let waiting = info(queue, "k").await.unwrap();
    assert_eq!((waiting.attempts, waiting.why, waiting.priority), (0, None, 4));
    add(queue, Enqueue::now("k", 0)).await;
    assert_eq!(one(queue, 0).await.attempts, 0, "a requeue is no floor");
}

async fn giving_back_is_as_if_never_leased(queue: &dyn Queue) {
    add(queue, Enqueue::now("first", 1)).await;
    add(queue, Enqueue::now("second", 1)).await;
    let lease = queue.lease("worker", 1, at(0), TTL).await.unwrap().remove(0);
    done(queue, &lease, Release::Failed { at: at(1), why: "x".into() }).await;
    let second = queue.lease("worker", 1, at(0), TTL).await.unwrap().remove(0);
    done(queue, &second, Release::GiveBack { at: None }).await;
    let order = lease_names(queue, 1).await;
    assert_eq!(order, ["second", "first"], "it keeps its age: what failed meanwhile is younger");
    let info = info(queue, "first").await.unwrap();
    assert_eq!((info.attempts, info.why.as_deref()), (1, Some("x")), "it forgets nothing");
}

/// Leases everything, gives it all back, and says in which order it came.
async fn lease_names(queue: &dyn Queue, now: i64) -> Vec<String> {
    let leases = lease(queue, now).await;
    for lease in &leases {
        done(queue, lease, Release::GiveBack { at: None }).await;
    }
    let attempts: Vec<_> = lease_attempts(queue, now).await;
    assert_eq!(attempts, leases.iter().map(|lease| lease.attempts).collect::<Vec<_>>(), "it burns nothing");
    leases.into_iter().map(|lease| lease.key).collect()
}

async fn lease_attempts(queue: &dyn Queue, now: i64) -> Vec<u32> {
    let leases = lease(queue, now).await;
    for lease in &leases {
        done(queue, lease, Release::GiveBack { at: None }).await;
    }
    leases.into_iter().map(|lease| lease.attempts).collect()
}

async fn parked_keys_wait_for_a_request(queue: &dyn Queue) {
    add(queue, Enqueue::now("k", 4)).await;
    let lease = one(queue, 0).await;
    done(queue, &lease, Release::Failed { at: at(0), why: "x".into() }).await;
    let lease = one(queue, 0).await;
    done(queue, &lease, Release::Park { why: "no source".into() }).await;
    let parked = info(queue, "k").await.unwrap();
    assert_eq!((parked.state, parked.why.as_deref()), (KeyState::Parked, Some("no source")));
    assert_eq!((parked.owner, parked.not_before), (None, None));
    none(queue, 1_000_000_000).await;
    assert_eq!(queue.next_due().await.unwrap(), None);
    add(queue, Enqueue::now("k", 2)).await;
    let lease = one(queue, 0).await;
    assert_eq!((lease.attempts, lease.priority), (0, 2), "a parked key begins anew");
    assert_eq!(info(queue, "k").await.unwrap().why, None);
}

async fn children_come_with_the_release(queue: &dyn Queue) {
    add(queue, Enqueue::now("parent", 1)).await;
    let parent = one(queue, 0).await;
    let children = [later("late", 70), Enqueue::now("child", 1), Enqueue::now("parent", 3)];
    queue.release(&parent, Release::Complete, &children, at(1)).await.unwrap();
    assert_eq!(keys(queue, 1).await, ["parent", "child"], "a parent among its children runs once more");
    assert_eq!(info(queue, "late").await.unwrap().not_before, Some(at(70)));
}

async fn the_next_instant_is_known(queue: &dyn Queue) {
    assert_eq!(queue.next_due().await.unwrap(), None);
    add(queue, later("k", 90)).await;
    add(queue, Enqueue { floor: Some(at(70)), ..later("l", 60) }).await;
    assert_eq!(queue.next_due().await.unwrap(), Some(at(70)));
    add(queue, Enqueue::now("m", 0)).await;
    assert!(queue.next_due().await.unwrap().unwrap() < at(0), "a key that may run at once is overdue");
    let lease = one(queue, 0).await;
    assert_eq!(queue.next_due().await.unwrap(), Some(at(60)), "a lease ends");
    queue.heartbeat(&lease, at(80)).await.unwrap();
    assert_eq!(queue.next_due().await.unwrap(), Some(at(70)));
    assert_eq!(keys(queue, 75).await, ["l"]);
    assert_eq!(queue.next_due().await.unwrap(), Some(at(80)));
}

async fn a_clock_that_goes_back_loses_nothing(queue: &dyn Queue) {
    add(queue, later("a", 10)).await;
    add(queue, later("b", 20)).await;
    let first = queue.lease("worker", 1, at(100), TTL).await.unwrap().remove(0);
    assert_eq!(first.key, "a");
    none(queue, 5).await;
    assert_eq!(keys(queue, 20).await, ["b"], "what was due later is due when the clock is there again");
    none(queue, 79).await;
    assert_eq!(keys(queue, 80).await, ["b"], "each lease ends when it was to end");
    none(queue, 5).await;
    done(queue, &first, Release::Requeue { at: at(3), floor: false }).await;
    assert_eq!(keys(queue, 3).await, ["a"]);
}

async fn odd_keys_are_keys(queue: &dyn Queue) {
    let odd = ["", " ", "'; DROP TABLE queue; --", "ключ", "pkg:pypi/a@1%2Blocal", "K", "k"];
    for key in odd {
        add(queue, Enqueue::now(key, 0)).await;
    }
    let names: Vec<_> = queue.enumerate().await.unwrap().into_iter().map(|info| info.key).collect();
    let mut sorted = odd.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(names, sorted, "in the order of the key's bytes");
    assert_eq!(keys(queue, 0).await, odd);
}
