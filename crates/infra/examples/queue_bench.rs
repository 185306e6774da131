//! How fast the embedded queue is here: `cargo run --release -p trustmill-infra --example queue_bench`.
//!
//! Every operation is durable when it is counted: the figures are mostly those of the volume's flushes.

use jiff::Timestamp;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trustmill_core::port::queue::{Enqueue, Queue, Release};
use trustmill_infra::DataDir;
use trustmill_infra::queue::SqliteQueue;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

const KEYS: usize = 100_000;
const BATCH: usize = 500;
const WORKERS: usize = 64;

#[tokio::main]
async fn main() -> Outcome {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/queue-bench".into());
    let data = DataDir::open(&folder)?;
    let queue = data.queue();
    println!("{KEYS} keys in {folder}, {BATCH} to a call, {WORKERS} workers");
    for what in ["enqueue, new", "enqueue, known"] {
        let began = Instant::now();
        for batch in (0..KEYS).collect::<Vec<_>>().chunks(BATCH) {
            let requests: Vec<_> = batch.iter().map(|n| Enqueue::now(key(*n), 0)).collect();
            queue.enqueue(&requests).await?;
        }
        report(what, KEYS, began);
    }
    let began = Instant::now();
    each_worker(&queue, drain).await?;
    report("lease and release", KEYS, began);
    let began = Instant::now();
    each_worker(&queue, singles).await?;
    report("enqueue, one key to a call", WORKERS * 100, began);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn key(n: usize) -> String {
    format!("pkg:pypi/project-{n}@1.{}", n % 7)
}

fn report(what: &str, operations: usize, began: Instant) {
    let seconds = began.elapsed().as_secs_f64();
    println!("{what:>28}: {operations} in {seconds:.2} s");
    println!("{:>28}  {:.0} keys/s", "", f64::from(u32::try_from(operations).unwrap_or(u32::MAX)) / seconds);
}

async fn each_worker<F>(queue: &Arc<SqliteQueue>, work: impl Fn(Arc<SqliteQueue>, usize) -> F) -> Outcome
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let workers: Vec<_> = (0..WORKERS).map(|n| tokio::spawn(work(Arc::clone(queue), n))).collect();
    for worker in workers {
        worker.await??;
    }
    Ok(())
}

/// Leases sixteen keys at a time and completes each, until there are none.
async fn drain(queue: Arc<SqliteQueue>, worker: usize) -> Outcome {
    loop {
        let now = Timestamp::now();
        let leases = queue.lease(&worker.to_string(), 16, now, Duration::from_secs(600)).await?;
        if leases.is_empty() {
            return Ok(());
        }
        for lease in leases {
            queue.release(&lease, Release::Complete, &[], now).await?;
        }
    }
}

async fn singles(queue: Arc<SqliteQueue>, worker: usize) -> Outcome {
    for n in 0..100 {
        queue.enqueue(&[Enqueue::now(format!("{worker}-{n}"), 0)]).await?;
    }
    Ok(())
}
