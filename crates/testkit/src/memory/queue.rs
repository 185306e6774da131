//! The queue in memory, written independently of the durable ones: it says what the contract means.

use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;
use trustmill_core::port::queue::{Enqueue, KeyInfo, KeyState, Lease, Queue, QueueError, Release};

/// A queue that ends with its process.
#[derive(Debug, Default)]
pub struct MemQueue(Mutex<Keys>);

#[derive(Debug, Default)]
struct Keys {
    keys: BTreeMap<String, Key>,
    /// Counts the operations, so that age does not depend on any clock.
    operation: u64,
    token: u64,
}

/// Priority, not-before, floor; times far in the past where none is asked for.
#[derive(Debug, Clone, Copy)]
struct Ask {
    priority: i32,
    not_before: Timestamp,
    floor: Timestamp,
}

#[derive(Debug, Clone)]
struct Key {
    place: KeyState,
    ask: Ask,
    queued_by: u64,
    attempts: u32,
    why: Option<String>,
    // While it runs:
    owner: Option<String>,
    token: u64,
    until: Timestamp,
    again: Option<Ask>,
}

const ALWAYS: Timestamp = Timestamp::MIN;

impl Ask {
    fn of(request: &Enqueue) -> Self {
        Self {
            priority: request.priority,
            not_before: request.not_before.unwrap_or(ALWAYS),
            floor: request.floor.unwrap_or(ALWAYS),
        }
    }

    fn with(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        Self {
            priority: self.priority.max(other.priority),
            not_before: self.not_before.min(other.not_before),
            floor: self.floor.max(other.floor),
        }
    }

    fn due(self) -> Timestamp {
        self.not_before.max(self.floor)
    }
}

impl Key {
    fn new(ask: Ask, queued_by: u64) -> Self {
        Self {
            place: KeyState::Queued,
            ask,
            queued_by,
            attempts: 0,
            why: None,
            owner: None,
            token: 0,
            until: ALWAYS,
            again: None,
        }
    }

    /// From when on it can be leased, and the priority it then has; a parked key never can.
    fn next(&self) -> Option<(Timestamp, i32)> {
        match self.place {
            KeyState::Queued => Some((self.ask.due(), self.ask.priority)),
            KeyState::Parked => None,
            // The lease ends; what was asked for meanwhile may have a floor later than that.
            KeyState::Running => {
                let floor = self.again.map_or(ALWAYS, |again| again.floor);
                Some((self.until.max(floor), self.ask.with(self.again).priority))
            }
        }
    }

    fn wait(&mut self, ask: Ask) {
        self.ask = ask;
        self.place = KeyState::Queued;
        self.again = None;
        self.owner = None;
    }
}

impl Keys {
    fn enqueue(&mut self, requests: &[Enqueue]) {
        for request in requests {
            let ask = Ask::of(request);
            let fresh = Key::new(ask, self.operation);
            match self.keys.get_mut(&request.key) {
                None => {
                    self.keys.insert(request.key.clone(), fresh);
                }
                Some(key) => match key.place {
                    KeyState::Queued => key.ask = key.ask.with(Some(ask)),
                    KeyState::Running => key.again = Some(ask.with(key.again)),
                    KeyState::Parked => *key = fresh,
                },
            }
        }
    }

    fn holds(&self, lease: &Lease) -> bool {
        let key = self.keys.get(&lease.key);
        key.is_some_and(|key| key.place == KeyState::Running && key.token == lease.token)
    }

    fn release(&mut self, name: &str, how: Release) {
        let operation = self.operation;
        let key = self.keys.get_mut(name).unwrap();
        let again = key.again;
        let at = |at, floor| Ask { priority: key.ask.priority, not_before: at, floor }.with(again);
        match how {
            Release::Complete | Release::Park { .. } if again.is_some() => {
                *key = Key::new(again.unwrap(), operation);
            }
            Release::Complete => {
                self.keys.remove(name);
            }
            Release::Park { why } => {
                key.place = KeyState::Parked;
                key.why = Some(why);
            }
            Release::Requeue { at: when, floor } => {
                *key = Key::new(at(when, if floor { when } else { ALWAYS }), operation);
            }
            Release::Failed { at: when, why } => {
                key.wait(at(when, ALWAYS));
                key.attempts += 1;
                key.why = Some(why);
                key.queued_by = operation;
            }
            Release::GiveBack { at: when } => {
                key.wait(at(when.unwrap_or(key.ask.not_before), key.ask.floor));
            }
        }
    }
}

impl MemQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Queue for MemQueue {
    async fn enqueue(&self, requests: &[Enqueue]) -> Result<(), QueueError> {
        let mut keys = self.0.lock().unwrap();
        keys.operation += 1;
        keys.enqueue(requests);
        Ok(())
    }

    async fn lease(
        &self,
        owner: &str,
        limit: usize,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Vec<Lease>, QueueError> {
        let mut keys = self.0.lock().unwrap();
        let Keys { keys, token, .. } = &mut *keys;
        let mut ready: Vec<(i32, &String, &mut Key)> = keys
            .iter_mut()
            .filter_map(|(name, key)| {
                key.next().filter(|(due, _)| *due <= now).map(|(_, rank)| (rank, name, key))
            })
            .collect();
        ready.sort_by_key(|(rank, name, key)| (-i64::from(*rank), key.queued_by, (*name).clone()));
        let mut leases = Vec::new();
        for (_, name, key) in ready.into_iter().take(limit) {
            if let (KeyState::Running, Some(before)) = (key.place, &key.owner) {
                key.attempts += 1;
                key.why = Some(format!("the lease of {before} ended"));
            }
            *token += 1;
            let until = now.saturating_add(ttl).unwrap();
            *key = Key {
                place: KeyState::Running,
                ask: key.ask.with(key.again),
                owner: Some(owner.to_owned()),
                token: *token,
                until,
                again: None,
                ..key.clone()
            };
            let (priority, attempts) = (key.ask.priority, key.attempts);
            leases.push(Lease { key: name.clone(), priority, attempts, token: *token, until });
        }
        Ok(leases)
    }

    async fn heartbeat(&self, lease: &Lease, until: Timestamp) -> Result<(), QueueError> {
        let mut keys = self.0.lock().unwrap();
        if !keys.holds(lease) {
            return Err(QueueError::LeaseLost { key: lease.key.clone() });
        }
        let key = keys.keys.get_mut(&lease.key).unwrap();
        key.until = key.until.max(until);
        Ok(())
    }

    async fn release(
        &self,
        lease: &Lease,
        how: Release,
        children: &[Enqueue],
        _now: Timestamp,
    ) -> Result<(), QueueError> {
        let mut keys = self.0.lock().unwrap();
        if !keys.holds(lease) {
            return Err(QueueError::LeaseLost { key: lease.key.clone() });
        }
        keys.operation += 1;
        keys.enqueue(children);
        keys.release(&lease.key, how);
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, QueueError> {
        let keys = self.0.lock().unwrap();
        let earliest = keys.keys.values().filter_map(Key::next).map(|(due, _)| due).min();
        Ok(earliest.map(|due| due.max(Timestamp::UNIX_EPOCH)))
    }

    async fn enumerate(&self) -> Result<Vec<KeyInfo>, QueueError> {
        let show = |(name, key): (&String, &Key)| KeyInfo {
            key: name.clone(),
            state: key.place,
            priority: key.ask.priority,
            attempts: key.attempts,
            not_before: (key.place == KeyState::Queued && key.ask.due() != ALWAYS).then(|| key.ask.due()),
            owner: key.owner.clone().filter(|_| key.place == KeyState::Running),
            why: key.why.clone(),
        };
        Ok(self.0.lock().unwrap().keys.iter().map(show).collect())
    }
}
