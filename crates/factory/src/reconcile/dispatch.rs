//! The dispatcher: fills a bounded number of places with leased keys, keeps their leases alive, and drains.

use super::backoff;
use crate::error::Disposition;
use crate::progress::Event;
use crate::repair::Mending;
use crate::{StepError, World, pipeline};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use trustmill_core::Key;
use trustmill_core::outcome::Outcome;
use trustmill_core::port::Coded as _;
use trustmill_core::port::queue::{Enqueue, Lease, QueueError, Release};

/// How a dispatcher works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who leases; unique per process.
    pub owner: String,
    /// Keys worked on at once.
    pub concurrency: usize,
    /// Length of a lease; a third of it is the heartbeat's period.
    pub lease: Duration,
    /// Failed tries after which a key is parked.
    pub max_attempts: u32,
    /// Failures of the infrastructure in a row after which this process parks a key.
    pub patience: u32,
    /// How long a drain waits for what runs before it is given back.
    pub grace: Duration,
    /// Upper bound on the wait after a failure, where backing off the full time serves nobody (one-shot runs).
    pub max_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            owner: format!("pid-{}", std::process::id()),
            concurrency: 2,
            lease: Duration::from_secs(60),
            max_attempts: 5,
            patience: 8,
            grace: Duration::from_secs(10),
            max_wait: Duration::from_secs(900),
        }
    }
}

/// How a dispatcher ended after it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Keys that still ran when the grace period ended, and were given back.
    pub given_back: usize,
}

/// Works off the queue until told to stop.
pub struct Dispatcher {
    world: World,
    mending: Option<Mending>,
    settings: Settings,
    infrastructure_failures: HashMap<String, u32>,
}

/// A task that ended: its lease and what came of it.
type Ended = (Lease, Result<Outcome, StepError>);

impl Dispatcher {
    /// A dispatcher over `world` that repairs nothing.
    pub fn new(world: World, settings: Settings) -> Self {
        Self { world, mending: None, settings, infrastructure_failures: HashMap::new() }
    }

    /// The same, which works on repairs too.
    #[must_use]
    pub fn mending(self, mending: Mending) -> Self {
        Self { mending: Some(mending), ..self }
    }

    /// Runs until `stop` turns true, then drains.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<Drained, QueueError> {
        let mut running: JoinSet<Ended> = JoinSet::new();
        let mut leases: HashMap<String, Lease> = HashMap::new();
        loop {
            if *stop.borrow() {
                return self.drain(running, leases).await;
            }
            for lease in self.fill(running.len()).await? {
                leases.insert(lease.key.clone(), lease.clone());
                let (world, mending) = (self.world.clone(), self.mending.clone());
                running.spawn(work(world, mending, lease, self.settings.lease, stop.clone()));
            }
            tokio::select! {
                Some(ended) = running.join_next() => {
                    if let Ok((lease, result)) = ended {
                        leases.remove(&lease.key);
                        self.settle(&lease, result).await?;
                    }
                }
                () = self.pause() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Leases as many keys as there are free places.
    async fn fill(&self, running: usize) -> Result<Vec<Lease>, QueueError> {
        let free = self.settings.concurrency.saturating_sub(running);
        if free == 0 {
            return Ok(Vec::new());
        }
        let now = self.world.clock.now();
        self.world.queue.lease(&self.settings.owner, free, now, self.settings.lease).await
    }

    /// Sleeps until a key falls due, and at most a second: another process may have enqueued.
    async fn pause(&self) {
        let due = self.world.queue.next_due().await.ok().flatten();
        let wait = due.map_or(1_000, |due| {
            due.as_millisecond().saturating_sub(self.world.clock.now().as_millisecond()).clamp(20, 1_000)
        });
        tokio::time::sleep(Duration::from_millis(wait.unsigned_abs())).await;
    }

    /// Gives a lease back as its result asks. A lost lease is nobody's fault: whoever has it goes on.
    async fn settle(&mut self, lease: &Lease, result: Result<Outcome, StepError>) -> Result<(), QueueError> {
        let now = self.world.clock.now();
        let (how, children) = self.disposition(lease, result, now);
        match self.world.queue.release(lease, how, &children, now).await {
            Err(QueueError::LeaseLost { key }) => {
                tracing::warn!(key, "the lease was lost before the work ended; another worker has it");
                Ok(())
            }
            other => other,
        }
    }

    /// What a result means for the key.
    fn disposition(
        &mut self,
        lease: &Lease,
        result: Result<Outcome, StepError>,
        now: jiff::Timestamp,
    ) -> (Release, Vec<Enqueue>) {
        match result {
            Ok(outcome) => {
                self.infrastructure_failures.remove(&lease.key);
                match outcome {
                    Outcome::Done => (Release::Complete, Vec::new()),
                    Outcome::Requeue { after } => {
                        (Release::Requeue { at: later(now, after), floor: false }, Vec::new())
                    }
                    Outcome::NotBefore { at } => (Release::Requeue { at, floor: true }, Vec::new()),
                    Outcome::Enqueue(keys) => {
                        let children =
                            keys.iter().map(|key| Enqueue::now(key.to_string(), lease.priority)).collect();
                        (Release::Complete, children)
                    }
                    Outcome::GiveUp { why } => (self.park(lease, why), Vec::new()),
                }
            }
            Err(error) => (self.failed(lease, &error, now), Vec::new()),
        }
    }

    /// What an error means for the key: try later, or set it aside.
    fn failed(&mut self, lease: &Lease, error: &StepError, now: jiff::Timestamp) -> Release {
        let why = format!("[{}] {}. {}", error.code(), chain(error), error.help());
        let (failures, limit) = match error.disposition() {
            Disposition::Final => return self.park(lease, why),
            Disposition::Failure => (lease.attempts + 1, self.settings.max_attempts),
            Disposition::Infrastructure => {
                let failures = self.infrastructure_failures.entry(lease.key.clone()).or_default();
                *failures += 1;
                (*failures, self.settings.patience)
            }
        };
        if failures >= limit {
            return self.park(lease, why);
        }
        let at = later(now, backoff::after(failures, &lease.key).min(self.settings.max_wait));
        self.tell(lease, |key| Event::Retry { key, why: why.clone() });
        match error.disposition() {
            Disposition::Infrastructure => Release::GiveBack { at: Some(at) },
            _ => Release::Failed { at, why },
        }
    }

    fn park(&self, lease: &Lease, why: String) -> Release {
        tracing::warn!(key = lease.key, why, "the key was set aside");
        self.tell(lease, |key| Event::Parked { key, why: why.clone() });
        Release::Park { why }
    }

    fn tell(&self, lease: &Lease, event: impl FnOnce(Key) -> Event) {
        if let Ok(key) = lease.key.parse() {
            self.world.observer.observe(&event(key));
        }
    }

    /// Lets what runs end within the grace period, then gives the rest back without burning an attempt.
    async fn drain(
        mut self,
        mut running: JoinSet<Ended>,
        mut leases: HashMap<String, Lease>,
    ) -> Result<Drained, QueueError> {
        let deadline = tokio::time::Instant::now() + self.settings.grace;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, running.join_next()).await {
            if let Ok((lease, result)) = ended {
                leases.remove(&lease.key);
                self.settle(&lease, result).await?;
            }
        }
        running.shutdown().await;
        let now = self.world.clock.now();
        let given_back = leases.len();
        for lease in leases.into_values() {
            match self.world.queue.release(&lease, Release::GiveBack { at: None }, &[], now).await {
                Err(QueueError::LeaseLost { .. }) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Drained { given_back })
    }
}

/// Works on one key while a heartbeat keeps its lease. If the lease is lost, the work is abandoned: what it
/// would still write may stand against what the new holder writes.
async fn work(
    world: World,
    mending: Option<Mending>,
    lease: Lease,
    ttl: Duration,
    stop: watch::Receiver<bool>,
) -> Ended {
    let result = tokio::select! {
        result = reconcile(&world, mending, &lease, stop) => result,
        error = keep_alive(&world, &lease, ttl) => Err(StepError::Queue(error)),
    };
    (lease, result)
}

/// Reconciles the key; a panic in the work is this key's failure, not the process's.
async fn reconcile(
    world: &World,
    mending: Option<Mending>,
    lease: &Lease,
    stop: watch::Receiver<bool>,
) -> Result<Outcome, StepError> {
    let key = match lease.key.parse::<Key>() {
        Ok(key) => key,
        Err(error) => return Ok(Outcome::GiveUp { why: error.to_string() }),
    };
    let world = world.clone();
    let mut task = JoinSet::new();
    task.spawn(async move {
        match (key, mending) {
            (Key::Rebuild(purl), _) => pipeline::reconcile(&world, &purl).await,
            (Key::Backport(release), Some(mending)) => mending.backport(&release, &|| *stop.borrow()).await,
            (Key::Recipe(release), Some(mending)) => mending.recipe(&release).await,
            (Key::Backport(_) | Key::Recipe(_), None) => {
                Ok(Outcome::GiveUp { why: "this process repairs nothing".to_owned() })
            }
        }
    });
    match task.join_next().await {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(StepError::Internal(error.to_string())),
        None => Err(StepError::Internal("the task vanished".into())),
    }
}

/// Extends the lease for as long as this is polled; returns only when it cannot.
async fn keep_alive(world: &World, lease: &Lease, ttl: Duration) -> QueueError {
    loop {
        tokio::time::sleep(ttl / 3).await;
        if let Err(error) = world.queue.heartbeat(lease, later(world.clock.now(), ttl)).await {
            return error;
        }
    }
}

fn later(now: jiff::Timestamp, wait: Duration) -> jiff::Timestamp {
    now.checked_add(wait).unwrap_or(jiff::Timestamp::MAX)
}

/// The error and its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}
