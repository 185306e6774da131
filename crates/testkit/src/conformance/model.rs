//! Random histories: a backend answers every operation as the reference does.

use crate::memory::MemQueue;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, KeyInfo, Lease, Queue, QueueError, Release};

/// Runs `cases` random histories of up to 60 operations against a backend and the reference side by side.
/// Blocks; must not be called inside an async runtime.
pub fn queue_model(cases: u32, open: impl Fn() -> Arc<dyn Queue>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let history = proptest::collection::vec(operation(), 1..60);
    let result = TestRunner::new(config).run(&history, |history| {
        runtime.block_on(replay(&history, &*open(), &MemQueue::new()));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

#[derive(Debug, Clone)]
enum Operation {
    Enqueue(Vec<Enqueue>),
    Lease {
        limit: usize,
        now: Timestamp,
        ttl: Duration,
    },
    /// Of any lease that was ever given.
    Heartbeat {
        lease: usize,
        until: Timestamp,
    },
    Release {
        lease: usize,
        how: Release,
        children: Vec<Enqueue>,
    },
}

/// Few instants and few keys, so that histories collide; time goes back as readily as forward.
fn instant() -> impl Strategy<Value = Timestamp> {
    (0..40i64).prop_map(|second| Timestamp::from_second(1_800_000_000 + second).unwrap())
}

fn request() -> impl Strategy<Value = Enqueue> {
    let maybe = || proptest::option::weighted(0.4, instant());
    ("[a-d]", -2..3i32, maybe(), maybe()).prop_map(|(key, priority, not_before, floor)| Enqueue {
        key,
        priority,
        not_before,
        floor,
    })
}

fn requests(most: usize) -> impl Strategy<Value = Vec<Enqueue>> {
    proptest::collection::vec(request(), 0..=most)
}

fn release() -> impl Strategy<Value = Release> {
    prop_oneof![
        3 => Just(Release::Complete),
        2 => (instant(), any::<bool>()).prop_map(|(at, floor)| Release::Requeue { at, floor }),
        2 => instant().prop_map(|at| Release::Failed { at, why: "failed".into() }),
        2 => proptest::option::of(instant()).prop_map(|at| Release::GiveBack { at }),
        1 => Just(Release::Park { why: "parked".into() }),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => requests(3).prop_map(Operation::Enqueue),
        4 => (0..4usize, instant(), 0..15u64).prop_map(|(limit, now, ttl)| Operation::Lease {
            limit,
            now,
            ttl: Duration::from_secs(ttl),
        }),
        1 => (any::<usize>(), instant()).prop_map(|(lease, until)| Operation::Heartbeat { lease, until }),
        4 => (any::<usize>(), release(), requests(2))
            .prop_map(|(lease, how, children)| Operation::Release { lease, how, children }),
    ]
}

/// The same lease as each side gave it.
type Pair = (Lease, Lease);

async fn replay(history: &[Operation], subject: &dyn Queue, model: &MemQueue) {
    let mut leases: Vec<Pair> = Vec::new();
    for operation in history {
        step(operation, subject, model, &mut leases).await;
        let (seen, expected) = (subject.enumerate().await.unwrap(), model.enumerate().await.unwrap());
        assert_eq!(comparable(seen), comparable(expected), "after {operation:?}");
        assert_eq!(subject.next_due().await.unwrap(), model.next_due().await.unwrap(), "after {operation:?}");
    }
}

async fn step(operation: &Operation, subject: &dyn Queue, model: &MemQueue, leases: &mut Vec<Pair>) {
    let now = Timestamp::UNIX_EPOCH;
    // The youngest leases are asked for most: an index counts from the end.
    let pick = |index: usize| {
        let back = index.trailing_zeros() as usize % leases.len().max(1);
        leases.iter().rev().nth(back).cloned()
    };
    match operation {
        Operation::Enqueue(requests) => {
            subject.enqueue(requests).await.unwrap();
            model.enqueue(requests).await.unwrap();
        }
        Operation::Lease { limit, now, ttl } => {
            let seen = subject.lease("w", *limit, *now, *ttl).await.unwrap();
            let expected = model.lease("w", *limit, *now, *ttl).await.unwrap();
            let greatest = leases.last().map_or(0, |(last, _)| last.token);
            assert!(seen.iter().map(|lease| lease.token).is_sorted_by(|a, b| a < b), "tokens increase");
            assert!(seen.first().is_none_or(|first| first.token > greatest), "over all keys");
            let plain = |leases: &[Lease]| -> Vec<Lease> {
                leases.iter().map(|lease| Lease { token: 0, ..lease.clone() }).collect()
            };
            assert_eq!(plain(&seen), plain(&expected), "at {now}");
            leases.extend(seen.into_iter().zip(expected));
        }
        Operation::Heartbeat { lease, until } => {
            let Some((seen, expected)) = pick(*lease) else { return };
            same(subject.heartbeat(&seen, *until).await, model.heartbeat(&expected, *until).await);
        }
        Operation::Release { lease, how, children } => {
            let Some((seen, expected)) = pick(*lease) else { return };
            let seen = subject.release(&seen, how.clone(), children, now).await;
            same(seen, model.release(&expected, how.clone(), children, now).await);
        }
    }
}

fn same(seen: Result<(), QueueError>, expected: Result<(), QueueError>) {
    match (&seen, &expected) {
        (Ok(()), Ok(())) => {}
        (Err(QueueError::LeaseLost { key: a }), Err(QueueError::LeaseLost { key: b })) => assert_eq!(a, b),
        _ => assert_eq!(format!("{seen:?}"), format!("{expected:?}"), "the same answer from both"),
    }
}

/// All but the words about orphans, which every backend may choose.
fn comparable(all: Vec<KeyInfo>) -> Vec<KeyInfo> {
    let plain = |why: String| if matches!(why.as_str(), "failed" | "parked") { why } else { "orphan".into() };
    all.into_iter().map(|info| KeyInfo { why: info.why.map(plain), ..info }).collect()
}
